"""A small file system of a test's own, which can be filled."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = b"\0" * 4096


@dataclass(frozen=True)
class Disk:
    """A file system in memory, mounted at `path`."""

    path: Path

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        """Leave no block free."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(_BLOCK)
            except OSError:
                return

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Disk]:
    """A file system of `size` ("8m") at `path` until the end of the block; skips where mounting is forbidden."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a file system, as root or with CAP_SYS_ADMIN: {mounted.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def mounted_read_only(path: Path) -> Iterator[None]:
    """Let nobody open anything below `path` for writing, root included; skips where mounting is forbidden."""
    mounted = subprocess.run(["mount", "--bind", path, path], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs to mount a file system, as root or with CAP_SYS_ADMIN: {mounted.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def unchangeable(*files: Path) -> Iterator[None]:
    """Let nobody change these files, not even who has opened them; skips where no file system or user can."""
    probe = files[0].with_name("probe")
    try:
        with probe.open("wb", buffering=0) as opened:
            changed = subprocess.run(["chattr", "+i", probe, *files], capture_output=True, text=True, check=False)
            if changed.returncode:
                pytest.skip(f"needs files that root cannot change: {changed.stderr.strip()}")
            with suppress(PermissionError):
                opened.write(b"?")
                pytest.skip(
                    "needs a file system that refuses writes to opened files; that of the temporary files does not"
                )
        yield
    finally:
        subprocess.run(["chattr", "-i", probe, *files], capture_output=True, check=False)
