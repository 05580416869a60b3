"""What took long to find out is told at once, and never without saying how old it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from collector.review.remembered import (
    MAX_ANSWERS,
    QUICK_ON_THE_CLOCK_SECONDS,
    QUICK_SECONDS,
    SHARE,
    Memory,
    Version,
)
from policybuilder.errors import CspbuildError, EnvironmentFailedError

SLOW = QUICK_SECONDS * 10


@dataclass
class Place:
    """Where answers are found: it takes time by a clock that stands still otherwise."""

    seconds: float = SLOW
    said: int = 0
    seen: int = 0
    now: float = 100.0
    found: int = 0
    versions: int = 0
    is_ours: bool = True
    """Whether this process works, and not a database elsewhere."""

    failure: Exception | None = None
    meanwhile: Callable[[], object] = lambda: None
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(clock=lambda: self.now, processor=lambda: self.now if self.is_ours else 0.0)

    def version(self) -> Version:
        self.versions += 1
        return Version(self.said, self.seen)

    def find(self) -> str:
        if self.failure is not None:
            raise self.failure
        self.found += 1
        answer = f"{self.said}/{self.seen}"
        self.meanwhile()
        self.now += self.seconds
        return answer

    def tell(self, asked: str = "what") -> str:
        answer = self.memory.tell(asked, self.version, self.find)
        return answer + (" of old" if self.memory.as_of(asked) else "")

    def settle(self) -> None:
        """Wait for whatever goes on aside."""
        for thread in threading.enumerate():
            if thread.name == "find-anew":
                thread.join()


@pytest.fixture
def place() -> Place:
    return Place()


def test_what_is_quickly_found_is_found_each_time(place: Place) -> None:
    place.seconds = QUICK_SECONDS / 2
    for seen in range(3):
        place.seen = seen
        assert place.tell() == f"0/{seen}"
    assert place.found == 3
    assert place.versions == 1, "which may take as long as the answer"


def test_what_is_slowly_found_is_told_again_while_it_is_right(place: Place) -> None:
    assert [place.tell(), place.tell(), place.tell()] == ["0/0"] * 3
    assert place.found == 1


def test_when_evidence_came_in_it_is_told_as_of_its_time_and_found_anew(place: Place) -> None:
    began = datetime.now(UTC)
    place.tell()
    place.now += SHARE * SLOW
    place.seen = 1
    assert place.tell() == "0/0 of old"
    as_of = place.memory.as_of("what")
    assert as_of is not None
    assert began <= as_of <= datetime.now(UTC)
    place.settle()
    assert place.tell() == "0/1"
    assert place.found == 2


def test_it_is_found_anew_for_a_small_share_of_the_time(place: Place) -> None:
    place.tell()
    for _ in range(10):
        place.seen += 1
        assert place.tell() == "0/0 of old"
        place.settle()
    assert place.found == 1
    place.now += SHARE * SLOW
    place.tell()
    place.settle()
    assert place.found == 2


def test_after_somebody_said_something_the_reader_waits(place: Place) -> None:
    place.tell()
    place.said, place.seen = 1, 1
    assert place.tell() == "1/1"
    place.said = 2
    assert place.tell() == "2/1"


def test_what_comes_in_while_it_is_found_makes_it_old(place: Place) -> None:
    place.meanwhile = lambda: setattr(place, "seen", 1)
    assert place.tell() == "0/0"
    assert place.tell() == "0/0 of old"


def test_what_was_quick_and_is_slow_now_is_found_once_more_and_then_remembered(place: Place) -> None:
    place.seconds = QUICK_SECONDS / 2
    place.tell()
    place.seconds = SLOW
    assert [place.tell() for _ in range(5)] == ["0/0"] * 5
    assert place.found == 3


@pytest.mark.parametrize(
    ("seconds", "is_ours", "times"),
    [
        (QUICK_SECONDS, True, 1),
        (QUICK_SECONDS, False, 3),
        (QUICK_ON_THE_CLOCK_SECONDS, False, 1),
    ],
)
def test_a_busy_machine_makes_no_answer_slow(seconds: float, times: int, *, is_ours: bool) -> None:
    place = Place(seconds=seconds + 0.01, is_ours=is_ours)
    for _ in range(3):
        place.tell()
    assert place.found == times


def test_answers_are_of_what_was_asked(place: Place) -> None:
    place.tell("this")
    place.seen = 1
    assert place.tell("that") == "0/1"
    assert place.tell("this") == "0/0 of old"
    assert place.memory.as_of("that") is None
    assert place.memory.as_of("never asked") is None


def test_a_failure_is_raised_where_the_reader_waits_and_logged_where_nobody_does(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.failure = EnvironmentFailedError("the database is away")
    with pytest.raises(CspbuildError):
        place.tell()
    place.failure = None
    place.tell()
    place.now += SHARE * SLOW
    place.seen = 1
    place.failure = EnvironmentFailedError("the database is away")
    assert place.tell() == "0/0 of old"
    place.settle()
    assert "not found anew" in caplog.text
    place.failure = None
    assert place.tell() == "0/0 of old"
    place.settle()
    assert place.tell() == "0/1"


def test_many_readers_at_once_have_it_found_once(place: Place) -> None:
    is_asked = threading.Barrier(5)

    def ask() -> None:
        is_asked.wait()
        place.memory.tell("what", place.version, place.find)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.found == 1


def test_no_more_is_kept_than_has_room(place: Place) -> None:
    for number in range(MAX_ANSWERS + 1):
        place.tell(str(number))
    assert place.found == MAX_ANSWERS + 1
    place.tell(str(MAX_ANSWERS))
    assert place.found == MAX_ANSWERS + 1
    place.tell("0")
    assert place.found == MAX_ANSWERS + 2
