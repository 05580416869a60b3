"""Hosts that browsers only visit over https."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from policybuilder.grading.preload import are_preloaded, is_preloaded, list_day

# (host, whether it is preloaded): a host, one below it, and all of a top-level domain
HOSTS = [
    *(("github.com", True), ("gist.github.com", True), ("GitHub.com.", True), ("app", True), ("shop.app", True)),
    *(("shop.example", False), ("com", False), ("", False), (".", False), ("127.0.0.1", False), ("[::1]", False)),
    *(("é.example", False), ("\x00", False), ("a." * 5_000 + "github.com", True), ("notgithub.com", False)),
]


@pytest.mark.parametrize(("host", "expected"), HOSTS)
def test_a_host_is_preloaded_by_itself_or_by_a_name_above_it(*, host: str, expected: bool) -> None:
    assert is_preloaded(host) is expected


def test_all_are_preloaded_if_each_is() -> None:
    assert are_preloaded(["github.com", "gist.github.com"])
    assert not are_preloaded(["github.com", "shop.example"])
    assert not are_preloaded([])


def test_the_list_has_a_date() -> None:
    assert date(2025, 1, 1) <= list_day() <= datetime.now(UTC).date()
