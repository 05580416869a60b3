"""A file for this user alone that bears its name once it is whole."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from policybuilder.errors import CspbuildError


@contextmanager
def new_file(path: Path, *, replaces: bool) -> Iterator[BinaryIO]:
    """A file of mode 0600 to write to, which is at `path` after the block, and on the disk; nowhere if that fails.

    Until then it has another name in the same directory, so that what was at `path` stays there as long. Raises
    CspbuildError where something is there and `replaces` is False, or the directory takes no file; OSError when writing
    fails, as on a full disk.
    """
    if path.is_dir():
        raise CspbuildError(f"{path} is a directory; name a file")
    if not replaces and path.exists():
        raise _is_there(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise CspbuildError(f"cannot write {path}: {error.strerror}; name a file in a directory of yours") from None
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_name(beside, path, replaces=replaces)
    finally:
        beside.unlink(missing_ok=True)
    _store_names(path.parent)


def _give_name(beside: Path, path: Path, *, replaces: bool) -> None:
    if replaces:
        beside.replace(path)
        return
    try:
        # Unlike a rename it fails where somebody was faster.
        path.hardlink_to(beside)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError:
        # A file system, such as that of a USB stick, on which a file has one name.
        if path.exists():
            raise _is_there(path) from None
        beside.replace(path)


def _store_names(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_there(path: Path) -> CspbuildError:
    return CspbuildError(f"{path} is there already; name another file, or replace it with --force")
