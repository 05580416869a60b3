"""Tests of `cspbuild diff`."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from policybuilder import differences
from policybuilder.csp.rules import KINDS, Kind
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


def rows_of(out: str) -> list[list[str]]:
    """The cells of a table's rows, their lines joined by a space; a row begins where the first column has text."""
    lines = [line for line in out.splitlines()[1:] if line.strip()]
    starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
    rows: list[list[str]] = []
    for line in lines[2:]:
        cells = [line[start:end].strip() for start, end in itertools.pairwise([*starts, len(line)])]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{above} {below}".strip() for above, below in zip(rows[-1], cells, strict=True)]
    return rows


NEWLY_NOT_ONLY = "are newly admitted, not only those"

# Columns: old, new, the rows: change, directives, source, effect.
JOINED = [
    (
        "default-src a; script-src a; style-src a",
        "default-src a b; script-src a; style-src a",
        [
            (
                "added",
                "img-src font-src media-src connect-src frame-src manifest-src object-src",
                "b",
                (
                    "images, fonts, audio and video, frames, manifests and plugins from b are newly admitted; "
                    "connections to b are newly admitted"
                ),
            )
        ],
    ),
    (
        "script-src a; style-src a",
        "script-src a 'nonce-n'; style-src a 'nonce-n'",
        [
            (
                "added",
                "script-src-elem style-src-elem",
                "'nonce-n'",
                (
                    "scripts and style sheets with 'nonce-n' are newly admitted, not only those from a; "
                    "inline scripts and inline style sheets with 'nonce-n' are newly admitted"
                ),
            )
        ],
    ),
    (
        "img-src https:; font-src https:; frame-src https:",
        "img-src a; font-src b; frame-src a",
        [
            ("narrowed", "img-src frame-src", "https:", "images and frames from https: are admitted only from a now"),
            ("widened", "img-src frame-src", "a", f"images and frames from a {NEWLY_NOT_ONLY} from https:"),
            ("narrowed", "font-src", "https:", "fonts from https: are admitted only from b now"),
            ("widened", "font-src", "b", f"fonts from b {NEWLY_NOT_ONLY} from https:"),
        ],
    ),
]


@pytest.mark.parametrize(("old", "new", "rows"), JOINED)
def test_people_read_once_what_changes_alike_in_several_directives(
    cspbuild: Cspbuild, old: str, new: str, rows: list[tuple[str, ...]]
) -> None:
    assert rows_of(cspbuild("diff", old, new).out) == [list(row) for row in rows]


def test_scripts_get_every_change_by_itself(cspbuild: Cspbuild) -> None:
    changes = cspbuild("diff", "default-src a", "default-src a b", "--format", "json").json()["changes"]
    assert len(changes) == 10
    assert changes[5]["effect"] == "connections to b are newly admitted"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.subject)
def test_a_subject_ends_before_the_first_word_that_says_what_happens(kind: Kind) -> None:
    for word in (kind.preposition, kind.presenting, "that", "requested", "are"):
        assert differences._clauses(f"{kind.subject} {word} x") == [(kind.subject, f"{word} x")]


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
