"""The public doors, mounted under ``/t`` of a shop's own domain."""

from flask import Flask

from proxy.errors import SettingsError
from proxy.events.names import STANDARD
from proxy.settings import Settings
from proxy.web import collect, health, openapi, relay, tag, tickets
from proxy.web.doors import Doors, answer_errors


def create_app(doors: Doors) -> Flask:
    """The proxy as a Flask app; its routes stand under ``settings.mount``."""
    app = Flask("pixelpair", static_folder=None, template_folder=None)
    # A path that is nearly ours is answered with 404, not sent on: such an answer would carry the Host that was told.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    for room in (collect, relay, tickets, tag, health, openapi):
        app.register_blueprint(room.blueprint(doors), url_prefix=doors.settings.mount)
    answer_errors(app, doors)
    return app


def check_event_names(settings: Settings) -> None:
    """Raise ``SettingsError`` for a name that no event can have: a ticket demanded for it is demanded of nobody."""
    for site in settings.sites.values():
        known = {*STANDARD, *site.event_names}
        for setting in ("order_events", "require_ticket"):
            for name in getattr(site, setting):
                if name not in known:
                    raise SettingsError(
                        f"sites.{site.name}.{setting}",
                        f"{name} is none of TikTok's event names; correct it, or list it in event_names too.",
                    )
