"""Sequences that are made when somebody looks at them: of most groups nobody does, and there are very many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

_Packed = TypeVar("_Packed")
_T_co = TypeVar("_T_co", covariant=True)


class Deferred(Sequence[_T_co], Generic[_Packed, _T_co]):
    """The tuple that `unpack` makes of `packed`, and equal to it; made once, at the first look."""

    __slots__ = ("_members", "_packed", "_unpack")

    def __init__(self, packed: _Packed, unpack: Callable[[_Packed], tuple[_T_co, ...]]) -> None:
        self._packed = packed
        self._unpack = unpack
        self._members: tuple[_T_co, ...] | None = None

    def _made(self) -> tuple[_T_co, ...]:
        if self._members is None:
            self._members = self._unpack(self._packed)
        return self._members

    @overload
    def __getitem__(self, index: int) -> _T_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_T_co, ...]: ...
    def __getitem__(self, index: int | slice) -> _T_co | tuple[_T_co, ...]:
        return self._made()[index]

    def __len__(self) -> int:
        return len(self._made())

    def __iter__(self) -> Iterator[_T_co]:
        return iter(self._made())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Deferred):
            return self._made() == other._made()
        return self._made() == other

    def __hash__(self) -> int:
        return hash(self._made())

    def __repr__(self) -> str:
        return repr(self._made())
