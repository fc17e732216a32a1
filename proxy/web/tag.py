"""The browser tag with its site's public settings in it, the same for every visitor, at two addresses.

``GET /t/tag.js`` follows every change within minutes. ``GET /t/tag.<version>.js`` never changes and may be pinned by
its digest; ``GET /t/tag.json`` tells both. ``GET /t/debug.js`` is what the tag loads on pages that ask what it does.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, make_response, request
from werkzeug.http import dump_cookie

from proxy.assets import asset_dir
from proxy.errors import Rejected
from proxy.settings import Settings, Site
from proxy.web import guards
from proxy.web.doors import Doors

SLOT = "__PIXELPAIR__"
CACHE_SECONDS = 300
YEAR_SECONDS = 31_536_000


@dataclass(frozen=True, slots=True)
class Tag:
    """The text that one site's pages get; ``version`` names it, ``integrity`` is what browsers check it by."""

    text: str
    version: str
    integrity: str


def blueprint(doors: Doors) -> Blueprint:
    """The doors that hand out the tag."""
    bp = Blueprint("tag", __name__)
    tags: dict[str, Tag] = {}

    def tag_of(site: Site) -> Tag:
        if site.name not in tags:
            tags[site.name] = build_tag(doors.settings, site)
        return tags[site.name]

    def asked_site() -> Site:
        return guards.site_for(doors.settings.sites, request.args.get("site"), request.host)

    @bp.get("/tag.js")
    def moving() -> Response:
        try:
            tag = tag_of(asked_site())
        except Rejected as error:
            return _told_in_console(error.message, error.status)
        return _script(tag.text, tag.version, f"public, max-age={CACHE_SECONDS}")

    @bp.get("/tag.<version>.js")
    def pinned(version: str) -> Response:
        try:
            tag = tag_of(asked_site())
        except Rejected as error:
            return _told_in_console(error.message, error.status)
        if tag.version != version:
            # Never another text under this name: caches would keep it for a year.
            problem = "this version of the tag is no more; take src and integrity from tag.json, or use tag.js"
            return _told_in_console(problem, 404)
        return _script(tag.text, tag.version, f"public, max-age={YEAR_SECONDS}, immutable")

    @bp.get("/tag.json")
    def about() -> dict[str, str]:
        site = asked_site()
        tag = tag_of(site)
        return {"src": f"{doors.settings.mount}/tag.{tag.version}.js?site={site.name}", "integrity": tag.integrity}

    @bp.get("/debug.js")
    def debug() -> Response:
        text = _built("debug")
        return _script(text, _digest(text).hex()[:20], f"public, max-age={CACHE_SECONDS}")

    return bp


def build_tag(settings: Settings, site: Site) -> Tag:
    """The core with the site's settings and the parts that it switches on."""
    arguments = [f"...{_json(list(public_settings(settings, site).values()))}"]
    arguments += [f"{_built(part).replace(SLOT, _json(_part_setting(site, part)))}" for part in site.tag_parts]
    # Between semicolons, for pages that join their scripts.
    text = f";{_built('core').replace(SLOT, ','.join(arguments))};\n"
    digest = _digest(text)
    return Tag(text, digest.hex()[:20], f"sha384-{base64.b64encode(digest).decode()}")


def public_settings(settings: Settings, site: Site) -> dict[str, Any]:
    """What the tag may know of its site, in the order of core.js's parameters: no token, no key, no id."""
    return {
        "site": site.name,
        "domains": site.domains,
        "pixels": [destination.pixel_code for destination in site.destinations],
        "pixelScript": f"{settings.pixel_url}/i18n/pixel/events.js",
        "mount": f"{settings.mount}/",
        "orderEvents": site.order_events,
        "consent": site.consent,
        "privateConsent": {"limit": "limited", "drop": "denied"}[site.gpc],
        "pageViewLegs": {"both": 2, "pixel": 1, "off": 0}[site.page_view],
        "cookieRules": dump_cookie("", samesite="Lax", domain=site.cookie_domain).removeprefix("="),
    }


def _part_setting(site: Site, part: str) -> Any:
    """The one thing that a part has to know of its site."""
    return {"datalayer": site.order_event, "product": None, "tcf": site.tcf_vendor}[part]


def _json(value: Any) -> str:
    """JSON that is safe inside a script."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _digest(text: str) -> bytes:
    return hashlib.sha384(text.encode()).digest()


def _script(text: str, version: str, caching: str) -> Response:
    answer = make_response(text)
    answer.mimetype = "text/javascript"
    answer.headers["Cache-Control"] = caching
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.set_etag(version)
    answer.make_conditional(request)
    return answer


def _told_in_console(problem: str, status: int) -> Response:
    """A script tag shows nobody an answer's body: say it where the site's owner looks."""
    answer = make_response(f"console.error({json.dumps('pixelpair: ' + problem)});\n", status)
    answer.mimetype = "text/javascript"
    return answer


@lru_cache(maxsize=8)
def _built(name: str) -> str:
    return (asset_dir("static") / "tag" / "built" / f"{name}.js").read_text("utf-8").rstrip()
