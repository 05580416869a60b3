"""The peer's host facts: the file is what its package says, and its matching is the peer's."""

from __future__ import annotations

import pytest

from policybuilder.evaluation.csp_evaluator.hosts import HostList, host_facts
from policybuilder.evaluation.csp_evaluator.locations import Location, read_location
from tests.peers.hosts import DATA_FILE, data_file


def test_the_data_file_is_what_the_script_writes_of_the_installed_package() -> None:
    assert DATA_FILE.read_text(encoding="utf-8") == data_file(), "write it anew with  python -m tests.peers.hosts"


def test_it_says_whose_facts_it_has() -> None:
    text = DATA_FILE.read_text(encoding="utf-8")
    assert "Copyright 2016 Google Inc." in text
    assert "Apache License, Version 2.0" in text
    assert host_facts().version == "1.1.8"


def test_all_of_its_entries_are_locations() -> None:
    facts = host_facts()
    assert [len(each.locations) for each in (facts.jsonp, facts.angular, facts.flash)] == [123, 41, 2]
    assert len(facts.needs_unsafe_eval) == 6


# (source, the host of the first entry that it admits)
MATCHES = [
    ("a.example", "a.example"),
    ("A.EXAMPLE", "a.example"),
    ("https://a.example:8443", "a.example"),
    ("*.example", "a.example"),
    ("*.b.example", "x.b.example"),
    ("b.example", None),
    (".b.example", None),
    ("*.x.b.example", None),
    ("*.", None),
    ("*", None),
    ("a.example/", "a.example"),
    ("a.example/js/", "a.example"),
    ("a.example/js/lib.js", "a.example"),
    ("a.example/js", None),
    ("a.example/js/other.js", None),
    ("a.example/js/../js/lib.js", "a.example"),
    ("*.example/y/", "x.b.example"),
    ("c.example//z", "c.example"),
]


@pytest.mark.parametrize(("source", "host"), MATCHES)
def test_a_source_matches_the_first_entry_that_it_admits(source: str, host: str | None) -> None:
    entries = HostList(
        (Location("a.example", "/js/lib.js"), Location("x.b.example", "/y/"), Location("c.example", "//z"))
    )
    location = read_location(source)
    assert location is not None
    match = entries.first_match(location)
    assert (None if match is None else match.host) == host
