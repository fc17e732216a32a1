"""The rule of each single setting: a value in, the value to keep out, or ValueError: what is wrong and what to write.

No message shows the value: a token pasted into the wrong line must not end in a log.
"""

import ipaddress
import re
from urllib.parse import urlsplit

SHORTEST_SECRET_KEY = 32

_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SITE_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_MOUNT = re.compile(r"(/[A-Za-z0-9_~-]+)+")
_SAMPLE_WORDS = ("change", "example", "replace", "sample", "secret", "123456789")
# As werkzeug writes it: cost, block size, parallelism, salt, 64 bytes.
_SCRYPT = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2})\$[A-Za-z0-9]{8,64}\$[0-9a-f]{128}")
_LEAST_COST, _MOST_MEMORY = 2**14, 256 * 1024 * 1024
_PLACEHOLDERS = ("access_token", "your_access_token", "access-token")


def listed(value: object) -> object:
    """A list as it is, or one comma-separated string, as in the environment, taken apart."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def number(value: object) -> object:
    """Anything but a boolean: pydantic would take ``true`` for 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def names(values: tuple[str, ...]) -> tuple[str, ...]:
    """Event names as written, each once."""
    if not all(values):
        raise ValueError("one of the names is empty: leave it out")
    return tuple(dict.fromkeys(values))


def hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    """Host names in lower case, each once."""
    return tuple(dict.fromkeys(_host(value) for value in values))


def cookie_domain(value: str) -> str:
    """A domain that browsers take cookies for, without the dot that older rules put before it."""
    domain = _host(value.removeprefix("."))
    if "." not in domain:
        raise ValueError("browsers keep no cookie for so short a name: write the shop's domain, such as shop.example")
    return domain


def site_name(value: str) -> str:
    """A name that fits into an address (``?site=``) and, in capitals, into the name of an environment variable."""
    if len(value) > 40 or not _SITE_NAME.fullmatch(value):
        raise ValueError("a site's name is 1 to 40 lower-case letters and digits, with single - or _ between them")
    return value


def region(value: str) -> str:
    """A two-letter region whose national phone numbers can be read."""
    # Imported here: it loads tables of some milliseconds that few starts need.
    from phonenumbers import SUPPORTED_REGIONS

    code = value.upper()
    if code not in SUPPORTED_REGIONS:
        raise ValueError("unknown region: write the two-letter code of a country, such as US, DE or GB")
    return code


def token(value: str) -> str:
    """An access token that may stand in a header and is no placeholder."""
    trimmed = value.strip()
    if not trimmed:
        raise ValueError("the access token is empty: make one in TikTok Events Manager, Settings, Events API")
    if trimmed.lower() in _PLACEHOLDERS or trimmed.startswith("<"):
        raise ValueError("this is the placeholder of TikTok's examples: put the access token from Events Manager here")
    if not trimmed.isascii() or not trimmed.isprintable() or " " in trimmed:
        raise ValueError("an access token has no spaces, line breaks or other letters inside: copy it again, whole")
    return trimmed


def secret_key(value: str) -> str:
    """A signing key that nobody can guess."""
    if len(value) < SHORTEST_SECRET_KEY:
        raise ValueError(
            f"a secret key has at least {SHORTEST_SECRET_KEY} characters: make one with `openssl rand -hex 32`"
        )
    if len(set(value)) < 8 or any(word in value.lower() for word in _SAMPLE_WORDS):
        raise ValueError("this looks like a sample key that others know: make one with `openssl rand -hex 32`")
    return value


def password_hash(value: str) -> str:
    """A password's scrypt hash: costly to guess by, and payable by this machine at each log-in."""
    match = _SCRYPT.fullmatch(value)
    if match is None:
        raise ValueError(
            "this is no scrypt hash: make one with `pixelpair password`, and in a shell or .env write it between "
            "single quotes, since it holds dollar signs"
        )
    cost, block, parallel = (int(number) for number in match.groups())
    if cost < _LEAST_COST or cost & (cost - 1) or not block or not parallel:
        raise ValueError("this scrypt hash is too quick to guess by: make one with `pixelpair password`")
    if 128 * cost * block * parallel > _MOST_MEMORY:
        raise ValueError("this scrypt hash takes too much memory at each log-in: make one with `pixelpair password`")
    return value


def mount(value: str) -> str:
    """The path under which the shop's domain reaches the proxy."""
    if not _MOUNT.fullmatch(value):
        raise ValueError("must start with / and name a path without a slash at its end, such as /t")
    return value


def base_url(value: str) -> str:
    """Scheme, host and port of a service: https, or http on this machine, where the sandbox answers."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("not a web address: write it like https://business-api.tiktok.com") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("not a web address: write it like https://business-api.tiktok.com")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("only scheme, host and port, such as https://business-api.tiktok.com: the path is added")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must be https: plain http is for a sandbox on this machine (127.0.0.1)")
    return f"{parts.scheme}://{parts.netloc}"


def outbox_url(value: str) -> str:
    """The outbox's engine and place."""
    if value.startswith("postgresql://") and len(value) > len("postgresql://"):
        return value
    if not value.startswith("sqlite:"):
        raise ValueError("unknown engine: write sqlite:///var/pixelpair.db or postgresql://user@host/database")
    path = value.removeprefix("sqlite:///")
    if path in ("", value, ":memory:") or "?" in path:
        raise ValueError("the outbox must be a file, to survive a restart: write it like sqlite:///var/pixelpair.db")
    return value


def _host(value: str) -> str:
    host = value.lower()
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not host.isascii():
        raise ValueError("host name only, as browsers send it: write letters beyond a to z in the xn-- form")
    host = host.removesuffix(".")
    if len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError("host name only, such as shop.example: no https://, path, port or star")
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
