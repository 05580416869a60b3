"""What a reader may ask of the list of violations, and places in it."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import pytest

from policybuilder.csp import Disposition
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.listing import (
    MAX_CHARACTERS,
    MAX_DIRECTIVES,
    UNDECIDED,
    Filter,
    Place,
    counted,
    host_asked,
    host_of,
    parse_place,
)
from tests.support.evidence import SEEN_AT, make_group
from tests.support.listing import admits

SCRIPT = make_group(
    "script-src-elem",
    "https://cdn.example/App.js",
    pages=["https://shop.example/Cart", "https://shop.example/help"],
    source_file="https://tag.example/t.js",
    disposition=Disposition.ENFORCE,
    decision="allow",
)
INLINE = make_group(
    "script-src-elem",
    "inline",
    sample="trackUser()",
    evidence_class=EvidenceClass.ATTACK_LIKE,
    first_seen_at=SEEN_AT - timedelta(days=5),
)
PICTURE = make_group(
    "img-src",
    "https://img.cdn.example:8443/a.png",
    first_seen_at=SEEN_AT - timedelta(days=40),
    last_seen_at=SEEN_AT - timedelta(days=3),
)
GROUPS: dict[str, ViolationGroup] = {"script": SCRIPT, "inline": INLINE, "picture": PICTURE}

CASES = [
    ({}, {"script", "inline", "picture"}),
    ({"q": "CDN.example/app"}, {"script"}),
    ({"q": "trackuser"}, {"inline"}),
    ({"q": "tag.example"}, {"script"}),
    ({"q": "/help"}, {"script"}),
    ({"q": "img-src"}, {"picture"}),
    ({"q": PICTURE.fingerprint}, {"picture"}),
    ({"q": "nowhere"}, set()),
    ({"host": "cdn.example"}, {"script", "picture"}),
    ({"host": "img.cdn.example"}, {"picture"}),
    ({"host": "dn.example"}, set()),
    ({"directive": "script-src-elem"}, {"script", "inline"}),
    ({"directive": "script-src"}, set()),
    ({"kind": "attack-like"}, {"inline"}),
    ({"disposition": "enforce"}, {"script"}),
    ({"decision": "allow"}, {"script"}),
    ({"decision": UNDECIDED}, {"inline", "picture"}),
    ({"page": "/cart"}, {"script", "inline", "picture"}),
    ({"page": "/help"}, {"script"}),
    ({"page": "cdn.example"}, set()),
    ({"seen": "24h"}, {"script", "inline"}),
    ({"seen": "7d"}, {"script", "inline", "picture"}),
    ({"new": "24h"}, {"script"}),
    ({"new": "7d"}, {"script", "inline"}),
    ({"directive": "script-src-elem", "decision": UNDECIDED, "q": " track "}, {"inline"}),
]


@pytest.mark.parametrize(("asked", "found"), CASES)
def test_a_violation_is_found_by_what_it_is(asked: dict[str, str], found: set[str]) -> None:
    wanted = Filter(**asked)
    assert {name for name, group in GROUPS.items() if admits(wanted, group, SEEN_AT)} == found
    assert bool(wanted) == bool(asked)
    assert Filter(**wanted.query()) == wanted


def test_every_member_of_a_filter_stands_in_an_address() -> None:
    given = {field.name: "24h" for field in fields(Filter)}
    assert Filter(**given).query() == given


def test_what_is_searched_for_is_bounded() -> None:
    assert len(Filter(q="x" * 10_000).q) == MAX_CHARACTERS


def test_a_period_that_is_none_asks_nothing() -> None:
    assert not Filter(seen="forever", new="1y")


# (blocked, its host)
HOSTS = [
    ("https://cdn.example/a.js", "cdn.example"),
    ("https://CDN.example:8443/a:1", "cdn.example"),
    ("wss://[::1]:9000/", "[::1]"),
    ("https://[::1]/", "[::1]"),
    ("https://cdn.example/(other)", "cdn.example"),
    ("inline", ""),
    ("data", ""),
    ("", ""),
]


@pytest.mark.parametrize(("blocked", "host"), HOSTS)
def test_the_host_of_what_was_blocked(blocked: str, host: str) -> None:
    assert host_of(blocked) == host


# (what a reader types, the host that is meant)
ASKED = [
    ("cdn.example", "cdn.example"),
    ("CDN.example.", "cdn.example"),
    ("*.cdn.example", "cdn.example"),
    (".cdn.example", "cdn.example"),
    ("https://cdn.example:8443/a.js", "cdn.example"),
    ("cdn.example:8443", "cdn.example"),
    ("[::1]", "[::1]"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("%", "%"),
]


@pytest.mark.parametrize(("text", "host"), ASKED)
def test_the_host_that_a_reader_means(text: str, host: str) -> None:
    assert host_asked(text) == host


@pytest.mark.parametrize("place", [Place(3, 10, "0" * 32), Place(0, 0, "f" * 32)])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert parse_place(str(place)) == place


@pytest.mark.parametrize("text", ["", "nonsense", "1.2", "1.2.", "-1.2.a", "٣.2.a", "..", "1.2.\0", "1.2.a b"])
def test_a_place_that_is_none_is_none(text: str) -> None:
    assert parse_place(text) is None


def test_a_place_beyond_all_numbers_is_one_that_a_database_takes() -> None:
    assert parse_place(f"{'9' * 5_000}.1.a") == Place(10**18 - 1, 1, "a")


def test_counts_say_what_there_is_to_choose_from() -> None:
    genuine, bot = EvidenceClass.GENUINE, EvidenceClass.BOT
    counts = counted(
        [
            (genuine, Disposition.ENFORCE, "", "img-src", 2, 20),
            (genuine, Disposition.ENFORCE, "allow", "script-src", 1, 5),
            (bot, Disposition.REPORT, "", "font-src", 4, 100),
        ],
        reporters=7,
    )
    assert (counts.groups, counts.reports, counts.noise_reports, counts.reporters) == (7, 125, 100, 7)
    assert (counts.shown(include_noise=True), counts.shown(include_noise=False)) == (7, 3)
    assert counts.groups_of(bot) == 4
    choices = counts.choices(include_noise=False)
    assert choices.directives == ("img-src", "script-src")
    assert choices.kinds == ("genuine",)
    assert choices.dispositions == ("enforce",)
    assert choices.decisions == (UNDECIDED, "allow")
    assert counts.choices(include_noise=True).directives == ("font-src", "img-src", "script-src")


def test_of_made_up_directives_the_most_frequent_are_offered() -> None:
    genuine = EvidenceClass.GENUINE
    rows = [(genuine, Disposition.REPORT, "", f"x-{number}", number + 1, 1) for number in range(MAX_DIRECTIVES + 50)]
    counts = counted(rows, reporters=1)
    assert len(counts.directives) == MAX_DIRECTIVES
    assert counts.directives[0].directive == f"x-{MAX_DIRECTIVES + 49}"
    assert counts.groups == sum(row[4] for row in rows)
