"""How long to leave a destination alone after a call that failed. Pure: the chance comes in as an argument."""

from collections.abc import Callable

from proxy.tiktok.verdict import LONGEST_RETRY_AFTER

BASE = 1.0
LONGEST = 60.0


def delay(attempts: int, retry_after: float | None, uniform: Callable[[float, float], float]) -> float:
    """Seconds to wait after ``attempts`` failures in a row (1 after the first).

    Full jitter: anywhere from 0 to 1 s, 2 s, 4 s … 60 s, so that senders stopped by one fault do not come back in step
    (AWS Architecture Blog, "Exponential Backoff And Jitter"). ``retry_after`` in seconds is a minimum, up to an hour;
    ``uniform`` is ``random.uniform`` outside of tests.
    """
    doublings = min(max(attempts, 1) - 1, 6)  # 2**6 is past the cap; an outage of days must not overflow a float
    jittered = uniform(0.0, min(BASE * 2**doublings, LONGEST))
    return max(jittered, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
