"""What a loss of power would find: a report is synced to the disk before its answer leaves, as system calls show."""

from __future__ import annotations

import enum
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.faults.load import blocked_uri, single_body
from tests.faults.service import service

REPORTS = 5

_LOG = "csp.db-wal>"
"""SQLite's write-ahead log; -y shows the file of a descriptor."""

_READING = ("read", "recvfrom", "recvmsg")
_ANSWERING = ("write", "writev", "send", "sendto", "sendmsg")
_CALLS = (*_READING, *_ANSWERING, "pwrite64", "fsync", "fdatasync")

_BEGUN = re.compile(r"^(?P<thread>\d+) +[\d.]+ (?P<call>\w+)\((?P<arguments>.*)")
_RESUMED = re.compile(r"^(?P<thread>\d+) +[\d.]+ <\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)")


class Step(enum.StrEnum):
    """What matters of a system call; the steps of a trace make a text."""

    ASKED = "q"
    """A report was read from its connection."""

    LOGGED = "l"
    SYNCED = "s"
    """The log is on the disk; the call has returned."""

    ANSWERED = "a"
    """The 204 is about to leave."""


def steps(trace: Iterable[str]) -> Iterator[Step]:
    """Of the lines of strace, in order; a call that others interrupted has one at its begin and one at its end."""
    unfinished: dict[str, str] = {}
    for line in trace:
        if begun := _BEGUN.match(line):
            call, arguments = begun["call"], begun["arguments"]
            if call in _ANSWERING and '"HTTP/1.1 204 ' in arguments:
                yield Step.ANSWERED
            if arguments.endswith("<unfinished ...>"):
                unfinished[begun["thread"]] = arguments
                continue
        elif resumed := _RESUMED.match(line):
            call, arguments = resumed["call"], unfinished.pop(resumed["thread"], "") + resumed["rest"]
        else:
            continue
        if call in _READING and '"POST /report/' in arguments:
            yield Step.ASKED
        elif call == "pwrite64" and _LOG in arguments:
            yield Step.LOGGED
        elif call in {"fsync", "fdatasync"} and _LOG in arguments:
            assert arguments.endswith("= 0"), line
            yield Step.SYNCED


def test_a_report_is_synced_before_its_answer_leaves(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace, "no strace here; as root run  make test, or  apt-get install strace"
    tried = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"needs to trace processes (CAP_SYS_PTRACE): {tried.stderr.strip()}")
    trace = tmp_path / "trace"
    with service(tmp_path / "service", f"sqlite:///{tmp_path}/data/csp.db") as running:
        running.start(strace, "-f", "-y", "-ttt", "-o", str(trace), "-e", f"trace={','.join(_CALLS)}")
        for number in range(REPORTS):
            body = single_body(blocked_uri(0, number))
            assert running.ask("/report/default", method="POST", body=body).status == 204
        running.stop(everybody=True)
    text = "".join(steps(trace.read_text(errors="replace").splitlines()))
    between = re.findall(f"{Step.ASKED}([^{Step.ASKED}]*?){Step.ANSWERED}", text)
    assert len(between) == REPORTS, text
    assert all(re.search(f"{Step.LOGGED}.*{Step.SYNCED}", each) for each in between), text
