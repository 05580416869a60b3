"""Sequences that are made at the first look, and are the tuple that is made."""

from __future__ import annotations

from policybuilder.deferred import Deferred


def test_it_is_the_tuple_that_is_made_once() -> None:
    made: list[str] = []

    def unpack(packed: str) -> tuple[int, ...]:
        made.append(packed)
        return tuple(map(int, packed.split()))

    deferred = Deferred("1 2 3", unpack)
    assert made == []
    assert (deferred[0], deferred[1:], len(deferred), list(deferred), 2 in deferred) == (1, (2, 3), 3, [1, 2, 3], True)
    assert deferred == (1, 2, 3)
    assert deferred == Deferred("1  2  3", unpack)
    assert deferred != Deferred("1", unpack)
    assert deferred != (1, 2)
    assert hash(deferred) == hash((1, 2, 3))
    assert repr(deferred) == "(1, 2, 3)"
    assert made == ["1 2 3", "1  2  3", "1"]
    assert not Deferred("", unpack)
