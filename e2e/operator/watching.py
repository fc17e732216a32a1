"""What a page must never do with words of strangers: ask, run, load or link to something. Counted in the browser."""

from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

HITS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
"""
# Scripts that are not our two files, handlers in attributes, and all elements and links that no template of ours has.
STRANGE = """
() => {
  const ours = new Set([`${location.origin}/vendor/htmx.min.js`, `${location.origin}/static/operator.js`]);
  const strange = [...document.scripts].filter((one) => !ours.has(one.src) || one.textContent);
  for (const one of document.querySelectorAll("*")) {
    if ([...one.attributes].some(({name}) => name.startsWith("on") || name === "style" || name === "srcdoc")) {
      strange.push(one);
    }
    if (one.matches("iframe, object, embed, svg, math, base, style, video, audio, template")) strange.push(one);
    if (one.matches("img") && one.getAttribute("src") !== "/static/icon.svg") strange.push(one);
    if (one.matches("meta[http-equiv]")) strange.push(one);
    for (const name of ["href", "action", "formaction", "xlink:href"]) {
      const to = one.getAttribute(name);
      if (to !== null && !/^(\\/|#)(?!\\/)/.test(to)) strange.push(one);
    }
  }
  return strange.map((one) => one.outerHTML.slice(0, 200));
}
"""


class Watch:
    """Counts over all pages of a browser's context: dialogs, reports of the policy, and nodes that are not ours."""

    def __init__(self, context: BrowserContext) -> None:
        self.dialogs: list[str] = []
        self.violations: list[Any] = []
        self.strange: list[str] = []
        self.errors: list[str] = []
        context.add_init_script(HITS)
        context.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        context.on("console", self._said)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def look(self, page: Page) -> None:
        """Count what stands on this page now."""
        self.violations += page.evaluate("window.violations.splice(0)")
        self.strange += page.evaluate(STRANGE)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def counts(self) -> dict[str, list[Any]]:
        """All that was wrong; empty lists if nothing was."""
        return {"dialogs": self.dialogs, "CSP": self.violations, "nodes": self.strange, "errors": self.errors}
