"""Frames: what a collector and its writer process say to each other.

MessagePack, each message with its length before it, over a pair of sockets that nobody else has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from collector.ingest.folding import HashObservation, Observation

_LENGTH = struct.Struct("!I")


class Hello(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The collector's first word."""

    database_url: str
    stream: str
    """Names the collector's run; see `policybuilder.store.streams`."""


class Frame(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """Reports to be stored, all or none of them."""

    number: int
    """From 1, counting up; one that was stored is never sent again."""

    violations: list[Observation]
    hashes: list[HashObservation]


class Ready(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The writer's first word."""

    stored: int | None
    """The last frame of the stream that is stored; None while the database does not tell."""


class Ack(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """What became of a frame."""

    number: int
    failure: str
    """The kind of failure; empty where its reports are durable. Nothing of a frame that failed is stored."""

    is_ours: bool
    """The failure is a bug, and not the database's."""

    seconds: float
    """What the commit took."""

    reports: int
    """Reports in the commit, of this frame and others; 0 in all acks of a commit but the first."""


ToWriter = Hello | Frame
FromWriter = Ready | Ack

_encoder = msgspec.msgpack.Encoder()
to_writer: msgspec.msgpack.Decoder[ToWriter] = msgspec.msgpack.Decoder(ToWriter)
from_writer: msgspec.msgpack.Decoder[FromWriter] = msgspec.msgpack.Decoder(FromWriter)


def pack(message: ToWriter | FromWriter) -> bytes:
    """The message as it is sent."""
    content = _encoder.encode(message)
    return _LENGTH.pack(len(content)) + content


class Unpacker:
    """Takes bytes as they arrive, and gives the content of each message that is whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take what arrived; gives what it completes."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            yield bytes(self._buffer[start + _LENGTH.size : end])
            start = end
        if start:
            del self._buffer[:start]
