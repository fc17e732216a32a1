"""Small disks of a test's own (root only), and how to fill and empty them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.program import wait_for

MIB = 2**20


class Disk:
    """A tmpfs of ``size`` bytes at ``folder``."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self._ballast = folder / "ballast"

    @property
    def free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def leave(self, free: int) -> None:
        """Let this many bytes be free."""
        held = self._ballast.stat().st_size if self._ballast.exists() else 0
        want = held + self.free - free
        with self._ballast.open("ab") as file:
            if want > held:
                os.posix_fallocate(file.fileno(), held, want - held)
            file.truncate(max(0, want))

    def resize(self, size: int) -> bool:
        """Whether it could be: a disk is never made smaller than what stands on it."""
        done = subprocess.run(
            ["mount", "-o", f"remount,size={size}", self.folder], capture_output=True, text=True, timeout=30
        )
        return done.returncode == 0

    def fill(self) -> None:
        """Shrink the disk to what stands on it: not one more page fits."""

        def fits() -> bool:
            found = os.statvfs(self.folder)
            return self.resize((found.f_blocks - found.f_bfree) * found.f_frsize)

        wait_for(fits)  # somebody may write in between


@contextmanager
def mounted(folder: Path, *options: str, kind: str = "tmpfs", pass_fds: tuple[int, ...] = ()) -> Iterator[None]:
    """A filesystem at ``folder`` as long as this lasts."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk: run the tests as root")
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-i", "-t", kind, "-o", ",".join(options), "pixelpair-test", folder],
        capture_output=True,
        text=True,
        timeout=30,
        pass_fds=pass_fds,
    )
    if done.returncode:
        told = f"no {kind} can be mounted here: {done.stderr.strip()}"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True, timeout=30)
