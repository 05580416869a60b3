"""Measuring: contenders beside a baseline in the same minute, since the machine is another one in the next."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Step = Callable[[Any], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Something that is timed."""

    name: str
    step: Step
    items: Sequence[Any]
    """What `step` is called with, one after the other."""

    before: Callable[[], object] = lambda: None
    """Called before each round, outside the time."""

    must: float | None = None
    """The most that its time may be, in times of the baseline's."""

    aim: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a contender."""

    name: str
    baseline: str
    microseconds: float
    """For one item, in the best round: of this machine, today."""

    ratio: float
    """Time of one item in times of the baseline's, each in its best round: what disturbs a round only adds to it."""

    must: float | None
    aim: float | None

    @property
    def is_met(self) -> bool:
        return self.must is None or self.ratio <= self.must


def compare(baseline: Contender, contenders: Iterable[Contender], *, rounds: int) -> Iterator[Row]:
    """Each contender beside the baseline, in turns, so that both see the same machine."""
    for contender in contenders:
        with _no_collection():
            pairs = [(_seconds(baseline), _seconds(contender)) for _ in range(rounds)]
        other, mine = map(min, zip(*pairs, strict=True))
        yield Row(
            name=contender.name,
            baseline=baseline.name,
            microseconds=mine * 1e6,
            ratio=mine / other,
            must=contender.must,
            aim=contender.aim,
        )


def _seconds(contender: Contender) -> float:
    """Time of one item, as the processor counts it."""
    contender.before()
    step, items = contender.step, contender.items
    began = time.process_time()
    for item in items:
        step(item)
    return (time.process_time() - began) / len(items)


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
