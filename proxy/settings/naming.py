"""What a setting is called where its user writes it: a dotted path in pixelpair.toml, a variable in the environment.

One site by environment alone leaves the site out: PIXELPAIR_PIXEL_CODE. With several, and for each pixel of a list, the
variable spells the path: PIXELPAIR_SITES__MAIN__PIXELS__0__ACCESS_TOKEN is sites.main.pixels.0.access_token.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from importlib.metadata import version

from proxy.errors import SettingsError
from proxy.settings.model import Destination, Settings, Site

Place = tuple[str | int, ...]

PREFIX = "PIXELPAIR_"
CONFIG = f"{PREFIX}CONFIG"
DEFAULT_SITE = "default"

GENERAL = frozenset(Settings.model_fields) - {"sites", "warnings"}
PIXEL = frozenset(Destination.model_fields) - {"name", "site"}
# A site with one pixel has that pixel's settings beside its own.
SITE = (frozenset(Site.model_fields) - {"name", "destinations"}) | PIXEL


def is_ours(name: str) -> bool:
    """Whether an environment variable is meant as a setting."""
    return name.startswith(PREFIX) and name != CONFIG


def check_variables(names: Iterable[str]) -> None:
    """Raises SettingsError for the first variable that looks like a setting and is none."""
    for name in filter(is_ours, names):
        place_of(name, ())


def dotted(path: Place) -> str:
    """The path as pixelpair.toml has it."""
    return ".".join(str(part) for part in path)


def variable(path: Place) -> str:
    """The environment variable that spells the whole path."""
    return PREFIX + "__".join(str(part).replace("-", "_").upper() for part in path)


def place_of(name: str, sites: Collection[str]) -> Place:
    """Where the variable ``name`` belongs when the ``sites`` are known. Raises SettingsError for a name unknown."""
    parts = name.removeprefix(PREFIX).lower().split("__")
    match parts:
        case [key] if key in GENERAL:
            return (key,)
        case [key] if key in SITE:
            return ("sites", _only(name, key, sites), key)
        case ["sites", site, key] if site and key in SITE:
            return ("sites", _spelled(site, sites), key)
        case ["sites", site, "pixels", index, key] if site and index.isdecimal() and key in PIXEL:
            return ("sites", _spelled(site, sites), "pixels", int(index), key)
    raise SettingsError(name, unknown(name, _alternatives(parts)))


def unknown(name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is no setting, with the nearest that is one."""
    nearest = get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    if nearest:
        return f"there is no such setting; did you mean {nearest[0]}?"
    return (
        f"this version of Pixelpair ({version('pixelpair')}) has no such setting; another version may: "
        "start that one, or remove it."
    )


def site_in(name: str) -> str | None:
    """The site that a variable spells out, if it does."""
    parts = name.removeprefix(PREFIX).lower().split("__")
    return parts[1] if len(parts) > 2 and parts[0] == "sites" and parts[1] else None


def _only(name: str, key: str, sites: Collection[str]) -> str:
    if len(sites) > 1:
        example = variable(("sites", sorted(sites)[0], key))
        raise SettingsError(name, f"there are several sites: name the one you mean, as in {example}.")
    return next(iter(sites), DEFAULT_SITE)


def _spelled(site: str, sites: Collection[str]) -> str:
    """The site's name with its dashes, which no environment variable can spell."""
    return next((known for known in sites if known.replace("-", "_") == site), site)


def _alternatives(parts: list[str]) -> list[str]:
    if parts[0] != "sites":
        return [CONFIG, *(variable((key,)) for key in GENERAL | SITE)]
    start, keys = (parts[:4], PIXEL) if "pixels" in parts else (parts[:2], SITE)
    return [variable((*start, key)) for key in keys]
