"""A group's description, where its reports differ: the same in whatever order they come, and no stranger's."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine

from policybuilder.store.reading import read_groups, snapshot
from policybuilder.times import Window
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation, record_observations

EVERYTHING = Window(None, SEEN_AT.replace(year=SEEN_AT.year + 1))


def observation(source_file: str = "", line_number: int | None = None, **known: Any) -> Any:
    violation = make_violation("script-src", "eval", source_file=source_file, line_number=line_number)
    return make_observation(violation, **known)


def described(engine: Engine) -> tuple[str, int | None]:
    with snapshot(engine) as connection:
        [group] = read_groups(connection, "default", EVERYTHING)
    return group.source_file, group.line_number


def forget(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM violation_group")


# (source file, line) of reports that are alike, and which of them describes the group
DESCRIBED_CASES: list[tuple[list[tuple[str, int | None]], tuple[str, int | None]]] = [
    ([(f"{ORIGIN}/a.js", 4), (f"{ORIGIN}/a.js", 3), (f"{ORIGIN}/a.js", None)], (f"{ORIGIN}/a.js", 3)),
    ([(f"{ORIGIN}/a.js", 12), (f"{ORIGIN}/a.js", 3)], (f"{ORIGIN}/a.js", 3)),
    ([(f"{ORIGIN}/b.js", 1), (f"{ORIGIN}/a.js", 9)], (f"{ORIGIN}/a.js", 9)),
    # As bytes, where a database's own language would have the small letter first.
    ([(f"{ORIGIN}/a.js", 1), (f"{ORIGIN}/B.js", 9)], (f"{ORIGIN}/B.js", 9)),
]


@pytest.mark.parametrize(("reports", "best"), DESCRIBED_CASES)
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_the_order_of_reports_does_not_matter(
    engine: Engine, reports: list[tuple[str, int | None]], best: tuple[str, int | None], *, is_one_batch: bool
) -> None:
    for order in permutations(reports):
        observations = [observation(*each) for each in order]
        for batch in [observations] if is_one_batch else [[each] for each in observations]:
            record_observations(engine, *batch)
        assert described(engine) == best
        forget(engine)


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_what_was_rehearsed_describes_a_group_whatever_strangers_say(engine: Engine, *, is_one_batch: bool) -> None:
    strange = [observation(f"{ORIGIN}/a.js", 1), observation(f"{ORIGIN}/a.js", 2)]
    own = observation(f"{ORIGIN}/z.js", 7, is_trusted=True)
    for order in permutations([*strange, own]):
        for batch in [order] if is_one_batch else [[each] for each in order]:
            record_observations(engine, *batch)
        assert described(engine) == (f"{ORIGIN}/z.js", 7)
        forget(engine)


def test_a_report_that_knows_the_place_describes_rather_than_one_that_does_not(engine: Engine) -> None:
    for order in permutations([("", None), (f"{ORIGIN}/a.js", 3)]):
        for source_file, line_number in order:
            violation = make_violation("img-src", source_file=source_file, line_number=line_number)
            record_observations(engine, make_observation(violation))
        assert described(engine) == (f"{ORIGIN}/a.js", 3)
        forget(engine)
