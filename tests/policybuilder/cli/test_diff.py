"""Tests of `cspbuild diff`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policybuilder.cli.conftest import Cspbuild

# Columns: old, new, relation.
RELATIONS = [
    ("img-src a b", "img-src B a a", "same"),
    ("", "", "same"),
    ("img-src *", "img-src https:", "tighter"),
    ("img-src 'none'", "img-src https:", "looser"),
    ("img-src a", "img-src b", "incomparable"),
]


@pytest.mark.parametrize(("old", "new", "relation"), RELATIONS)
def test_diff_gives_scripts_the_relation_and_exits_with_0(
    cspbuild: Cspbuild, old: str, new: str, relation: str
) -> None:
    ran = cspbuild("diff", old, new, "--format", "json")
    document = ran.json()
    assert (ran.code, ran.err, document.keys()) == (0, "", {"schema", "relation", "changes"})
    assert (document["schema"], document["relation"]) == ("diff/1", relation)
    ran = cspbuild("diff", old, new)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{relation}: NEW admits ")


def test_diff_gives_scripts_the_changes(cspbuild: Cspbuild) -> None:
    document = cspbuild("diff", "img-src a; font-src a", "img-src b a", "--format", "json").json()
    assert document["changes"] == [
        {"kind": "added", "directive": "img-src", "source": "b", "effect": "images from b are newly admitted"},
        {
            "kind": "widened",
            "directive": "font-src",
            "source": None,
            "effect": "fonts are newly admitted, not only those from a",
        },
    ]


def test_diff_shows_people_what_changes(cspbuild: Cspbuild) -> None:
    out = cspbuild("diff", "font-src a", "img-src 'none'; upgrade-insecure-requests").out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "change directive source effect" in rows
    assert "removed img-src (anything) images are no longer admitted" in rows
    assert "widened font-src (anything) fonts are newly admitted, not only those from a" in rows
    assert any(row.startswith("moved upgrade-insecure-requests requests for http URLs") for row in rows)


def test_what_is_the_same_has_no_table(cspbuild: Cspbuild) -> None:
    assert cspbuild("diff", "img-src a", "img-src a").out == "same: NEW admits exactly what OLD admits\n"


@pytest.mark.parametrize("arguments", [("@old.txt", "img-src b"), ("-", "img-src b"), ("img-src a", "@new.txt")])
def test_policies_are_texts_files_or_standard_input(cspbuild: Cspbuild, arguments: tuple[str, str]) -> None:
    Path("old.txt").write_text("img-src a\n")
    Path("new.txt").write_text("img-src b\n")
    ran = cspbuild("diff", *arguments, "--format", "json", text="img-src a\n")
    assert [change["source"] for change in ran.json()["changes"]] == ["a", "b"]


def test_only_one_of_them_can_be_standard_input(cspbuild: Cspbuild) -> None:
    ran = cspbuild("diff", "-", "-", text="img-src a")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: OLD and NEW cannot both be standard input; see  cspbuild diff --help\n"


def test_a_file_that_is_not_there_is_one_line(cspbuild: Cspbuild) -> None:
    ran = cspbuild("diff", "@missing.txt", "img-src a")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "missing.txt" in ran.err


def test_hostile_text_is_shown_as_it_is(cspbuild: Cspbuild) -> None:
    ran = cspbuild("diff", "img-src h/[red]x", "img-src h/[bold]y; sandbox \x1b[31m")
    assert "[red]x" in ran.out
    assert "\x1b" not in ran.out


def test_no_database_is_opened(cspbuild: Cspbuild) -> None:
    assert cspbuild("diff", "img-src a", "img-src b", CSP_DATABASE_URL="postgresql://127.0.0.1:1/x").code == 0
    assert list(Path.cwd().iterdir()) == []
