"""What an operator should do: about a silent keeper, a paused destination, an event that stands where it stands."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.errors import OutboxError
from proxy.events.reading import OTHER_SENDER
from proxy.outbox.destinations import DestinationState
from proxy.outbox.entry import Entry
from proxy.outbox.store import TWO_IDS, Outbox
from proxy.outbox.tables import State

SILENT_AFTER_MS = 20_000  # four heartbeats
AHEAD_MS = 60_000  # another machine's clock may be; a beat from further ahead came before the clock was set back

KEEPER_NEVER = "No keeper has run on this outbox yet, so nothing is delivered: start it with “pixelpair serve”."
KEEPER_SILENT = (
    "The keeper is silent, so nothing is delivered; events are kept. "
    "Look at the log of “pixelpair serve” and start it again."
)
NO_ADDRESSES = (
    "None of the newest visitors has a public address, so TikTok gets no IP to match by: "
    "behind a reverse proxy, set PIXELPAIR_TRUSTED_HOPS to the number of proxies and let them pass X-Forwarded-For."
)
ONE_ADDRESS = (
    "The newest {count} visitors all have the same public address, so it is that of a proxy of yours: TikTok cannot "
    "match by it, and they share one limit of reports. "
    "Set PIXELPAIR_TRUSTED_HOPS to the number of proxies before Pixelpair."
)
CLOCK_IS_OFF = (
    "This machine's clock is about {minutes} minutes {way} TikTok's, so TikTok gets wrong times of events; they are "
    "sent all the same. Set the clock right and keep it so by NTP: “timedatectl set-ntp true”."
)
ANOTHER_SENDER = (
    "Another script on the shop's pages sends to the same pixel, so TikTok counts actions twice: switch off TikTok's "
    "own snippet, plugin or tag manager's tag. “pixelpair check” with the page's "
    "address names one that is written into the page; one that a tag manager brings stands in its list of tags."
)
ENOUGH_VISITS = 5  # fewer may well be the owner's own, from the shop's network


@dataclass(frozen=True, slots=True)
class Standing:
    """How one destination stands: ``word`` is "running", "trying again", "paused", "not used yet" or "not in the
    settings"; ``advice`` is set when a person has to act. Times in ms."""

    name: str
    word: str
    reason: str | None = None
    next_at: int | None = None
    delivered_at: int | None = None
    advice: str | None = None


def keeper_trouble(heartbeat: int | None, now: int) -> str | None:
    """The sentence about a keeper that does not beat; None while it does. Times in ms."""
    if heartbeat is None:
        return KEEPER_NEVER
    return None if -AHEAD_MS <= now - heartbeat <= SILENT_AFTER_MS else KEEPER_SILENT


def clock_trouble(ahead_ms: str | None) -> str | None:
    """The sentence about a clock that is wrong; ``ahead_ms`` is the fact ``clock_ahead_ms`` that senders note."""
    ahead = int(ahead_ms or 0)
    if not ahead:
        return None
    return CLOCK_IS_OFF.format(minutes=round(abs(ahead) / 60_000), way="ahead of" if ahead > 0 else "behind")


def outbox_trouble(outbox: Outbox) -> str | None:
    """Why the outbox takes no reports now, or none of browsers', as a sentence; None while it takes all."""
    try:
        outbox.admit(backend=False)
    except OutboxError as error:
        return str(error)
    return None


def findings(entries: Sequence[Entry]) -> list[str]:
    """What the newest entries say of wrong settings, as sentences."""
    found = []
    visits = [entry for entry in entries if entry.browser and entry.body and not _is_this_machine(entry.host)]
    people = [json.loads(entry.body).get("user", {}) for entry in visits]
    if len(people) >= ENOUGH_VISITS and not any("ip" in user for user in people):
        found.append(NO_ADDRESSES)
    # One shopper tells many events, so it takes several browsers to be several visitors.
    visitors = {user.get("ttp") or user.get("user_agent") for user in people}
    addresses = {user.get("ip") for user in people}
    if len(visitors) >= ENOUGH_VISITS and len(addresses) == 1 and None not in addresses:
        found.append(ONE_ADDRESS.format(count=len(visitors)))
    twice = [entry for entry in entries if TWO_IDS in entry.warnings]
    if twice:
        found.append(
            f"The order {twice[0].key} is told under two event_ids, so TikTok counts it twice: "
            "let page and back end send the order's key and no event_id of their own."
        )
    if any(OTHER_SENDER in entry.warnings for entry in entries):
        found.append(ANOTHER_SENDER)
    return found


def _is_this_machine(host: str | None) -> bool:
    return host in (None, "localhost", "127.0.0.1", "::1")


def standing_of(name: str, state: DestinationState | None, configured: bool, waiting: int) -> Standing:
    """How the destination stands; ``waiting`` is how many events wait for it."""
    if not configured:
        return Standing(name, "not in the settings", advice=_unconfigured(name, waiting))
    if state is None:
        return Standing(name, "not used yet")
    if state.paused_at is not None:
        next_at = state.next_at if state.paused_by != "operator" else None
        return Standing(name, "paused", state.reason, next_at, state.delivered_at, _paused(state))
    if state.attempts:
        return Standing(name, "trying again", state.reason, state.next_at, state.delivered_at)
    return Standing(name, "running", None, None, state.delivered_at)


def for_event(entry: Entry, standing: Standing) -> str:
    """What to do about this event, in one or two sentences."""
    state = State(entry.state)
    if state is State.WAITING:
        return standing.advice or "Nothing: it goes out by itself."
    if state is State.SENDING:
        return "Nothing: it is on its way to TikTok."
    if state is State.DELIVERED:
        return "Look at what TikTok says." if entry.reason else "Nothing: TikTok has it."
    if state is State.WITHHELD:
        return (
            "Nothing, if the reason is right: it raises no alarm and is not sent. "
            "A report proved by an order ticket or API key sends it after all."
        )
    if entry.code is not None:
        return (
            "Correct what TikTok names, in the shop's page or back end. "
            "When the shop tells the event again with the corrected content, it is sent again."
        )
    return "Nothing for this event. Look at why events could not be sent in time, so that no further ones follow."


def _unconfigured(name: str, waiting: int) -> str | None:
    if not waiting:
        return None
    return f"{waiting} events wait for {name}, which is not in the settings: put the pixel back, or they stay here."


def _paused(state: DestinationState) -> str:
    if state.paused_by == "operator":
        return f"{state.name} was paused by hand: nothing is sent to it and everything is kept until it is resumed."
    return (
        f"{state.name} is paused; everything is kept. Correct the setting that TikTok's words name, most often the "
        "access token: a token file is read again by itself, for anything else start the proxy again."
    )
