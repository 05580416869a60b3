"""Tests of private files: whole or not there, and never in the place of somebody else's."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from policybuilder.errors import CspbuildError
from policybuilder.private_file import new_file


def names() -> list[str]:
    return sorted(file.name for file in Path().iterdir())


def write(content: str, *, replaces: bool = False, then: Callable[[], object] = int) -> None:
    """Write the file `a`; `then` is done before it is whole."""
    with new_file(Path("a"), replaces=replaces) as file:
        file.write(content.encode())
        then()


def test_until_it_is_whole_another_bears_its_name() -> None:
    Path("a").write_text("old")
    with new_file(Path("a"), replaces=True) as file:
        file.write(b"new")
        file.flush()
        assert Path("a").read_text() == "old"
        assert [name.startswith(".a.") for name in names()] == [True, False]
    assert (Path("a").read_text(), names()) == ("new", ["a"])
    assert Path("a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("replaces", [True, False])
def test_nothing_is_left_of_one_that_failed(*, replaces: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        write("half", replaces=replaces, then=lambda: 1 // 0)
    assert names() == []


def test_who_was_faster_keeps_the_name() -> None:
    with pytest.raises(CspbuildError, match="a is there already; name another file, or replace it with --force"):
        write("slow", then=lambda: Path("a").write_text("fast"))
    assert (Path("a").read_text(), names()) == ("fast", ["a"])


@pytest.mark.parametrize("is_there", [True, False])
def test_where_a_file_has_one_name_it_is_renamed(monkeypatch: pytest.MonkeyPatch, *, is_there: bool) -> None:
    """As on a stick with FAT, which not every machine can make."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    if is_there:
        with pytest.raises(CspbuildError, match="a is there already"):
            write("slow", then=lambda: Path("a").write_text("fast"))
    else:
        write("fast")
    assert (Path("a").read_text(), names()) == ("fast", ["a"])
