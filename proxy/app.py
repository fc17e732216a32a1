"""What stands at one address: the proxy alone, or in the demo a shop with the proxy under its ``/t``."""

import time
from pathlib import Path
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from proxy.web import create_app
from proxy.web.doors import Doors


def proxy_app(doors: Doors) -> Any:
    """The WSGI app of a proxy."""
    return create_app(doors)


def demo_app(doors: Doors, data: Path) -> Any:
    """The demo shop, which keeps its orders below ``data``, with the proxy mounted in its own domain."""
    from proxy.shop.app import create_app as create_shop

    mount = doors.settings.mount
    shop = create_shop(data, tag_src=f"{mount}/tag.js", clock=time.time)
    return DispatcherMiddleware(shop, {mount: _under(mount, create_app(doors))})


def _under(mount: str, app: Any) -> Any:
    """The dispatcher takes the mount off the path, but the proxy's own routes carry it."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        inner = dict(environ)
        inner["SCRIPT_NAME"] = environ["SCRIPT_NAME"].removesuffix(mount)
        inner["PATH_INFO"] = mount + environ["PATH_INFO"]
        return app(inner, start_response)

    return call
