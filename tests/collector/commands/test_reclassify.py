"""`csp-collector reclassify`: what would change and what changed, by class and by site."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from collector.cli import command
from policybuilder.errors import CspbuildError
from policybuilder.store.engine import open_for_writing
from policybuilder.store.sites import add_site, ensure_default_site
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations
from tests.support.service import Ran, run_program

RULES = """
version = 1
[[rule]]
id = "tracker"
class = "injected"
reason = "a tracker"
blocked-hosts = ["img.example"]
"""


@pytest.fixture
def evidence(database_url: str) -> str:
    """A database with two groups of pictures in one site, one of them seen twice, and one in another."""
    engine = open_for_writing(database_url)
    ensure_default_site(engine, SEEN_AT)
    add_site(engine, "shop", [], SEEN_AT)
    seen = [("default", "a"), ("default", "a"), ("default", "b"), ("shop", "a")]
    violations = [(site, make_violation(blocked_uri=f"https://img.example/{name}.png")) for site, name in seen]
    record_observations(engine, *(make_observation(violation, site=site) for site, violation in violations))
    engine.dispose()
    Path("own.toml").write_text(RULES)
    return database_url


def reclassify(database_url: str, *arguments: str) -> Ran:
    return run_program(
        "csp-collector", "reclassify", "--database-url", database_url, "--rules", "own.toml", *arguments, cwd=Path()
    )


def test_a_dry_run_says_what_would_change_and_changes_nothing(evidence: str) -> None:
    ran = reclassify(evidence, "--dry-run", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    document = ran.json()
    assert (document["schema"], document["dry_run"]) == ("reclassify/1", True)
    changes = {site["site"]: site["changes"] for site in document["sites"]}
    assert changes == {
        "default": [{"from": "genuine", "to": "injected", "groups": 2, "reports": 3}],
        "shop": [{"from": "genuine", "to": "injected", "groups": 1, "reports": 1}],
    }
    again = reclassify(evidence, "--format", "json").json()
    assert {site["site"]: site["changes"] for site in again["sites"]} == changes
    settled = reclassify(evidence, "--format", "json").json()
    assert all(not site["changes"] and site["undecided"]["groups"] == 0 for site in settled["sites"])


def test_a_merge_is_said_to_be_for_good(evidence: str) -> None:
    reclassify(evidence)
    engine = open_for_writing(evidence)
    violations = [make_violation(blocked_uri=f"https://img.example/{name}.png") for name in "ab"]
    record_observations(engine, *map(make_observation, violations))
    engine.dispose()
    would = reclassify(evidence, "--dry-run", "--site", "default")
    assert "2 groups would be merged into others; that cannot be taken back\n" in would.err
    done = reclassify(evidence, "--site", "default", "--format", "json").json()
    assert done["sites"][0]["merged_groups"] == 2
    engine = open_for_writing(evidence)
    record_observations(engine, make_observation(violations[0]))
    engine.dispose()
    assert "1 group was merged into another; that cannot be taken back\n" in reclassify(evidence).err


def test_people_see_a_table_of_one_site(evidence: str) -> None:
    would = reclassify(evidence, "--dry-run", "--site", "shop")
    assert would.err == "1 group of 1 would change class\n"
    ran = reclassify(evidence, "--site", "default")
    shown = " ".join(ran.out.split())
    assert "site from to groups reports" in shown
    assert "default genuine injected 2 3" in shown
    assert ran.err == "2 groups of 2 changed class\n"
    assert reclassify(evidence).err == "1 group of 3 changed class\n"
    assert reclassify(evidence).out == ""


@pytest.mark.parametrize("arguments", [["reclassify"], ["reclassify", "--dry-run"], ["prune"]])
def test_no_database_is_made_to_judge_or_forget_nothing(arguments: list[str]) -> None:
    with pytest.raises(CspbuildError, match=r"no database at data/csp\.db; start the collector once"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert not Path("data").exists()


def test_a_site_that_is_not_there_is_named() -> None:
    CliRunner().invoke(command, ["migrate"], catch_exceptions=False)
    with pytest.raises(CspbuildError, match="no site 'nobody'"):
        CliRunner().invoke(command, ["reclassify", "--site", "nobody"], catch_exceptions=False)


def test_wrong_rules_are_said_before_anything_is_opened() -> None:
    Path("own.toml").write_text("version = ")
    with pytest.raises(CspbuildError, match="no TOML"):
        CliRunner().invoke(command, ["reclassify", "--rules", "own.toml"], catch_exceptions=False)
    assert not Path("data").exists()
