"""Reclassification: groups move to the class that today's rules give them, and no count is lost on the way."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, func, select, update

from collector.importing import import_files
from collector.ingest.folding import Observation, fold
from collector.reclassification import Reclassified, reclassify
from policybuilder.deciding import Answer
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.noise import classify
from policybuilder.reports.normalization import NormalizedViolation
from policybuilder.reports.rules import Rules, built_in_rules, load_rules
from policybuilder.store import reclassifying, schema
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.decisions import add_decision, read_decisions
from policybuilder.store.engine import writing
from policybuilder.store.recollection import MAX_SAMPLES_PER_GROUP
from policybuilder.store.recording import (
    MAX_PAGES_PER_GROUP,
    MAX_POLICIES_PER_GROUP,
    record,
)
from policybuilder.store.sites import KeyKind, SiteKey, ensure_default_site
from policybuilder.store.tables import table_of
from tests.support.evidence import SEEN_AT, make_violation

REPORTS = Path(__file__).parents[1] / "data" / "reports"
HOSTS = ("shop.example", "*.shop.example")
GENUINE, INJECTED, BOT = EvidenceClass.GENUINE, EvidenceClass.INJECTED, EvidenceClass.BOT
TRACKER = """
version = 1
disable = [{disabled}]
[[rule]]
id = "tracker"
class = "injected"
reason = "a tracker"
{condition}
"""


@pytest.fixture(autouse=True)
def _site(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)


def own_rules(condition: str = 'blocked-hosts = ["img.example"]', disabled: str = "") -> Rules:
    """The built-in rules and one more."""
    Path("own.toml").write_text(TRACKER.format(condition=condition, disabled=disabled))
    return load_rules(Path("own.toml"))


def observed(
    rules: Rules | None = None, *, user_agent: str = "", query: str = "", hour: int = 0, number: int = 0, **changes: Any
) -> Observation:
    """A report as it came in under `rules`."""
    violation = make_violation(**changes)
    at_ms = to_ms(SEEN_AT + timedelta(hours=hour))
    return Observation(
        site="default",
        violation=violation,
        classification=classify(NormalizedViolation(violation, query, user_agent), HOSTS, rules),
        seen_at_ms=at_ms,
        received_at_ms=at_ms,
        network=f"192.0.{number}.0/24",
        is_trusted=False,
        is_imported=True,
    )


def count_in(engine: Engine, *observations: Observation) -> None:
    batch = Batch()
    for observation in observations:
        fold(batch, observation)
    record(engine, batch, to_ms(SEEN_AT))


def rows(engine: Engine, row: Any) -> list[dict[str, Any]]:
    table = table_of(row)
    with engine.connect() as connection:
        return [dict(each._mapping) for each in connection.execute(select(table).order_by(*table.primary_key))]


def totals(engine: Engine) -> Counter[str]:
    """What must be the same before and after: sums over tables, whatever the groups."""
    found: Counter[str] = Counter()
    for row in (schema.GroupRow, schema.GroupHourRow, schema.GroupDayRow):
        for each in rows(engine, row):
            for name in ("reports", "trusted_reports", "estimated_reports"):
                found[f"{row.__tablename__} {name}"] += each[name]
    for each in rows(engine, schema.GroupRow):
        found["last"] = max(found["last"], each["last_seen_ms"])
        found["first"] = min(found["first"] or each["first_seen_ms"], each["first_seen_ms"])
    found["networks"] = len({(each["day"], each["network"]) for each in rows(engine, schema.GroupReporterRow)})
    return found


def everything(engine: Engine) -> list[Any]:
    """All that is keyed by groups."""
    tables = (
        *(schema.GroupRow, schema.GroupHourRow, schema.GroupDayRow, schema.GroupPageRow, schema.GroupPolicyRow),
        *(schema.GroupReporterRow, schema.SampleRow, schema.DecisionRow),
    )
    return [rows(engine, row) for row in tables]


def run(engine: Engine, rules: Rules | None = None, *, dry_run: bool = False) -> Reclassified:
    return reclassify(engine, "default", HOSTS, rules or built_in_rules(), dry_run=dry_run)


def classes(engine: Engine) -> list[tuple[str, str, int]]:
    return sorted((each["evidence_class"], each["rule"], each["reports"]) for each in rows(engine, schema.GroupRow))


@pytest.fixture
def corpus(engine: Engine) -> Engine:
    """Real reports of two browsers, and odd ones of none."""
    key = SiteKey(site="default", kind=KeyKind.PUBLIC, hosts=HOSTS)
    files = [str(REPORTS / f"{name}.jsonl") for name in ("chromium", "firefox", "synthetic")]
    import_files(engine, key, files, is_trusted=False)
    return engine


def test_the_rules_that_judged_reports_judge_what_is_kept_of_them_alike(corpus: Engine) -> None:
    before = everything(corpus)
    result = run(corpus)
    assert (result.groups.total(), result.relabelled, result.undecided_groups) == (0, 0, 0)
    assert result.looked_at == len(before[0]) > 250
    assert everything(corpus) == before


def test_without_samples_the_rules_judge_alike_too(corpus: Engine) -> None:
    """Samples go after a month; then a group's own columns and its policies are all there is."""
    with writing(corpus).begin() as connection:
        connection.execute(delete(table_of(schema.SampleRow)))
    result = run(corpus)
    assert (result.groups.total(), result.relabelled) == (0, 0)
    assert result.undecided_groups <= 2


def test_other_rules_move_groups_and_lose_no_count_and_a_second_run_changes_nothing(corpus: Engine) -> None:
    rules = own_rules(
        'directives = ["img-src", "font-src"]', '"extension-scheme", "reflected-in-query", "own-policy-allows"'
    )
    before = totals(corpus)
    foreseen = run(corpus, rules, dry_run=True)
    assert totals(corpus) == before
    result = run(corpus, rules)
    assert (result.groups, result.reports) == (foreseen.groups, foreseen.reports)
    assert {
        (GENUINE, INJECTED),
        (EvidenceClass.EXTENSION, GENUINE),
        (EvidenceClass.ATTACK_LIKE, GENUINE),
    } <= result.groups.keys()
    assert totals(corpus) == before
    settled = everything(corpus)
    again = run(corpus, rules)
    assert again.groups.total() == again.relabelled == 0
    assert everything(corpus) == settled


def test_there_and_back_again_is_where_it_began(corpus: Engine) -> None:
    before = totals(corpus), classes(corpus)
    run(corpus, own_rules('directives = ["font-src", "worker-src"]'))
    assert classes(corpus) != before[1]
    run(corpus)
    assert (totals(corpus), classes(corpus)) == before


def test_a_group_joins_the_one_that_is_there(engine: Engine) -> None:
    rules = own_rules()
    count_in(engine, observed(number=1), observed(number=2, hour=1), observed(number=1, hour=30))
    count_in(engine, observed(rules, number=2, hour=1), observed(rules, number=3, hour=60))
    assert classes(engine) == [("genuine", "no-noise-rule", 3), ("injected", "tracker", 2)]
    assert reclassify(engine, "default", HOSTS, rules, dry_run=True).merged == 1
    result = run(engine, rules)
    assert (result.reports, result.merged) == ({(GENUINE, INJECTED): 3}, 1)
    (group,) = rows(engine, schema.GroupRow)
    assert (group["evidence_class"], group["rule"], group["reports"]) == ("injected", "tracker", 5)
    assert group["first_seen_ms"] == group["received_first_ms"] == to_ms(SEEN_AT)
    assert group["last_seen_ms"] == group["received_last_ms"] == to_ms(SEEN_AT + timedelta(hours=60))
    assert [each["reports"] for each in rows(engine, schema.GroupHourRow)] == [1, 2, 1, 1]
    assert [each["reports"] for each in rows(engine, schema.GroupPageRow)] == [5]
    assert [each["reports"] for each in rows(engine, schema.GroupPolicyRow)] == [5]
    assert len(rows(engine, schema.GroupReporterRow)) == 4
    assert len(rows(engine, schema.SampleRow)) == 1
    for each in everything(engine)[1:7]:
        assert {row["fingerprint"] for row in each} <= {group["fingerprint"]}


def test_pages_policies_and_samples_keep_their_bounds(engine: Engine) -> None:
    rules = own_rules()

    def several(these: Rules | None, part: str) -> list[Observation]:
        return [
            observed(
                these,
                document_uri=f"https://shop.example/{part}/{number}",
                original_policy=f"img-src https://{part}{number}.example",
            )
            for number in range(40)
        ]

    count_in(engine, *several(None, "a"), *several(None, "a"), *several(rules, "b"))
    run(engine, rules)
    (group,) = rows(engine, schema.GroupRow)
    assert group["reports"] == 120
    pages = rows(engine, schema.GroupPageRow)
    assert len(pages) == MAX_PAGES_PER_GROUP
    assert sum("/b/" in page["page"] for page in pages) == 40
    assert len(rows(engine, schema.GroupPolicyRow)) == MAX_POLICIES_PER_GROUP
    assert len(rows(engine, schema.SampleRow)) == MAX_SAMPLES_PER_GROUP


def test_a_persons_answer_follows_the_group(engine: Engine) -> None:
    count_in(engine, observed())
    fingerprint = rows(engine, schema.GroupRow)[0]["fingerprint"]
    add_decision(
        engine, "default", Answer(action=DecisionAction.CLASS, subject=fingerprint, evidence_class=BOT), now=SEEN_AT
    )
    add_decision(engine, "default", Answer(action=DecisionAction.IGNORE, subject="https://img.example"), now=SEEN_AT)
    run(engine, own_rules())
    moved = rows(engine, schema.GroupRow)[0]["fingerprint"]
    assert moved != fingerprint
    with engine.connect() as connection:
        assert [each.subject for each in read_decisions(connection, "default")] == [moved, "https://img.example"]


ATTACK = {"query": "q=<img src=https://img.example/a.png>"}
CRAWLER = {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}

# (how the report came, rules now, its class then)
FORGOTTEN = [
    pytest.param(ATTACK, ("", ""), "attack-like", id="what a rule read and nobody kept stands"),
    pytest.param(CRAWLER, ("", ""), "bot", id="the user agent too"),
    pytest.param(CRAWLER, ("", '"bot"'), "genuine", id="unless the rule is switched off"),
    pytest.param(CRAWLER, ('blocked-hosts = ["img.example"]', ""), "injected", id="or one before it holds"),
    pytest.param({}, ('user-agents = ["Chrome/"]', ""), "genuine", id="a new one cannot know of old reports"),
]


@pytest.mark.parametrize(("arrived", "now", "expected"), FORGOTTEN)
def test_what_is_never_stored_cannot_be_judged_again(
    engine: Engine, arrived: dict[str, Any], now: tuple[str, str], expected: str
) -> None:
    count_in(engine, observed(**arrived))
    condition, disabled = now
    run(engine, own_rules(condition or 'blocked-hosts = ["nobody.example"]', disabled))
    assert [each[0] for each in classes(engine)] == [expected]


def test_without_a_policy_what_was_said_of_it_stands(engine: Engine) -> None:
    count_in(engine, observed(original_policy="img-src *"))
    with writing(engine).begin() as connection:
        for row in (schema.SampleRow, schema.GroupPolicyRow):
            connection.execute(delete(table_of(row)))
    assert run(engine).groups.total() == 0
    assert [each[0] for each in classes(engine)] == ["contradiction"]


def test_a_group_whose_reports_disagree_stays_and_is_counted(engine: Engine) -> None:
    pages = ("https://shop.example/a", "https://shop.example/b")
    count_in(engine, *(observed(source_file=name) for name in ("", "some-app") for _ in pages))
    result = run(engine, own_rules('source-schemes = ["some-app"]'))
    assert (result.undecided_groups, result.undecided_reports, result.groups.total()) == (1, 4, 0)
    assert classes(engine) == [("genuine", "no-noise-rule", 4)]


def test_what_others_loaded_moves_apart_from_the_rest(engine: Engine) -> None:
    """Of two initiators a rule names one; both keep to themselves, before and after."""
    hosts = ("s.example", "t.example")
    count_in(engine, observed(), *(observed(source_file=f"https://{host}/x.js") for host in hosts for _ in "twice"))
    result = run(engine, own_rules('source-hosts = ["t.example"]'))
    assert (result.undecided_groups, result.groups) == (0, {(GENUINE, INJECTED): 1})
    assert sorted(
        (row["initiator"], row["evidence_class"], row["reports"]) for row in rows(engine, schema.GroupRow)
    ) == [
        ("", "genuine", 1),
        ("https://s.example", "genuine", 5),
        ("https://t.example", "injected", 5),
    ]
    expected = observed(own_rules('source-hosts = ["t.example"]'), source_file="https://t.example/x.js")
    count_in(engine, expected)
    assert len(rows(engine, schema.GroupRow)) == 3


def test_a_group_from_before_initiators_were_kept_moves_as_what_it_is(engine: Engine) -> None:
    """Its first report names a script of another origin, and what the others named is not known."""
    count_in(engine, observed(source_file=""))
    with writing(engine).begin() as connection:
        groups = table_of(schema.GroupRow)
        connection.execute(update(groups).values(source_file="https://s.example/x.js"))
        connection.execute(delete(table_of(schema.SampleRow)))
    result = run(engine, own_rules('source-hosts = ["s.example"]'))
    assert (result.undecided_groups, result.groups) == (0, {(GENUINE, INJECTED): 1})
    assert [row["initiator"] for row in rows(engine, schema.GroupRow)] == [""]


def test_a_rule_of_another_name_changes_the_name_alone(engine: Engine) -> None:
    count_in(engine, observed(own_rules()))
    before = rows(engine, schema.GroupRow)[0]
    Path("own.toml").write_text(
        Path("own.toml").read_text().replace('"tracker"', '"renamed"').replace("a tracker", "another")
    )
    result = run(engine, load_rules(Path("own.toml")))
    assert (result.relabelled, result.groups.total()) == (1, 0)
    assert rows(engine, schema.GroupRow) == [{**before, "rule": "renamed", "reason": "another"}]


def test_what_stands_for_many_groups_stays(engine: Engine) -> None:
    count_in(engine, observed())
    table = table_of(schema.GroupRow)
    with writing(engine).begin() as connection:
        connection.execute(table.update().values(rule="over-budget"))
    assert run(engine, own_rules()).groups.total() == 0
    assert classes(engine) == [("genuine", "over-budget", 1)]


def test_other_sites_are_left_alone(engine: Engine) -> None:
    count_in(engine, observed())
    table = table_of(schema.GroupRow)
    with writing(engine).begin() as connection:
        connection.execute(table.update().values(site="elsewhere"))
    assert run(engine, own_rules()).looked_at == 0
    assert classes(engine) == [("genuine", "no-noise-rule", 1)]


def test_it_may_be_interrupted_and_repeated(corpus: Engine) -> None:
    before = totals(corpus)
    rules = own_rules('directives = ["img-src", "connect-src"]')
    statements = 0

    def fail(*_given: Any) -> None:
        nonlocal statements
        statements += 1
        if statements == 700:
            raise InterruptedError

    event.listen(corpus, "before_cursor_execute", fail)
    with pytest.raises(InterruptedError):
        run(corpus, rules)
    event.remove(corpus, "before_cursor_execute", fail)
    assert totals(corpus) == before
    assert "tracker" in {each[1] for each in classes(corpus)}
    run(corpus, rules)
    assert totals(corpus) == before
    assert run(corpus, rules).groups.total() == 0


def test_reports_that_come_in_meanwhile_are_counted(engine: Engine) -> None:
    """Whoever writes at the same time waits, or is told to try again; nothing is counted in a group that is gone."""
    rules = own_rules('directives = ["img-src"]')
    paths = [f"https://img.example/{number}.png" for number in range(60)]
    count_in(engine, *(observed(blocked_uri=path) for path in paths))
    stop = threading.Event()
    counted = 0

    def keep_reporting() -> None:
        nonlocal counted
        while not stop.is_set():
            count_in(engine, *(observed(rules if counted % 120 else None, blocked_uri=path) for path in paths))
            counted += len(paths)

    reporter = threading.Thread(target=keep_reporting)
    reporter.start()
    try:
        for _ in range(3):
            run(engine, rules)
    finally:
        stop.set()
        reporter.join()
    run(engine, rules)
    assert {(each[0], each[1]) for each in classes(engine)} == {("injected", "tracker")}
    assert sum(each[2] for each in classes(engine)) == len(paths) + counted
    assert counted > 0
    for row in (schema.GroupHourRow, schema.GroupPageRow):
        assert sum(each["reports"] for each in rows(engine, row)) == len(paths) + counted


def test_a_transaction_moves_a_few_groups(engine: Engine) -> None:
    count_in(engine, *(observed(blocked_uri=f"https://img.example/{number}.png") for number in range(50)))
    commits = 0

    def note(*_given: Any) -> None:
        nonlocal commits
        commits += 1

    event.listen(engine, "commit", note)
    run(engine, own_rules())
    event.remove(engine, "commit", note)
    assert commits >= 50 / reclassifying.GROUPS_AT_ONCE
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(table_of(schema.GroupRow))) == 50
