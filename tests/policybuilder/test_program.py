"""Tests of how commands are typed: by name where the shell finds them, else by the shortest path there is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from policybuilder.program import site_flag, typed
from policybuilder.store.sites import DEFAULT_SITE


@pytest.fixture
def beside_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A command of ours in an environment below the working directory, where no shell looks for it."""
    command = tmp_path / ".venv" / "bin" / "cspbuild"
    command.parent.mkdir(parents=True)
    command.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    monkeypatch.setenv("PATH", "/nowhere")
    return command


@pytest.mark.usefixtures("beside_python")
def test_below_the_working_directory_the_path_is_relative() -> None:
    assert typed("cspbuild") == ".venv/bin/cspbuild"


def test_elsewhere_the_path_is_whole(beside_python: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert typed("cspbuild") == str(beside_python)


def test_what_the_shell_finds_is_typed_by_name(beside_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(beside_python.parent))
    assert typed("cspbuild") == "cspbuild"


@pytest.mark.usefixtures("beside_python")
def test_what_is_nowhere_keeps_its_name() -> None:
    assert typed("csp-collector") == "csp-collector"


def test_a_site_is_named_where_commands_would_read_another() -> None:
    assert (site_flag(DEFAULT_SITE), site_flag("shop")) == ("", " --site shop")
