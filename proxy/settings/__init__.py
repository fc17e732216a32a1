"""The settings: read once, checked whole, then passed along as frozen values.

``model`` holds the values, ``rules`` the rule of each single one.
"""

from proxy.settings.model import ORDER_EVENTS, Destination, Settings, Site

__all__ = ["ORDER_EVENTS", "Destination", "Settings", "Site"]
