"""All lines in one word: how the page stands."""

from collections.abc import Iterable

from proxy.check.line import Level, Line

RECENT_MS = 24 * 3_600_000


def standing_of(lines: Iterable[Line], newest: int | None, now: int, known: bool) -> str:
    """``newest`` is when the newest report of a browser came (ms); ``known``: the outbox is here."""
    bad = {line.check for line in lines if line.level is Level.FAIL}
    receives = newest is not None and now - newest < RECENT_MS
    if "page" in bad:
        return "unreachable"
    if "tag" in bad:
        return "events, but the tag is not on this page" if receives else "the tag is not on this page"
    if bad & {"tag file", "path"}:
        return "the tag is on the page, but the proxy is unreachable"
    if "site" in bad:
        return "wrong site"
    if "policy" in bad:
        return "blocked by Content-Security-Policy"
    if receives:
        return "installed and receiving"
    if not known:
        return "installed; whether events arrive is known where the outbox is"
    return "installed, no events yet" if newest is None else "installed, no events since yesterday"
