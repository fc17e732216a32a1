"""Where an outbox may stand, how much room it leaves, and that its file is still there."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.errors import OutboxBroken, OutboxError, OutboxFull
from proxy.events import inheriting
from proxy.events.merging import merge
from proxy.outbox import keys
from proxy.outbox import place as places
from proxy.outbox.destinations import Destinations
from proxy.outbox.entry import Entry
from proxy.outbox.open import check_outbox, open_outbox
from proxy.outbox.place import FOR_BACK_ENDS, FOR_BROWSERS, FOR_THE_LOG, MIB, Place, Room
from proxy.outbox.sqlite import Sqlite
from proxy.outbox.store import Outbox
from tests.outbox.conftest import NOW
from tests.room import set_room
from tests.rows import all_rows

Make = Callable[..., Entry]
GIB = 1024 * MIB

MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:40 / /srv rw,relatime - nfs4 10.0.0.2:/export rw,vers=4.2
31 30 8:1 / /srv/local rw,relatime - xfs /dev/sda1 rw
32 27 0:41 / /mnt/with\040space rw - cifs //nas/shop rw
33 27 0:42 / /over rw - nfs 10.0.0.2:/export rw
34 27 0:43 / /over rw - tmpfs tmpfs rw
35 27 0:44 / /over2 rw - tmpfs tmpfs rw
36 27 0:45 / /over2 rw master:1 propagate_from:2 - fuse.sshfs me@host:/ rw
37 27 0:46 / /c rw - 9p drvfs rw
38 27 0:47 / /host rw - fuse.grpcfuse grpcfuse rw
39 27 0:48 / /smb rw - smb3 //nas/x rw
40 27 0:49 / /vol rw - fuse.s3fs s3fs rw
41 27 0:50 / /fuseblk rw - fuseblk /dev/sdb1 rw
42 27 0:51 / /overlay rw - overlay overlay rw
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/o.db", None),
        ("/srv/o.db", "nfs4"),
        ("/srv", "nfs4"),
        ("/srvx/o.db", None),
        ("/srv/local/o.db", None),
        ("/srv/localx/o.db", "nfs4"),
        ("/mnt/with space/a/o.db", "cifs"),
        ("/over/o.db", None),
        ("/over2/o.db", "fuse.sshfs"),
        ("/c/Users/o.db", "9p"),
        ("/host/o.db", "fuse.grpcfuse"),
        ("/smb/o.db", "smb3"),
        ("/vol/o.db", "fuse.s3fs"),
        ("/fuseblk/o.db", None),
        ("/overlay/o.db", None),
    ],
)
def test_the_mount_that_holds_the_path_decides(path: str, kind: str | None) -> None:
    assert places.network_filesystem(Path(path), MOUNTS) == kind


def test_where_no_mounts_are_told_nothing_is_refused() -> None:
    assert places.network_filesystem(Path("/srv/o.db"), "") is None


def test_a_network_folder_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "mountinfo"
    told.write_text(f"27 1 0:4 / / rw - ext4 /dev/vda rw\n30 27 0:40 / {tmp_path}/nas rw - nfs4 nas:/x rw\n")
    monkeypatch.setattr("proxy.outbox.place._MOUNTS", told)
    (tmp_path / "nas").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nas")
    for folder in ("nas", "link", "nas/below"):
        with pytest.raises(OutboxError, match=r"network folder \(nfs4\).*local disk with PIXELPAIR_OUTBOX_URL"):
            open_outbox(f"sqlite:///{tmp_path}/{folder}/o.db", merge)
    assert list((tmp_path / "nas").iterdir()) == []
    open_outbox(f"sqlite:///{tmp_path}/o.db", merge).close()


class TestPlacesWhereNoFileCanStand:
    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OutboxError, match=r"it is a folder.*/pixelpair.db, with PIXELPAIR_OUTBOX_URL"):
            check_outbox(f"sqlite:///{tmp_path}")
        assert list(tmp_path.iterdir()) == []

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutboxError, match="Not a directory"):
            check_outbox(f"sqlite:///{tmp_path}/file/a/o.db")

    def test_where_not_even_root_may_write(self) -> None:
        with pytest.raises(OutboxError, match="cannot be written at /proc"):
            Sqlite(Path("/proc/o.db"))

    def test_a_file_beside_it_that_cannot_be_opened(self, tmp_path: Path) -> None:
        (tmp_path / "o.db-lock").mkdir()
        with pytest.raises(OutboxError, match=r"o.db-lock \(Is a directory\)"):
            Sqlite(tmp_path / "o.db")

    def test_checking_makes_nothing(self, tmp_path: Path) -> None:
        places.check_place(tmp_path / "a" / "b" / "o.db")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("total", "back_ends", "browsers"),
    [(4 * MIB, MIB // 2, MIB), (GIB, 128 * MIB, 256 * MIB), (2 * GIB, 256 * MIB, 512 * MIB)]
    + [(size * GIB, 256 * MIB, 512 * MIB) for size in (10, 4_000)],
)
def test_the_reserve_is_a_fixed_size_but_a_share_of_a_small_disk(total: int, back_ends: int, browsers: int) -> None:
    room = Room(total, total)
    assert (room.least(FOR_BACK_ENDS), room.least(FOR_BROWSERS)) == (back_ends, browsers)
    assert not Room(back_ends, total).is_short(FOR_BACK_ENDS)
    assert Room(back_ends - 1, total).is_short(FOR_BACK_ENDS)


def test_room_inside_the_file_counts_but_is_none_for_the_log() -> None:
    enough = 512 * MIB
    assert Room(100 * MIB, 10 * GIB).is_short(FOR_BACK_ENDS)
    assert not Room(100 * MIB, 10 * GIB, reusable=enough).is_short(FOR_BACK_ENDS)
    assert Room(Room(0, 10 * GIB).least(FOR_THE_LOG) - 1, 10 * GIB, reusable=enough).is_short(FOR_BACK_ENDS)


def test_browsers_are_refused_before_back_ends_and_both_come_back(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for free in (600, 511, 300, 255, 511, 600):
        set_room(monkeypatch, free * MIB)
        row = []
        for backend in (False, True):
            try:
                outbox.admit(backend)
                row.append("")
            except OutboxFull as error:
                row.append(str(error).partition("nearly full: ")[2].partition(" are refused")[0])
        seen.append(tuple(row))
    open_, half, shut = ("", ""), ("Reports from browsers", ""), ("Reports", "Reports")
    assert seen == [open_, half, half, shut, half, open_]


def test_an_outbox_that_filled_its_disk_takes_events_again_when_its_own_memory_has_run_out(
    outbox: Outbox, entry: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with outbox.write() as connection:
        outbox.add(connection, [entry(f"e{number}", body="x" * 10_000) for number in range(2_000)], NOW)
    set_room(monkeypatch, free=MIB, total=20 * MIB)
    with pytest.raises(OutboxFull):
        outbox.admit(backend=False)
    with outbox.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    outbox.admit(backend=False)
    assert outbox.room().reusable > 15 * MIB


def test_the_disk_is_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "o.db").touch()
    looks, now = [], [100.0]
    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", lambda path: looks.append(path) or real(path))
    place = Place(tmp_path / "o.db", lambda: 0, lambda: now[0])
    for _ in range(100):
        place.admit(backend=False)
    assert len(looks) == 1
    now[0] += 1
    place.admit(backend=True)
    assert len(looks) == 2


class TestFileThatGoesAway:
    @pytest.fixture(autouse=True)
    def _look_always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("proxy.outbox.place.LOOK_SECONDS", 0.0)

    def test_deleted_nothing_is_taken_in_and_what_it_holds_can_be_delivered(
        self, outbox: Outbox, entry: Make, tmp_path: Path
    ) -> None:
        with outbox.write() as connection:
            outbox.add(connection, [entry()], NOW)
        (tmp_path / "outbox.db").unlink()
        with pytest.raises(OutboxError, match=r"is gone \(No such file or directory\).*goes on being delivered"):
            outbox.admit(backend=True)
        [claimed] = outbox.claim("shop/P1", NOW, 9, "token", 1_000)
        assert outbox.settle("token", [claimed.id], NOW, code=0, request_id=None) == 1
        assert not (tmp_path / "outbox.db").exists()

    def test_no_new_connection_makes_it_anew_or_takes_another(self, outbox: Outbox, tmp_path: Path) -> None:
        path = tmp_path / "outbox.db"
        path.rename(tmp_path / "away.db")
        with outbox.read(), pytest.raises(OutboxError, match="is gone"), outbox.read():
            pass
        assert not path.exists()
        sqlite3.connect(path).close()
        path.touch()
        with outbox.read(), pytest.raises(OutboxError, match="is another file now"), outbox.read():
            pass
        path.unlink()
        (tmp_path / "away.db").rename(path)
        outbox.admit(backend=False)
        with outbox.read(), outbox.read():
            pass

    def test_with_its_folder(self, tmp_path: Path) -> None:
        outbox = open_outbox(f"sqlite:///{tmp_path}/var/o.db", merge)
        shutil.rmtree(tmp_path / "var")
        with pytest.raises(OutboxError, match="is gone"):
            outbox.admit(backend=False)
        outbox.close()
        assert not (tmp_path / "var").exists()


def test_a_full_disk_is_told_and_passes(outbox: Outbox, entry: Make) -> None:
    """SQLite's own limit of pages stands for a quota: statvfs sees nothing of it."""
    with outbox.write() as connection:
        outbox.add(connection, [entry("e1")], NOW)
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(OutboxFull, match="is full: make room") as caught, outbox.write() as connection:
        outbox.add(connection, [entry(f"f{number}") for number in range(1_000)], NOW)
    assert caught.value.retry_after > 0
    assert [row.event_id for row in all_rows(outbox)] == ["e1"]
    with outbox.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
        outbox.add(connection, [entry("e2")], NOW)
    assert [row.event_id for row in all_rows(outbox)] == ["e1", "e2"]


def pages_of(path: Path) -> int:
    return path.stat().st_size // 4096


def test_any_page_overwritten_raises_nothing_but_our_errors_and_shuts_the_doors(tmp_path: Path, entry: Make) -> None:
    sound = tmp_path / "sound.db"
    outbox = Outbox(Sqlite(sound), merge, inheriting)
    with outbox.write() as connection:
        outbox.add(connection, [entry(f"e{n}", key=f"k{n}", view=f"v{n}") for n in range(60)], NOW)
    outbox.close()
    found = 0
    for page in range(1, pages_of(sound)):
        path = tmp_path / f"page{page}.db"
        held = bytearray(sound.read_bytes())
        held[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
        path.write_bytes(held)
        try:
            outbox = Outbox(Sqlite(path), merge, inheriting)
        except OutboxBroken:
            found += 1
            assert path.read_bytes() == held
            continue
        try:
            with outbox.write() as connection:
                outbox.add(
                    connection, [entry(f"f{n}", key=f"l{n}", view=f"w{n}", is_order=True) for n in range(60)], NOW
                )
            claimed = outbox.claim("shop/P1", NOW, 200, "token", 1_000)
            outbox.settle("token", [one.id for one in claimed], NOW, code=0, request_id=None)
            Destinations(outbox).settle_in("shop/P1", "print", NOW)
            keys.make(outbox, "shop", NOW)
        except OutboxBroken:
            found += 1
            with pytest.raises(OutboxBroken, match="is broken: "):
                outbox.admit(backend=True)
        outbox.close()
    assert found == pages_of(sound) - 1
