"""Tests of retention on both databases: what goes when, what stays, and that a roll-up loses no count."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from collector.ingest.folding import HashObservation, fold, fold_hash
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store import portions, retention, schema
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.engine import open_for_writing, writing
from policybuilder.store.erasing import evidence_tables
from policybuilder.store.reading import read_day_counts, read_groups, read_trends, snapshot
from policybuilder.store.recording import record, recording
from policybuilder.store.retention import prune, prune_in_portions
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import add_site
from policybuilder.store.tables import table_of
from policybuilder.summary import DayCount, trend_days_of
from policybuilder.times import Window
from tests.support.evidence import canonical_text, make_observation, make_violation, record_observations
from tests.support.rows import insert_rows

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def rows(engine: Engine, query: str, **values: Any) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Everything in the tables of evidence, but for what is made of others, partly by chance."""
    derived = {table_of(row) for row in schema.DERIVED}
    return {
        table.name: sorted(rows(engine, f"SELECT * FROM {table.name}"), key=repr)  # noqa: S608  (our own tables)
        for table in evidence_tables()
        if table not in derived
    }


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A database with the site `shop`, which keeps its groups for 400 days."""
    add_site(engine, "shop", [], NOW - 500 * DAY)
    return engine


def fill(engine: Engine, age_days: int, site: str = "shop", **changes: Any) -> None:
    """One report of everything there is, as it came in so many days ago; each age has a group of its own."""
    at = NOW - age_days * DAY
    violation = make_violation(
        blocked_uri=f"https://img.example/{age_days}.png",
        original_policy=canonical_text(f"img-src 'self' https://p{age_days}.example"),
        **changes,
    )
    record_observations(engine, make_observation(violation, site=site, seen_at=at, nonces=(7,)), now=at)
    batch = Batch()
    hashed = NormalizedHash("https://shop.example/", f"https://shop.example/{age_days}.js", "sha256-AAAA", "script", 0)
    fold_hash(batch, HashObservation(site=site, report=hashed, seen_at_ms=to_ms(at)))
    record(engine, batch, to_ms(at))
    with recording(engine, to_ms(at)) as transaction:
        transaction.claim_lines(site, [f"{age_days:016}".encode()], is_trusted=False)
    day = to_ms(at) // to_ms(datetime(1970, 1, 2, tzinfo=UTC))
    insert_rows(engine, schema.PageViewRow, {"site": site, "page": "/", "day": day, "views": 1})
    log = {"site": site, "digest": f"{age_days:016}".encode(), "counted_at_ms": to_ms(at)}
    insert_rows(engine, schema.ViewLogRow, log)


AGES = (0, 1, 29, 30, 31, 89, 90, 91, 399, 400, 401)

# (table, its column of time, milliseconds of one, the oldest age in days that is kept)
KEPT = [
    ("violation_group", "last_seen_ms", 1, 400),
    ("group_policy", "last_seen_ms", 1, 400),
    ("policy", "last_seen_ms", 1, 400),
    ("group_hour", "hour", 3_600_000, 30),
    ("group_reporter", "day", 86_400_000, 90),
    ("page_reporter", "day", 86_400_000, 90),
    ("policy_reporter", "day", 86_400_000, 90),
    ("policy_nonce", "day", 86_400_000, 90),
    ("network_day", "day", 86_400_000, 90),
    ("page_view", "day", 86_400_000, 400),
    ("view_log", "counted_at_ms", 1, 400),
    ("seen_line", "seen_at_ms", 1, 400),
    ("sample", "seen_at_ms", 1, 30),
    ("script_hash", "last_seen_ms", 1, 400),
]


def test_each_table_keeps_what_is_young_enough(shop: Engine) -> None:
    for age in AGES:
        fill(shop, age)
    pruned = prune(shop, NOW)
    today = to_ms(TODAY) // 86_400_000
    kept = {
        table: sorted(
            today - value * unit_ms // 86_400_000
            for (value,) in rows(shop, f"SELECT {column} FROM {table} WHERE site = 'shop'")  # noqa: S608  (our own tables)
        )
        for table, column, unit_ms, _ in KEPT
    }
    assert kept == {table: [age for age in AGES if age <= oldest] for table, _, _, oldest in KEPT}
    # Hours that became days are not removed.
    removed = {table: len(AGES) - len(ages) for table, ages in kept.items() if table != "group_hour"}
    assert {table: pruned.removed[table] for table in removed} == removed


def test_hours_become_days_after_a_month(shop: Engine) -> None:
    for age in AGES:
        fill(shop, age)
    pruned = prune(shop, NOW)
    days = rows(shop, "SELECT day, reports, trusted_reports, estimated_reports FROM group_day ORDER BY day DESC")
    today = to_ms(TODAY) // 86_400_000
    assert days == [(today - age, 1, 0, 1) for age in AGES if 30 < age <= 400]
    assert pruned.rolled_up == len(days)
    assert pruned.removed["group_hour"] == 1
    assert pruned.removed["group_day"] == 0


def test_a_group_takes_with_it_all_that_is_keyed_by_it_and_nothing_else(shop: Engine) -> None:
    fill(shop, 401)
    fill(shop, 1)
    before = rows(shop, "SELECT fingerprint FROM violation_group ORDER BY last_seen_ms")
    prune(shop, NOW)
    kept = {fingerprint for (fingerprint,) in before[1:]}
    keyed = [table for table in evidence_tables() if "fingerprint" in table.columns]
    assert len(keyed) >= 7
    for table in keyed:
        found = {fingerprint for (fingerprint,) in rows(shop, f"SELECT fingerprint FROM {table.name}")}  # noqa: S608  (our own tables)
        assert found <= kept, table.name
    assert {fingerprint for (fingerprint,) in rows(shop, "SELECT fingerprint FROM violation_group")} == kept


def test_a_group_that_is_still_seen_keeps_its_old_policies_and_loses_its_old_days(shop: Engine) -> None:
    for age in (500, 450, 200, 1):
        policy = canonical_text(f"img-src https://p{age}.example")
        at = NOW - age * DAY
        record_observations(
            shop, make_observation(make_violation(original_policy=policy), site="shop", seen_at=at), now=at
        )
    prune(shop, NOW)
    with snapshot(shop) as connection:
        (group,) = read_groups(connection, "shop", Window(None, NOW + DAY))
    assert (group.reports, len(group.policies)) == (2, 4)
    assert rows(shop, "SELECT reports FROM violation_group") == [(4,)]


def test_a_policy_that_no_group_names_goes(shop: Engine) -> None:
    fill(shop, 450)
    fill(shop, 2)
    with writing(shop).begin() as connection:
        connection.execute(text("DELETE FROM group_policy"))
    prune(shop, NOW)
    assert [seen for (seen,) in rows(shop, "SELECT last_seen_ms FROM policy")] == [to_ms(NOW - 2 * DAY)]


@pytest.mark.parametrize(("retention_days", "kept"), [(1, 1), (7, 2), (30, 3), (60, 4), (400, 5)])
def test_a_sites_own_retention_bounds_everything(shop: Engine, retention_days: int, kept: int) -> None:
    change_site(shop, "shop", SiteChanges(retention_days=retention_days))
    for age in (0, 5, 20, 50, 80):
        fill(shop, age)
    prune(shop, NOW)
    for table in ("violation_group", "group_policy", "policy", "group_reporter", "network_day", "seen_line"):
        assert rows(shop, f"SELECT count(*) FROM {table}") == [(kept,)], table  # noqa: S608  (our own tables)
    with snapshot(shop) as connection:
        counted = read_groups(connection, "shop", Window(None, NOW + DAY))
    assert sum(group.reports for group in counted) == kept


def test_what_a_person_said_stays(shop: Engine) -> None:
    insert_rows(shop, schema.DecisionRow, {"site": "shop", "number": 1, "subject": "https://cdn.example"})
    insert_rows(shop, schema.DeploymentRow, {"site": "shop", "number": 1, "stage": "enforce"})
    prune(shop, NOW)
    assert rows(shop, "SELECT count(*) FROM decision") == rows(shop, "SELECT count(*) FROM deployment") == [(1,)]


def test_budgets_are_remembered_for_two_hours(shop: Engine) -> None:
    hour = to_ms(NOW) // 3_600_000
    insert_rows(shop, schema.GrowthRow, *({"site": "shop", "hour": hour - age} for age in range(5)))
    assert prune(shop, NOW).removed["growth"] == 2
    assert rows(shop, "SELECT hour FROM growth ORDER BY hour DESC") == [(hour,), (hour - 1,), (hour - 2,)]


def test_pruning_again_changes_nothing(shop: Engine) -> None:
    for age in AGES:
        fill(shop, age)
    prune(shop, NOW)
    before = contents(shop)
    again = prune(shop, NOW)
    assert (sum(again.removed.values()), again.rolled_up) == (0, 0)
    assert contents(shop) == before


@pytest.mark.parametrize("portions_done", [1, 2, 3, 5, 8, 13, 21])
def test_pruning_that_was_interrupted_ends_the_same(
    shop: Engine, monkeypatch: pytest.MonkeyPatch, portions_done: int
) -> None:
    monkeypatch.setattr(portions, "PORTION_ROWS", 2)
    for age in AGES:
        fill(shop, age)
    stored = contents(shop)
    for _ in itertools.islice(prune_in_portions(shop, NOW), portions_done):
        pass
    interrupted = contents(shop)
    prune(shop, NOW)
    ended = contents(shop)
    for table in evidence_tables():
        with writing(shop).begin() as connection:
            connection.execute(table.delete())
            if stored.get(table.name):
                names = list(table.columns.keys())
                connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in stored[table.name]])
    prune(shop, NOW)
    assert contents(shop) == ended
    assert interrupted != stored


def test_no_transaction_is_larger_than_a_portion(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "PORTION_ROWS", 3)
    for age in range(31, 45):
        fill(shop, age)
    sizes = [portion.rolled_up for portion in prune_in_portions(shop, NOW) if portion.rolled_up]
    assert sum(sizes) == 14
    assert max(sizes) <= 3


def test_other_sites_keep_theirs(shop: Engine) -> None:
    add_site(shop, "blog", [], NOW)
    change_site(shop, "blog", SiteChanges(retention_days=3_650))
    fill(shop, 420)
    fill(shop, 420, site="blog")
    prune(shop, NOW)
    assert rows(shop, "SELECT DISTINCT site FROM violation_group") == [("blog",)]


def test_what_is_left_of_sites_that_are_no_more_goes(shop: Engine) -> None:
    fill(shop, 1)
    fill(shop, 1, site="erased")
    fill(shop, 1, site="zoo")
    prune(shop, NOW)
    for table, found in contents(shop).items():
        assert {row[0] for row in found} <= {"shop"}, table


hours_of_reports = st.lists(
    st.tuples(st.integers(0, 100 * 24), st.integers(0, 2), st.integers(1, 3), st.booleans()), min_size=1, max_size=12
)
_numbers = itertools.count()


@pytest.fixture
def sqlite_engine(tmp_path: Any) -> Iterator[Engine]:
    opened = open_for_writing(f"sqlite:///{tmp_path}/csp.db")
    yield opened
    opened.dispose()


@given(reports=hours_of_reports, windows=st.lists(st.tuples(st.integers(0, 101), st.integers(0, 101)), max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_totals_of_whole_days_are_the_same_before_and_after_a_roll_up(
    sqlite_engine: Engine, reports: list[tuple[int, int, int, bool]], windows: list[tuple[int, int]]
) -> None:
    assert_a_roll_up_loses_nothing(sqlite_engine, reports, windows)


@given(reports=hours_of_reports, windows=st.lists(st.tuples(st.integers(0, 101), st.integers(0, 101)), max_size=5))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_roll_up_loses_nothing_on_either_database(
    engine: Engine, reports: list[tuple[int, int, int, bool]], windows: list[tuple[int, int]]
) -> None:
    assert_a_roll_up_loses_nothing(engine, reports, windows)


def by_fingerprint(counts: Sequence[DayCount]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for count in counts:
        found[count.fingerprint][count.day] = count.reports
    return found


def assert_a_roll_up_loses_nothing(
    engine: Engine, reports: list[tuple[int, int, int, bool]], windows: list[tuple[int, int]]
) -> None:
    """Reports as (hours ago, which picture, how many each stands for, trusted); windows as days ago, whole days."""
    site = f"site{next(_numbers)}"
    add_site(engine, site, [], NOW)
    batch = Batch()
    for hours_ago, picture, stands_for, is_trusted in reports:
        violation = make_violation(blocked_uri=f"https://img.example/{picture}.png")
        at = NOW - timedelta(hours=hours_ago)
        fold(batch, make_observation(violation, site=site, seen_at=at, is_trusted=is_trusted, stands_for=stands_for))
    record(engine, batch, to_ms(NOW))
    asked = [Window(None, NOW + DAY)]
    asked += [
        Window(TODAY - max(pair) * DAY, TODAY - min(pair) * DAY + DAY - timedelta(milliseconds=1)) for pair in windows
    ]

    def seen() -> list[Any]:
        with snapshot(engine) as connection:
            return [
                (
                    {group.fingerprint: (group.reports, group.trusted_reports) for group in groups},
                    read_day_counts(connection, site, window),
                    read_trends(connection, site, window),
                )
                for window in asked
                for groups in [read_groups(connection, site, window)]
            ]

    def estimated() -> Any:
        return rows(
            engine,
            "SELECT sum(estimated_reports) FROM (SELECT estimated_reports FROM group_hour WHERE site = :site"
            " UNION ALL SELECT estimated_reports FROM group_day WHERE site = :site) AS counts",
            site=site,
        )

    before, estimated_before = seen(), estimated()
    assert sum(reports for reports, _ in before[0][0].values()) == len(reports)
    for window, (_, counts, trends) in zip(asked, before, strict=True):
        days = trend_days_of(window)
        assert trends == {
            fingerprint: tuple(of_day.get(day, 0) for day in days)
            for fingerprint, of_day in by_fingerprint(counts).items()
            if of_day.keys() & set(days)
        }
    pruned = prune(engine, NOW)
    assert (pruned.rolled_up > 0) == any(hours_ago > 30 * 24 + NOW.hour for hours_ago, *_ in reports)
    assert seen() == before
    assert estimated() == estimated_before


def test_a_window_within_a_day_counts_all_of_a_day_that_is_rolled_up(shop: Engine) -> None:
    fill(shop, 40)
    at = NOW - 40 * DAY
    window = Window(at - timedelta(hours=2), at + timedelta(hours=2))
    prune(shop, NOW)
    with snapshot(shop) as connection:
        assert [group.reports for group in read_groups(connection, "shop", window)] == [1]
        assert [count.day for count in read_day_counts(connection, "shop", window)] == [f"{at:%Y-%m-%d}"]
        assert read_groups(connection, "shop", Window(at + DAY, NOW)) == ()


def test_what_is_stored_while_hours_are_rolled_up_is_counted(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of old evidence adds to the very hours that are taken away."""
    monkeypatch.setattr(portions, "PORTION_ROWS", 5)
    observations = [
        make_observation(
            make_violation(blocked_uri=f"https://img.example/{number % 20}.png"),
            site="shop",
            seen_at=NOW - (40 + number % 3) * DAY,
        )
        for number in range(60)
    ]
    stop = threading.Event()
    failures: list[Exception] = []
    rounds: Counter[str] = Counter()

    def store() -> None:
        try:
            while not stop.is_set():
                record_observations(shop, *observations, now=NOW)
                rounds["stored"] += 1
        except Exception as error:  # noqa: BLE001  (shown by the test)
            failures.append(error)

    thread = threading.Thread(target=store)
    thread.start()
    while rounds["stored"] < 5 and not failures:
        prune(shop, NOW)
    stop.set()
    thread.join()
    assert failures == []
    with snapshot(shop) as connection:
        groups = read_groups(connection, "shop", Window(None, NOW + DAY))
    assert sum(group.reports for group in groups) == 60 * rounds["stored"]


def test_beyond_so_many_groups_the_least_reported_go(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood that keeps within its hourly budget would grow the database all the same."""
    monkeypatch.setattr(retention, "MAX_GROUPS", 3)

    def seen(name: str, *networks: str, hours_ago: int = 1, is_trusted: bool = False) -> None:
        at = NOW - timedelta(hours=hours_ago)
        violation = make_violation(blocked_uri=f"https://img.example/{name}.png")
        observations = [
            make_observation(violation, site="shop", seen_at=at, network=network, is_trusted=is_trusted)
            for network in networks
        ]
        record_observations(shop, *observations, now=at)

    seen("rehearsed", "a", hours_ago=9, is_trusted=True)
    seen("genuine", "a", "b", "c", hours_ago=8)
    seen("old-flood", "x", hours_ago=7)
    seen("flood", "x", hours_ago=6)
    seen("new-flood", "x", hours_ago=5)
    pruned = prune(shop, NOW)
    assert pruned.removed["violation_group"] == 2
    kept = [row[0] for row in rows(shop, "SELECT blocked FROM violation_group ORDER BY blocked")]
    assert kept == [f"https://img.example/{name}.png" for name in ("genuine", "new-flood", "rehearsed")]
    assert not prune(shop, NOW).removed["violation_group"]
    fingerprints = {row[0] for row in rows(shop, "SELECT fingerprint FROM violation_group")}
    for table in ("group_hour", "group_page", "group_policy", "group_reporter", "sample"):
        assert {row[0] for row in rows(shop, f"SELECT fingerprint FROM {table}")} <= fingerprints  # noqa: S608  (the same)


def blocked_after_pruning(engine: Engine) -> list[str]:
    prune(engine, NOW)
    return [row[0] for row in rows(engine, "SELECT blocked FROM violation_group ORDER BY blocked")]


def seen_by(engine: Engine, networks: Iterable[str], *urls: str, directive: str = "img-src", hours_ago: int) -> None:
    """Each network reports each of the URLs."""
    at = NOW - timedelta(hours=hours_ago)
    observations = [
        make_observation(make_violation(directive, url), site="shop", seen_at=at, network=network)
        for network, url in itertools.product(networks, urls)
    ]
    record_observations(engine, *observations, now=at)


def test_a_url_of_each_visitor_s_own_outlasts_a_flood_of_two_networks(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_GROUPS", 10)
    images = [f"https://img.example/p/{number}.png" for number in range(8)]
    for number, url in enumerate(images):
        seen_by(shop, [f"visitor{number}"], url, hours_ago=9)
    seen_by(shop, "xy", *(f"https://evil.example/{number}" for number in range(12)), hours_ago=2)
    kept = blocked_after_pruning(shop)
    assert len(kept) == 10
    assert set(images) <= set(kept)


# (directive, URLs of a flood beside images of `https://img.example`)
OTHER_SOURCES = [
    ("img-src", "https://img.example:8443/{}"),
    ("img-src", "http://img.example/{}"),
    ("img-src", "https://img.example.evil.example/{}"),
    ("font-src", "https://img.example/{}"),
]


@pytest.mark.parametrize(("directive", "flood"), OTHER_SOURCES)
def test_a_flood_of_another_source_has_not_the_reach_of_this(
    shop: Engine, monkeypatch: pytest.MonkeyPatch, directive: str, flood: str
) -> None:
    monkeypatch.setattr(retention, "MAX_GROUPS", 4)
    images = [f"https://img.example/p/{number}.png" for number in range(3)] + ["https://img.example"]
    for number, url in enumerate(images):
        seen_by(shop, [f"visitor{number}"], url, hours_ago=9)
    seen_by(shop, "xy", *(flood.format(number) for number in range(6)), directive=directive, hours_ago=2)
    assert blocked_after_pruning(shop) == sorted(images)


def test_a_flood_of_what_many_report_does_not_drive_out_what_few_do(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_GROUPS", 4)
    monkeypatch.setattr(retention, "MAX_GROUPS_OF_ONE_ORIGIN", 2)
    seen_by(shop, "abcdef", "https://img.example/logo.png", hours_ago=9)
    seen_by(shop, "abc", "https://rare.example/a.png", "https://rare.example/b.png", hours_ago=9)
    seen_by(shop, "x", *(f"https://img.example/flood/{number}.png" for number in range(6)), hours_ago=2)
    kept = blocked_after_pruning(shop)
    assert len(kept) == 4
    assert {"https://img.example/logo.png", "https://rare.example/a.png", "https://rare.example/b.png"} <= set(kept)


def test_of_very_many_pages_only_the_most_visited_are_remembered(shop: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MAX_PAGES_OF_A_DAY", 2)
    for days_ago in (0, 1):
        at = NOW - days_ago * DAY
        observations = [
            make_observation(
                make_violation(document_uri=f"https://shop.example/{page}"),
                site="shop",
                seen_at=at,
                network=str(network),
            )
            for page, networks in (("made-up", 1), ("often", 3), ("made-up-too", 1), ("sometimes", 2))
            for network in range(networks)
        ]
        record_observations(shop, *observations, now=at)
    assert prune(shop, NOW).removed["page_reporter"] == 2
    kept = rows(shop, "SELECT day, page FROM page_reporter GROUP BY day, page ORDER BY day, page")
    assert [page.rpartition("/")[2] for _, page in kept] == [
        *("often", "sometimes"),
        *("made-up", "made-up-too", "often", "sometimes"),
    ]
