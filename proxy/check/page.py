"""The shop's page, as a stranger sees it: does it have the tag, the right one, and may browsers run it?"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

from proxy.check.fetching import MOST_BYTES, Answer
from proxy.check.line import Line, failed, passed, warned
from proxy.check.policy import Policy, policies_of
from proxy.check.reading import Page, Script
from proxy.settings import Settings

TAG = '<script src="{mount}/tag.js" defer></script>'
LONGEST_CACHE_SECONDS = 86_400
TIKTOK = "https://analytics.tiktok.com"
# Where TikTok's own script sends what it tells.
TIKTOK_HOSTS = (TIKTOK, "https://analytics-ipv6.tiktokw.us", "https://ads.tiktok.com")

# What the tag is called with, as far as it matters here, in the order of static/tag/core.js.
_ARGUMENTS = '(...["'
_TOLD = {"site": str, "domains": list, "pixels": list, "pixel_script": str}
_PINNED = re.compile(r"/tag\.[0-9a-f]+\.js$")
_TAG_PATH = re.compile(r"/tag(\.[0-9a-f]+)?\.js$")
_STUB = re.compile(r"\bpixelpair\s*=\s*(window\.)?pixelpair\s*\|\|")
_CALL = re.compile(r"\bpixelpair\s*\(")
_LOADED = re.compile(r"\bttq\s*\.\s*load\s*\(\s*[\"']([A-Za-z0-9]{10,40})[\"']")
_SDKID = re.compile(r"[?&]sdkid=([A-Za-z0-9]{10,40})")
_TRACKS = re.compile(r"\bttq\s*\.\s*(track|page)\s*\(")
_GTM = re.compile(r"\bGTM-[A-Z0-9]{4,12}\b")
_PLUGIN = re.compile(r"/plugins/tiktok-for-business/|\btt4b_|\btiktok-pixel-tracking-handle")
_MAX_AGE = re.compile(r"\b(?:s-maxage|max-age)\s*=\s*\"?(\d{1,12})")


def answers(answer: Answer) -> Line:
    """Whether there is a page at all."""
    if answer.status is None:
        cure = "Open the address in a browser; a shop on this machine needs --allow-local."
        return failed("page", f"{answer.url} was not fetched: {answer.failure}", cure)
    if answer.status != 200:
        cure = "Give an address that every visitor sees; firewalls and bot filters may turn this check away."
        return failed("page", f"{answer.url} answers HTTP {answer.status}", cure)
    if answer.cut:
        cure = "Make the page smaller; a tag that stands further down was not found."
        return warned("page", f"{answer.url} is larger than {MOST_BYTES // 2**20} MiB: only its start was read", cure)
    return passed("page", f"{answer.url} answers")


def is_https(answer: Answer, plain: Answer | None) -> Line:
    """Whether the page is safe on its way. ``plain`` is what http answers at the same host, not following it."""
    parts = urlsplit(answer.url)
    if parts.scheme == "http" and _is_here(parts.hostname):
        return passed("https", "not needed on this machine")
    if parts.scheme == "http":
        cure = (
            "Serve the shop by https: without it e-mails are not hashed in browsers, and anyone on the way reads along."
        )
        return failed("https", "the page comes by plain http", cure)
    if plain is None or plain.status is None:
        return passed("https", "the page comes by https, and nothing by http")
    if plain.header("location").lower().startswith("https://"):
        return passed("https", "the page comes by https, and http leads there")
    cure = "Redirect http to https, or visitors who come by http are other visitors to the tag."
    return warned("https", f"http://{parts.hostname}/ answers HTTP {plain.status} and does not lead to https", cure)


def tag_of(page: Page, mount: str | None) -> Script | None:
    """The first script of the page that may be the tag; ``mount`` is where it should be, None where that is unknown."""
    found = [(script, urlsplit(script.src).path) for script in page.scripts if script.src]
    tags = [(script, path) for script, path in found if _TAG_PATH.search(path)]
    at_mount = (script for script, path in tags if _TAG_PATH.sub("", path).endswith(mount or ""))
    return next(at_mount, tags[0][0] if tags else None)


def tag_is_there(page: Page, tag: Script | None, mount: str) -> Line:
    """Whether the page has the tag, and in a way that it works."""
    paste = TAG.format(mount=mount)
    if tag is None:
        return failed("tag", "no script of the page ends in /tag.js", f"Paste into every page's <head>: {paste}")
    if not tag.runs:
        held = tag.attributes.get("type", "")
        cure = (
            'See that the tool which holds it lets it go, or let the tag itself wait for consent: data-consent="held".'
        )
        return warned("tag", f"{tag.src} is held back (type {held})", cure)
    if urlsplit(tag.src).scheme == "http" and urlsplit(page.url).scheme == "https":
        return failed("tag", f"{tag.src} is http on a page of https: browsers refuse it", f"Write {paste}")
    if "defer" not in tag.attributes and "async" not in tag.attributes:
        return warned("tag", f"{tag.src} holds the page up while it loads", f"Give it defer: {paste}")
    return passed("tag", f"{tag.src} is on the page")


def stub_is_there(page: Page) -> Line:
    """Whether calls that come before the tag are kept."""
    inline = page.inline()
    if any(_STUB.search(script.text) for script in inline):
        return passed("stub", "calls made before the tag is there are kept")
    cure = "Paste the stub before the tag: the first line of the README's two."
    if any(_CALL.search(script.text) for script in inline):
        return failed("stub", "the page calls pixelpair(…) without the stub: calls before the tag are errors", cure)
    return warned("stub", "the page has no stub: calls before the tag would be errors", cure)


def told_by(answer: Answer) -> dict[str, Any] | None:
    """The public settings in the tag that was fetched (see ``_TOLD``); None if it is no tag of ours."""
    text = answer.body.decode("utf-8", "replace")
    start = text.find(_ARGUMENTS)
    if answer.status != 200 or start < 0:
        return None
    try:
        told, _ = json.JSONDecoder().raw_decode(text, start + len(_ARGUMENTS) - 2)
    except (ValueError, RecursionError):
        return None
    told = dict(zip(_TOLD, told if isinstance(told, list) else (), strict=False))
    return told if all(isinstance(told.get(name), kind) for name, kind in _TOLD.items()) else None


def tag_comes(answer: Answer, is_ours: bool) -> Iterator[Line]:
    """Whether the address of the tag gives the tag, as browsers and caches should have it."""
    if answer.status is None:
        yield failed("tag file", f"{answer.url} was not fetched: {answer.failure}", _REACH)
        return
    if not is_ours:
        said = _error_in(answer)
        found = f"{answer.url} answers HTTP {answer.status}, " + (
            f"and says: {said}" if said else "and it is no tag of Pixelpair"
        )
        yield failed("tag file", found, "Correct the ?site= of its address or the settings." if said else _REACH)
        return
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    if kind not in ("text/javascript", "application/javascript"):
        yield failed(
            "tag file",
            f"it comes as {kind or 'nothing'}: browsers refuse that",
            "Let the reverse proxy pass Content-Type on.",
        )
        return
    ages = [int(age) for age in _MAX_AGE.findall(answer.header("cache-control").lower())]
    if _PINNED.search(urlsplit(answer.url).path):
        yield passed("tag file", f"{answer.url} gives the tag, in a version that never changes")
        return
    if max(ages, default=0) > LONGEST_CACHE_SECONDS or "immutable" in answer.header("cache-control").lower():
        cure = (
            "Let the reverse proxy or CDN keep /tag.js as Pixelpair says: max-age=300. Changed settings else come late."
        )
        yield warned("tag file", f"caches keep it for {max(ages, default=0):,} seconds", cure)
        return
    yield passed("tag file", f"{answer.url} gives the tag")


def right_site(told: Mapping[str, Any], host: str, settings: Settings | None) -> Line:
    """Whether the tag on the page of this host is that of the site set up here, and will not stay silent."""
    if told["domains"] and host not in told["domains"]:
        cure = f"Add {host} to the site's domains (PIXELPAIR_DOMAINS), www. too, and start again."
        return failed(
            "site", f"the tag is silent on {host}: it is none of the domains of the site {told['site']}", cure
        )
    if settings is None:
        return passed(
            "site", f"site {told['site']}, pixels {', '.join(map(str, told['pixels']))}; no settings here to compare"
        )
    site = settings.sites.get(told["site"])
    cure = "Give the tag's address ?site= with the right name, or look whether another Pixelpair answers there."
    if site is None:
        return failed("site", f"the tag is of the site {told['site']}, which the settings here do not have", cure)
    codes = [destination.pixel_code for destination in site.destinations]
    if told["pixels"] != codes:
        found = f"the tag has the pixels {', '.join(map(str, told['pixels']))}, the settings here {', '.join(codes)}"
        return failed("site", found, f"{cure} If the settings are new, start Pixelpair again.")
    return passed("site", f"site {site.name} with its pixel {', '.join(codes)}")


def policy_allows(page: Page, headers: Iterable[str], tag: Script, told: Mapping[str, Any]) -> Line:
    """Whether the page's Content-Security-Policy lets the tag load, run and report, and the Pixel too."""
    policies = policies_of(headers, page.policies, page.url)
    nonce = tag.attributes.get("nonce", "")
    pixel = told["pixel_script"]
    parts = urlsplit(pixel)
    origin = f"{parts.scheme}://{parts.netloc}"
    hosts = TIKTOK_HOSTS if origin == TIKTOK else (origin,)
    blocked = list(_blocked(policies, page, tag, pixel, nonce))
    rules = [f"Allow it by {rule}." for _, rule in blocked]
    silent = [host for host in hosts if not all(policy.connects(f"{host}/") for policy in policies)]
    if silent:
        rules.append(f"Add to connect-src: {' '.join(silent)}")
    if blocked:
        found = f"Content-Security-Policy blocks {', '.join(what for what, _ in blocked)}"
        return failed("policy", found, " ".join(dict.fromkeys(rules)))
    if silent:
        found = "Content-Security-Policy keeps TikTok's script from reporting, so the pixel leg is lost"
        return warned("policy", found, rules[0])
    return passed(
        "policy", "Content-Security-Policy allows tag and Pixel" if policies else "no Content-Security-Policy"
    )


def _blocked(
    policies: Collection[Policy], page: Page, tag: Script, pixel: str, nonce: str
) -> Iterator[tuple[str, str]]:
    """What some policy blocks, with the rule that would allow it."""
    endpoint = urljoin(tag.src, "e")
    own = f"{urlsplit(tag.src).scheme}://{urlsplit(tag.src).netloc}"
    if not all(policy.loads(tag.src, nonce) for policy in policies):
        yield "the tag", f"script-src {own}, or a nonce on it"
    if not all(policy.connects(endpoint) for policy in policies):
        yield "its reports", f"connect-src {own}"
    # The tag gives its own nonce to the script that it adds.
    if not all(policy.loads(pixel, nonce) or policy.trusts_onward() for policy in policies):
        yield "TikTok's script", f"script-src {urlsplit(pixel).scheme}://{urlsplit(pixel).netloc}"
    ours = [script for script in page.inline() if _CALL.search(script.text) or _STUB.search(script.text)]
    if not all(policy.runs(script.text, script.attributes.get("nonce", "")) for policy in policies for script in ours):
        yield "the stub or calls of the page itself", "a nonce on these scripts"


def other_senders(page: Page, pixels: Collection[str]) -> list[Line]:
    """Who else on the page may tell TikTok the same actions, under no event_id of ours."""
    inline = [script.text for script in page.inline()]
    sources = [script.src for script in page.scripts if script.src and script.runs] + page.frames
    everything = [*inline, *sources]
    codes = {code for text in inline for code in _LOADED.findall(text)} | {
        code for source in sources for code in _SDKID.findall(source)
    }
    found = []
    twice = sorted(codes & set(pixels))
    if twice:
        cure = "Take that snippet out: TikTok counts what it sends beside what Pixelpair sends."
        found.append(warned("others", f"the page loads the pixel {', '.join(twice)} by a snippet of its own too", cure))
    elif any(_TRACKS.search(text) for text in inline):
        cure = "Take these calls out: ttq.track and ttq.page reach every pixel of the page, ours too."
        found.append(warned("others", "the page calls TikTok's ttq.track or ttq.page itself", cure))
    if any(_PLUGIN.search(text) for text in everything):
        cure = "Switch the plugin's pixel off: TikTok counts what it sends beside what Pixelpair sends."
        found.append(warned("others", "TikTok's WooCommerce plugin is on the page", cure))
    containers = sorted({code for text in everything for code in _GTM.findall(text)})
    if containers:
        cure = (
            "Look in the container for a TikTok tag with the same pixel, and take it out. From here it cannot be seen."
        )
        found.append(warned("others", f"a Google Tag Manager is on the page: {', '.join(containers)}", cure))
    return found or [passed("others", "nobody else is seen to send to the same pixel")]


def cookies(page: Answer, tag: Answer | None) -> list[Line]:
    """Whether the cookies that the answers set are safe, and the tag sets none."""
    found = []
    if tag is not None and tag.all("set-cookie"):
        cure = "Let nothing between add cookies to /tag.js: caches give one visitor's cookie to all."
        found.append(warned("cookies", "the tag comes with a cookie, which Pixelpair does not set", cure))
    is_safe = urlsplit(page.url).scheme == "https"
    loose = [name for text in page.all("set-cookie") for name in _loose(text, is_safe)]
    if loose:
        cure = f"Set them with {'Secure and ' if is_safe else ''}SameSite=Lax, in the shop's software."
        found.append(warned("cookies", f"the page sets cookies with less protection: {', '.join(loose)}", cure))
    return found or [passed("cookies", "none is set with less protection than it should have")]


def _loose(text: str, is_safe: bool) -> Iterator[str]:
    try:
        read = SimpleCookie(text)
    except CookieError:
        return
    for name, morsel in read.items():
        if not morsel["samesite"] or (is_safe and not morsel["secure"]):
            yield name


_REACH = "Mount the proxy under that path of the shop's own domain: README, step 5."


def path_reaches(ready: Answer) -> Line:
    """Whether what is under the mount is a proxy that takes reports."""
    told = ready_told(ready)
    if ready.status is None:
        return failed("path", f"{ready.url} was not fetched: {ready.failure}", _REACH)
    if told is None:
        return failed("path", f"{ready.url} answers HTTP {ready.status}, and it is no proxy of ours", _REACH)
    if told.get("status") != "ok":
        return failed("path", f"the proxy takes no reports: {told.get('reason')}", "Look at the proxy's log.")
    return passed("path", f"{ready.url} is a proxy that takes reports")


def ready_told(ready: Answer) -> dict[str, Any] | None:
    """What ``/readyz`` tells; None if it is another server's answer."""
    try:
        told = json.loads(ready.body)
    except (ValueError, RecursionError):
        return None
    return told if ready.status in (200, 503) and isinstance(told, dict) and "status" in told else None


def is_this_proxy(ready: Answer, asked: int, answered: int, beats: Collection[int | None]) -> Line | None:
    """Whether the proxy behind the page stores in the outbox here: only then do the two know the same heartbeat.

    ``asked`` and ``answered`` are when, ``beats`` the outbox's heartbeat before and after (ms). None if neither knows.
    """
    ago = (ready_told(ready) or {}).get("keeper_seen_ms_ago")
    if type(ago) is not int or not any(beats):
        return None
    if any(beat is not None and asked - CLOSE_MS <= beat + ago <= answered + CLOSE_MS for beat in beats):
        return passed("this proxy", "the page's reports arrive in the outbox here")
    cure = "Look where the shop's reverse proxy sends /t, or ask with the settings of that Pixelpair (--config)."
    return warned("this proxy", "another Pixelpair than the one set up here answers the page", cure)


CLOSE_MS = 100  # hearts beat every 5 seconds, and both times are of this machine's clock


def _is_here(host: str | None) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


def _error_in(answer: Answer) -> str:
    """The sentence for the site's owner that the proxy puts in place of a tag."""
    found = re.fullmatch(r"console\.error\((\".*\")\);\s*", answer.body.decode("utf-8", "replace"))
    try:
        told = json.loads(found[1]) if found else ""
    except ValueError:
        return ""
    return told if isinstance(told, str) else ""
