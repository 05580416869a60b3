"""A body that is never longer than wanted, however little of it was sent."""

from __future__ import annotations

import zlib


class Body:
    """Collects a body, decoded; one byte past `max_bytes` shows that there is more."""

    def __init__(self, max_bytes: int, *, is_gzipped: bool) -> None:
        self._max_bytes = max_bytes
        self._decoder = zlib.decompressobj(zlib.MAX_WBITS | 16) if is_gzipped else None
        self._data = bytearray()
        self._has_begun = False

    def add(self, chunk: bytes) -> bool:
        """Take the next bytes as sent; whether more are wanted. Raises zlib.error for what is no gzip."""
        self._has_begun = True
        if self._decoder is None:
            self._data += chunk[: self._room]
            return self._room > 0
        # What follows the end of a stream is dropped, as browsers do.
        while chunk and self._room > 0 and not self._decoder.eof:
            self._data += self._decoder.decompress(chunk, self._room)
            chunk = self._decoder.unconsumed_tail
        return self._room > 0 and not self._decoder.eof

    @property
    def data(self) -> bytes:
        return bytes(self._data[: self._max_bytes])

    @property
    def is_cut(self) -> bool:
        """Whether more was sent, or must have been meant to be."""
        is_unfinished = self._decoder is not None and self._has_begun and not self._decoder.eof
        return self._room <= 0 or is_unfinished

    @property
    def _room(self) -> int:
        return self._max_bytes + 1 - len(self._data)
