"""Everything the Test Events page tells, read from the outbox at one moment: totals, destinations, keeper, stories."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from proxy.operator.advice import Standing, clock_trouble, findings, keeper_trouble, outbox_trouble, standing_of
from proxy.operator.story import Story, tell
from proxy.outbox.browse import newest
from proxy.outbox.destinations import Destinations, DestinationState
from proxy.outbox.store import Outbox
from proxy.outbox.tables import State
from proxy.outbox.tally import Refused, read_refused
from proxy.settings import Settings

MOST_ROWS = 50
# Counting reads the whole outbox, half a second for millions of rows: it may take one part in so many of the time.
COUNTING_SHARE = 20

Counts = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the reader wants to see: one site or all, one state or all."""

    site: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The page's facts. ``totals`` and ``stories`` are of the chosen site; times in Unix ms."""

    chosen: Chosen
    sites: tuple[str, ...]
    totals: Mapping[str, int]
    keeper: str | None
    destinations: tuple[Standing, ...]
    stories: tuple[Story, ...]
    findings: tuple[str, ...] = ()
    refused: Refused = field(default_factory=Refused)

    @property
    def summary(self) -> str:
        """The totals as one sentence."""
        return ", ".join(f"{number:,} {state}" for state, number in self.totals.items())

    @property
    def alarms(self) -> list[str]:
        """What needs a person, as sentences."""
        told = [self.keeper, *(standing.advice for standing in self.destinations), *self.findings]
        return [sentence for sentence in told if sentence]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**asdict(self), "alarms": self.alarms}

    def version(self) -> str:
        """A short text that is another one when anything told here is."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:16]


class Desk:
    """Reads overviews; safe for threads. ``elapsed`` gives seconds that only go forward."""

    def __init__(
        self,
        outbox: Outbox,
        settings: Settings,
        clock_ms: Callable[[], int],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._clock_ms = clock_ms
        self._elapsed = elapsed
        self._rows = Destinations(outbox)
        self._sites = {destination.name: destination.site for destination in settings.destinations}
        self._counted: tuple[float, Counts] = (-1.0, {})

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of all sites in the settings."""
        return tuple(dict.fromkeys(self._sites.values()))

    def heartbeat(self) -> int | None:
        """When the keeper last showed that it lives (ms)."""
        told = self._outbox.fact("heartbeat")
        return int(told) if told else None

    def overview(self, chosen: Chosen) -> Overview:
        """How things stand now."""
        now = self._clock_ms()
        counts = self._counts()
        states = self._rows.all()
        known = dict.fromkeys([*self._sites, *(name for name, _ in counts)])
        names = [name for name in known if chosen.site in (None, self._site_of(name))]
        entries = newest(self._outbox, MOST_ROWS, names, chosen.state)
        return Overview(
            chosen=chosen,
            sites=self.sites,
            totals={state.value: sum(counts.get((name, state.value), 0) for name in names) for state in State},
            keeper=keeper_trouble(self.heartbeat(), now),
            destinations=tuple(self._standing(name, states.get(name), counts) for name in names),
            stories=tuple(tell(entry, states.get(entry.destination), now) for entry in entries),
            findings=(*self._machine(), *findings(entries)),
            refused=read_refused(self._outbox),
        )

    def standing(self, name: str) -> tuple[Standing, DestinationState | None]:
        """How one destination stands now."""
        state = self._rows.get(name)
        return self._standing(name, state, self._counts()), state

    def _machine(self) -> list[str]:
        told = [outbox_trouble(self._outbox), clock_trouble(self._outbox.fact("clock_ahead_ms"))]
        return [sentence for sentence in told if sentence]

    def _standing(self, name: str, state: DestinationState | None, counts: Counts) -> Standing:
        return standing_of(name, state, name in self._sites, counts.get((name, State.WAITING.value), 0))

    def _site_of(self, destination: str) -> str:
        return self._sites.get(destination) or destination.rpartition("/")[0]

    def _counts(self) -> Counts:
        good_until, counts = self._counted
        began = self._elapsed()
        if began < good_until:
            return counts
        counts = self._outbox.counts()
        ended = self._elapsed()
        self._counted = (ended + COUNTING_SHARE * (ended - began), counts)
        return counts
