"""``GET /t/openapi.json``: the public doors, described in OpenAPI 3.1 for whoever builds against them.

A request is described as it should be sent. The doors take more than that: what is repaired or left out with a warning
stands in the README. The answers are described exactly; a test sends each door good and bad requests and compares.
"""

from typing import Any

from flask import Blueprint, Response

from proxy.events import names, properties
from proxy.events.identity import USER_FIELDS
from proxy.web.doors import Doors, as_json

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}


def blueprint(doors: Doors) -> Blueprint:
    """The door that describes the doors."""
    bp = Blueprint("openapi", __name__)
    told = describe(doors.settings.mount)

    @bp.get("/openapi.json")
    def openapi() -> Response:
        return as_json(told)

    return bp


def describe(mount: str) -> Schema:
    """The whole document for doors below ``mount``. A new door is one more line of ``paths`` here."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pixelpair",
            "version": "1",
            "description": "A shop's events on their way to TikTok. The version is the wire's, not the program's.",
        },
        "paths": {
            f"{mount}/tag.js": {"get": _tag()},
            f"{mount}/tag.{{version}}.js": {"get": _pinned_tag()},
            f"{mount}/tag.json": {"get": _about_tag()},
            f"{mount}/debug.js": {"get": _debug()},
            f"{mount}/e": {"post": _collect(), "options": _preflight()},
            f"{mount}/open_api/v1.3/event/track/": {"post": _track()},
            f"{mount}/tickets": {"post": _tickets()},
            f"{mount}/healthz": {"get": _healthz()},
            f"{mount}/readyz": {"get": _readyz()},
            f"{mount}/openapi.json": {"get": _itself()},
        },
        "components": {
            "schemas": {
                "Report": _report(),
                "Properties": _properties(),
                "User": _user(),
                "Track": _track_request(),
                "Accepted": _closed({"event_id": {**TEXT, "minLength": 1}}),
                "Error": _closed({"error": _error()}),
                "TrackAnswer": _track_answer(),
            },
            "securitySchemes": {
                "api_key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Access-Token",
                    "description": "An API key of the site (api_keys), never TikTok's own token.",
                }
            },
        },
    }


# The doors


def _tag() -> Schema:
    script = {"text/javascript": {"schema": TEXT}}
    return {
        "operationId": "tag",
        "summary": "The browser tag, with its site's public settings in it",
        "parameters": [_site_parameter()],
        "responses": {
            "200": {"description": "The script, the same for every visitor.", "content": script},
            "404": {"description": "No such site: a script that says so in the console.", "content": script},
        },
    }


def _pinned_tag() -> Schema:
    script = {"text/javascript": {"schema": TEXT}}
    version = {"name": "version", "in": "path", "required": True, "schema": {**TEXT, "pattern": "^[0-9a-f]{20}$"}}
    return {
        "operationId": "pinned_tag",
        "summary": "The browser tag in one version, which never changes and may be checked by its integrity",
        "parameters": [version, _site_parameter()],
        "responses": {
            "200": {"description": "The script, to be kept for ever.", "content": script},
            "404": {"description": "No such site or version: a script that says so in the console.", "content": script},
        },
    }


def _about_tag() -> Schema:
    return {
        "operationId": "about_tag",
        "summary": "Address and integrity of the tag's present version",
        "parameters": [_site_parameter()],
        "responses": {
            "200": {
                "description": "For a script element's src and integrity.",
                "content": {"application/json": {"schema": _closed({"src": TEXT, "integrity": TEXT})}},
            },
            **_refusals("404"),
        },
    }


def _debug() -> Schema:
    return {
        "operationId": "debug",
        "summary": "What the tag loads on pages whose address has pixelpair_debug",
        "responses": {"200": {"description": "The script.", "content": {"text/javascript": {"schema": TEXT}}}},
    }


def _collect() -> Schema:
    one, many = _ref("Report"), {"type": "array", "minItems": 1, "maxItems": 50, "items": _ref("Report")}
    body = {"schema": {"anyOf": [one, many]}}
    accepted = [_ref("Accepted"), {"type": "array", "items": {"anyOf": [_ref("Accepted"), _ref("Error")]}}]
    return {
        "operationId": "collect",
        "summary": "One report from a browser, or 1 to 50 of one site in an array; at most 64 KiB",
        "parameters": [
            {
                "name": "Origin",
                "in": "header",
                "schema": TEXT,
                "description": "Set by the browser. Its host must be one of the site's domains.",
            }
        ],
        "requestBody": {"required": True, "content": {"text/plain": body, "application/json": body}},
        "responses": {
            "202": {
                "description": "On disk. For an array one answer for each report, in its order; an error refuses that "
                "report alone.",
                "content": {"application/json": {"schema": {"anyOf": accepted}}},
            },
            **_refusals("400", "403", "404", "413", "415", "429", "503"),
        },
    }


def _preflight() -> Schema:
    return {
        "operationId": "preflight",
        "summary": "What a browser asks before a report as application/json from another origin",
        "responses": {"204": {"description": "The headers say what the page may send."}},
    }


def _track() -> Schema:
    told = {"content": {"application/json": {"schema": _ref("TrackAnswer")}}}
    retry = {"headers": _retry_after()}
    return {
        "operationId": "track",
        "summary": "TikTok's own request, from the shop's back end; at most 4 MiB, all or nothing",
        "security": [{"api_key": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Track")}}},
        "responses": {
            "200": {"description": "All on disk.", **told},
            "400": {"description": "Nothing is stored; data.errors lists every bad field.", **told},
            "401": {"description": _WHY["401"], **told},
            "404": {"description": "This key's site has no such pixel.", **told},
            "413": {"description": _WHY["413"], **told},
            "415": {"description": _WHY["415"], **told},
            "503": {"description": _WHY["503"], **told, **retry},
        },
    }


def _tickets() -> Schema:
    wanted = {
        "event": _event(),
        "key": {**TEXT, "minLength": 1, "maxLength": 128},
        "value": NUMBER,
        "currency": {**TEXT, "pattern": "^[A-Za-z]{3}$"},
    }
    asked = {"type": "object", "required": ["event", "key"], "properties": wanted, "additionalProperties": False}
    made = _closed({"ticket": {**TEXT, "minLength": 1}, "expires": {**TEXT, "format": "date-time"}})
    error = _error()
    one = {"type": "object", "required": ["error"], "additionalProperties": False}
    refused = {**one, "properties": {"error": error, "errors": {"type": "array", "items": error}}}
    return {
        "operationId": "tickets",
        "summary": "A signed ticket for one order, to put into its page; at most 16 KiB",
        "security": [{"api_key": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
        "responses": {
            "200": {"description": "The ticket.", "content": {"application/json": {"schema": made}}},
            "400": {
                "description": "Every field that cannot be signed.",
                "content": {"application/json": {"schema": refused}},
            },
            **_refusals("401", "413", "415", "503"),
        },
    }


def _healthz() -> Schema:
    told = _watched({"status": {"enum": ["ok", "failing"]}, "keeper_seen_ms_ago": _ago(), "reason": TEXT})
    return {
        "operationId": "healthz",
        "summary": "Does this process work? Where it delivers too: is the keeper alive?",
        "responses": {"200": {"description": "Yes.", **told}, "503": {"description": "No: start it again.", **told}},
    }


def _readyz() -> Schema:
    ready = _watched({"status": {"const": "ok"}, "keeper_seen_ms_ago": _ago()})
    lanes = {"browsers": {"type": "boolean"}, "back_ends": {"type": "boolean"}}
    failing = _watched({"status": {"const": "failing"}, "reason": _sentence(), **lanes})
    return {
        "operationId": "readyz",
        "summary": "Can an event be stored now?",
        "responses": {"200": {"description": "Yes.", **ready}, "503": {"description": "No, and why.", **failing}},
    }


def _itself() -> Schema:
    return {
        "operationId": "openapi",
        "summary": "This description",
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
        },
    }


# What is sent


def _report() -> Schema:
    milliseconds = {**INTEGER, "minimum": 0, "maximum": 2**53 - 1}
    told = {
        "v": {"const": 1},
        "site": {**TEXT, "maxLength": 100},
        "event": _event(),
        "view": {
            **TEXT,
            "pattern": "^[0-9a-z]{24}$",
            "description": "The page view: 8 characters of the time in ms, base 36, and 16 random ones.",
        },
        "n": {**INTEGER, "minimum": 0, "maximum": 2**53 - 1, "description": "The number of the event in its view."},
        "key": {
            **TEXT,
            "minLength": 1,
            "maxLength": 128,
            "description": "The shop's own name for the action, such as an order's key; nobody should guess it.",
        },
        "placed": {**INTEGER, "description": "When the order was placed, Unix seconds."},
        "time": {**milliseconds, "description": "When it happened, Unix milliseconds by the browser's clock."},
        "sent": {**milliseconds, "description": "When it was sent, by the same clock."},
        "url": TEXT,
        "referrer": TEXT,
        "properties": _ref("Properties"),
        "ttclid": TEXT,
        "ttp": TEXT,
        "user": _ref("User"),
        "consent": {"enum": ["granted", "limited"]},
        "ticket": {**TEXT, "maxLength": 4096},
        "pixel": {"enum": ["sent", "blocked", "off", "unknown"]},
        "retry": {**INTEGER, "minimum": 0},
    }
    return {"type": "object", "required": ["event", "view", "n"], "properties": told}


def _track_request() -> Schema:
    item = {
        "type": "object",
        "required": ["event"],
        "properties": {
            "event": _event(),
            "event_id": {**TEXT, "maxLength": 128, "description": "The page's key, so that both are one event."},
            "event_time": {**INTEGER, "description": "Unix seconds."},
            "user": _ref("User"),
            "page": {"type": "object", "properties": {"url": TEXT, "referrer": TEXT}},
            "properties": _ref("Properties"),
            "limited_data_use": {"type": "boolean"},
        },
    }
    return {
        "type": "object",
        "required": ["event_source", "event_source_id", "data"],
        "properties": {
            "event_source": {"const": "web"},
            "event_source_id": {**TEXT, "description": "A pixel code of the key's site."},
            "test_event_code": TEXT,
            "data": {"type": "array", "minItems": 1, "maxItems": 1000, "items": item},
        },
    }


def _event() -> Schema:
    own = {**TEXT, "description": "A name of the shop's own that its settings allow (event_names)."}
    return {"anyOf": [{"enum": sorted(names.STANDARD)}, own]}


def _properties() -> Schema:
    kinds = ((properties.TEXTS, TEXT), (properties.NUMBERS, NUMBER), (properties.INTEGERS, INTEGER))
    plain = {name: kind for group, kind in kinds for name in sorted(group)}
    content_fields = ("content_id", "content_type", "content_name", "content_category", "brand", "price", "quantity")
    content = {"type": "object", "properties": {name: plain[name] for name in content_fields}}
    return {
        "type": "object",
        "properties": {
            **plain,
            "currency": {**TEXT, "pattern": "^[A-Za-z]{3}$"},
            "contents": {"type": "array", "items": content},
            "content_ids": {"type": "array", "items": TEXT},
        },
    }


def _user() -> Schema:
    texts = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
    return {
        "type": "object",
        "description": "Raw values are hashed in memory and never stored; hashes (SHA-256) are taken as they are.",
        "properties": dict.fromkeys(sorted(USER_FIELDS), texts),
    }


# What is answered

_WHY = {
    "400": "The request, or its only report, cannot be taken; the message says how to fix it.",
    "401": "The Access-Token is none of this proxy's API keys.",
    "403": "The page's origin is none of the site's.",
    "404": "No such site is set up here.",
    "413": "The body is too large.",
    "415": "The body is not JSON by its Content-Type, or is compressed.",
    "429": "Too many reports from this address.",
    "503": "Nothing can be stored just now: send it again.",
}


def _refusals(*statuses: str) -> Schema:
    return {status: _refusal(status) for status in statuses}


def _refusal(status: str) -> Schema:
    told: Schema = {"description": _WHY[status], "content": {"application/json": {"schema": _ref("Error")}}}
    return {**told, "headers": _retry_after()} if status in ("429", "503") else told


def _retry_after() -> Schema:
    return {"Retry-After": {"required": True, "description": "Seconds.", "schema": {**INTEGER, "minimum": 1}}}


def _track_answer() -> Schema:
    error = _closed({"field": TEXT, "message": _sentence()})
    data = {
        "event_ids": {"type": "array", "items": {**TEXT, "minLength": 1}},
        "warnings": {
            "type": "object",
            "description": "By the item's place in data: what was repaired or left out.",
            "additionalProperties": {"type": "array", "items": TEXT},
        },
        "errors": {"type": "array", "items": error},
    }
    return _closed(
        {
            "code": {**INTEGER, "description": "TikTok's code for the same: 0 is OK."},
            "message": _sentence(),
            "request_id": {**TEXT, "pattern": "^[0-9]{14}[0-9A-F]{20}$"},
            "data": {"type": "object", "properties": data, "additionalProperties": False},
        }
    )


def _watched(told: Schema) -> Schema:
    schema = {"type": "object", "required": ["status"], "properties": told, "additionalProperties": False}
    return {"content": {"application/json": {"schema": schema}}}


def _ago() -> Schema:
    return {"type": ["integer", "null"], "minimum": 0}


def _error() -> Schema:
    return _closed({"code": _code(), "field": TEXT, "message": _sentence()})


def _code() -> Schema:
    return {**TEXT, "pattern": "^[a-z0-9_]+$", "description": "Stable: for programs."}


def _sentence() -> Schema:
    return {**TEXT, "minLength": 1}


def _site_parameter() -> Schema:
    return {"name": "site", "in": "query", "schema": TEXT, "description": "Needed where several sites are set up."}


def _closed(told: Schema) -> Schema:
    """An object with exactly these fields."""
    return {"type": "object", "required": list(told), "properties": told, "additionalProperties": False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
