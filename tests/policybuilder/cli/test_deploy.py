"""Tests of `cspbuild deploy`, as people and scripts use it."""

from __future__ import annotations

import pytest

from tests.policybuilder.cli.conftest import Cspbuild

POLICY = "default-src 'none'; img-src 'self'"

pytestmark = pytest.mark.usefixtures("database")


def test_what_is_recorded_is_listed(cspbuild: Cspbuild) -> None:
    options = ("--stage", "report-only", "--views-per-day", "12000", "--note", "a trial", "--at", "2026-11-20T10:30Z")
    ran = cspbuild("deploy", "record", "--policy", POLICY, *options, "--site", "shop", "--format", "json")
    assert ran.code == 0
    document = ran.json()
    assert document == {
        "schema": "deploy/1",
        "deployments": [
            {
                "number": 1,
                "stage": "report-only",
                "policy": POLICY,
                "since": "2026-11-20T10:30:00Z",
                "views_per_day": 12_000,
                "note": "a trial",
                "noticed": False,
            }
        ],
    }
    assert cspbuild("deploy", "list", "--site", "shop", "--format", "json").json() == document
    assert cspbuild("deploy", "list", "--format", "json").json()["deployments"] == []


def test_a_deployment_begins_now_unless_it_is_said(cspbuild: Cspbuild) -> None:
    ran = cspbuild("deploy", "record", "--policy", "-", "--stage", "enforce", "--format", "json", text=f"{POLICY}\n")
    assert ran.code == 0
    (deployment,) = ran.json()["deployments"]
    assert (deployment["policy"], deployment["views_per_day"], deployment["note"]) == (POLICY, None, "")
    assert cspbuild("deploy", "list", "--format", "json").json()["deployments"] == [deployment]


def test_people_read_a_table_in_which_nothing_acts(cspbuild: Cspbuild) -> None:
    cspbuild("deploy", "record", "--policy", POLICY, "--stage", "enforce", "--note", "\x1b[2J[red]why[/red]")
    ran = cspbuild("deploy", "list")
    assert POLICY in ran.out
    assert "\\x1b[2J[red]why[/red]" in ran.out
    assert "\x1b" not in ran.out
    empty = cspbuild("deploy", "list", "--site", "shop")
    assert empty.code == 0
    assert "nothing recorded yet" in empty.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--policy", "", "--stage", "enforce"), "an empty policy is none"),
        (("--policy", ";;", "--stage", "enforce"), "an empty policy is none"),
        (("--policy", "@nowhere", "--stage", "enforce"), "cannot read nowhere"),
        (("--policy", POLICY, "--stage", "trial"), "'trial' is not one of"),
        (("--policy", POLICY), "Missing option '--stage'"),
        (("--policy", POLICY, "--stage", "enforce", "--views-per-day", "0"), "0 is not in the range"),
        (("--policy", POLICY, "--stage", "enforce", "--at", "soon"), "'soon' is no time"),
        (("--policy", POLICY, "--stage", "enforce", "--at", "2999-01-01"), "is yet to come"),
        (("--policy", POLICY, "--stage", "enforce", "--note", "n" * 501), "the note has 501 characters"),
        (("--policy", POLICY, "--stage", "enforce", "--site", "nowhere"), "no site 'nowhere'"),
    ],
)
def test_what_cannot_be_recorded_is_one_line_and_recorded_nowhere(
    cspbuild: Cspbuild, arguments: tuple[str, ...], says: str
) -> None:
    ran = cspbuild("deploy", "record", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert cspbuild("deploy", "list", "--format", "json").json()["deployments"] == []


def test_oddities_of_a_recorded_policy_are_pointed_out(cspbuild: Cspbuild) -> None:
    ran = cspbuild("deploy", "record", "--policy", "img-src 'self'; nonsense-src x", "--stage", "enforce")
    assert ran.code == 0
    assert "the policy has 1 oddity" in ran.err
