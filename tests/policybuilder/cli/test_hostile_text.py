"""Tests of hostile report text: shown as what it is, in terminals, spreadsheets, Markdown and JSON."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import Engine

from policybuilder.csp import SampleExtent
from policybuilder.evidence import EvidenceClass
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import ORIGIN, make_observation, make_violation, record_observations

SAMPLES = [
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "a\r\nb\x00c",
    "\u202egnp.exe\u202c\u2066",
    "\u200b\ufeff\u2028",
    "[red]x[/red][bold]",
    "[link=https://evil.example]x[/link]",
    '=HYPERLINK("https://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1)",
    "-2+3",
    "| x | `code` | <b>",
    "```\n# x",
    "\ue000\U000e0041",
    "%s{0}{x}",
]


@pytest.fixture
def hostile(database: Engine) -> Engine:
    """Every sample as inline code, and in whatever else of a report is a stranger's text."""
    observations = []
    for number, sample in enumerate(SAMPLES):
        inline = make_violation("script-src-elem", "inline", sample=sample, sample_extent=SampleExtent.PREFIX)
        picture = make_violation(
            "img-src",
            f"https://img.example/{number}/{sample}",
            document_uri=f"{ORIGIN}/{sample}",
            source_file=f"{ORIGIN}/{sample}.js",
        )
        directive = make_violation(sample, sample, document_uri=sample)
        observations += [make_observation(violation, is_trusted=True) for violation in (inline, picture, directive)]
        observations.append(make_observation(picture, evidence_class=EvidenceClass.EXTENSION))
    record_observations(database, *observations)
    return database


COMMANDS = [
    ("summary", "--noise"),
    ("summary", "--by", "directive"),
    ("summary", "--by", "source"),
    ("summary", "--by", "page"),
    ("suggest",),
    ("replay", "--policy", "default-src 'none'"),
    ("status",),
    ("ready", "--policy", "default-src 'none'"),
    ("deploy", "list"),
]
FORMATS = ["text", "json", "csv", "markdown"]
TAKES = {"summary": FORMATS, "suggest": ["text", "json", "header", "markdown"], "replay": ["text", "json"]}
TAKES |= {name: ["text", "json"] for name in ("status", "ready", "deploy")}


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize(
    "arguments", [(*command, "--format", fmt) for command in COMMANDS for fmt in TAKES[command[0]]], ids=" ".join
)
def test_no_output_holds_a_character_that_acts(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild(*arguments)
    assert ran.code in {0, 1}
    assert ran.out
    odd = {character for character in ran.out + ran.err if not character.isprintable()} - {"\n"}
    assert odd == set()


@pytest.mark.usefixtures("hostile")
def test_text_shows_markup_as_it_was_sent(cspbuild: Cspbuild) -> None:
    out = cspbuild("summary", COLUMNS="400").out
    assert "[red]x[/red][bold]" in out
    assert "\\x1b[2J" in out
    assert "\\u202egnp.exe" in out


@pytest.mark.usefixtures("hostile")
def test_no_cell_of_a_spreadsheet_is_a_formula(cspbuild: Cspbuild) -> None:
    ran = cspbuild("summary", "--noise", "--format", "csv")
    cells = [cell for row in csv.reader(io.StringIO(ran.out)) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert """'=HYPERLINK("https://evil.example","x")""" in cells


@pytest.mark.usefixtures("hostile")
def test_a_markdown_cell_ends_neither_its_cell_nor_its_code(cspbuild: Cspbuild) -> None:
    lines = cspbuild("summary", "--noise", "--format", "markdown").out.splitlines()
    columns = lines[0].count("|")
    assert len(lines) == 2 + 4 * len(SAMPLES)
    for line in lines[2:]:
        assert line.replace("\\|", "").count("|") == columns
        assert line.count("`") % 2 == 0
        cells = line.replace("\\|", "").strip("| ").split(" | ")
        assert all(
            cell == "" or (cell[0] == cell[-1] == "`" and cell.count("`") == 2) for cell in cells if cell.strip()
        )


@pytest.mark.usefixtures("hostile")
def test_json_is_ascii_and_keeps_the_text_as_it_was(cspbuild: Cspbuild) -> None:
    ran = cspbuild("summary", "--format", "json")
    assert ran.out.isascii()
    assert set(SAMPLES) <= {row["sample"] for row in ran.json()["rows"]}


@pytest.mark.usefixtures("hostile")
def test_no_hostile_text_gets_into_a_policy(cspbuild: Cspbuild) -> None:
    policy = cspbuild("suggest", "--format", "json").json()["policy"]
    assert policy == (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "img-src https://img.example; object-src 'none'"
    )
