"""A test event, really sent: the one way to learn whether TikTok takes this token for this pixel."""

import hashlib
import json

from proxy.check.line import Line, failed, passed, warned
from proxy.errors import SettingsError
from proxy.settings import Destination
from proxy.tiktok.client import Client
from proxy.tiktok.verdict import Delivered, Pause, TooLarge, TryAgain, judge

NOT_TRIED = "Give the code of the tab Test Events: --test-code TEST12345. It shows there, and counts for nothing."


def not_tried(destination: Destination) -> Line:
    """No test code was given: a live event would count."""
    return warned("pixel", f"{destination.name}: not tried; whether TikTok takes its token is not known", NOT_TRIED)


def send_test_event(client: Client, destination: Destination, code: str, event_id: str, now: float) -> Line:
    """Send one event of nobody to the test ``code``; ``now`` in Unix seconds. The token goes to TikTok alone."""
    try:
        token = destination.token()
    except SettingsError as error:
        return failed("pixel", f"{destination.name}: {error.message}", "Put the token from Events Manager there.")
    reply = client.track(destination.pixel_code, token, [_item(event_id, now)], code)
    verdict = judge(reply, now)
    name = destination.name
    if isinstance(verdict, Delivered) and verdict.alarm is None:
        return passed("pixel", f"{name}: TikTok took the test event {event_id}: look for it in Test Events")
    if isinstance(verdict, Delivered):
        return warned("pixel", f"{name}: TikTok took it, but: {verdict.alarm}", "Look at the pixel in Events Manager.")
    if isinstance(verdict, Pause):
        cure = "Write this very pixel's token, from Events Manager, Settings, Events API: no restart with a token file."
        return failed("pixel", f"{name}: {verdict.reason}", cure)
    if isinstance(verdict, TryAgain):
        return failed(
            "pixel", f"{name}: {verdict.reason}", "Ask again in a minute; if it stays, look at the way to TikTok."
        )
    said = verdict.reason if isinstance(verdict, TooLarge) else f"code {verdict.code}: {verdict.message}"
    return failed("pixel", f"{name}: TikTok refused it: {said}", "Compare pixel and test code with Events Manager.")


def _item(event_id: str, now: float) -> str:
    return json.dumps(
        {
            "event": "Contact",
            "event_id": event_id,
            "event_time": int(now),
            "user": {"external_id": hashlib.sha256(b"pixelpair check").hexdigest(), "user_agent": "pixelpair check"},
            "page": {"url": "https://pixelpair.invalid/check"},
        }
    )
