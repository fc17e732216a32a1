"""F15: the outbox's file is corrupt, something else, in the wrong place or gone; at the start and under the program."""

import os
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import Crowd, Proxy
from tests.faults.disks import mounted
from tests.faults.ledger import Ledger
from tests.program import wait_for

Make = Callable[..., Proxy]
PAGE = 4096


def refused(one: Proxy, code: int = 1, **environ: str) -> str:
    """The one sentence with which a start is refused; nothing but this is printed."""
    running = one.launch(**environ)
    assert running.process.wait(60) == code, running.log()
    (line,) = running.log().splitlines()
    assert line.startswith("pixelpair: ")
    assert line.endswith(".")
    return line.removeprefix("pixelpair: ")


@pytest.fixture
def with_backlog(proxy: Make, ledger: Ledger) -> Proxy:
    """A proxy that was stopped with 100 events waiting, closed in order."""
    one = proxy()
    one.start().sandbox.behave(status=503, times=None)
    with requests.Session() as session:
        for _ in range(100):
            assert ledger.tell(one.address, session) == 202
    assert one.end() == 0
    one.sandbox.behave_again()
    return one


def overwrite(path: Path, place: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xa5" * length)


def root_page(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0])


def test_a_file_that_cannot_be_read_stops_the_start_and_is_kept(with_backlog: Proxy, ledger: Ledger) -> None:
    one, path = with_backlog, with_backlog.database
    sound = path.read_bytes()
    for damage in (
        lambda: overwrite(path, 0, 100),
        lambda: path.write_bytes(b"To be, or not to be\n" * 500),
        lambda: os.truncate(path, 5 * PAGE),
        lambda: overwrite(path, (root_page(path, "facts") - 1) * PAGE, PAGE),
    ):
        damage()
        held = path.read_bytes()
        said = refused(one)
        assert "is broken: " in said
        assert 'on_corrupt_outbox = "move_aside"' in said
        assert path.read_bytes() == held
        path.write_bytes(sound)

    overwrite(path, 0, 100)
    held = path.read_bytes()
    one.start(PIXELPAIR_ON_CORRUPT_OUTBOX="move_aside")
    assert ledger.tell(one.address) == 202
    (aside,) = path.parent.glob("outbox.db.corrupt-*Z")
    assert aside.read_bytes() == held
    assert one.end() == 0

    path.write_bytes(sound)  # the copy restored: all of it arrives
    one.start()
    one.drain()
    assert len(one.balance(ledger).received) >= 100


def test_an_index_found_broken_under_way_shuts_the_doors_and_keeps_every_byte(
    with_backlog: Proxy, ledger: Ledger
) -> None:
    one, path = with_backlog, with_backlog.database
    overwrite(path, (root_page(path, "events_to_send") - 1) * PAGE, PAGE)
    running = one.launch()  # the start does not read all of it
    wait_for(lambda: one.healthz().ok, running.log)
    for _ in range(3):
        assert ledger.tell(one.address) == 503
        answer = one.readyz()
        assert answer.json() == {"status": "failing", "reason": "the outbox is broken; see the proxy's log"}
        assert answer.status_code == 503
    assert set(ledger.statuses) == {202, 503}
    assert "is broken: database disk image is malformed. Keep the file" in one.log()
    assert "Traceback" not in one.log()
    assert one.healthz().json()["status"] == "ok"  # the process itself works: to start it again would mend nothing
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        held = {row[0] for row in connection.execute("SELECT event_id FROM events NOT INDEXED")}
    assert set(ledger.accepted.values()) <= held | {str(event["event_id"]) for event in one.sandbox.server_events()}


def test_every_page_overwritten_under_way(proxy: Make, crowd: Callable[..., Crowd], ledger: Ledger) -> None:
    one = proxy().start()
    shoppers = crowd(one)
    wait_for(lambda: len(ledger.accepted) >= 100)
    log = one.folder / "outbox.db-wal"
    for path, head in ((one.database, PAGE), (log, 32)):
        overwrite(path, head, max(PAGE, path.stat().st_size - head))
    wait_for(lambda: ledger.statuses[503] >= 20, one.log)
    shoppers.stop()
    assert one.readyz().status_code == 503
    assert set(ledger.statuses) == {202, 503}
    assert one.running is not None
    assert one.running.process.poll() is None
    assert "Keep the file and what stands beside it; restore a copy" in one.log()
    assert one.database.exists()
    assert not list(one.folder.glob("*corrupt*"))


def test_the_file_deleted_under_way(proxy: Make, ledger: Ledger) -> None:
    one = proxy().start()
    one.sandbox.behave(status=503, times=None)
    for _ in range(20):
        assert ledger.tell(one.address) == 202
    for path in one.folder.glob("outbox.db*"):
        path.unlink()
    wait_for(lambda: ledger.tell(one.address) == 503)
    answer = one.readyz()
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the outbox is gone or cannot be used; see the proxy's log"
    assert one.healthz().ok
    assert "is gone (No such file or directory), while this process runs on the file that was there" in one.log()
    page = requests.get(f"http://127.0.0.1:{one.operator_port}/", timeout=10).text
    assert "goes on being delivered" in page
    one.sandbox.behave_again()

    def arrived() -> bool:
        return set(ledger.accepted.values()) <= {str(event["event_id"]) for event in one.sandbox.server_events()}

    wait_for(arrived, one.log)
    assert one.end() == 0
    assert not list(one.folder.glob("outbox.db*"))
    assert one.start().readyz().ok  # and a new one is made at the next start
    assert ledger.tell(one.address) == 202


def test_the_folder_moved_away_and_back(proxy: Make, ledger: Ledger, tmp_path: Path) -> None:
    home = tmp_path / "data"
    one = proxy(PIXELPAIR_OUTBOX_URL=f"sqlite:///{home}/outbox.db")
    one.database = home / "outbox.db"
    one.start()
    assert ledger.tell(one.address) == 202
    home.rename(tmp_path / "elsewhere")
    wait_for(lambda: ledger.tell(one.address) == 503)
    assert one.readyz().status_code == 503
    assert not home.exists()
    (tmp_path / "elsewhere").rename(home)
    wait_for(lambda: ledger.tell(one.address) == 202)
    assert one.readyz().ok
    one.drain()
    one.balance(ledger).holds()


def test_a_folder_that_is_read_only(proxy: Make, with_backlog: Proxy, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=16m"):
        shutil.copy(with_backlog.database, tmp_path / "disk")
        subprocess.run(["mount", "-o", "remount,ro", tmp_path / "disk"], check=True, timeout=30)
        for name in ("outbox.db", "new.db"):
            said = refused(with_backlog, PIXELPAIR_OUTBOX_URL=f"sqlite:///{tmp_path}/disk/{name}")
            assert f"{tmp_path}/disk/{name} (Read-only file system): make the folder writable" in said
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["outbox.db"]


@contextmanager
def refusing_fuse(folder: Path, kind: str) -> Iterator[None]:
    """A mount of this kind that answers nothing: its kind is all that the start may look at."""
    device = os.open("/dev/fuse", os.O_RDWR)
    try:
        with mounted(
            folder, f"fd={device}", "rootmode=40000", "user_id=0", "group_id=0", kind=kind, pass_fds=(device,)
        ):
            _, _, unique = struct.unpack_from("IIQ", os.read(device, 1 << 17))
            os.write(device, struct.pack("IiQ", 16, -38, unique))
            yield
    finally:
        os.close(device)


@pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="no /dev/fuse to write to: run as root, modprobe fuse")
def test_a_network_folder(proxy: Make, tmp_path: Path) -> None:
    one = proxy(PIXELPAIR_OUTBOX_URL=f"sqlite:///{tmp_path}/nas/outbox.db")
    with refusing_fuse(tmp_path / "nas", "fuse.sshfs"):
        said = refused(one)
    assert "on a network folder (fuse.sshfs)" in said
    assert "choose a folder on a local disk with PIXELPAIR_OUTBOX_URL" in said


def test_an_address_where_no_outbox_can_be(proxy: Make, tmp_path: Path) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "note").write_text("")
    for url, code, said in (
        ("mysql://root@localhost/x", 2, "PIXELPAIR_OUTBOX_URL: unknown engine: write sqlite:///"),
        ("redis://localhost/0", 2, "PIXELPAIR_OUTBOX_URL: unknown engine: write sqlite:///"),
        ("sqlite://", 2, "PIXELPAIR_OUTBOX_URL: the outbox must be a file, to survive a restart"),
        ("sqlite:///:memory:", 2, "PIXELPAIR_OUTBOX_URL: the outbox must be a file, to survive a restart"),
        (f"sqlite:///{folder}", 1, "(it is a folder): name a file in it"),
        (f"sqlite:///{folder}/note/outbox.db", 1, "(Not a directory): make the folder writable"),
    ):
        assert said in refused(proxy(PIXELPAIR_OUTBOX_URL=url), code)
    made = [path.name for path in tmp_path.rglob("*") if not path.name.startswith(("log-", "proxy-"))]
    assert sorted(made) == ["note", "place"]
    assert (folder / "note").read_text() == ""


def test_settings_of_another_version_stop_the_start_before_the_outbox_is_opened(with_backlog: Proxy) -> None:
    one = with_backlog
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in one.folder.glob("outbox.*")}
    (one.folder / "pixelpair.toml").write_text("deliver_by_pigeon = true\n")
    said = refused(one, 2)
    assert said.startswith("deliver_by_pigeon: this version of Pixelpair (")
    assert "another version may" in said
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in one.folder.glob("outbox.*")} == before
    shutil.rmtree(one.folder)
    one.folder.mkdir()
    (one.folder / "pixelpair.toml").write_text("deliver_by_pigeon = true\n")
    refused(one, 2)
    assert not list(one.folder.glob("outbox*"))
