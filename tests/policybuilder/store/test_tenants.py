"""Tenants: whatever is read, exported, pruned or erased of one site shows and touches nothing of another."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from collector.ingest.folding import HashObservation, fold_hash, policy_digest
from policybuilder import store
from policybuilder.deciding import Answer
from policybuilder.decisions import DecisionAction
from policybuilder.deployments import ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.listing import Filter
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store import schema
from policybuilder.store.batch import Batch
from policybuilder.store.clock import DAY_MS, to_ms
from policybuilder.store.decisions import add_decision, read_decisions
from policybuilder.store.deployments import record_deployment
from policybuilder.store.engine import open_for_writing
from policybuilder.store.erasing import erase_site, evidence_tables
from policybuilder.store.exporting import export_site
from policybuilder.store.listing_upkeep import list_in_portions
from policybuilder.store.portions import delete_in_portions
from policybuilder.store.reading import read_groups, snapshot
from policybuilder.store.recording import record, recording
from policybuilder.store.retention import prune
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import (
    Alias,
    add_site,
    ensure_default_site,
    find_key,
    get_site,
    list_sites,
    rotate_site,
)
from policybuilder.store.waivers import add_waiver
from policybuilder.suggestion.propose import asked_by_strangers
from policybuilder.suggestion.trust import Thresholds
from policybuilder.summary import SummaryBy
from policybuilder.times import Window
from tests.support.evidence import canonical_text, make_observation, make_violation, record_observations
from tests.support.rows import insert_rows

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
WINDOW = Window(None, NOW + timedelta(days=1))
TENANTS = ("alpha", "beta", "default")


def fill(engine: Engine, site: str) -> None:
    """Something in every table, with the site's name in whatever can hold one; the same fingerprints in all sites."""
    for days_ago in (40, 0):
        at = NOW - timedelta(days=days_ago)
        own = make_violation(
            document_uri=f"https://shop.example/{site}",
            original_policy=canonical_text(f"img-src https://{site}.example"),
            source_file=f"https://shop.example/{site}.js",
        )
        also_own = make_violation(blocked_uri=f"https://{site}.example/a.png")
        record_observations(
            engine,
            *(make_observation(own, site=site, seen_at=at, network=f"net-{site}") for _ in range(3)),
            make_observation(also_own, site=site, seen_at=at, is_trusted=True),
            now=at,
        )
    # So many from one network that a warning is due.
    many = make_observation(make_violation("font-src", f"https://{site}.example"), site=site, seen_at=NOW)
    record_observations(engine, *[many] * 300, now=NOW)
    batch = Batch()
    hashed = NormalizedHash("https://shop.example/", f"https://shop.example/{site}.js", "sha256-AAAA", "script", 0)
    fold_hash(batch, HashObservation(site=site, report=hashed, seen_at_ms=to_ms(NOW)))
    record(engine, batch, to_ms(NOW))
    with recording(engine, to_ms(NOW)) as transaction:
        transaction.claim_lines(site, [b"0123456789abcdef"], is_trusted=False)
    day = to_ms(NOW) // DAY_MS
    nonce = {"site": site, "policy_digest": policy_digest(own.original_policy), "day": day, "mark": 7}
    for network in range(3):
        insert_rows(engine, schema.PolicyNonceRow, {**nonce, "network": network})
    insert_rows(engine, schema.PageViewRow, {"site": site, "page": f"https://shop.example/{site}", "day": day})
    log = {"site": site, "digest": b"x", "lines": TENANTS.index(site) + 1, "counted_at_ms": to_ms(NOW)}
    insert_rows(engine, schema.ViewLogRow, log)
    decision = {"site": site, "number": 1, "action": "reject", "subject": f"https://{site}.example"}
    insert_rows(engine, schema.DecisionRow, decision)
    deployment = {"site": site, "number": 1, "stage": "enforce", "policy": f"img-src https://{site}.example"}
    insert_rows(engine, schema.DeploymentRow, deployment)
    waiver = {"site": site, "number": 1, "criterion": "reporters", "note": f"{site} is small"}
    insert_rows(engine, schema.WaiverRow, {**waiver, "waived_at_ms": to_ms(NOW)})
    for _ in list_in_portions(engine, site, lambda: NOW):
        pass
    insert_rows(engine, schema.GroupDayRow, {"site": site, "fingerprint": site, "day": day - 300, "reports": 1})
    insert_rows(engine, schema.GrowthRow, {"site": site, "hour": to_ms(NOW) // 3_600_000, "network": 77})


@pytest.fixture
def tenants(engine: Engine) -> Engine:
    """Three sites with evidence in every table."""
    ensure_default_site(engine, NOW)
    for site in ("alpha", "beta"):
        add_site(engine, site, [f"{site}.example"], NOW, aliases=[Alias(f"s.{site}.example", f"{site}.example")])
    for site in TENANTS:
        fill(engine, site)
    return engine


def rows_of(engine: Engine, site: str) -> dict[str, list[Any]]:
    """All that is kept of a site."""
    names = {
        **{table.name: "site" for table in evidence_tables()},
        "site": "name",
        **dict.fromkeys(("site_key", "site_host", "site_alias"), "site"),
    }
    with engine.connect() as connection:
        return {
            name: sorted(
                connection.execute(text(f"SELECT * FROM {name} WHERE {column} = :site"), {"site": site}).all(),  # noqa: S608  (our own tables)
                key=repr,
            )
            for name, column in names.items()
        }


def test_every_table_has_something_of_every_tenant(tenants: Engine) -> None:
    """Otherwise the tests below would say nothing about it."""
    for site in ("alpha", "beta"):
        assert [name for name, rows in rows_of(tenants, site).items() if not rows] == []


def readers_in(module: ModuleType) -> list[Callable[..., Any]]:
    """The module's public functions that read of one site."""
    return [
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and {"connection", "site"} <= inspect.signature(function).parameters.keys()
    ]


MODULES = [
    importlib.import_module(f"{store.__name__}.{module.name}") for module in pkgutil.iter_modules(store.__path__)
]

READERS = [reader for module in MODULES for reader in readers_in(module)]

GIVEN: dict[str, Callable[[Connection, str], Any]] = {
    "window": lambda _connection, _site: WINDOW,
    "include_noise": lambda _connection, _site: True,
    "thresholds": lambda _connection, _site: Thresholds(min_reporters=1, min_audience=1),
    "groups": lambda connection, site: read_groups(connection, site, WINDOW),
    "sources": lambda connection, site: asked_by_strangers(read_groups(connection, site, WINDOW), ()),
    "fingerprint": lambda connection, site: read_groups(connection, site, WINDOW)[0].fingerprint,
    "prefix": lambda connection, site: read_groups(connection, site, WINDOW)[0].fingerprint[:8],
    "log": lambda _connection, _site: b"x",
    "now": lambda _connection, _site: NOW,
    "wanted": lambda _connection, _site: Filter(),
    "after": lambda _connection, _site: None,
    "decisions": read_decisions,
    "limit": lambda _connection, _site: 100,
    "fingerprints": lambda connection, site: [group.fingerprint for group in read_groups(connection, site, WINDOW)],
    "since": lambda _connection, _site: NOW - timedelta(days=1),
    "most": lambda _connection, _site: 10,
    "texts": lambda connection, site: connection.scalars(
        text("SELECT report FROM sample WHERE site = :site ORDER BY report"), {"site": site}
    ).all(),
}
"""What the functions are asked with, beside connection and site. One that wants more fails here until it is added."""


def answers(engine: Engine, reader: Callable[..., Any], site: str) -> list[str]:
    """What the function says of the site; in every way it can be asked for a summary."""
    wanted = inspect.signature(reader).parameters
    with snapshot(engine) as connection:
        given = {name: GIVEN[name](connection, site) for name in wanted if name in GIVEN}
        asked = [{**given, "by": by} for by in SummaryBy] if "by" in wanted else [given]
        if "fingerprint" in given and wanted["fingerprint"].default is None:
            asked = [given, {name: value for name, value in given.items() if name != "fingerprint"}]
        found = [reader(connection=connection, site=site, **arguments) for arguments in asked]
        return [repr(list(answer) if inspect.isgenerator(answer) else answer) for answer in found]


def answers_or_none(engine: Engine, reader: Callable[..., Any], site: str) -> list[str] | None:
    """The same of a site without evidence, where there may be nothing to ask for."""
    try:
        return answers(engine, reader, site)
    except IndexError:
        return None


def test_the_matrix_knows_the_functions_that_read() -> None:
    names = {reader.__name__ for reader in READERS}
    assert {"read_groups", "read_summary", "export_site", "read_decisions", "read_prevalence"} <= names


def name_of(reader: Callable[..., Any]) -> str:
    return f"{reader.__module__.rpartition('.')[2]}.{reader.__name__}"


@dataclass(frozen=True)
class Readings:
    """What the readers say, by their names: of one site as long as it is the only one with evidence, and afterwards."""

    alone: Mapping[str, list[str]]
    of_an_empty_site: Mapping[str, list[str] | None]
    afterwards: Mapping[str, Mapping[str, list[str]]]
    """By site."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def readings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readings]:
    """Of one database on each of the two systems: to fill one for each reader takes most of a minute."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("tenants") / "csp.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres").create_database(like=request.getfixturevalue("migrated_postgres"))
    engine = open_for_writing(url)
    ensure_default_site(engine, NOW)
    for site in ("alpha", "beta"):
        add_site(engine, site, [f"{site}.example"], NOW)
    fill(engine, "alpha")
    alone = {name_of(reader): answers(engine, reader, "alpha") for reader in READERS}
    empty = {name_of(reader): answers_or_none(engine, reader, "beta") for reader in READERS}
    fill(engine, "beta")
    fill(engine, "default")
    yield Readings(
        alone,
        empty,
        {site: {name_of(reader): answers(engine, reader, site) for reader in READERS} for site in TENANTS},
    )
    engine.dispose()


@pytest.mark.parametrize("reader", list(map(name_of, READERS)))
def test_what_is_read_of_a_site_is_its_own(readings: Readings, reader: str) -> None:
    assert readings.of_an_empty_site[reader] != readings.alone[reader], "one that always says the same would pass below"
    assert readings.afterwards["alpha"][reader] == readings.alone[reader]
    for site in TENANTS:
        others = [other for other in TENANTS if other != site]
        found = " ".join(readings.afterwards[site][reader]).replace("default-src", "")
        assert not [other for other in others if other in found]


@pytest.mark.parametrize("site", TENANTS)
def test_erasing_a_site_leaves_the_others_as_they_were(tenants: Engine, site: str) -> None:
    others = {other: rows_of(tenants, other) for other in TENANTS if other != site}
    before = rows_of(tenants, site)
    removed = erase_site(tenants, site)
    assert {other: rows_of(tenants, other) for other in others} == others
    left = {name: rows for name, rows in rows_of(tenants, site).items() if rows}
    if site == "default":
        assert left == {name: before[name] for name in ("site", "site_key")}
    else:
        assert left == {}
    expected = {name: len(rows) for name, rows in before.items() if name not in left and rows}
    assert {name: number for name, number in removed.items() if number} == expected


def test_a_site_that_is_erased_answers_no_key_and_can_be_added_anew(tenants: Engine) -> None:
    key = get_site(tenants, "alpha").key
    erase_site(tenants, "alpha")
    assert find_key(tenants, key) is None
    assert [site.name for site in list_sites(tenants)] == ["beta", "default"]
    with pytest.raises(CspbuildError, match="no site 'alpha'"):
        erase_site(tenants, "alpha")
    assert add_site(tenants, "alpha", [], NOW).hosts == ()
    with snapshot(tenants) as connection:
        assert [line["type"] for line in export_site(connection, "alpha")] == ["site"]


def test_erasing_the_default_site_brings_no_revoked_key_back(engine: Engine) -> None:
    ensure_default_site(engine, NOW)
    rotate_site(engine, "default", rehearsal=False, revoke_old=True, now=NOW)
    fill(engine, "default")
    erase_site(engine, "default")
    ensure_default_site(engine, NOW)
    assert find_key(engine, "default") is None
    assert find_key(engine, get_site(engine, "default").key) is not None


def test_erasing_that_was_interrupted_can_be_repeated(tenants: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("policybuilder.store.erasing.delete_in_portions", interrupted_after(3))
        with pytest.raises(KeyboardInterrupt):
            erase_site(tenants, "alpha")
    assert find_key(tenants, get_site(tenants, "alpha").key) is None, "nothing comes in while it is taken away"
    erase_site(tenants, "alpha")
    assert not any(rows_of(tenants, "alpha").values())


def test_what_people_say_while_a_site_is_erased_is_not_told_of_the_next_one_of_its_name(
    tenants: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete(*arguments: Any) -> Iterator[Mapping[str, int]]:
        yield from delete_in_portions(*arguments)
        add_decision(tenants, "alpha", Answer(action=DecisionAction.REJECT, subject="*"), now=NOW)
        add_waiver(tenants, "alpha", "traffic", note="none", now=NOW)
        record_deployment(tenants, "alpha", policy="img-src *", stage=ServedStage.ENFORCE, since_at=NOW)

    monkeypatch.setattr("policybuilder.store.erasing.delete_in_portions", delete)
    erase_site(tenants, "alpha")
    assert not any(rows_of(tenants, "alpha").values())


def interrupted_after(calls: int) -> Callable[..., Any]:
    left = iter(range(calls))

    def delete(*arguments: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return delete_in_portions(*arguments)

    return delete


def test_pruning_one_site_leaves_the_others_as_they_were(tenants: Engine) -> None:
    for site, days in (("alpha", 1), ("beta", 3_650), ("default", 3_650)):
        change_site(tenants, site, SiteChanges(retention_days=days))
    prune(tenants, NOW)
    before = {site: rows_of(tenants, site) for site in ("beta", "default")}
    prune(tenants, NOW + timedelta(days=2))
    assert {site: rows_of(tenants, site)["violation_group"] for site in before} == {
        site: before[site]["violation_group"] for site in before
    }
    assert rows_of(tenants, "alpha")["violation_group"] == []


def test_an_export_holds_everything_but_keys_and_networks(tenants: Engine) -> None:
    made = get_site(tenants, "alpha")
    with tenants.connect() as connection:
        secrets = [
            *(str(value) for value in connection.execute(text("SELECT network FROM network_day")).scalars()),
            *connection.execute(text("SELECT digest FROM site_key")).scalars(),
            *(bytes(key).hex() for key in connection.execute(text("SELECT key FROM reporter_key")).scalars()),
            made.key,
            "net-alpha",
        ]
    assert len(secrets) > 10
    with snapshot(tenants) as connection:
        lines = [json.loads(json.dumps(line)) for line in export_site(connection, "alpha")]
    exported = json.dumps(lines)
    assert not [secret for secret in secrets if secret in exported]
    by_type = {line["type"]: line for line in lines}
    assert list(dict.fromkeys(line["type"] for line in lines)) == [
        *("site", "policy", "group", "day", "page", "page-view", "script-hash", "decision", "deployment"),
        *("waiver", "sample"),
    ]
    assert (by_type["site"]["hosts"], by_type["site"]["aliases"]) == (
        ["alpha.example"],
        {"s.alpha.example": "alpha.example"},
    )
    groups = [line for line in lines if line["type"] == "group"]
    days = [line for line in lines if line["type"] == "day" and line["fingerprint"] != "alpha"]
    assert sum(group["reports"] for group in groups) == sum(day["reports"] for day in days) == 308
    assert {day["reporters"] for day in days} == {1}
    assert {day["day"] for day in days} == {"2026-10-11", "2026-11-20"}
    policies = {line["digest"] for line in lines if line["type"] == "policy"}
    assert {named["policy_digest"] for group in groups for named in group["policies"]} == policies
    assert by_type["group"]["last_seen_at"] == "2026-11-20T10:30:00Z"
    assert by_type["sample"]["report"]["effective_directive"] == "img-src"


def test_an_export_is_the_same_before_and_after_a_roll_up(tenants: Engine) -> None:
    def days() -> list[Any]:
        with snapshot(tenants) as connection:
            return [line for line in export_site(connection, "alpha") if line["type"] == "day"]

    before = days()
    assert prune(tenants, NOW).rolled_up == 6
    assert days() == before


def test_a_site_that_is_not_has_no_lines(engine: Engine) -> None:
    with snapshot(engine) as connection:
        assert list(export_site(connection, "nobody")) == []
