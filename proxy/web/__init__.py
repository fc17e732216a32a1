"""The public doors, mounted under ``/t`` of a shop's own domain."""

from flask import Flask

from proxy.web import collect, health, relay, tag
from proxy.web.doors import Doors, answer_errors


def create_app(doors: Doors) -> Flask:
    """The proxy as a Flask app; its routes stand under ``settings.mount``."""
    app = Flask("pixelpair", static_folder=None, template_folder=None)
    for room in (collect, relay, tag, health):
        app.register_blueprint(room.blueprint(doors), url_prefix=doors.settings.mount)
    answer_errors(app)
    return app
