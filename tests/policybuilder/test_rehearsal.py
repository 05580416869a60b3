"""Tests of the rehearsal key's file: for its user alone, and never a reason to fail when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policybuilder.errors import CspbuildError
from policybuilder.rehearsal import read_rehearsal_key, rehearsal_key_path, write_rehearsal_key


def test_a_key_that_is_written_can_be_read() -> None:
    write_rehearsal_key("first")
    write_rehearsal_key("second")
    assert read_rehearsal_key() == "second"
    assert Path("data/rehearsal-key").read_text() == "second\n"


def test_only_its_user_may_read_the_file_whatever_the_umask_and_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "rehearsal-key").write_text("old")
    (tmp_path / "rehearsal-key").chmod(0o666)
    before = os.umask(0)
    try:
        write_rehearsal_key("new", tmp_path)
        write_rehearsal_key("new", tmp_path / "data")
    finally:
        os.umask(before)
    assert (tmp_path / "rehearsal-key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_files_place_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "rehearsal-key").symlink_to(tmp_path / "precious")
    write_rehearsal_key("key", tmp_path)
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "rehearsal-key").is_symlink()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_key_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "rehearsal-key").write_bytes(content)
    assert read_rehearsal_key(tmp_path) is None


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read_rehearsal_key(tmp_path) is None


def test_a_directory_that_cannot_be_made_is_one_line_for_the_operator(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CspbuildError, match=r"cannot write .*rehearsal-key: .*; set CSP_DATA_DIR"):
        write_rehearsal_key("key", tmp_path / "file" / "data")


def test_the_file_is_in_the_data_directory_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CSP_DATA_DIR", "/srv/csp")
    assert rehearsal_key_path() == Path("/srv/csp/rehearsal-key")
    assert rehearsal_key_path(tmp_path) == tmp_path / "rehearsal-key"
