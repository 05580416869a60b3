"""Tests of `cspbuild site erase` and `cspbuild site export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.policybuilder.cli.conftest import Cspbuild


def groups_of(engine: Engine, site: str = "shop") -> int:
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT count(*) FROM violation_group WHERE site = :site"), {"site": site})
        return int(counted.scalar_one())


@pytest.mark.parametrize(("arguments", "typed"), [(("--yes",), ""), ((), "shop\n")])
def test_erase_takes_a_site_away(cspbuild: Cspbuild, evidence: Engine, arguments: tuple[str, ...], typed: str) -> None:
    ran = cspbuild("site", "erase", "shop", *arguments, text=typed)
    assert ran.code == 0
    assert "violation_group" in ran.out
    assert ran.err.endswith("shop is no more\n")
    assert groups_of(evidence) == 0
    assert "no site 'shop' (there are: default)" in cspbuild("site", "show", "shop").err


@pytest.mark.parametrize("typed", ["", "\n", "Shop\n", "default\n", "y\n", "shop shop\n"])
def test_whoever_types_anything_else_erases_nothing(cspbuild: Cspbuild, evidence: Engine, typed: str) -> None:
    before = groups_of(evidence)
    ran = cspbuild("site", "erase", "shop", text=typed)
    assert (ran.code, ran.out) == (2, "")
    assert "is not 'shop', so nothing was erased; pass --yes" in ran.err
    assert groups_of(evidence) == before > 0


@pytest.mark.usefixtures("evidence")
def test_erase_tells_a_script_what_went(cspbuild: Cspbuild) -> None:
    ran = cspbuild("site", "erase", "shop", "--yes", "--format", "json")
    document = ran.json()
    assert (ran.code, document["schema"], document["name"]) == (0, "site/1", "shop")
    assert document["erased"]["violation_group"] > 0


@pytest.mark.usefixtures("database")
def test_the_default_site_stays_with_its_keys(cspbuild: Cspbuild) -> None:
    before = cspbuild("site", "show", "--format", "json").json()
    ran = cspbuild("site", "erase", "default", "--yes")
    assert (ran.code, ran.err) == (0, "default is empty; its keys and settings stay\n")
    assert cspbuild("site", "show", "--format", "json").json() == before


@pytest.mark.parametrize("command", ["erase", "export"])
def test_neither_creates_a_database_or_knows_a_stranger(cspbuild: Cspbuild, command: str) -> None:
    missing = cspbuild("site", command, "shop")
    assert (missing.code, Path("data").exists()) == (2, False)
    cspbuild("site", "add", "shop")
    unknown = cspbuild("site", command, "shopp")
    assert (unknown.code, unknown.out) == (2, "")
    assert "no site 'shopp' (there are: default, shop)" in unknown.err


@pytest.mark.usefixtures("evidence")
def test_export_is_a_json_object_a_line(cspbuild: Cspbuild) -> None:
    ran = cspbuild("site", "export", "shop")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, ran.err, lines[0]["type"], lines[0]["name"]) == (0, "", "site", "shop")
    assert {"policy", "group", "day", "page", "sample"} <= {line["type"] for line in lines}
    assert ran.out.isascii()


@pytest.mark.usefixtures("evidence")
def test_an_export_names_things_as_other_json_does(cspbuild: Cspbuild) -> None:
    cspbuild("decide", "allow", "https://cdn.example", "--directive", "img-src", "--site", "shop")
    cspbuild("decide", "undo", "1", "--site", "shop")
    cspbuild("deploy", "record", "--site", "shop", "--stage", "enforce", "--policy", "img-src 'self'")
    lines = {line["type"]: line for line in map(json.loads, cspbuild("site", "export", "shop").out.splitlines())}
    keys = {key for line in lines.values() for key in line}
    assert not [key for key in keys if "_at_at" in key or "_ms" in key]
    assert {"created_at", "first_seen_at", "decided_at", "undone_at", "since"} <= keys
    assert "class" in lines["group"]
    assert "evidence_class" not in keys


@pytest.mark.usefixtures("evidence")
def test_export_to_a_file_is_for_its_operator_alone(cspbuild: Cspbuild) -> None:
    shown = cspbuild("site", "export", "shop").out
    Path("shop.jsonl").write_text("an older export")
    ran = cspbuild("site", "export", "shop", "--output", "shop.jsonl")
    assert (ran.code, ran.out, ran.err) == (0, "", f"{len(shown.splitlines())} lines in shop.jsonl\n")
    assert Path("shop.jsonl").read_text() == shown
    assert Path("shop.jsonl").stat().st_mode & 0o777 == 0o600
    assert not Path("shop.jsonl.part").exists()


@pytest.mark.usefixtures("evidence")
def test_a_file_that_cannot_be_written_is_named(cspbuild: Cspbuild) -> None:
    ran = cspbuild("site", "export", "shop", "--output", "nowhere/shop.jsonl")
    assert (ran.code, ran.out) == (2, "")
    assert "cannot write nowhere/shop.jsonl: No such file or directory; pass another --output" in ran.err
