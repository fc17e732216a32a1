"""Where a SQLite outbox stands: on a local disk, with room left, its file still in its place and found broken by none.

The reserve. On a nearly full disk the keeper must still write (claims, TikTok's answers, its heartbeat, the clean-up),
or nothing could be delivered and nothing would ever run out. What it writes goes over rows that are there already and
through a log of some MiB, on a small disk as on a large one; so the reserve is a fixed size and no percentage, which on
a large disk would refuse millions of events that still fit. On a small disk it is a share, so that most of it stays
for events. Browsers' reports are refused at twice the reserve of back ends', so that visits never crowd out orders.

Room is what the disk has free and what the file has free in itself, where memory has run out: a file never shrinks by
itself, and without this an outbox that has filled its own disk would stay shut for ever.
"""

import errno
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.errors import OutboxBroken, OutboxError, OutboxFull
from proxy.outbox import files

MIB = 2**20
LOOK_SECONDS = 1.0

# The most each keeps free, in bytes, and the part of a small disk that it is at most.
FOR_BACK_ENDS = (256 * MIB, 8)
FOR_BROWSERS = (512 * MIB, 4)
FOR_A_WARNING = (1024 * MIB, 2)
# Room inside the file is no room for the log beside it.
FOR_THE_LOG = (64 * MIB, 32)

_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|9p|afs|ceph|glusterfs|lustre|beegfs|gpfs|gfs2|ocfs2|davfs2?|prl_fs|vboxsf|vmhgfs|"
    r"(fuse\.)?(sshfs|rclone|s3fs|goofys|mount-s3|gcsfuse|blobfuse2?|curlftpfs|glusterfs|ceph-fuse|juicefs|davfs2?|"
    r"smbnetfs|osxfs|grpcfuse|vmhgfs-fuse)"
)
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: ``free`` on a disk of ``total``, and ``reusable`` inside the outbox's file."""

    free: int
    total: int
    reusable: int = 0

    def least(self, reserve: tuple[int, int]) -> int:
        """How much of this disk the reserve is."""
        most, part = reserve
        return min(most, self.total // part)

    def is_short(self, reserve: tuple[int, int]) -> bool:
        """Whether less than the reserve is left, or the log beside the file could not grow."""
        return self.free + self.reusable < self.least(reserve) or self.free < self.least(FOR_THE_LOG)


def check_place(path: Path) -> None:
    """Raise ``OutboxError`` if no outbox can stand at ``path``. Makes nothing and touches nothing."""
    path = Path(os.path.realpath(path))
    if kind := network_filesystem(path):
        raise OutboxError(
            f"The outbox at {path} would lie on a network folder ({kind}), where SQLite can neither lock nor keep its "
            "log safely: choose a folder on a local disk with PIXELPAIR_OUTBOX_URL."
        )
    if path.is_dir():
        raise OutboxError(
            f"The outbox cannot be written at {path} (it is a folder): name a file in it, as in {path}/pixelpair.db, "
            "with PIXELPAIR_OUTBOX_URL."
        )
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if there != path and not there.is_dir():
        raise unwritable(path, errno.ENOTDIR)
    # The folder even when the file is there: SQLite makes files beside it.
    for place in {there, there if there.is_dir() else there.parent}:
        if not os.access(place, os.W_OK | (os.X_OK if place.is_dir() else os.R_OK)):
            raise unwritable(path, errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES)


def unwritable(path: Path, number: int | None) -> OutboxError:
    """The error about a place where files cannot be made; ``number`` is an errno."""
    is_full = number in (errno.ENOSPC, errno.EDQUOT)
    cure = "make room on the disk" if is_full else "make the folder writable for this user"
    return OutboxError(
        f"The outbox cannot be written at {path} ({os.strerror(number or 0)}): {cure}, "
        "or choose another place with PIXELPAIR_OUTBOX_URL."
    )


def network_filesystem(path: Path, mounts: str | None = None) -> str | None:
    """The kind of the network filesystem that holds ``path``, which is absolute; None when it is on a local one, or
    when this system does not tell. ``mounts`` is a text like Linux' /proc/self/mountinfo."""
    if mounts is None:
        mounts = _MOUNTS.read_text(errors="surrogateescape") if _MOUNTS.exists() else ""
    depth, kind = 0, ""
    for line in mounts.splitlines():
        mount, _, filesystem = line.partition(" - ")
        point = Path(_unescaped(mount.split(" ")[4]))
        # A later mount on the same point lies over the earlier one.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), filesystem.split(" ")[0]
    return kind if _NETWORK.fullmatch(kind) else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


class Place:
    """The place of one file, looked at once a second at most. Safe for threads.

    ``reusable`` tells how many bytes are free inside the file; it is asked only when the disk itself is short.
    """

    def __init__(self, path: Path, reusable: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._reusable = reusable
        self._clock = clock
        self._file = _identity(path)
        self._look_at = 0.0
        self._refusals: dict[bool, OutboxError | None] = {}

    def admit(self, backend: bool) -> None:
        """Raise ``OutboxFull`` if too little room is left for a report (of a back end: ``backend``),
        ``OutboxBroken`` if any process found the file so, and ``OutboxError`` if the file is not where it was."""
        now = self._clock()
        refusals = self._refusals
        if not refusals or now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._refusals = refusals = self._look()
        if refusal := refusals[backend]:
            raise type(refusal)(str(refusal))  # a fresh one: threads must not share a traceback

    def look_again(self) -> None:
        """Somebody knows better: look at the next ``admit``."""
        self._refusals = {}

    def check_file(self) -> None:
        """Raise ``OutboxError`` if the file is not where it was: what is written to it now ends with this process."""
        if gone := self._gone():
            raise gone

    def mark_broken(self, error: OutboxBroken) -> None:
        """Tell every process that the file was found broken."""
        files.mark_broken(self._path, self._file[1], str(error))

    def found_broken(self) -> OutboxBroken | None:
        """What a process said when it found the file broken, if one did."""
        said = files.said_broken(self._path, self._file[1])
        return None if said is None else OutboxBroken(said)

    def room(self) -> Room:
        """The room that is left now."""
        disk = os.statvfs(self._path.parent)
        room = Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)
        if not room.is_short(FOR_A_WARNING):
            return room
        return Room(room.free, room.total, self._reusable())

    def _look(self) -> dict[bool, OutboxError | None]:
        if gone := self._gone():
            return dict.fromkeys((True, False), gone)
        if found := self.found_broken():
            return dict.fromkeys((True, False), found)
        try:
            room = self.room()
        except OSError as error:
            sentence = f"The disk of the outbox at {self._path} does not answer ({error.strerror}): look at it."
            return dict.fromkeys((True, False), OutboxError(sentence))
        return {True: self._short(room, FOR_BACK_ENDS), False: self._short(room, FOR_BROWSERS)}

    def _short(self, room: Room, reserve: tuple[int, int]) -> OutboxFull | None:
        if not room.is_short(reserve):
            return None
        who = "Reports" if reserve is FOR_BACK_ENDS or room.is_short(FOR_BACK_ENDS) else "Reports from browsers"
        # No exact figure: a sentence that stays the same is logged once, not with every report.
        return OutboxFull(
            f"The disk of the outbox at {self._path} is nearly full: {who} are refused (503) while less than "
            f"{room.least(reserve) / MIB:,.0f} MiB are free, so that what is stored can still be delivered. "
            "Make room on it; reports are then taken again by themselves."
        )

    def _gone(self) -> OutboxError | None:
        try:
            if _identity(self._path) == self._file:
                return None
            what = "is another file now"
        except OSError as error:
            what = f"is gone ({error.strerror})"
        return OutboxError(
            f"The outbox at {self._path} {what}, while this process runs on the file that was there: nothing is taken "
            "in, and what that file holds goes on being delivered. Put the same file back, or wait until the "
            "operator's page shows nothing waiting and start again."
        )


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
