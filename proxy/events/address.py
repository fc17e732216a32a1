"""Web addresses: which can be told to TikTok, and how much of them."""

import re
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from proxy.events.scalars import UNSTORABLE, WHITE_SPACE, holds_email

LONGEST_TOLD = 16_384
LONGEST_SENT = 2_048
MOST_ENCODINGS = 3  # a page's address inside a link inside a redirect
# Queries carry e-mails, names and tokens, so only what tells the campaign goes on.
CAMPAIGN = frozenset({"ttclid", "gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid"})

_UNFIT = re.compile("[\0-\x20\x7f]")


def web_url(value: object) -> str | None:
    """``value`` trimmed, if it is an http or https address with a host; None for all else."""
    if not isinstance(value, str) or len(value) > LONGEST_TOLD:
        return None
    url = value.strip(WHITE_SPACE)
    if _UNFIT.search(url) or UNSTORABLE.search(url):
        return None
    parts = _split(url)
    return url if parts and parts.scheme in ("http", "https") and parts.hostname else None


def sent_url(url: str) -> str:
    """What TikTok gets of ``url``: no user-info, no fragment, of the query only the campaign, no e-mail address."""
    parts = _split(url)
    if parts is None:
        return ""
    host = parts.netloc.rpartition("@")[2]
    path = "/" if _names_someone(parts.path) else parts.path
    query = "&".join(pair for pair in parts.query.split("&") if _is_campaign(pair)) if parts.query else ""
    sent = urlunsplit((parts.scheme, host, path, query, ""))
    if len(sent) > LONGEST_SENT:
        sent = urlunsplit((parts.scheme, host, "/", "", ""))
    return sent if len(sent) <= LONGEST_SENT else ""


def path_warning(field: str, url: str | None) -> tuple[str, ...]:
    """What to say when ``sent_url`` cuts the path of ``url`` for the e-mail address in it."""
    parts = _split(url) if url else None
    if parts is None or not _names_someone(parts.path):
        return ()
    return (f"{field}: its path holds an e-mail address, so its origin is sent instead; take the address off the path",)


def _names_someone(part: str) -> bool:
    """Whether an e-mail address stands in a part of an address, also when it was encoded more than once."""
    for _ in range(MOST_ENCODINGS):
        if holds_email(part):
            return True
        if "%" not in part:
            return False
        part = unquote(part)
    return holds_email(part)


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:  # such as brackets that hold no IPv6 address
        return None


def _is_campaign(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return (name in CAMPAIGN or name.startswith("utm_")) and not _names_someone(pair)
