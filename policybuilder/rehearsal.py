"""The rehearsal key of the first try, kept in a file of the operator's so that it can be printed again."""

from __future__ import annotations

import os
from pathlib import Path

from policybuilder.errors import CspbuildError
from policybuilder.locations import data_directory

_FILE_NAME = "rehearsal-key"


def rehearsal_key_path(directory: Path | None = None) -> Path:
    """The file that holds the key."""
    return (directory or data_directory()) / _FILE_NAME


def read_rehearsal_key(directory: Path | None = None) -> str | None:
    """The key, or None when there is none that we may read."""
    try:
        return rehearsal_key_path(directory).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def write_rehearsal_key(key: str, directory: Path | None = None) -> None:
    """Keep the key for this user alone. Raises CspbuildError when the directory cannot be written."""
    path = rehearsal_key_path(directory)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with its mode, and anew, so that at no time another user can read it.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key + "\n")
    except OSError as error:
        raise CspbuildError(
            f"cannot write {path}: {error.strerror}; set CSP_DATA_DIR to a directory of yours"
        ) from None
