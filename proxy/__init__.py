"""Pixelpair: a shop's events reach TikTok from the browser and from a server under one ``event_id``."""
