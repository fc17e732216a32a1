"""F4, F6, F12: TikTok is broken, away, slow, endless, or answers into a dead line."""

import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.conftest import Sandbox
from tests.faults.tiktok.conftest import Shop
from tests.faults.wire import Fault, Wire, answer, cut, cut_after_accept, hang, large, trickle
from tests.listener import make_certificate, server_tls
from tests.program import wait_for

MIB = 1024 * 1024
ODD_MACHINE = (sys.executable, Path(__file__).parents[1] / "odd_machine.py")

BROKEN: dict[str, Fault] = {
    "500": answer("500 Internal Server Error"),
    "502": answer("502 Bad Gateway"),
    "503": answer("503 Service Unavailable"),
    "504": answer("504 Gateway Timeout", body=b""),
    "408": answer("408 Request Timeout"),
    "reset": cut,
}


def test_whatever_breaks_a_few_calls_loses_nothing_and_tells_nothing_twice(
    shop: Callable[..., Shop], wire: Wire, is_long: bool
) -> None:
    calls = 4 if is_long else 2
    one = shop(len(BROKEN))
    for pixel, fault in zip(one.pixels, BROKEN.values(), strict=True):
        wire.misbehave(pixel, *[fault] * calls)
    one.tell(5)
    one.settle()
    one.all_arrived_once()
    for pixel in one.pixels:
        assert len(wire.of(pixel)) > calls


def test_a_refused_connection_is_tried_again_until_somebody_listens(shop: Callable[..., Shop], wire: Wire) -> None:
    one = shop(1)
    wire.away()
    one.tell(3)
    wait_for(lambda: one.standing(one.pixels[0])["attempts"] >= 2)
    assert one.standing(one.pixels[0])["reason"] == "no answer: refused"
    wire.back()
    one.settle()
    one.all_arrived_once()


def test_a_resolver_that_is_down_for_a_while_costs_time_only(
    shop: Callable[..., Shop], wire: Wire, tmp_path: Path
) -> None:
    down = tmp_path / "resolver-is-down"
    one = shop(1, program=ODD_MACHINE, ODD_NO_NAMES=str(down))
    down.touch()
    one.tell(3)
    wait_for(lambda: one.standing(one.pixels[0])["attempts"] >= 2)
    assert one.standing(one.pixels[0])["reason"] == "no answer: dns"
    down.unlink()
    one.settle()
    one.all_arrived_once()


def test_an_impostor_gets_no_token_and_costs_time_only(
    shop: Callable[..., Shop], sandbox: Sandbox, tmp_path: Path
) -> None:
    trusted, impostors = make_certificate(tmp_path / "trusted.pem"), make_certificate(tmp_path / "impostors.pem")
    wire = Wire(int(sandbox.address.rpartition(":")[2]), server_tls(impostors))
    try:
        one = shop(1, program=ODD_MACHINE, ODD_TRUSTED=str(trusted), PIXELPAIR_TIKTOK_URL=wire.url)
        one.tell(3)
        wait_for(lambda: one.standing(one.pixels[0])["attempts"] >= 2)
        assert one.standing(one.pixels[0])["reason"] == "no answer: tls"
        assert wire.calls == []
        wire.away()
        wire.back(server_tls(trusted))
        one.settle()
        one.all_arrived_once()
    finally:
        wire.stop()


SLOW: dict[str, Fault] = {
    "hang": hang,
    "slow drip": trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b" "),
}
SLOW_TOO: dict[str, Fault] = {
    "slow headers": trickle(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
    "endless interim answers": trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "endless after a good beginning": trickle(b'HTTP/1.0 200 OK\r\n\r\n{"code":0}', b" "),
}
LARGE: dict[str, Fault] = {
    "100 MB": large(100 * MIB),
    "endless": trickle(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 65536, pause=0),
    "endless chunks": trickle(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10_000, pause=0
    ),
}


def peak_memory(one: Shop) -> int:
    """The most bytes the program ever had resident."""
    assert one.proxy.running is not None
    status = Path(f"/proc/{one.proxy.running.process.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def test_no_answer_is_waited_for_without_end_or_kept_without_limit(
    shop: Callable[..., Shop], wire: Wire, is_long: bool
) -> None:
    """None of these answers ever ends by itself: that everything is delivered shows that each call was cut off."""
    faults = {**SLOW, **LARGE, **(SLOW_TOO if is_long else {})}
    one = shop(len(faults))
    one.tell(1)
    one.settle()
    before = peak_memory(one)
    for pixel, fault in zip(one.pixels, faults.values(), strict=True):
        wire.misbehave(pixel, fault)
    one.tell(1)
    one.settle()
    one.all_arrived_once()
    assert peak_memory(one) - before < 32 * MIB
    for pixel, name in zip(one.pixels, faults, strict=True):
        assert len(wire.of(pixel)) == 3, name


def test_an_answer_lost_after_tiktok_took_the_events_costs_one_repetition_under_the_same_ids(
    shop: Callable[..., Shop], wire: Wire
) -> None:
    one = shop(1)
    (pixel,) = one.pixels
    wire.misbehave(pixel, cut_after_accept)
    one.relay(pixel, ["a", "b", "c"])
    one.settle()
    assert one.received(pixel) == {"a": 2, "b": 2, "c": 2}
    assert one.states(pixel) == {"delivered": 3}
    assert [row["unknown_outcome"] for row in one.rows(pixel)] == [1, 1, 1]
