"""Tests of waivers, kept and taken back on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from policybuilder.errors import CspbuildError
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import add_site, ensure_default_site
from policybuilder.store.waivers import add_waiver, read_waivers, undo_waivers
from policybuilder.waivers import Waiver
from tests.support.evidence import SEEN_AT


def waivers_of(engine: Engine, site: str = "default") -> tuple[Waiver, ...]:
    with snapshot(engine) as connection:
        return read_waivers(connection, site)


def test_a_waiver_comes_back_as_it_was_made_and_stays_when_it_is_taken_back(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)
    add_site(engine, "shop", [], SEEN_AT)
    until = SEEN_AT + timedelta(days=30)
    first = add_waiver(engine, "default", "reporters", note=" an intranet \x1b ", until=until, now=SEEN_AT)
    second = add_waiver(engine, "default", "window", note="urgent", now=SEEN_AT)
    assert (first.number, first.note, first.until) == (1, "an intranet \x1b", until)
    assert waivers_of(engine) == (first, second)
    assert waivers_of(engine, "shop") == ()
    assert undo_waivers(engine, "default", "window", until) == 1
    assert undo_waivers(engine, "default", "window", until) == 0
    assert [each.undone_at for each in waivers_of(engine)] == [None, until]


@pytest.mark.parametrize(
    ("site", "note", "says"),
    [("nowhere", "why", "no site 'nowhere'"), ("default", " ", "say with --note"), ("default", "n" * 1_001, "1,001")],
)
def test_what_cannot_be_waived_is_kept_nowhere(engine: Engine, site: str, note: str, says: str) -> None:
    ensure_default_site(engine, SEEN_AT)
    with pytest.raises(CspbuildError, match=says):
        add_waiver(engine, site, "window", note=note, now=SEEN_AT)
    assert waivers_of(engine) == ()


def test_waivers_made_at_once_take_different_numbers(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)
    with ThreadPoolExecutor(4) as threads:
        made = threads.map(
            lambda number: add_waiver(engine, "default", "window", note=str(number), now=SEEN_AT), range(8)
        )
        assert sorted(each.number for each in made) == list(range(1, 9))
