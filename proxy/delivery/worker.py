"""One sender: claims a batch, posts it, and writes down what TikTok said. ``run_turn(now)`` is one such round.

Whatever happens to a batch, each of its events ends the turn settled, released or given up; when even writing that
down fails, the sender keeps the answer and tries again, so that a full disk never makes it send twice.
"""

import hashlib
import itertools
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from proxy.delivery.backoff import delay
from proxy.delivery.deadlines import too_late_reason
from proxy.delivery.skew import Skew
from proxy.errors import OutboxError, SettingsError
from proxy.outbox.destinations import Destinations, DestinationState
from proxy.outbox.store import CLOCK_WENT_BACK, Claimed, Outbox
from proxy.settings import Destination
from proxy.tiktok.client import Client, Reply
from proxy.tiktok.verdict import Delivered, Pause, Refused, TooLarge, TryAgain, judge

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_EVENTS = 1_000  # TikTok's limit for one request
LEASE_MS = 10 * 60_000
PROBE_AFTER_MS = 5 * 60_000  # a paused destination is tried with one event this often
ALIKE = 3  # this many first refusals in the same words are a wrong setting, not bad events
SPLIT_AFTER = 5  # a batch that failed so often while another was delivered is itself the trouble
NOTE_DELIVERY_MS = 5_000  # how stale "last delivered" may be: saves a write with every batch
LOOK_AT_TOKENS_MS = 1_000
LONGEST_SLEEP_MS = 1_000


class Waker:
    """Tells sleeping senders that something was stored; a call between looking and sleeping is not missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """How often ``wake`` was called."""
        return self._count

    def wake(self) -> None:
        """Wake every sleeper."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def sleep(self, seen: int, seconds: float) -> None:
        """Sleep until ``wake`` was called more than ``seen`` times, or for ``seconds``."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)


@dataclass
class Desk:
    """What senders share: whose turn it is, and which destination is being tried by one of them alone."""

    turn: "itertools.count[int]" = field(default_factory=itertools.count)
    alone: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, name: str, alone: bool) -> bool:
        """May a sender work for ``name`` now? ``alone``: it is ailing, so one sender at a time."""
        with self.lock:
            if name in self.alone:
                return False
            if alone:
                self.alone.add(name)
            return True

    def leave(self, name: str) -> None:
        """The sender is done with ``name``."""
        with self.lock:
            self.alone.discard(name)


@dataclass
class _Batch:
    """A claim on its way: what is still to be posted, in order."""

    destination: Destination
    state: DestinationState
    token: str
    parts: list[list[Claimed]]
    posted: list[Claimed] = field(default_factory=list)  # the part whose answer is not written down yet
    delivered_any: bool = False
    fingerprint: str = ""  # of the token that the latest request carried


class Worker:
    """Sends what waits. Times in ms; ``clock_ms`` stamps answers, ``uniform(low, high)`` draws jitter; ``waker``,
    ``desk`` and ``skew`` are shared by the senders of a keeper."""

    def __init__(
        self,
        outbox: Outbox,
        destinations: Sequence[Destination],
        client: Client,
        *,
        clock_ms: Callable[[], int],
        uniform: Callable[[float, float], float],
        waker: Waker,
        desk: Desk,
        skew: Skew,
    ) -> None:
        self._outbox = outbox
        self._rows = Destinations(outbox)
        self._destinations = list(destinations)
        self._client = client
        self._clock_ms = clock_ms
        self._uniform = uniform
        self._waker = waker
        self._desk = desk
        self._skew = skew
        self._wake_at = 0
        self._stopped = threading.Event()
        self._tokens_seen_at = -LOOK_AT_TOKENS_MS

    def run_until(self, stopped: threading.Event) -> None:
        """Run turns until ``stopped``; sleeps when there is nothing to send."""
        self._stopped = stopped
        while not stopped.is_set():
            seen = self._waker.count
            try:
                busy = self.run_turn(self._clock_ms())
            except OutboxError as error:
                log.error("%s", error)
                stopped.wait(1.0)
                continue
            except Exception:
                # The outermost turn: what was claimed stays leased and is freed when the keeper starts again.
                log.exception("a sender's turn failed")
                stopped.wait(1.0)
                continue
            if not busy:
                # At most as long as ever, for the clock may have been set back since the turn began.
                left = min(self._wake_at - self._clock_ms(), LONGEST_SLEEP_MS)
                self._waker.sleep(seen, max(0, left) / 1000)

    def run_turn(self, now: int) -> bool:
        """Send one batch for the next destination that has one. False when there was nothing to send."""
        self._look_at_tokens(now)
        self._wake_at = now + LONGEST_SLEEP_MS
        states = self._rows.all()
        start = next(self._desk.turn)
        for offset in range(len(self._destinations)):
            destination = self._destinations[(start + offset) % len(self._destinations)]
            state = states.get(destination.name)
            if state is not None and self._may_try(state, now) and self._serve(destination, state, now):
                return True
        return False

    def _may_try(self, state: DestinationState, now: int) -> bool:
        if state.paused_by == "operator":
            return False
        if now < state.next_at <= now + CLOCK_WENT_BACK:
            self._wake_at = min(self._wake_at, state.next_at)
            return False
        return True

    def _serve(self, destination: Destination, state: DestinationState, now: int) -> bool:
        ailing = state.paused_at is not None or state.attempts > 0
        if not self._desk.enter(destination.name, ailing):
            return False
        try:
            due_at = self._outbox.next_due(destination.name, now)
            if due_at is None or due_at > now:
                self._wake_at = min(self._wake_at, due_at or self._wake_at)
                return False  # looking needs no write lock, claiming does
            token = secrets.token_hex(8)
            claimed = self._claim(destination, state, token, now)
            if not claimed:
                return False
            batch = _Batch(destination, state, token, [])
            try:
                if self._stopped_meanwhile(destination, claimed, token, now):
                    return False
                batch.parts.append(self._drop_late(claimed, token, now))
                self._send(batch)
            except Exception:
                self._give_back(batch)
                raise
            return True
        finally:
            if ailing:
                self._desk.leave(destination.name)

    def _stopped_meanwhile(self, destination: Destination, claimed: list[Claimed], token: str, now: int) -> bool:
        """Another sender met a fault after this turn looked: what was claimed goes back, as that sender was told.

        A fault is noted before its events wait again, so whoever claims them can see it.
        """
        fresh = self._rows.get(destination.name)
        if fresh is None or self._may_try(fresh, now):
            return False
        ids = [event.id for event in claimed]
        reason = fresh.reason or "its destination was stopped"
        self._persist(lambda: self._outbox.release(token, ids, now, reason=reason, untried=True))
        return True

    def _give_back(self, batch: _Batch) -> None:
        """After a failure of our own: only what was posted may have been counted by TikTok."""
        reason = "a sender failed; see its log"
        self._release(batch, batch.posted, reason, unknown=True)
        self._persist(lambda: self._outbox.release_token(batch.token, self._clock_ms(), reason))

    def _claim(self, destination: Destination, state: DestinationState, token: str, now: int) -> list[Claimed]:
        """A batch; after many failures ever smaller ones, from both ends, so that one event in the way of all the
        others is passed by, and stands out."""
        limit = MOST_EVENTS if state.paused_at is None else 1
        if state.attempts >= SPLIT_AFTER:
            limit = max(1, limit >> (state.attempts - SPLIT_AFTER + 1))
        other_end = state.attempts >= SPLIT_AFTER and state.attempts % 2 == 1
        return self._outbox.claim(destination.name, now, limit, token, LEASE_MS, newest_first=other_end)

    def _drop_late(self, claimed: list[Claimed], token: str, now: int) -> list[Claimed]:
        """Only what TikTok cannot count a second time may still go out."""
        in_time: list[Claimed] = []
        late: dict[str, list[int]] = {}
        for event in claimed:
            reason = too_late_reason(event.horizon_from, now, event.pixel, event.browser, event.unknown_outcome)
            if reason is None:
                in_time.append(event)
            else:
                late.setdefault(reason, []).append(event.id)
        for reason, ids in late.items():
            self._persist(
                lambda ids=ids, reason=reason: self._outbox.give_up(token, ids, now, reason=reason, untried=True)  # type: ignore[misc]
            )
        return in_time

    def _send(self, batch: _Batch) -> None:
        while batch.parts:
            part = batch.parts.pop()
            if part and not self._send_part(batch, part):
                self._release_rest(batch)
            if self._stopped.is_set():
                self._release_rest(batch)

    def _send_part(self, batch: _Batch, part: list[Claimed]) -> bool:
        """Post one part and note the answer. False when the rest of the batch should not be tried now."""
        destination = batch.destination
        batch.fingerprint = _UNREADABLE
        try:
            secret = destination.token()
        except SettingsError as error:
            self._pause(batch, str(error))
            self._release(batch, part, str(error), untried=True)
            return False
        batch.fingerprint = _fingerprint_of(destination, secret)
        code = part[0].test_code or None
        batch.posted = part
        reply = self._client.track(destination.pixel_code, secret, [event.body for event in part], code)
        now = self._clock_ms()
        goes_on = self._heed(batch, part, reply, now)
        batch.posted = []
        self._skew.look(reply.headers, now)  # may write too: TikTok's answer comes first
        return goes_on

    def _heed(self, batch: _Batch, part: list[Claimed], reply: Reply, now: int) -> bool:
        """Note what TikTok answered to one part. False when the rest of the batch should not be tried now."""
        match judge(reply, now / 1000):
            case Delivered() as verdict:
                return self._delivered(batch, part, verdict, now)
            case TooLarge(reason=reason) if len(part) > 1:
                return self._halve(batch, part)
            case TooLarge(reason=reason):
                # A gateway's word, not TikTok's: it may not kill an event.
                return self._try_again(batch, part, TryAgain(reason, None, unknown=False), now)
            case Refused(names_request=True) as verdict:
                self._pause(batch, f"TikTok refuses the request, not an event: {verdict.message}")
                self._release(batch, part, verdict.message)
                return False
            case Refused() if len(part) > 1:
                return self._halve(batch, part)
            case Refused() as verdict:
                return self._refused(batch, part, verdict, now)
            case Pause() as verdict:
                self._pause(batch, verdict.reason)
                self._release(batch, part, verdict.reason)
                return False
            case TryAgain() as verdict:
                return self._try_again(batch, part, verdict, now)

    def _delivered(self, batch: _Batch, part: list[Claimed], verdict: Delivered, now: int) -> bool:
        code = 0 if verdict.alarm is None else 20001
        if verdict.alarm is not None:
            log.warning("destination %s: delivered, but with %s", batch.destination.name, verdict.alarm)
        ids = [event.id for event in part]
        self._persist(
            lambda: self._outbox.settle(
                batch.token,
                ids,
                now,
                code=code,
                request_id=verdict.request_id,
                alarm=verdict.alarm,
                test_code=part[0].test_code,
            )
        )
        state = batch.state
        # One from the future was noted before the clock was set back.
        stale = state.delivered_at is None or not 0 <= now - state.delivered_at < NOTE_DELIVERY_MS
        if not batch.delivered_any and (stale or state.attempts or state.paused_at or not state.delivered_since):
            self._persist(lambda: self._rows.delivered(batch.destination.name, now, state.next_at))
        batch.delivered_any = True
        return True

    def _halve(self, batch: _Batch, part: list[Claimed]) -> bool:
        middle = len(part) // 2
        batch.parts += [part[middle:], part[:middle]]
        return True

    def _refused(self, batch: _Batch, part: list[Claimed], verdict: Refused, now: int) -> bool:
        """TikTok will not have this one event. The first few refused alike mean a wrong setting instead."""
        name = batch.destination.name
        self._dead(batch, part, verdict.message, verdict.code, verdict.request_id, now)
        # Read afresh: another sender may have delivered something since this batch was claimed.
        state = self._persist(lambda: self._rows.get(name))
        if state is None or state.delivered_since or batch.delivered_any:
            return True
        since = state.settled_at
        if self._persist(lambda: self._outbox.dead_alike(name, verdict.message, since)) < ALIKE:
            return True
        self._pause(batch, f"TikTok refused the first {ALIKE} events alike: {verdict.message}")
        self._persist(lambda: self._outbox.revive(name, verdict.message, since, now))
        return False

    def _dead(
        self, batch: _Batch, part: list[Claimed], reason: str, code: int | None, request_id: str | None, now: int
    ) -> bool:
        ids = [event.id for event in part]
        self._persist(
            lambda: self._outbox.give_up(batch.token, ids, now, reason=reason, code=code, request_id=request_id)
        )
        return True

    def _try_again(self, batch: _Batch, part: list[Claimed], verdict: TryAgain, now: int) -> bool:
        state = batch.state
        wait_ms = int(1000 * delay(state.attempts + 1, verdict.retry_after, self._uniform))
        until = now + wait_ms
        suspects = [event for event in part if self._is_suspect(state, event)]
        if suspects:
            # Others got through meanwhile: from now on these go apart, and ever fewer together.
            alone = len(part) == 1
            self._release(
                batch,
                suspects,
                verdict.reason,
                unknown=verdict.unknown,
                batch_limit=max(1, len(suspects) // 2),
                due_at=now + int(1000 * delay(part[0].attempts, verdict.retry_after, self._uniform)) if alone else None,
            )
            part = [event for event in part if event not in suspects]
            if not part:
                return True
        self._persist(lambda: self._rows.back_off(batch.destination.name, until, verdict.reason))
        self._release(batch, part, verdict.reason, unknown=verdict.unknown)
        return False

    def _is_suspect(self, state: DestinationState, event: Claimed) -> bool:
        since = event.first_attempt_at
        return event.attempts >= SPLIT_AFTER and state.delivered_at is not None and state.delivered_at > since

    def _release_rest(self, batch: _Batch) -> None:
        for part in batch.parts:
            if part:
                self._release(batch, part, "its batch was stopped before this part", untried=True)
        batch.parts.clear()

    def _release(
        self,
        batch: _Batch,
        part: list[Claimed],
        reason: str,
        *,
        unknown: bool = False,
        untried: bool = False,
        due_at: int | None = None,
        batch_limit: int | None = None,
    ) -> None:
        ids = [event.id for event in part]
        now = self._clock_ms()
        self._persist(
            lambda: self._outbox.release(
                batch.token,
                ids,
                now,
                reason=reason,
                unknown=unknown,
                untried=untried,
                due_at=due_at,
                batch_limit=batch_limit,
            )
        )

    def _pause(self, batch: _Batch, reason: str) -> None:
        now = self._clock_ms()
        name = batch.destination.name
        log.warning("destination %s is paused: %s", name, reason)
        # The pause is of the token that was sent: should another stand in its file by now, the next look ends it.
        self._persist(lambda: self._rows.settle_in(name, batch.fingerprint, now))
        self._persist(lambda: self._rows.pause(name, now, "tiktok", reason, now + PROBE_AFTER_MS))

    def _look_at_tokens(self, now: int) -> None:
        """A token that changed, in its file or at a restart, ends a pause that the old one caused."""
        if 0 <= now - self._tokens_seen_at < LOOK_AT_TOKENS_MS:
            return
        self._tokens_seen_at = now
        for destination in self._destinations:
            self._rows.settle_in(destination.name, _fingerprint(destination), now)

    def _persist(self, write: Callable[[], T]) -> T:
        """Write down an answer, however long the disk refuses; gives up only when the keeper stops."""
        while True:
            try:
                return write()
            except OutboxError as error:
                log.error("an answer of TikTok waits to be written down: %s", error)
                if self._stopped.wait(0.5):
                    raise


def _fingerprint(destination: Destination) -> str:
    """Tells one token from the next without telling the token."""
    try:
        secret = destination.token()
    except SettingsError:
        return _UNREADABLE  # and pauses when an event is to be sent: until then it may still be put right
    return _fingerprint_of(destination, secret)


_UNREADABLE = "unreadable"


def _fingerprint_of(destination: Destination, secret: str) -> str:
    return hashlib.sha256(f"{destination.pixel_code}\n{secret}".encode()).hexdigest()[:16]
