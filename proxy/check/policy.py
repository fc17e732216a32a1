"""Content-Security-Policy, as far as the tag needs it: may this script load, may that one run, may this be fetched?

After W3C's CSP level 3, in its order of fall-backs: script-src-elem, script-src, default-src; connect-src, default-src.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[^/:*]+)(?::(?P<port>\d+|\*))?(?P<path>/.*)?"
)
_PORTS = {"http": 80, "https": 443}


class Policy:
    """One policy; a page may have several, and all of them must allow a thing."""

    def __init__(self, text: str, page: str) -> None:
        """``page`` is the address that 'self' means."""
        self._page = page
        self._directives: dict[str, list[str]] = {}
        for part in text.split(";"):
            name, *sources = part.split() or [""]
            self._directives.setdefault(name.lower(), sources)

    def loads(self, script: str, nonce: str = "") -> bool:
        """Whether a script of this address may load, written into the page with this ``nonce``."""
        sources = self._sources("script-src-elem", "script-src", "default-src")
        if sources is None or self._has_nonce(sources, nonce):
            return True
        # Where trust passes from script to script, the list of hosts counts for nothing.
        return "'strict-dynamic'" not in sources and any(self._matches(source, script) for source in sources)

    def runs(self, text: str, nonce: str = "") -> bool:
        """Whether a script may run that stands in the page itself."""
        sources = self._sources("script-src-elem", "script-src", "default-src")
        if sources is None or self._has_nonce(sources, nonce):
            return True
        lower = [source.lower() for source in sources]
        if any(source.startswith(("'sha256-", "'sha384-", "'sha512-")) for source in lower):
            return any(_is_hash_of(source, text) for source in sources)
        return "'unsafe-inline'" in lower and "'strict-dynamic'" not in lower and not _any_nonce(lower)

    def connects(self, target: str) -> bool:
        """Whether the page may fetch from this address."""
        sources = self._sources("connect-src", "default-src")
        return sources is None or any(self._matches(source, target) for source in sources)

    def trusts_onward(self) -> bool:
        """Whether a script that runs may load others from anywhere."""
        return "'strict-dynamic'" in (self._sources("script-src-elem", "script-src", "default-src") or ())

    def _sources(self, *names: str) -> list[str] | None:
        return next((self._directives[name] for name in names if name in self._directives), None)

    def _has_nonce(self, sources: Iterable[str], nonce: str) -> bool:
        return nonce != "" and f"'nonce-{nonce}'" in sources

    def _matches(self, source: str, target: str) -> bool:
        page, wanted = urlsplit(self._page), urlsplit(target)
        if source.lower() == "'self'":
            upgraded = (page.scheme, _port(page), wanted.scheme, _port(wanted)) == ("http", 80, "https", 443)
            same = (page.scheme, _port(page)) == (wanted.scheme, _port(wanted))
            return page.hostname == wanted.hostname and (same or upgraded)
        if source == "*":
            return wanted.scheme in ("http", "https")
        if source.endswith(":") and "/" not in source:
            return _fits_scheme(source[:-1].lower(), wanted.scheme)
        found = _SOURCE.fullmatch(source)
        if found is None or not _fits_scheme((found["scheme"] or page.scheme).lower(), wanted.scheme):
            return False
        return (
            _fits_host(found["host"].lower(), wanted.hostname or "")
            and _fits_port(found["port"], wanted)
            and _fits_path(found["path"] or "", wanted.path or "/")
        )


def policies_of(headers: Iterable[str], metas: Iterable[str], page: str) -> list[Policy]:
    """All policies that bind the page at this address; one header may hold several."""
    texts = [text for header in headers for text in header.split(",")] + list(metas)
    return [Policy(text, page) for text in texts if text.strip()]


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)


def _fits_scheme(allowed: str, scheme: str) -> bool:
    return allowed == scheme or (allowed == "http" and scheme == "https")


def _fits_host(allowed: str, host: str) -> bool:
    return allowed in ("*", host) or (allowed.startswith("*.") and host.endswith(allowed[1:]))


def _fits_port(allowed: str | None, wanted: SplitResult) -> bool:
    if allowed in ("*", None):
        return allowed == "*" or _port(wanted) == _PORTS.get(wanted.scheme)
    return str(_port(wanted)) == allowed or (allowed, _port(wanted)) == ("80", 443)


def _fits_path(allowed: str, path: str) -> bool:
    if allowed in ("", "/"):
        return True
    return path.startswith(allowed) if allowed.endswith("/") else path == allowed


def _is_hash_of(source: str, text: str) -> bool:
    name, _, digest = source.strip("'").partition("-")
    if name.lower() not in ("sha256", "sha384", "sha512"):
        return False
    made = base64.b64encode(hashlib.new(name.lower(), text.encode()).digest()).decode()
    return made == digest.replace("-", "+").replace("_", "/")


def _any_nonce(sources: Iterable[str]) -> bool:
    return any(source.startswith("'nonce-") for source in sources)
