"""Tests of evidence written and read back, on both databases: counts, bounds, windows and who reported."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, event, inspect, text

from collector.ingest.folding import HashObservation, Observation, fold, fold_hash
from policybuilder.csp import Disposition, SampleExtent
from policybuilder.evidence import EvidenceClass, PageCount, ScriptHash, ViolationGroup
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store.batch import Batch
from policybuilder.store.clock import day_name, from_ms, to_ms
from policybuilder.store.engine import open_for_writing
from policybuilder.store.reading import (
    read_day_counts,
    read_groups,
    read_policies,
    read_script_hashes,
    snapshot,
)
from policybuilder.store.recollection import MAX_SAMPLES_PER_GROUP
from policybuilder.store.recording import (
    MAX_PAGES_PER_GROUP,
    MAX_POLICIES_PER_GROUP,
    forget_reporter_keys,
    hash_network,
    record,
    recording,
)
from policybuilder.store.summarizing import read_summary
from policybuilder.summary import Summary, SummaryBy
from policybuilder.times import Window
from tests.support.evidence import (
    OBSERVED,
    ORIGIN,
    PAGE,
    SEEN_AT,
    make_observation,
    make_violation,
    record_observations,
)
from tests.support.postgres import PostgresServer

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
END = SEEN_AT + 30 * DAY
ALL = Window(None, END)


def groups_of(engine: Engine, window: Window = ALL, site: str = "default") -> tuple[ViolationGroup, ...]:
    with snapshot(engine) as connection:
        return read_groups(connection, site, window)


def summary_of(engine: Engine, by: SummaryBy, window: Window = ALL, *, noise: bool = False) -> Summary:
    with snapshot(engine) as connection:
        return read_summary(connection, "default", window, by=by, include_noise=noise)


def test_a_violation_comes_back_as_it_went_in(engine: Engine) -> None:
    violation = make_violation(
        "script-src-elem",
        "inline",
        sample="go('\x1b[31m', '\u202e', '😀')",
        sample_extent=SampleExtent.WHOLE,
        source_file=f"{ORIGIN}/app.js",
        line_number=7,
    )
    record_observations(engine, make_observation(violation, evidence_class=EvidenceClass.ATTACK_LIKE))
    (group,) = groups_of(engine)
    assert group.violation(OBSERVED) == violation
    assert (group.document_origin, group.evidence_class, group.rule) == (ORIGIN, "attack-like", "no-noise-rule")
    assert (group.reports, group.trusted_reports, group.reporters, group.days) == (1, 0, 1, 1)
    assert group.pages == (PageCount(PAGE, 1),)
    assert [count.policy for count in group.policies] == [OBSERVED]
    assert group.first_seen_at == group.last_seen_at == SEEN_AT


def test_counts_add_up_and_first_and_last_seen_widen_in_any_order(engine: Engine) -> None:
    for offset in (2 * HOUR, timedelta(), 5 * HOUR):
        record_observations(
            engine,
            make_observation(seen_at=SEEN_AT + offset),
            make_observation(seen_at=SEEN_AT + offset, is_trusted=True),
        )
    (group,) = groups_of(engine)
    assert (group.reports, group.trusted_reports) == (6, 3)
    assert (group.first_seen_at, group.last_seen_at) == (SEEN_AT, SEEN_AT + 5 * HOUR)
    (policy,) = group.policies
    assert (policy.reports, policy.trusted_reports) == (6, 3)
    assert (policy.first_seen_at, policy.last_seen_at) == (SEEN_AT, SEEN_AT + 5 * HOUR)
    with snapshot(engine) as connection:
        assert read_policies(connection, "default") == (policy,)
        assert [count.reports for count in read_day_counts(connection, "default", ALL)] == [6]


@pytest.mark.parametrize(
    "other",
    [
        make_observation(make_violation("font-src")),
        make_observation(make_violation(blocked_uri="https://img.example/b.png")),
        make_observation(make_violation(document_uri="https://blog.example/")),
        make_observation(make_violation(disposition=Disposition.ENFORCE)),
        make_observation(make_violation(sample="go()")),
        make_observation(evidence_class=EvidenceClass.EXTENSION),
        make_observation(site="blog"),
    ],
)
def test_what_differs_is_a_group_of_its_own(engine: Engine, other: Observation) -> None:
    record_observations(engine, make_observation(), other)
    assert len(groups_of(engine)) + len(groups_of(engine, site="blog")) == 2


@pytest.mark.parametrize(
    "other",
    [
        make_observation(make_violation(document_uri=f"{ORIGIN}/checkout")),
        make_observation(make_violation(original_policy="img-src 'none'")),
        make_observation(make_violation(source_file=f"{ORIGIN}/a.js", line_number=3)),
        make_observation(seen_at=SEEN_AT + DAY),
        make_observation(network="198.51.100.0/24"),
    ],
)
def test_what_only_says_where_and_when_is_counted_together(engine: Engine, other: Observation) -> None:
    record_observations(engine, make_observation(), other)
    assert [group.reports for group in groups_of(engine)] == [2]


def test_a_window_counts_its_own_hours_only(engine: Engine) -> None:
    for days in range(4):
        record_observations(engine, *[make_observation(seen_at=SEEN_AT + days * DAY)] * (days + 1))
    (group,) = groups_of(engine, Window(SEEN_AT + DAY, SEEN_AT + 2 * DAY + HOUR))
    assert (group.reports, group.days) == (2 + 3, 2)
    assert groups_of(engine, Window(SEEN_AT + 4 * DAY, END)) == ()
    assert groups_of(engine, Window(None, SEEN_AT - HOUR)) == ()


def test_a_group_outside_the_window_is_left_out_though_its_first_and_last_report_surround_it(engine: Engine) -> None:
    for seen_at in (SEEN_AT, SEEN_AT + 10 * DAY):
        record_observations(engine, make_observation(seen_at=seen_at))
    assert groups_of(engine, Window(SEEN_AT + 4 * DAY, SEEN_AT + 6 * DAY)) == ()


def test_reporters_are_distinct_networks_on_the_busiest_day(engine: Engine) -> None:
    for network, days in [("a", 0), ("b", 0), ("b", 0), ("c", 0), ("a", 1), ("d", 1)]:
        record_observations(engine, make_observation(seen_at=SEEN_AT + days * DAY, network=network))
    (group,) = groups_of(engine)
    assert (group.reports, group.reporters, group.days) == (6, 3, 2)


def test_networks_that_report_several_groups_count_once_in_their_row(engine: Engine) -> None:
    picture, other = make_violation(), make_violation(blocked_uri="https://img.example/b.png")
    font = make_violation("font-src", "https://font.example/a.woff", document_uri=f"{ORIGIN}/checkout")
    record_observations(
        engine,
        make_observation(picture, network="a"),
        make_observation(other, network="a"),
        make_observation(other, network="b"),
        make_observation(font, network="c", seen_at=SEEN_AT + DAY),
        make_observation(font, network="a", seen_at=SEEN_AT + DAY),
    )
    assert reporters_by(engine, SummaryBy.DIRECTIVE) == {"img-src": 2, "font-src": 2}
    assert reporters_by(engine, SummaryBy.SOURCE) == {"https://img.example": 2, "https://font.example": 2}
    assert reporters_by(engine, SummaryBy.PAGE) == {PAGE: 2, f"{ORIGIN}/checkout": 2}
    assert reporters_by(engine, SummaryBy.DAY) == {"2026-11-20": 2, "2026-11-21": 2}
    assert [summary_of(engine, by).totals.reporters for by in SummaryBy] == [2] * len(SummaryBy)


def reporters_by(engine: Engine, by: SummaryBy) -> dict[str, int]:
    return {row.key: row.reporters for row in summary_of(engine, by).rows}


def test_noise_is_kept_and_hidden_from_the_rows(engine: Engine) -> None:
    record_observations(
        engine, make_observation(), make_observation(make_violation("font-src"), evidence_class=EvidenceClass.EXTENSION)
    )
    quiet = summary_of(engine, SummaryBy.GROUP)
    assert (len(quiet.rows), quiet.totals.reports, quiet.totals.noise_reports, quiet.hidden_noise_groups) == (
        1,
        2,
        1,
        1,
    )
    assert len(summary_of(engine, SummaryBy.GROUP, noise=True).rows) == 2


def test_pages_beyond_a_groups_bound_still_have_an_audience(engine: Engine) -> None:
    for number in range(MAX_PAGES_PER_GROUP + 5):
        page = make_violation(document_uri=f"{ORIGIN}/{number}")
        record_observations(engine, make_observation(page, network=str(number)))
    (group,) = groups_of(engine)
    assert len(group.pages) == MAX_PAGES_PER_GROUP
    assert group.reports == MAX_PAGES_PER_GROUP + 5
    with engine.connect() as connection:
        visited = connection.execute(text("SELECT count(DISTINCT page) FROM page_reporter")).scalar_one()
    assert visited == MAX_PAGES_PER_GROUP + 5
    record_observations(engine, make_observation(make_violation(document_uri=f"{ORIGIN}/0")))
    (group,) = groups_of(engine)
    assert group.pages[0] == PageCount(f"{ORIGIN}/0", 2)


def policies_of(group: ViolationGroup) -> int:
    return len(group.policies)


def pages_of(group: ViolationGroup) -> int:
    return len(group.pages)


@pytest.mark.parametrize(
    ("bound", "count", "varied"),
    [
        (MAX_PAGES_PER_GROUP, pages_of, "document_uri"),
        (MAX_POLICIES_PER_GROUP, policies_of, "original_policy"),
    ],
)
def test_no_flood_of_strangers_crowds_out_trusted_evidence(
    engine: Engine, bound: int, count: Callable[[ViolationGroup], int], varied: str
) -> None:
    def value(number: int) -> str:
        return f"{ORIGIN}/{number}" if varied == "document_uri" else f"img-src https://{number}.example"

    flood = [make_observation(make_violation(**{varied: value(number)})) for number in range(bound + 5)]
    record_observations(engine, *flood)
    assert [count(group) for group in groups_of(engine)] == [bound]
    mine = [make_observation(make_violation(**{varied: value(number)}), is_trusted=True) for number in (900, 901)]
    record_observations(engine, *mine)
    (group,) = groups_of(engine)
    assert count(group) == bound + 2


def test_samples_are_the_first_few_distinct_reports(engine: Engine) -> None:
    for number in range(MAX_SAMPLES_PER_GROUP + 2):
        violation = make_violation(line_number=number + 1)
        record_observations(engine, make_observation(violation), make_observation(violation))
    with engine.connect() as connection:
        samples = connection.execute(text("SELECT report FROM sample")).scalars().all()
    assert len(samples) == MAX_SAMPLES_PER_GROUP
    assert sorted(json.loads(sample)["line_number"] for sample in samples) == [1, 2, 3]


def test_a_network_is_recognised_all_day_and_by_nothing_else(engine: Engine) -> None:
    """The same network on the same day is one reporter across batches; on another day another number."""
    for days in (0, 0, 1):
        record_observations(engine, make_observation(seen_at=SEEN_AT + days * DAY), now=SEEN_AT)
    with engine.connect() as connection:
        networks = connection.execute(text("SELECT day, network FROM group_reporter")).all()
    assert len(networks) == 2
    assert len({network for _, network in networks}) == 2


def test_sites_do_not_share_what_they_know_of_a_network(engine: Engine) -> None:
    record_observations(engine, make_observation(), make_observation(site="blog"))
    with engine.connect() as connection:
        assert len(set(connection.execute(text("SELECT network FROM group_reporter")).scalars())) == 2


def test_the_network_itself_is_nowhere_in_the_database(engine: Engine) -> None:
    network = "203.0.113.0/24"
    record_observations(engine, make_observation(network=network))
    unkeyed = {
        int.from_bytes(hashlib.blake2b(network.encode(), digest_size=8).digest(), "big", signed=True),
        hash_network(network, b""),
    }
    for value in every_value(engine):
        assert "203.0.113" not in str(value)
        assert value not in unkeyed


def every_value(engine: Engine) -> Iterator[object]:
    """All that is stored, table by table."""
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608  (names of our own tables)
                yield from row


def test_a_days_key_is_forgotten_when_the_day_is_over(engine: Engine) -> None:
    record_observations(engine, make_observation(), now=SEEN_AT)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    assert forget_reporter_keys(engine, to_ms(midnight) - 1) == 0
    assert forget_reporter_keys(engine, to_ms(midnight)) == 1
    record_observations(engine, make_observation(), now=SEEN_AT)
    (group,) = groups_of(engine)
    assert (group.reports, group.reporters) == (2, 2)  # the same network, no longer recognised


def test_the_key_of_a_day_in_the_past_lives_until_the_import_days_end(engine: Engine) -> None:
    record_observations(engine, make_observation(seen_at=SEEN_AT - 5 * DAY), now=SEEN_AT)
    assert forget_reporter_keys(engine, to_ms(SEEN_AT)) == 0
    assert forget_reporter_keys(engine, to_ms(SEEN_AT + DAY)) == 1


def test_whoever_records_forgets_first(engine: Engine) -> None:
    """An import may be all that ever runs; and nobody is recognised by a key whose day is over."""
    for now in (SEEN_AT, SEEN_AT + DAY):
        record_observations(engine, make_observation(seen_at=SEEN_AT - 5 * DAY), now=now)
    with engine.connect() as connection:
        networks = connection.execute(text("SELECT network FROM group_reporter")).scalars().all()
        keys = connection.execute(text("SELECT expires_at_ms FROM reporter_key")).scalars().all()
    assert len(set(networks)) == 2
    assert keys == [to_ms(datetime(2026, 11, 22, tzinfo=UTC))]


def test_a_key_in_use_is_not_forgotten_by_a_neighbour(postgres: PostgresServer) -> None:
    """Two machines' clocks pass midnight one after the other."""
    engine = open_for_writing(postgres.create_database())
    record_observations(engine, make_observation(), now=SEEN_AT)
    neighbours: list[threading.Thread] = []

    def forget_meanwhile(*given: object) -> None:
        if "SELECT reporter_key.key" in str(given[2]):
            neighbour = threading.Thread(target=forget_reporter_keys, args=(engine, to_ms(SEEN_AT + DAY)))
            neighbours.append(neighbour)
            neighbour.start()
            # Either it is done, or it waits for us; then this is all the time it gets.
            neighbour.join(0.5)

    event.listen(engine, "after_cursor_execute", forget_meanwhile)
    record_observations(engine, make_observation(), now=SEEN_AT)
    for neighbour in neighbours:
        neighbour.join()
    assert len(neighbours) == 1
    (group,) = groups_of(engine)
    assert (group.reports, group.reporters) == (2, 1)
    engine.dispose()


def test_a_batch_is_stored_whole_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="after the batch"):
        record_and_fail(engine)
    with engine.connect() as connection:
        assert stored_rows(connection) == 0


def record_and_fail(engine: Engine) -> None:
    batch = Batch()
    fold(batch, make_observation())
    with recording(engine, to_ms(SEEN_AT)) as transaction:
        transaction.claim_lines("default", [b"0" * 16], is_trusted=False)
        transaction.record(batch)
        raise RuntimeError("after the batch")


def stored_rows(connection: Connection) -> int:
    tables = ("violation_group", "group_hour", "policy", "group_reporter", "reporter_key", "seen_line", "sample")
    return sum(
        int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608  (the names above)
        for table in tables
    )


def test_an_empty_batch_stores_nothing(engine: Engine) -> None:
    record(engine, Batch(), to_ms(SEEN_AT))
    assert groups_of(engine) == ()


def test_script_hashes_keep_when_they_were_first_and_last_seen(engine: Engine) -> None:
    report = NormalizedHash(
        document_uri=PAGE, script_url=f"{ORIGIN}/app.js", hash="sha256-abc=", destination="script", age_ms=0
    )
    for offset in (HOUR, timedelta(), 3 * HOUR):
        batch = Batch()
        fold_hash(batch, HashObservation(site="default", report=report, seen_at_ms=to_ms(SEEN_AT + offset)))
        record(engine, batch, to_ms(SEEN_AT))
    with snapshot(engine) as connection:
        assert read_script_hashes(connection, "default") == (
            ScriptHash(f"{ORIGIN}/app.js", "sha256-abc=", 3, SEEN_AT, SEEN_AT + 3 * HOUR),
        )


LINES = [bytes([number]) * 16 for number in range(6)]


def test_a_line_is_claimed_once(engine: Engine) -> None:
    assert claim(engine, LINES[:3], is_trusted=False) == (set(LINES[:3]), set())
    assert claim(engine, LINES[:4], is_trusted=False) == ({LINES[3]}, set())
    assert claim(engine, [], is_trusted=False) == (set(), set())


def test_a_line_claimed_before_without_trust_becomes_trusted_once_and_never_loses_it(engine: Engine) -> None:
    claim(engine, LINES[:2], is_trusted=False)
    assert claim(engine, LINES[:3], is_trusted=True) == ({LINES[2]}, set(LINES[:2]))
    assert claim(engine, LINES[:3], is_trusted=True) == (set(), set())
    assert claim(engine, LINES[:3], is_trusted=False) == (set(), set())


def test_a_line_that_becomes_trusted_says_when_it_was_counted(engine: Engine) -> None:
    claim(engine, LINES[:1], is_trusted=False)
    with recording(engine, to_ms(SEEN_AT + DAY)) as transaction:
        claimed = transaction.claim_lines("default", LINES[:2], is_trusted=True)
    assert claimed.new == {LINES[1]}
    assert claimed.newly_trusted == {LINES[0]: to_ms(SEEN_AT)}


def test_lines_of_one_site_are_not_anothers(engine: Engine) -> None:
    claim(engine, LINES, is_trusted=False)
    assert claim(engine, LINES, is_trusted=False, site="blog") == (set(LINES), set())


def test_more_lines_than_one_statement_holds_are_claimed(engine: Engine) -> None:
    many = [number.to_bytes(16, "big") for number in range(1_000)]
    claim(engine, many[::2], is_trusted=False)
    assert claim(engine, many, is_trusted=True) == (set(many[1::2]), set(many[::2]))


def claim(
    engine: Engine, lines: list[bytes], *, is_trusted: bool, site: str = "default"
) -> tuple[set[bytes], set[bytes]]:
    with recording(engine, to_ms(SEEN_AT)) as transaction:
        claimed = transaction.claim_lines(site, lines, is_trusted=is_trusted)
    return set(claimed.new), set(claimed.newly_trusted)


def test_a_snapshot_sees_one_state_however_long_it_reads(engine: Engine) -> None:
    record_observations(engine, make_observation())
    with snapshot(engine) as connection:
        assert len(read_groups(connection, "default", ALL)) == 1
        record_observations(engine, make_observation(make_violation("font-src")))
        assert len(read_groups(connection, "default", ALL)) == 1
    assert len(groups_of(engine)) == 2


@pytest.mark.parametrize(
    "instant", [SEEN_AT, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_a_stored_instant_comes_back_to_the_millisecond(instant: datetime) -> None:
    assert from_ms(to_ms(instant)) == instant


def test_days_have_the_calendars_names() -> None:
    assert [day_name(day) for day in (-1, 0, 20_777)] == ["1969-12-31", "1970-01-01", "2026-11-20"]
