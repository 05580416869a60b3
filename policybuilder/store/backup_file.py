"""The file of a backup: all tables as JSON lines, packed by gzip, the same whichever database they are of.

    {"format": "cspbuild-backup/1", "revision": "0006", "made_at": "…", "tables": [{"name": "site", "columns": […], …}]}
    ["default", 1763634600000, …]
    …
    {"sha256": "…"}

The first line says how many rows of which table follow, in this order, with which columns; bytes are base64. The last
line has the digest of all before it. That finds what got lost or changed on the way; whoever changes a file on purpose
can write a digest that fits.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec

from policybuilder.errors import CspbuildError
from policybuilder.store.engine import SCHEMA_REVISION, made_by_newer_program

FORMAT = "cspbuild-backup/1"
_FIRST_REVISION = "0001"

ROWS_AT_ONCE = 500
"""A row may have a policy of many kilobytes."""

_MAX_LINE_BYTES = 16 * 1024 * 1024
"""Far beyond any row of ours, so that reading somebody else's file takes no memory."""

# The levels above take twice the time for a file that is hardly smaller.
_LEVEL = 4


class TableHead(msgspec.Struct, frozen=True):
    """What the first line says of a table."""

    name: str
    columns: tuple[str, ...]
    rows: Annotated[int, msgspec.Meta(ge=0)]


class BackupHead(msgspec.Struct, frozen=True):
    """The first line."""

    format: str
    revision: Annotated[str, msgspec.Meta(pattern=r"^\d{4}$")]
    """Of the schema that the rows have."""

    made_at: datetime
    tables: tuple[TableHead, ...]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)


class _Foot(msgspec.Struct, frozen=True):
    """The last line."""

    sha256: str


_ENCODER = msgspec.json.Encoder()
_HEADS = msgspec.json.Decoder(BackupHead)
_FEET = msgspec.json.Decoder(_Foot)


def write_backup(file: BinaryIO, head: BackupHead, portions: Iterable[Sequence[Sequence[Any]]]) -> str:
    """Write the rows that `head` announces. Returns the digest; raises OSError."""
    digest = hashlib.sha256()
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=_LEVEL, mtime=0) as packed:
        for lines in itertools.chain([_line(head)], map(_ENCODER.encode_lines, portions)):
            digest.update(lines)
            packed.write(lines)
        packed.write(_line(_Foot(digest.hexdigest())))
    return digest.hexdigest()


def _line(value: msgspec.Struct) -> bytes:
    return _ENCODER.encode(value) + b"\n"


def read_head(path: Path) -> BackupHead:
    """The first line. Raises CspbuildError for what is no backup, cannot be read, or is of a newer program."""
    with _reading(path) as file:
        return _head_of(path, file.readline(_MAX_LINE_BYTES))


def read_rows(path: Path) -> Iterator[tuple[TableHead, list[bytes]]]:
    """The lines of rows, a portion at a time, each of one table.

    Raises CspbuildError as `read_head` does, and, after the last portion at the latest, for a file that is not whole.
    """
    digest = hashlib.sha256()
    with _reading(path) as file:
        first = file.readline(_MAX_LINE_BYTES)
        digest.update(first)
        for table in _head_of(path, first).tables:
            for start in range(0, table.rows, ROWS_AT_ONCE):
                number = min(ROWS_AT_ONCE, table.rows - start)
                lines = [file.readline(_MAX_LINE_BYTES) for _ in range(number)]
                if not lines[-1].endswith(b"\n"):
                    raise damaged(path, "it has fewer rows than it says")
                digest.update(b"".join(lines))
                yield table, lines
        try:
            is_whole = _FEET.decode(file.readline(_MAX_LINE_BYTES)).sha256 == digest.hexdigest()
        except (msgspec.DecodeError, UnicodeDecodeError):
            is_whole = False
        if not is_whole or file.read(1):
            raise damaged(path, "its digest is not that of its lines")


def damaged(path: Path, how: str) -> CspbuildError:
    """What the operator should read of a backup that is not as it was written."""
    return CspbuildError(f"{path} is damaged ({how}); copy it anew, or take another backup")


def _head_of(path: Path, line: bytes) -> BackupHead:
    try:
        head = _HEADS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _foreign(path) from None
    if head.format.partition("/")[0] != FORMAT.partition("/")[0] or head.revision < _FIRST_REVISION:
        raise _foreign(path)
    if head.format != FORMAT or head.revision > SCHEMA_REVISION:
        raise made_by_newer_program(str(path))
    return head


def _foreign(path: Path) -> CspbuildError:
    return CspbuildError(f"{path} is no backup; name a file that  csp-collector backup  made")


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    """The unpacked file. Raises CspbuildError for what goes wrong in reading it."""
    try:
        # Buffered once more, since gzip itself reads a line three times as slowly.
        with gzip.open(path, "rb") as packed, io.BufferedReader(packed) as unpacked:
            try:
                unpacked.peek(1)
            except gzip.BadGzipFile:
                raise _foreign(path) from None
            yield unpacked
    except EOFError:
        raise damaged(path, "it ends in the middle") from None
    except (gzip.BadGzipFile, zlib.error):
        raise damaged(path, "it cannot be unpacked") from None
    except OSError as error:
        raise CspbuildError(f"cannot read {path}: {error.strerror}; name a file that is a backup") from None
