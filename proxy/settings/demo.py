"""The demo's own site: the pixel of TikTok's example, sent to the sandbox that the demo starts beside itself."""

from collections.abc import Mapping
from pathlib import Path

from proxy.settings import naming
from proxy.settings.loading import assemble
from proxy.settings.model import Settings

PIXEL_CODE = "COQDA8RC77U2TMR44LI0"
ACCESS_TOKEN = "sandbox-token"  # noqa: S105 - known to the sandbox only, and to everyone

# What concerns the machine may come from the environment. What says whose shop it is may not: a demo started where the
# shop's own variables are set must touch neither its pixel nor its outbox.
_FROM_ENVIRONMENT = ("PIXELPAIR_TRUSTED_HOPS", "PIXELPAIR_REPORTS_PER_MINUTE", "PIXELPAIR_SECRET_KEYS")


def demo_settings(data: Path, port: int, environ: Mapping[str, str]) -> Settings:
    """Settings of a demo on ``port`` that stores everything below ``data``; its sandbox is on the next port.

    Raises SettingsError for an unknown PIXELPAIR_* variable, and for a bad one of those that it takes.
    """
    sandbox = f"http://127.0.0.1:{port + 1}"
    site = {
        "pixel_code": PIXEL_CODE,
        "access_token": ACCESS_TOKEN,
        "domains": ["127.0.0.1", "localhost"],
        "api_keys": ["demo-key"],
        "order_events": ["PlaceAnOrder"],
        "merge_wait": 3,
        "bots": "send",
    }
    table = {
        "outbox_url": f"sqlite:///{(data / 'pixelpair.db').as_posix()}",
        "tiktok_url": sandbox,
        "pixel_url": sandbox,
        "sites": {"demo": site},
    }
    naming.check_variables(environ)
    return assemble(table, [{name: environ[name] for name in _FROM_ENVIRONMENT if name in environ}])
