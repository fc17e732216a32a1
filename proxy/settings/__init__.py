"""The settings: read once, checked whole, then passed along as frozen values.

``model`` holds the values and ``rules`` the rule of each single one. ``loading`` reads the TOML file, ``.env`` and the
environment; ``written`` lays them one over the other, by the names in ``naming``; ``checks`` looks at the whole.
"""

from proxy.settings.demo import demo_settings
from proxy.settings.loading import load
from proxy.settings.model import ORDER_EVENTS, Destination, Settings, Site
from proxy.settings.signing_keys import key_file, secret_keys

__all__ = ["ORDER_EVENTS", "Destination", "Settings", "Site", "demo_settings", "key_file", "load", "secret_keys"]
