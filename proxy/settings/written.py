"""All that the user wrote, laid one over the other: a TOML table, then layers of environment variables.

It knows names and places only; whether a value is a good one is the model's business.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from proxy.errors import SettingsError
from proxy.settings import naming
from proxy.settings.naming import Place

_TOKENS = ("access_token", "access_token_file")


class Written:
    """One tree of settings, and for each place the name its user knows it by.

    ``general`` holds the settings of the whole, ``sites`` those of each site. Raises SettingsError for unknown names.
    """

    def __init__(self, table: Mapping[str, Any], layers: Sequence[Mapping[str, str]]) -> None:
        _check_table(table)
        self.general = {key: value for key, value in table.items() if key != "sites"}
        self.sites = {name: _copied(site) for name, site in table.get("sites", {}).items()}
        self._in_toml = frozenset(self.sites)
        self._variables: dict[Place, str] = {}
        ours = [sorted(filter(naming.is_ours, layer), key=len) for layer in layers]
        known = _known_sites(self.sites, [name for names in ours for name in names])
        for names, layer in zip(ours, layers, strict=True):
            # The spelled-out name of a setting is the longer one, so it wins over the short one.
            self._lay_over({naming.place_of(name, known): name for name in names}, layer)

    def name(self, place: Place) -> str:
        """What the user calls the setting: the variable that set it, else its place in the TOML file."""
        for end in range(len(place), 0, -1):
            if place[:end] in self._variables:
                return self._variables[place[:end]]
        if place[0] != "sites" or place[1] in self._in_toml:
            return naming.dotted(place)
        alone = len(self.sites) == 1 and len(place) == 3
        return naming.variable(place[2:] if alone else place)

    def pixel(self, site: str, index: int) -> Place:
        """Where the settings of a site's pixel stand: in its list of pixels, or beside the site's own."""
        return ("sites", site, "pixels", index) if "pixels" in self.sites[site] else ("sites", site)

    def _lay_over(self, names: Mapping[Place, str], layer: Mapping[str, str]) -> None:
        for place, name in sorted(names.items()):
            # An empty variable is how Compose files and CI systems write one that is not set.
            if not layer[name].strip():
                continue
            home = self._home(place, name)
            if place[-1] in _TOKENS:
                # A token replaces the token file of a layer below, and the other way round.
                for key in _TOKENS:
                    if (*place[:-1], key) not in names:
                        home.pop(key, None)
            home[str(place[-1])] = layer[name]
            self._variables[place] = name

    def _home(self, place: Place, name: str) -> dict[str, Any]:
        match place:
            case ("sites", str(site), "pixels", int(index), _):
                pixels: list[dict[str, Any]] = self.sites.setdefault(site, {}).setdefault("pixels", [])
                if index > len(pixels):
                    raise SettingsError(name, f"the site {site} has {len(pixels)} pixels: count them from 0.")
                if index == len(pixels):
                    pixels.append({})
                return pixels[index]
            case ("sites", str(site), _):
                return self.sites.setdefault(site, {})
        return self.general


def _known_sites(in_toml: Iterable[str], names: Iterable[str]) -> list[str]:
    known = list(in_toml)
    for name in names:
        site = naming.site_in(name)
        if site and not any(other.replace("-", "_") == site for other in known):
            known.append(site)
    return known


def _copied(site: Mapping[str, Any]) -> dict[str, Any]:
    copy = dict(site)
    if "pixels" in copy:
        copy["pixels"] = [dict(pixel) for pixel in copy["pixels"]]
    return copy


def _check_table(table: Mapping[str, Any]) -> None:
    for key in table:
        if key in naming.SITE:
            raise SettingsError(key, f"this belongs to a site: write it below [sites.NAME], as sites.NAME.{key}.")
        _check_key((key,), naming.GENERAL | {"sites"})
    for name, site in _as_table(table.get("sites", {}), ("sites",)).items():
        for key in _as_table(site, ("sites", name)):
            _check_key(("sites", name, key), naming.SITE | {"pixels"})
        pixels = site.get("pixels", [])
        if not isinstance(pixels, list):
            raise SettingsError(f"sites.{name}.pixels", f"write each pixel as a table below [[sites.{name}.pixels]].")
        for index, pixel in enumerate(pixels):
            for key in _as_table(pixel, ("sites", name, "pixels", index)):
                _check_key(("sites", name, "pixels", index, key), naming.PIXEL)


def _as_table(value: object, place: Place) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    example = "[sites.NAME]" if len(place) < 3 else "[[sites.NAME.pixels]]"
    raise SettingsError(naming.dotted(place), f"must be a table: write {example} and its settings below.")


def _check_key(place: Place, known: Collection[str]) -> None:
    if place[-1] not in known:
        raise SettingsError(naming.dotted(place), naming.unknown(str(place[-1]), known))
