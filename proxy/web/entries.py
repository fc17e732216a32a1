"""From a finished event to the rows that wait for TikTok: one for each pixel of the site."""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from proxy.events.event import Event
from proxy.events.merging import money
from proxy.events.reading import Report
from proxy.outbox.entry import Entry
from proxy.settings import Destination, Site

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def entries_for(
    site: Site,
    destinations: Sequence[Destination],
    event: Event,
    report: Report,
    *,
    received: int,
    consent: str,
    backend: bool,
    proved: bool,
    told_twice: bool,
    warnings: tuple[str, ...],
    withheld: str | None = None,
    test_code: str | None = None,
) -> list[Entry]:
    """The rows of one report; ``received`` in ms. ``withheld`` is the reason not to send it, if there is one;
    ``told_twice``: the site has a back end that tells of orders too."""
    body = _JSON.encode(event.item)
    # Browser and back end both tell of an order: TikTok gets one complete event if they come within the wait.
    is_order = event.event in site.order_events
    waits = told_twice and is_order
    due_at = received + int(site.merge_wait * 1000) if waits else received
    cash = money(event.item)
    return [
        Entry(
            destination=destination.name,
            event=event.event,
            event_id=event.event_id,
            site=site.name,
            state="withheld" if withheld else "waiting",
            reason=withheld,
            body=body,
            seen_at=received,
            due_at=due_at,
            view=report.view,
            key=report.key,
            host=urlsplit(event.item.get("page", {}).get("url", "")).hostname,
            value=cash["value"],
            currency=cash["currency"],
            consent=consent,
            pixel=report.pixel,
            browser=not backend,
            backend=backend,
            proved=proved,
            warnings=warnings,
            is_order=is_order and report.key is not None,
            test_code=test_code if test_code is not None else destination.test_event_code,
        )
        for destination in destinations
    ]
