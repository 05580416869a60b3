"""Scratch directories: private, gone with the service, and never another's."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from collector.scratch import scratch_directory


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_nobody_else_may_enter_and_nothing_is_left() -> None:
    with scratch_directory() as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        (directory / "file").write_text("something")
    assert not directory.exists()


def _hold(told: Connection) -> None:
    with scratch_directory() as directory:
        told.send(str(directory))
        told.recv()


def test_what_a_killed_service_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    holder = context.Process(target=_hold, args=(theirs,))
    holder.start()
    held = Path(ours.recv())
    assert held.parent == tmp_path
    being_made = tmp_path / "csp-collector-new"
    being_made.mkdir()
    with scratch_directory():
        assert held.exists()
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with scratch_directory():
        assert not held.exists()
        assert being_made.exists()
