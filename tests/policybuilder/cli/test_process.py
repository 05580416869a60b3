"""Tests of the program as a process: terminals, pipes, standard input, and what it costs to start."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.service import PROGRAMS, environment

POLICY_COMMANDS = [
    ("--help",),
    ("--version",),
    ("preset",),
    ("preset", "spa"),
    ("parse", "img-src 'self'; nonsense-src x"),
    (
        "explain",
        '{"csp-report": {"effective-directive": "img-src", "document-uri": "https://a.example", "blocked-uri": ""}}',
    ),
    ("match", "--policy", "img-src *", "--page", "https://a.example", "--directive", "img-src", "--blocked", "data"),
]
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:[34]\d|9\d|10\d)[;m]")
"""https://no-color.org/ speaks of colour; bold type stays."""

EVIDENCE_COMMANDS = [
    ("summary", "--site", "shop"),
    ("suggest", "--site", "shop"),
    ("replay", "--site", "shop", "--policy", "default-src 'none'"),
    ("header",),
    ("site", "list"),
]


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize("arguments", [*POLICY_COMMANDS, *EVIDENCE_COMMANDS], ids=lambda arguments: arguments[0])
def test_piped_output_has_no_escape_codes(program: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = program(*arguments, NO_COLOR="", TERM="xterm-256color")
    assert ran.code in {0, 1}
    assert ran.out
    assert "\x1b" not in ran.out + ran.err


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("arguments", [("preset",), ("parse", "img-src *"), ("summary", "--site", "nowhere")])
def test_on_a_terminal_no_color_is_honoured(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert COLOUR.search(on_a_terminal(arguments, tmp_path, NO_COLOR="1")) is None


def test_on_a_terminal_there_is_colour(tmp_path: Path) -> None:
    assert COLOUR.search(on_a_terminal(("no-such-command",), tmp_path))


def on_a_terminal(arguments: tuple[str, ...], directory: Path, **variables: str) -> str:
    """What the program writes to the terminal that is its standard output and error."""
    kept = {name: value for name, value in environment(directory).items() if name != "NO_COLOR"}
    terminal, its_side = pty.openpty()
    process = subprocess.Popen(
        [PROGRAMS / "cspbuild", *arguments],
        cwd=directory,
        env={**kept, "TERM": "xterm-256color", **variables},
        stdin=subprocess.DEVNULL,
        stdout=its_side,
        stderr=its_side,
    )
    os.close(its_side)
    written = b""
    try:
        while chunk := os.read(terminal, 65_536):
            written += chunk
    except OSError:
        pass  # how Linux says that the other side is closed
    os.close(terminal)
    process.wait(timeout=30)
    return written.decode()


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("preset", "spa"),
        ("preset", "spa", "--format", "json"),
        ("match", "--batch", "questions"),
        ("summary", "--site", "shop"),
        ("suggest", "--site", "shop", "--format", "header"),
    ],
    ids=" ".join,
)
def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "questions").write_text("{}\n" * 10)
    assert without_a_reader(arguments, tmp_path) == 0


BLOCKED = ("--page", "https://a.example", "--directive", "img-src", "--blocked", "https://b.example/a.png")


@pytest.mark.usefixtures("evidence")
@pytest.mark.parametrize("output_format", ["text", "json"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("match", *BLOCKED, "--policy", "img-src 'none'"), 1),
        (("match", *BLOCKED, "--policy", "img-src 'none'; nonsense-src x"), 1),
        (("match", *BLOCKED, "--policy", "img-src *"), 0),
        (("replay", "--site", "shop", "--policy", "default-src 'none'"), 1),
        (("replay", "--site", "shop", "--policy", "default-src *"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_gate_says_no_even_when_nobody_reads_why(
    tmp_path: Path, arguments: tuple[str, ...], code: int, output_format: str
) -> None:
    assert without_a_reader((*arguments, "--format", output_format), tmp_path) == code


def test_a_gate_says_no_even_when_nobody_reads_its_hints(tmp_path: Path) -> None:
    arguments = ("match", *BLOCKED, "--policy", "img-src 'none'; nonsense-src x")
    assert without_a_reader(arguments, tmp_path, reads_errors=False) == 1


def without_a_reader(arguments: tuple[str, ...], directory: Path, *, reads_errors: bool = True) -> int:
    """How the program ends, without any complaint, when the reader of its output has left before the first byte."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [PROGRAMS / "cspbuild", *arguments],
        cwd=directory,
        env=environment(directory),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE if reads_errors else writing,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert b"error" not in (ended.stderr or b"").lower()
    return ended.returncode


def test_help_names_every_command_and_what_to_start_with(program: Cspbuild) -> None:
    ran = program("--help")
    assert ran.code == 0
    listed = [line.split()[0] for line in ran.out.partition("Commands:")[2].splitlines() if line.strip()]
    assert listed == [
        *(
            "status",
            "site",
            "header",
            "preset",
            "summary",
            "scripts",
            "suggest",
            "decide",
            "replay",
            "match",
            "explain",
            "evaluate",
        ),
        *("diff", "deploy", "ready", "rollback", "scan", "doctor", "parse"),
    ]
    assert "Start with  cspbuild header" in ran.out


@pytest.mark.parametrize(
    "command",
    ["site", "header", "preset", "summary", "suggest", "decide", "replay", "match", "explain", "diff", "parse"],
)
def test_every_command_explains_itself(cspbuild: Cspbuild, command: str) -> None:
    ran = cspbuild(command, "-h")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: cspbuild {command} ")


@pytest.mark.parametrize("module", ["sqlalchemy", "fastapi", "pydantic"])
def test_questions_about_a_policy_open_no_database(tmp_path: Path, module: str) -> None:
    """Neither is a database made, nor its driver's code read."""
    modules = "main, parse, match, explain, preset"
    script = f"import sys; from policybuilder.cli import {modules}; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, timeout=60).returncode == 0


def test_a_policy_comes_through_a_pipe(program: Cspbuild) -> None:
    ran = program("parse", "-", text="img-src 'self'\n")
    assert (ran.code, ran.err) == (0, "")
    assert "img-src" in ran.out


def test_errors_go_to_standard_error_alone(program: Cspbuild) -> None:
    ran = program("summary")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
