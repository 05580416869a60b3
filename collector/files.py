"""Reading files of lines: plain, packed as `.gz`, or standard input; a line at a time, none longer than its bound."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from policybuilder.errors import CspbuildError


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is being read."""

    lines: BinaryIO
    """Unpacked."""

    raw: BinaryIO
    """As it lies on the disk."""

    size: int
    """Bytes on the disk; 0 when unknown."""

    @property
    def position(self) -> int:
        """Bytes read from the disk so far; 0 where nobody can tell."""
        return self.raw.tell() if self.size else 0


@contextmanager
def open_file(name: str, what: str) -> Iterator[OpenFile]:
    """The file `name`, `-` for standard input.

    Raises CspbuildError when it cannot be read, in the middle too; `what` says for people what it should hold.
    """
    try:
        if name == "-":
            yield OpenFile(sys.stdin.buffer, sys.stdin.buffer, 0)
            return
        with Path(name).open("rb") as raw:
            size = os.fstat(raw.fileno()).st_size
            if name.endswith(".gz"):
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield OpenFile(cast("BinaryIO", unpacked), raw, size)
            else:
                yield OpenFile(raw, raw, size)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CspbuildError(f"cannot read {name}: {reason}; give {what} in a file, a .gz, or -") from None


def read_limited(file: BinaryIO, limit: int) -> bytes:
    """A line with its end; of one that is longer than `limit` bytes, one byte more than that, the rest dropped."""
    line = file.readline(limit + 1)
    if len(line) > limit:
        while (rest := file.readline(limit)) and not rest.endswith(b"\n"):
            pass
    return line
