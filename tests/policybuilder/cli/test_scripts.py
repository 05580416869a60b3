"""Tests of `cspbuild scripts`, as people and scripts use it."""

from __future__ import annotations

import base64
import csv
import io
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from collector.ingest.folding import HashObservation, fold_hash
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.recording import record
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.evidence import ORIGIN, SEEN_AT

AS_OF = ("--site", "shop", "--as-of", "2026-12-31T00:00:00Z")
LIBRARY = "https://cdn.example/lib.js"
FIRST, SECOND = (f"sha256-{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))


def report(database: Engine, url: str, digest: str, *seen_at: datetime) -> None:
    batch = Batch()
    for at in seen_at:
        found = NormalizedHash(document_uri=ORIGIN, script_url=url, hash=digest, destination="script", age_ms=0)
        fold_hash(batch, HashObservation(site="shop", report=found, seen_at_ms=to_ms(at)))
    record(database, batch, to_ms(SEEN_AT))


@pytest.fixture
def reported(database: Engine) -> Engine:
    """A library that changed, one that did not, one that tells nothing, and the shop's own."""
    later = SEEN_AT + timedelta(days=9)
    report(database, LIBRARY, FIRST, SEEN_AT, SEEN_AT)
    report(database, LIBRARY, SECOND, later)
    report(database, "https://cdn.example/stable.js", FIRST, SEEN_AT, later)
    report(database, "https://cdn.example/silent.js", "", SEEN_AT)
    report(database, f"{ORIGIN}/\x1b[2J=app.js", FIRST, SEEN_AT)
    report(database, f"{ORIGIN}/\x1b[2J=app.js", SECOND, later)
    return database


@pytest.mark.usefixtures("reported")
def test_scripts_get_the_promised_keys(cspbuild: Cspbuild) -> None:
    document = cspbuild("scripts", *AS_OF, "--format", "json").json()
    assert (document["schema"], document["site"]) == ("scripts/1", "shop")
    changed, own, silent, stable = document["scripts"]
    assert (changed["script"], changed["mark"], changed["third_party"], changed["reports"]) == (
        *(LIBRARY, "drift", True, 3),
    )
    assert (changed["first_seen"], changed["last_seen"]) == ("2026-11-20T10:30:00Z", "2026-11-29T10:30:00Z")
    assert [(each["hash"], each["reports"]) for each in changed["hashes"]] == [(FIRST, 2), (SECOND, 1)]
    assert (own["mark"], own["third_party"]) == ("drift", False)
    assert (silent["mark"], silent["integrity"]) == ("no-hash", None)
    assert (stable["mark"], stable["integrity"]) == ("stable", FIRST)


@pytest.mark.usefixtures("reported")
def test_people_read_of_changes_first_and_that_it_was_reported(cspbuild: Cspbuild) -> None:
    ran = cspbuild("scripts", *AS_OF)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("shop: 4 external scripts reported")
    assert "DRIFT: 1 script of third parties reported with another hash than before" in ran.out
    assert "(third party)" in ran.out
    assert "hashes are shortened here: --format json has them whole" in ran.err
    assert "add crossorigin" in ran.out
    assert "pin it with integrity" in ran.out
    assert "\x1b" not in ran.out


@pytest.mark.parametrize(("columns", "last_column"), [("80", "first seen"), ("119", "first seen"), ("120", "reports")])
@pytest.mark.usefixtures("reported")
def test_a_narrow_terminal_keeps_the_script_and_the_advice(cspbuild: Cspbuild, columns: str, last_column: str) -> None:
    lines = cspbuild("scripts", *AS_OF, COLUMNS=columns).out.splitlines()
    header = next(line for line in lines if "hash reported" in line)
    assert header.rstrip().endswith(last_column)
    assert max(map(len, lines[1:])) <= int(columns)
    start, end = header.index("script"), header.index("hash reported")
    text = "".join(line[start:end].strip() for line in lines[lines.index(header) :])
    assert LIBRARY in text
    assert "addcrossorigin" in text.replace(" ", "")


@pytest.mark.usefixtures("reported")
def test_files_have_a_line_for_each_hash_in_which_nothing_acts(cspbuild: Cspbuild) -> None:
    rows = list(csv.DictReader(io.StringIO(cspbuild("scripts", *AS_OF, "--format", "csv").out)))
    assert [row["mark"] for row in rows] == ["drift", "drift", "drift", "drift", "no-hash", "stable"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    lines = cspbuild("scripts", *AS_OF, "--format", "markdown").out.splitlines()
    assert len(lines) == 2 + 6
    assert len({line.count("|") for line in lines}) == 1
    assert all(character.isprintable() for line in lines for character in line)


@pytest.mark.usefixtures("reported")
def test_a_window_leaves_out_what_was_not_reported_in_it(cspbuild: Cspbuild) -> None:
    document = cspbuild("scripts", *AS_OF, "--since", "2026-11-25", "--format", "json").json()
    assert [script["mark"] for script in document["scripts"]] == ["drift", "drift", "stable"]


@pytest.mark.usefixtures("database")
def test_without_reports_there_is_a_hint_of_how_to_get_them(cspbuild: Cspbuild) -> None:
    ran = cspbuild("scripts")
    assert ran.code == 0
    assert "default: 0 external scripts reported" in ran.out
    assert "header --base-url https://" in ran.err
    assert cspbuild("scripts", "--format", "json").json()["scripts"] == []
