"""``GET /t/tag.js``: the browser tag with its site's public settings in it, the same for every visitor."""

import hashlib
import json
from functools import lru_cache

from flask import Blueprint, Response, make_response, request

from proxy.assets import asset_dir
from proxy.errors import Rejected
from proxy.settings import Settings, Site
from proxy.web import guards
from proxy.web.doors import Doors

SLOT = "__PIXELPAIR__"
CACHE_SECONDS = 300


def blueprint(doors: Doors) -> Blueprint:
    """The door that hands out the tag."""
    bp = Blueprint("tag", __name__)

    @bp.get("/tag.js")
    def tag() -> Response:
        try:
            site = guards.site_for(doors.settings.sites, request.args.get("site"), request.host)
        except Rejected as error:
            # A script tag shows nobody an answer's body: say it where the site's owner looks.
            answer = make_response(f"console.error({json.dumps('pixelpair: ' + error.message)});\n", error.status)
            answer.mimetype = "text/javascript"
            return answer
        text, etag = _tag_for(doors.settings, site)
        answer = make_response(text)
        answer.mimetype = "text/javascript"
        answer.headers["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.set_etag(etag)
        answer.make_conditional(request)
        return answer

    tags: dict[str, tuple[str, str]] = {}

    def _tag_for(settings: Settings, site: Site) -> tuple[str, str]:
        if site.name not in tags:
            text = _core().replace(SLOT, public_settings(settings, site))
            tags[site.name] = text, hashlib.sha256(text.encode()).hexdigest()[:20]
        return tags[site.name]

    return bp


def public_settings(settings: Settings, site: Site) -> str:
    """What the tag may know of its site, as JSON that is safe inside a script: no token, no key, no id."""
    known = {
        "site": site.name,
        "domains": site.domains,
        "pixels": [destination.pixel_code for destination in site.destinations],
        "pixelUrl": settings.pixel_url,
        "mount": settings.mount,
        "orderEvents": site.order_events,
        "consent": site.consent,
        "gpc": site.gpc,
        "pageView": site.page_view,
    }
    return json.dumps(known, separators=(",", ":")).replace("<", "\\u003c")


@lru_cache(maxsize=1)
def _core() -> str:
    return (asset_dir("static") / "tag" / "built" / "core.js").read_text("utf-8")
