"""What a page's HTML holds of interest here: its scripts, its policies, its frames."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

# What stands inside these never runs in a browser with scripts on.
_INERT = frozenset({"noscript", "template", "textarea", "title", "iframe", "noembed", "noframes", "xmp"})
_RUNS = frozenset({"", "module", "text/javascript", "application/javascript", "text/ecmascript", "text/jscript"})
# The parser begins anew at each piece with what was left open; a page made of one unclosed tag would keep it for long.
_PIECE = 64 * 1024
_MOST_WORK = 12 * 2**20


@dataclass(slots=True)
class Script:
    """A script of the page: ``src`` as a whole address, or "" and its ``text``."""

    attributes: dict[str, str]
    src: str = ""
    text: str = ""

    @property
    def runs(self) -> bool:
        """Whether browsers run it; consent tools give what they hold back another type."""
        return self.attributes.get("type", "").strip().lower() in _RUNS


@dataclass(slots=True)
class Page:
    """The page at ``url``; addresses in it are whole."""

    url: str
    scripts: list[Script] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)

    def inline(self) -> list[Script]:
        """The scripts that stand in the page itself and run."""
        return [script for script in self.scripts if not script.src and script.runs]


def read(url: str, html: str) -> Page:
    """The page of this HTML, however broken it is; of one that is made to cost time, its beginning."""
    reader = _Reader(url)
    work = 0
    for start in range(0, len(html), _PIECE):
        work += len(reader.rawdata) + _PIECE
        if work > _MOST_WORK:
            break
        reader.feed(html[start : start + _PIECE])
    return reader.page


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page(url)
        self._base = url
        self._inert = 0
        self._script: Script | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told: dict[str, str] = {}
        for name, value in attrs:
            told.setdefault(name, value or "")
        if tag == "iframe" and told.get("src"):
            self.page.frames.append(self._whole(told["src"]))
        if tag in _INERT:
            self._inert += 1
        elif self._inert:
            return
        elif tag == "base" and told.get("href"):
            self._base = self._whole(told["href"])
        elif tag == "meta" and told.get("http-equiv", "").lower() == "content-security-policy":
            self.page.policies.append(told.get("content", ""))
        elif tag == "script":
            src = told.get("src", "").strip()
            self._script = Script(told, self._whole(src) if src else "")
            self.page.scripts.append(self._script)

    def handle_endtag(self, tag: str) -> None:
        if tag in _INERT:
            self._inert = max(0, self._inert - 1)
        elif tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.text += data

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """``<![if IE]>`` and the like: a comment up to the next ``>``, as in browsers. The parser's own way raises."""
        return self.parse_bogus_comment(i, report)

    def _whole(self, address: str) -> str:
        try:
            return urljoin(self._base, address)
        except ValueError:
            return address
