"""What only several settings together can tell: each pixel has a token, each host and key belongs to one site alone."""

import re
from collections.abc import Iterator

from proxy.errors import SettingsError
from proxy.settings.model import Destination, Settings, Site
from proxy.settings.written import Written

_PIXEL_CODE = re.compile(r"[A-Z0-9]{20}")


def check(settings: Settings, written: Written) -> None:
    """Raises SettingsError, with the name as ``written``, if the settings cannot work together."""
    for site in settings.sites.values():
        for index, destination in enumerate(site.destinations):
            _check_token(destination, written.pixel(site.name, index), written)
        _check_cookie_domain(site, written)
        if site.order_event not in site.order_events:
            name = written.name(("sites", site.name, "order_event"))
            raise SettingsError(name, "it is none of the order_events: add it there too.")
        codes = [destination.pixel_code for destination in site.destinations]
        if len(codes) != len(set(codes)):
            raise SettingsError(
                written.name(("sites", site.name, "pixels")), "one pixel stands here twice: remove one."
            )
    _check_one_owner(settings, written)


def warnings(settings: Settings, written: Written) -> tuple[str, ...]:
    """Sentences on settings that are unusual but may be meant so."""
    return (*_odd_codes(settings, written), *_shared_codes(settings))


def _check_token(destination: Destination, place: tuple[str | int, ...], written: Written) -> None:
    direct = written.name((*place, "access_token"))
    if destination.access_token is None and destination.access_token_file is None:
        raise SettingsError(direct, "the pixel has no access token: set this, or access_token_file with a file's name.")
    if destination.access_token is not None and destination.access_token_file is not None:
        raise SettingsError(direct, "there is an access_token_file too: keep only one of the two.")
    problem = ""
    try:
        destination.token()
    except SettingsError as error:
        problem = error.message
    if problem:
        raise SettingsError(written.name((*place, "access_token_file")), problem)


def _check_cookie_domain(site: Site, written: Written) -> None:
    domain = site.cookie_domain
    if domain is None or not site.domains:
        return
    if not any(host == domain or host.endswith(f".{domain}") for host in site.domains):
        name = written.name(("sites", site.name, "cookie_domain"))
        raise SettingsError(name, "none of the site's domains lies in it, so browsers refuse its cookies: correct it.")


def _check_one_owner(settings: Settings, written: Written) -> None:
    owners: dict[tuple[str, str], str] = {}
    for site in settings.sites.values():
        claims = [("domains", host) for host in site.domains]
        claims += [("api_keys", key.get_secret_value()) for key in site.api_keys]
        for claim in claims:
            owner = owners.setdefault(claim, site.name)
            if owner != site.name:
                message = f"one of them belongs to the site {owner} already: it would not tell which site is meant."
                raise SettingsError(written.name(("sites", site.name, claim[0])), message)


def _odd_codes(settings: Settings, written: Written) -> Iterator[str]:
    for site in settings.sites.values():
        for index, destination in enumerate(site.destinations):
            if not _PIXEL_CODE.fullmatch(destination.pixel_code):
                name = written.name((*written.pixel(site.name, index), "pixel_code"))
                yield f"{name}: a pixel's code is 20 capital letters and digits: compare it with Events Manager."


def _shared_codes(settings: Settings) -> Iterator[str]:
    first: dict[str, str] = {}
    for destination in settings.destinations:
        other = first.setdefault(destination.pixel_code, destination.site)
        if other != destination.site:
            yield (
                f"sites.{destination.site}: the site {other} sends to the same pixel, "
                "so equal keys of the two sites are one event to TikTok."
            )
