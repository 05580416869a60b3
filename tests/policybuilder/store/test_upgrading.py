"""Upgrading: a database of the first schema keeps every count, and everything goes on in it as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from collector.ingest.folding import fingerprint_of, policy_digest
from policybuilder.csp import Disposition, Violation
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.noise import Classification
from policybuilder.store.backup_file import FORMAT, BackupHead, TableHead, write_backup
from policybuilder.store.clock import DAY_MS, HOUR_MS, to_ms
from policybuilder.store.decisions import read_standing_decisions
from policybuilder.store.engine import (
    SCHEMA_REVISION,
    _make_engine,
    open_for_reading,
    open_for_writing,
    parse_database_url,
    writing,
)
from policybuilder.store.migrating import _config, migrate
from policybuilder.store.reading import read_day_counts, read_groups, snapshot
from policybuilder.store.restoring import restore
from policybuilder.store.retention import prune
from policybuilder.store.sites import KeyKind, ensure_default_site, find_key, key_digest
from policybuilder.times import Window
from tests.support.evidence import OBSERVED, PAGE, SEEN_AT, make_observation, make_violation, record_observations
from tests.support.service import Ran, run_program

FIRST_MS, LAST_MS = to_ms(SEEN_AT - timedelta(days=3)), to_ms(SEEN_AT)
DAY, HOUR = LAST_MS // DAY_MS, LAST_MS // HOUR_MS
PUBLIC_KEY, REHEARSAL_KEY = "p" * 24, "r" * 24

# (violation, class, reports, of these trusted, client networks) of the site `shop`
GROUPS: list[tuple[Violation, EvidenceClass, int, int, int]] = [
    (make_violation("img-src", "https://img.example/a.png"), EvidenceClass.GENUINE, 2_000, 4, 40),
    (make_violation("script-src-elem", "https://shop.example/app.js"), EvidenceClass.GENUINE, 800, 2, 30),
    (make_violation("style-src-elem", "https://fonts.example/a.css"), EvidenceClass.GENUINE, 90, 0, 9),
    (make_violation("script-src-elem", "chrome-extension"), EvidenceClass.EXTENSION, 70, 0, 7),
    (make_violation("script-src-elem", "https://evil.example/x.js"), EvidenceClass.GENUINE, 1, 0, 1),
    (
        make_violation("script-src", "eval", source_file="https://tag.example/t.js", disposition=Disposition.ENFORCE),
        *(EvidenceClass.GENUINE, 30, 0, 9),
    ),
    (make_violation("script-src", "eval", source_file="https://shop.example/app.js"), EvidenceClass.GENUINE, 9, 0, 9),
]
REPORTS = sum(reports for _, _, reports, _, _ in GROUPS)


def fingerprint(violation: Violation, evidence_class: EvidenceClass) -> str:
    return fingerprint_of(violation, Classification(evidence_class, "no-noise-rule"))


def old_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of the first schema, by table."""
    shop = {"site": "shop"}
    digest = policy_digest(OBSERVED)
    seen = {"first_seen_ms": FIRST_MS, "last_seen_ms": LAST_MS}
    rows: dict[str, list[dict[str, Any]]] = {
        "site": [
            {"name": name, "created_at_ms": FIRST_MS, "retention_days": days, "is_active": True}
            for name, days in (("default", 400), ("shop", 200))
        ],
        "site_host": [{**shop, "host": host} for host in ("shop.example", "*.shop.example")],
        "site_key": [
            {"site": site, "digest": key_digest(key), "kind": kind, "key": shown, "created_at_ms": FIRST_MS}
            for site, key, kind, shown in (
                ("default", "default", "public", "default"),
                ("shop", PUBLIC_KEY, "public", PUBLIC_KEY),
                ("shop", REHEARSAL_KEY, "rehearsal", None),
            )
        ],
        "policy": [{**shop, "digest": digest, "text": OBSERVED, **seen, "reports": REPORTS, "trusted_reports": 6}],
        "decision": [
            {**shop, "number": 1, "action": "reject", "directive": "script-src"}
            | {"subject": "https://evil.example/*", "note": "not ours", "decided_at_ms": LAST_MS}
        ],
        "deployment": [{**shop, "number": 1, "stage": "report-only", "policy": OBSERVED, "since_ms": FIRST_MS}],
        "script_hash": [
            {**shop, "script_url": "https://shop.example/app.js", "hash": "sha256-AAAA", "destination": "script"}
            | {**seen, "reports": 5}
        ],
        "seen_line": [{**shop, "digest": bytes([n] * 16), "is_trusted": n == 1, "seen_at_ms": LAST_MS} for n in (1, 2)],
        "reporter_key": [{**shop, "day": DAY, "key": b"k" * 32, "expires_at_ms": (DAY + 1) * DAY_MS}],
        **{
            name: []
            for name in ("violation_group", "group_policy", "group_hour", "group_page", "group_reporter", "sample")
        },
        "page_reporter": [{**shop, "page": PAGE, "day": DAY - n % 3, "network": n} for n in range(40)],
    }
    for violation, evidence_class, reports, trusted, networks in GROUPS:
        group = {**shop, "fingerprint": fingerprint(violation, evidence_class)}
        counts = {"reports": reports, "trusted_reports": trusted}
        described = {
            "document_origin": "https://shop.example",
            "directive": violation.effective_directive,
            "blocked": violation.blocked_uri,
            "disposition": violation.disposition.value,
            "evidence_class": evidence_class.value,
            "rule": "no-noise-rule",
            "sample": "",
            "sample_extent": "none",
            "source_file": violation.source_file,
        }
        rows["violation_group"].append({**group, **described, **seen, **counts})
        rows["group_policy"].append({**group, "policy_digest": digest, **seen, **counts})
        if trusted:
            rows["group_policy"][-1] |= {"trusted_first_ms": FIRST_MS, "trusted_last_ms": LAST_MS}
        earlier = reports // 3
        rows["group_hour"] += [
            {**group, "hour": FIRST_MS // HOUR_MS, "reports": earlier, "trusted_reports": 0},
            {**group, "hour": HOUR, "reports": reports - earlier, "trusted_reports": trusted},
        ]
        rows["group_page"].append({**group, "page": PAGE, "reports": reports})
        rows["group_reporter"] += [{**group, "day": DAY - n % 3, "network": n} for n in range(networks)]
        rows["sample"].append({**group, "digest": "d" * 32, "report": "{}", "seen_at_ms": LAST_MS})
    return rows


@pytest.fixture
def old_database(database_url: str, tmp_path: Path) -> str:
    """A database as the first version left it, on each of the two systems."""
    (tmp_path / "data").mkdir()
    _make_old(database_url)
    return database_url


def _make_old(database_url: str) -> None:
    engine = _make_engine(parse_database_url(database_url), creates=True)
    with writing(engine).begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, rows in old_rows().items():
            names = list(dict.fromkeys(name for row in rows for name in row))
            columns, values = ", ".join(names), ", ".join(f":{name}" for name in names)
            statement = text(f"INSERT INTO {table} ({columns}) VALUES ({values})")  # noqa: S608  (our own tables)
            connection.execute(statement, [{**dict.fromkeys(names), **row} for row in rows])
    engine.dispose()


def _upgraded(database_url: str) -> Engine:
    _make_old(database_url)
    return open_for_writing(database_url)


@pytest.fixture
def upgraded(old_database: str) -> Iterator[Engine]:
    opened = open_for_writing(old_database)
    yield opened
    opened.dispose()


def stored(engine: Engine, table: str, names: list[str]) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {', '.join(names)} FROM {table}")).mappings()  # noqa: S608  (our own tables)
        return sorted((dict(row) for row in found), key=repr)


@pytest.mark.parametrize("table", list(old_rows()))
def test_every_row_of_the_first_schema_is_kept_as_it_was(upgraded: Engine, table: str) -> None:
    rows = old_rows()[table]
    names = list(dict.fromkeys(name for row in rows for name in row))
    before = [{name: row.get(name) for name in names} for row in rows]
    assert before, f"a test without a row in {table} says nothing"
    assert stored(upgraded, table, names) == sorted(before, key=repr)


def _write_old_backup(path: Path) -> None:
    rows = {name: rows for name, rows in old_rows().items() if name != "reporter_key"}
    columns = {name: tuple(dict.fromkeys(key for row in rows[name] for key in row)) for name in rows}
    missing = {"site_key": ("revoked_at_ms",), "decision": ("undone_at_ms",), "deployment": ("views_per_day",)}
    missing |= {"violation_group": ("line_number",)}
    heads = tuple(TableHead(name, columns[name] + missing.get(name, ()), len(rows[name])) for name in rows)
    with path.open("wb") as file:
        portions = ([[row.get(name) for name in of.columns] for row in rows[of.name]] for of in heads)
        write_backup(file, BackupHead(FORMAT, "0001", SEEN_AT, heads), portions)


@pytest.fixture(params=["nothing", "tables of then", "a first start of now"])
def restored(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Engine]:
    """A database in which there was no evidence, but now is a backup of the first schema."""
    (tmp_path / "data").mkdir()
    if request.param == "tables of then":
        started = _make_engine(parse_database_url(database_url), creates=True)
        with writing(started).begin() as connection:
            migrate(connection, "0001")
        started.dispose()
    elif request.param == "a first start of now":
        started = open_for_writing(database_url)
        ensure_default_site(started, SEEN_AT)
        started.dispose()
    _write_old_backup(tmp_path / "old.backup")
    restore(database_url, tmp_path / "old.backup", on_progress=lambda *_: None)
    opened = open_for_reading(database_url)
    yield opened
    opened.dispose()


def test_an_older_database_that_refuses_a_backup_is_not_upgraded(old_database: str, tmp_path: Path) -> None:
    _write_old_backup(tmp_path / "old.backup")
    with pytest.raises(CspbuildError, match="is in use: decision has rows"):
        restore(old_database, tmp_path / "old.backup", on_progress=lambda *_: None)
    with pytest.raises(CspbuildError, match="has an older schema"):
        open_for_reading(old_database)


def test_a_backup_of_the_first_schema_is_brought_up_to_date(restored: Engine, tmp_path: Path) -> None:
    upgraded = _upgraded(f"sqlite:///{tmp_path}/upgraded.db")
    for table in SQLModel.metadata.sorted_tables:
        if table.name != "reporter_key":
            names = list(table.columns.keys())
            assert stored(restored, table.name, names) == stored(upgraded, table.name, names)
    assert stored(restored, "alembic_version", ["version_num"]) == [{"version_num": SCHEMA_REVISION}]
    upgraded.dispose()


def test_what_the_first_schema_did_not_keep_is_as_good_as_known(upgraded: Engine) -> None:
    names = ["reports", "estimated_reports", "first_seen_ms", "received_first_ms", "last_seen_ms", "received_last_ms"]
    for row in stored(upgraded, "violation_group", names):
        assert row["estimated_reports"] == row["reports"]
        assert (row["received_first_ms"], row["received_last_ms"]) == (row["first_seen_ms"], row["last_seen_ms"])
    assert all(
        row["estimated_reports"] == row["reports"]
        for row in stored(upgraded, "group_hour", ["reports", "estimated_reports"])
    )
    networks = stored(upgraded, "network_day", ["site", "day", "network", "rehearsed_reports"])
    assert len(networks) == 40
    assert {(row["site"], row["rehearsed_reports"]) for row in networks} == {("shop", 0)}
    (shop,) = [row for row in stored(upgraded, "site", ["name", "new_groups_per_hour", "reports_per_second"])
               if row["name"] == "shop"]  # fmt: skip
    assert (shop["new_groups_per_hour"], shop["reports_per_second"]) == (None, None)


def test_whose_script_made_code_out_of_text_is_known_of_before(upgraded: Engine) -> None:
    """It was part of what told groups apart; of what else the first report named, nothing is known of the others."""
    with writing(upgraded).begin() as connection:
        connection.execute(
            text("UPDATE violation_group SET source_file = 'https://x.example/' WHERE blocked != 'eval'")
        )
    found = stored(upgraded, "violation_group", ["blocked", "source_file", "initiator"])
    assert [row["initiator"] for row in found if row["initiator"]] == ["https://tag.example"]
    assert [row["source_file"] for row in found if row["initiator"]] == ["https://tag.example/t.js"]


def test_decisions_of_before_have_no_end_and_are_about_no_initiator(upgraded: Engine) -> None:
    with snapshot(upgraded) as connection:
        (decision,) = read_standing_decisions(connection, "shop", SEEN_AT + timedelta(days=9_999))
    assert (decision.subject, decision.until, decision.loaded_by) == ("https://evil.example/*", None, "")


def test_evidence_is_read_as_before(upgraded: Engine) -> None:
    window = Window(None, SEEN_AT + timedelta(days=1))
    with snapshot(upgraded) as connection:
        groups = {group.fingerprint: group for group in read_groups(connection, "shop", window)}
        days = read_day_counts(connection, "shop", window)
    assert len(groups) == len(GROUPS)
    for violation, evidence_class, reports, trusted, networks in GROUPS:
        group = groups[fingerprint(violation, evidence_class)]
        assert (group.reports, group.trusted_reports) == (reports, trusted)
        assert group.reporters == -(-networks // 3)
        assert [(page.url, page.reports) for page in group.pages] == [(PAGE, reports)]
        assert [(policy.policy, policy.trusted_reports) for policy in group.policies] == [(OBSERVED, trusted)]
    assert sum(count.reports for count in days) == REPORTS


def test_new_reports_are_counted_with_those_of_before(upgraded: Engine) -> None:
    violation, evidence_class, reports, trusted, _ = GROUPS[0]
    record_observations(upgraded, make_observation(violation, site="shop", is_trusted=True), now=SEEN_AT)
    counted = {
        row["fingerprint"]: (row["reports"], row["trusted_reports"])
        for row in stored(upgraded, "violation_group", ["fingerprint", "reports", "trusted_reports"])
    }
    assert len(counted) == len(GROUPS)
    assert counted[fingerprint(violation, evidence_class)] == (reports + 1, trusted + 1)


def test_keys_go_on_to_be_answered(upgraded: Engine) -> None:
    found = {key: find_key(upgraded, key) for key in (PUBLIC_KEY, REHEARSAL_KEY, "default")}
    assert {key: site and (site.site, site.kind, site.hosts) for key, site in found.items()} == {
        PUBLIC_KEY: ("shop", KeyKind.PUBLIC, ("*.shop.example", "shop.example")),
        REHEARSAL_KEY: ("shop", KeyKind.REHEARSAL, ("*.shop.example", "shop.example")),
        "default": ("default", KeyKind.PUBLIC, ()),
    }


def test_old_evidence_is_pruned_as_new(upgraded: Engine) -> None:
    prune(upgraded, SEEN_AT + timedelta(days=100))
    window = Window(None, SEEN_AT + timedelta(days=101))
    with snapshot(upgraded) as connection:
        assert sum(group.reports for group in read_groups(connection, "shop", window)) == REPORTS
    assert stored(upgraded, "group_hour", ["hour"]) == []
    prune(upgraded, SEEN_AT + timedelta(days=201))
    assert stored(upgraded, "violation_group", ["fingerprint"]) == []


def test_sqlite_keeps_the_same_keys_once_whether_a_database_is_new_or_upgraded(
    upgraded: Engine, tmp_path: Path
) -> None:
    wanted = {
        table.name
        for table in SQLModel.metadata.sorted_tables
        if table.dialect_options["sqlite"]["with_rowid"] is False
    }
    assert {"group_hour", "group_reporter", "policy_reporter"} <= wanted
    new = open_for_writing(f"sqlite:///{tmp_path}/new.db")
    for engine in (new, *([upgraded] if upgraded.dialect.name == "sqlite" else [])):
        with engine.connect() as connection:
            made = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'"))
            assert set(made.scalars()) == wanted
    new.dispose()


def run(url: str, program: str, *arguments: str) -> Ran:
    return run_program(program, *arguments, cwd=Path(), CSP_DATABASE_URL=url)


def test_commands_that_read_name_the_command_that_upgrades_and_then_work(old_database: str) -> None:
    with pytest.raises(CspbuildError, match=r"has an older schema; run  .*csp-collector migrate --database-url"):
        open_for_reading(old_database)
    as_of = ("--as-of", (SEEN_AT + timedelta(hours=2)).isoformat())
    refused = run(old_database, "cspbuild", "summary", "--site", "shop", *as_of)
    assert (refused.code, refused.out) == (2, "")
    assert f"csp-collector migrate --database-url {old_database}" in refused.err
    assert run(old_database, "csp-collector", "migrate").code == 0
    summary = run(old_database, "cspbuild", "summary", "--site", "shop", *as_of, "--format", "json")
    totals = json.loads(summary.out)["totals"]
    assert (summary.code, totals["reports"], totals["groups"], totals["noise_reports"]) == (0, REPORTS, len(GROUPS), 70)
    suggested = run(old_database, "cspbuild", "suggest", "--site", "shop", *as_of, "--format", "json")
    policy = json.loads(suggested.out)["policy"]
    assert "https://img.example" in policy
    assert "evil.example" not in policy
