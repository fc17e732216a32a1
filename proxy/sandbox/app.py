"""The sandbox as an app of its own. Its memory lives in the process, so it is served by one process with threads."""

import time
from collections.abc import Callable, Mapping

from flask import Flask

from proxy.assets import asset_dir

from . import control, pixel, track
from .behave import Behaviours
from .clock import Clock
from .memory import KEEP_ROWS, Memory

MAX_BODY = 16 * 1024 * 1024


def create_app(
    pixels: Mapping[str, str], clock: Callable[[], float] = time.time, *, keep_rows: int = KEEP_ROWS
) -> Flask:
    """TikTok's stand-in for these pixels (pixel code -> access token).

    ``clock`` gives Unix seconds; ``POST /sandbox/clock`` shifts what the sandbox makes of it. The newest ``keep_rows``
    requests and events are remembered, and at most 128 MiB of bodies.
    """
    files = asset_dir("static") / "sandbox"
    pages = asset_dir("templates") / "sandbox"
    app = Flask(__name__, template_folder=str(pages), static_folder=str(files), static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]  # DefaultJSONProvider: items are shown as they were sent
    memory, behaviours, shifted = Memory(keep_rows), Behaviours(), Clock(clock)
    pixels = dict(pixels)
    app.register_blueprint(track.doors(pixels, memory, behaviours, shifted))
    app.register_blueprint(pixel.doors(pixels, memory, behaviours, shifted, files / "events.js"))
    app.register_blueprint(control.doors(pixels, memory, behaviours, shifted))
    return app
