"""Tests of scripts: what the digests that were reported of them say, and to whom."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from policybuilder.evidence import ScriptHash
from policybuilder.scripts import ReportedScript, ScriptMark, reported_scripts
from policybuilder.times import Window
from tests.support.evidence import SEEN_AT

OWN = "https://shop.example/app.js"
FOREIGN = "https://cdn.example/lib.js"
DAY = timedelta(days=1)
ALL = Window(None, SEEN_AT + 100 * DAY)


def digest(number: int, algorithm: str = "sha256", size: int = 32) -> str:
    return f"{algorithm}-{base64.b64encode(bytes([number]) * size).decode()}"


def reported(text: str, first: int = 0, last: int | None = None, *, url: str = FOREIGN, reports: int = 1) -> ScriptHash:
    """A digest seen from one day to another."""
    return ScriptHash(url, text, reports, SEEN_AT + first * DAY, SEEN_AT + (first if last is None else last) * DAY)


def script_of(*hashes: ScriptHash, window: Window = ALL) -> ReportedScript:
    (script,) = reported_scripts(hashes, window, ["shop.example", "*.shop.example"])
    return script


HEX = "sha256-" + bytes([1] * 32).hex()
URL_SAFE = digest(251).replace("+", "-").replace("/", "_").rstrip("=")

# (what was reported, mark, what the advice says)
CASES = [
    pytest.param([reported(digest(1))], ScriptMark.NEW, "one hash so far", id="one, today"),
    pytest.param([reported(digest(1), 0, 6)], ScriptMark.NEW, "until it is 7 days old", id="one, for six days"),
    pytest.param([reported(digest(1), 0, 7)], ScriptMark.STABLE, "one hash reported for 7 days", id="one, for a week"),
    pytest.param([reported("", 0, 90)], ScriptMark.NO_HASH, "add crossorigin", id="none"),
    pytest.param(
        [reported("", 0, 9), reported(digest(1), 0, 9)], ScriptMark.STABLE, "without crossorigin", id="one, and none"
    ),
    pytest.param(
        [reported(digest(1), 0, 9), reported(digest(2), 10)], ScriptMark.DRIFT, "reported in its place", id="replaced"
    ),
    pytest.param(
        [reported(digest(2), 5), reported(digest(1), 0, 9)],
        ScriptMark.DRIFT,
        "while the older is still reported",
        id="beside",
    ),
    pytest.param(
        [reported(digest(1), 0, 9), reported(digest(2, "sha384", 48), 5)],
        ScriptMark.STABLE,
        "pin it",
        id="another algorithm is no other script",
    ),
    pytest.param([reported(digest(1), 0, 9), reported(HEX, 5)], ScriptMark.STABLE, "pin it", id="hexadecimal"),
    pytest.param([reported(digest(251), 0, 9), reported(URL_SAFE, 5)], ScriptMark.STABLE, "pin it", id="URL-safe"),
    pytest.param(
        [reported("sha256-AAAA", 0, 9), reported("sha256-====", 5)], ScriptMark.DRIFT, "compare it", id="no digests"
    ),
]


@pytest.mark.parametrize(("hashes", "mark", "advice"), CASES)
def test_the_digests_of_a_script_say_what_became_of_it(hashes: list[ScriptHash], mark: ScriptMark, advice: str) -> None:
    script = script_of(*hashes)
    assert script.mark is mark
    assert advice in script.advice
    assert [each.first_seen_at for each in script.hashes] == sorted(each.first_seen_at for each in hashes)
    assert script.reports == len(hashes)


def test_only_a_stable_digest_is_one_to_pin_in_the_spelling_of_the_attribute() -> None:
    assert script_of(reported(HEX, 0, 8)).integrity == digest(1)
    assert script_of(reported(URL_SAFE, 0, 8)).integrity == digest(251)
    assert script_of(reported(digest(1), 0, 3)).integrity is None
    assert script_of(reported("sha256-AAAA", 0, 8)).integrity is None
    assert script_of(reported(digest(1), 0, 8), reported(digest(2), 9)).integrity is None


@pytest.mark.parametrize(
    ("url", "is_third_party"),
    [
        (OWN, False),
        ("https://static.shop.example/app.js", False),
        ("https://shop.example:8443/app.js", False),
        (FOREIGN, True),
        ("https://shop.example.evil.example/app.js", True),
        ("https://evilshop.example/app.js", True),
    ],
)
def test_a_third_partys_change_is_alarming_and_ones_own_is_not(*, url: str, is_third_party: bool) -> None:
    script = script_of(reported(digest(1), url=url), reported(digest(2), 1, url=url))
    assert (script.is_third_party, script.is_alarming) == (is_third_party, is_third_party)
    assert ("third party" in script.advice) is is_third_party


def test_alarming_scripts_stand_first_then_the_louder_and_the_more_reported() -> None:
    scripts = reported_scripts(
        [
            reported(digest(1), 0, 30, url="https://cdn.example/stable.js", reports=900),
            reported(digest(1), 0, url="https://cdn.example/new.js", reports=9_000),
            reported("", 0, url="https://cdn.example/none.js"),
            reported("", 0, url="https://cdn.example/none-too.js", reports=2),
            reported(digest(1), 0, url=OWN, reports=50),
            reported(digest(2), 1, url=OWN),
            reported(digest(1), 0),
            reported(digest(2), 1),
        ],
        ALL,
        ["shop.example"],
    )
    assert [script.url.rpartition("/")[2] for script in scripts] == [
        *("lib.js", "app.js", "none-too.js", "none.js", "stable.js", "new.js"),
    ]


def test_a_window_holds_scripts_seen_in_it_with_all_that_was_reported_of_them() -> None:
    hashes = [reported(digest(1), 0), reported(digest(2), 20), reported(digest(1), 0, url=OWN)]
    (script,) = reported_scripts(hashes, Window(SEEN_AT + 10 * DAY, ALL.until), [])
    assert (script.url, script.mark) == (FOREIGN, ScriptMark.DRIFT)
    (before,) = reported_scripts(hashes[1:2], Window(None, SEEN_AT + 30 * DAY), [])
    assert before.mark is ScriptMark.NEW
    assert reported_scripts(hashes[1:2], Window(None, SEEN_AT), []) == ()
