"""The list of violations: the same as a summary of everything says, whatever happened before."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.exc import OperationalError

from policybuilder.csp import Disposition
from policybuilder.deciding import Answer, allowing, classing, refusing, refusing_initiator, trusting
from policybuilder.decisions import Decision, DecisionAction, concerns
from policybuilder.deployments import ServedStage
from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.listing import PERIODS, UNDECIDED, Filter, Listing, parse_place
from policybuilder.store import listing_upkeep, schema
from policybuilder.store.decisions import add_decision, read_standing_decisions, undo_decision
from policybuilder.store.deployments import record_deployment
from policybuilder.store.engine import open_migrated, writing
from policybuilder.store.erasing import erase_site
from policybuilder.store.listing import read_first, read_listing
from policybuilder.store.listing_concerns import read_concerned
from policybuilder.store.listing_marks import ListMarks
from policybuilder.store.listing_upkeep import (
    _Upkeep,
    list_at_once,
    list_decided,
    list_in_portions,
    read_coverage,
)
from policybuilder.store.reading import read_groups, snapshot
from policybuilder.store.reclassifying import Move, move_groups
from policybuilder.store.retention import prune
from policybuilder.store.sites import ensure_default_site
from policybuilder.store.summarizing import read_summary
from policybuilder.store.tables import table_of
from policybuilder.summary import Summary, SummaryBy
from policybuilder.times import Window
from tests.support.evidence import OBSERVED, ORIGIN, SEEN_AT, make_observation, make_violation, record_observations
from tests.support.listing import listing_of, row_of

SITE = "default"
OTHER_POLICY = "img-src https://img.example"
HOSTILE = ["100%_off", "\\", "'; DROP TABLE site; --", "a_b", "ÄÖü ẞ", "line\nbreak", '"}]<b>']


@pytest.fixture(autouse=True)
def _site(engine: Engine) -> None:
    ensure_default_site(engine, SEEN_AT)


class World:
    """A site to which things happen, by a clock of its own."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.chance = random.Random(seed)  # noqa: S311  (what happens, not secrets)
        self.now = SEEN_AT

    def happens(self) -> None:
        """Something, at random."""
        what = self.chance.choices(
            [
                *(
                    self.reports,
                    self.old_reports,
                    self.answer,
                    self.take_back,
                    self.deploy,
                    self.prune,
                    self.reclassify,
                ),
                *(self.wait, self.leave_out),
            ],
            [12, 3, 4, 2, 2, 2, 2, 3, 1],
        )[0]
        what()

    def reports(self, *, days_ago: int = 0) -> None:
        chance = self.chance
        observations = []
        for _ in range(chance.randint(1, 8)):
            host = chance.choice(["cdn.example", "a.cdn.example", "xcdn.example", "img.example:8443", "shop.example"])
            blocked = chance.choice([f"https://{host}/{chance.choice('abc')}.png", "inline", "data", "eval"])
            violation = make_violation(
                chance.choice(["img-src", "script-src-elem", "font-src", "x-made-up"]),
                blocked,
                document_uri=f"{ORIGIN}/{chance.choice(['cart', 'Help', 'a_b', '100%'])}",
                disposition=chance.choice(list(Disposition)),
                original_policy=chance.choice([OBSERVED, OTHER_POLICY]),
                source_file=chance.choice(["", "https://tag.example/t.js", f"{ORIGIN}/own.js"]),
                sample=chance.choice(["", *HOSTILE]) if blocked == "inline" else "",
            )
            observations.append(
                make_observation(
                    violation,
                    seen_at=self.now - timedelta(days=days_ago, hours=chance.randint(0, 30), minutes=1),
                    network=f"192.0.2.{chance.randint(0, 5)}",
                    evidence_class=chance.choice(list(EvidenceClass)),
                    is_trusted=chance.random() < 0.2,
                    is_imported=True,
                    stands_for=chance.choice([1, 10]),
                )
            )
        record_observations(self.engine, *observations, now=self.now)

    def old_reports(self) -> None:
        """As an import brings them."""
        self.reports(days_ago=self.chance.choice([1, 40, 85, 300]))

    def groups(self) -> tuple[ViolationGroup, ...]:
        with snapshot(self.engine) as connection:
            return read_groups(connection, SITE, Window(None, self.now))

    def answer(self) -> None:
        until = self.chance.choice([None, None, self.now + timedelta(days=2)])
        with suppress(CspbuildError):  # a trusted initiator may be rejected already
            add_decision(self.engine, SITE, self._answer(), note=self.chance.choice(HOSTILE), until=until, now=self.now)

    def _answer(self) -> Answer:
        chance, groups = self.chance, self.groups()
        with snapshot(self.engine) as connection:
            standing = read_standing_decisions(connection, SITE, self.now)
        made: list[Callable[[], Answer]] = [
            lambda: allowing("https://cdn.example", chance.choice(["img-src", "script-src"])),
            lambda: allowing("'unsafe-inline'", "script-src"),
            lambda: allowing("'self'", "img-src"),
            lambda: refusing(DecisionAction.REJECT, "*.example", chance.choice(["", "img-src"])),
            lambda: refusing(
                DecisionAction.IGNORE,
                chance.choice(
                    ["inline", "'eval'", "data:", "img.example", "img.example:8443", "https://a.CDN.example"]
                ),
                chance.choice(["", "script-src"]),
            ),
            lambda: allowing(chance.choice(["https://*.example", "A.cdn.example", "data:"]), "font-src"),
            lambda: refusing_initiator(DecisionAction.REJECT, "https://tag.example", ""),
            lambda: trusting("https://tag.example", "", standing, SITE),
        ]
        if groups:
            fingerprint = chance.choice(groups).fingerprint
            made += [lambda: classing(fingerprint, chance.choice([EvidenceClass.BOT, EvidenceClass.GENUINE]))] * 3
        return chance.choice(made)()

    def take_back(self) -> None:
        with snapshot(self.engine) as connection:
            standing = read_standing_decisions(connection, SITE, self.now)
        if standing:
            undo_decision(self.engine, SITE, self.chance.choice(standing).number, self.now)

    def deploy(self) -> None:
        record_deployment(
            self.engine,
            SITE,
            policy=self.chance.choice([OBSERVED, OTHER_POLICY, "font-src 'none'", ""]),
            stage=self.chance.choice(list(ServedStage)),
            since_at=self.now - timedelta(hours=self.chance.randint(0, 60)),
        )

    def wait(self) -> None:
        self.now += timedelta(hours=self.chance.choice([1, 30, 24 * 20, 24 * 70]))

    def prune(self) -> None:
        prune(self.engine, self.now)

    def reclassify(self) -> None:
        groups = self.groups()
        if not groups:
            return
        group = self.chance.choice(groups)
        to = self.chance.choice([group.fingerprint, f"{self.chance.randrange(3):032x}"])
        is_same = to == group.fingerprint
        evidence_class = group.evidence_class if is_same else EvidenceClass.INJECTED
        move_groups(self.engine, SITE, [Move(group.fingerprint, to, evidence_class, "another", "said so")])

    def leave_out(self) -> None:
        """Hours that retention of another kind took: of what is not counted nothing is shown."""
        groups = self.groups()
        if groups:
            hours = table_of(schema.GroupHourRow)
            fingerprint = self.chance.choice(groups).fingerprint
            with writing(self.engine).begin() as connection:
                ListMarks(connection, SITE).changed([fingerprint])
                connection.execute(delete(hours).where(hours.c.site == SITE, hours.c.fingerprint == fingerprint))

    def refresh(self) -> None:
        how = self.chance.choice(["portions", "once", "decided"])
        if how == "once":
            list_at_once(
                self.engine,
                SITE,
                max_groups=1_000,
                max_changed=1_000,
                max_whole=1_000,
                patience_ms=5_000,
                now=lambda: self.now,
            )
            return
        if how == "decided":
            list_decided(self.engine, SITE, max_changed=3, patience_ms=5_000, now=lambda: self.now)
        for _ in list_in_portions(self.engine, SITE, lambda: self.now):
            pass

    def summary(self) -> Summary:
        with snapshot(self.engine) as connection:
            return read_summary(connection, SITE, Window(None, self.now), by=SummaryBy.GROUP, include_noise=True)

    def listing(self, wanted: Filter = Filter(), **asked: Any) -> Listing:  # noqa: B008  (frozen)
        defaults: dict[str, Any] = {"include_noise": True, "after": None, "limit": 10_000, "now": self.now}
        with snapshot(self.engine) as connection:
            return read_listing(connection, SITE, wanted, **(defaults | asked))

    def expected(self, wanted: Filter = Filter(), **asked: Any) -> Listing:  # noqa: B008  (the same)
        summary = self.summary()
        groups = [row.group for row in summary.rows if row.group is not None]
        reporters = self.listing(limit=0).counts.reporters if not groups else summary.totals.reporters
        return listing_of(groups, wanted, now=self.now, reporters=reporters, **asked)

    def is_current(self) -> bool:
        with snapshot(self.engine) as connection:
            return read_coverage(connection, SITE, self.now).is_current


SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 12))]


@pytest.fixture(params=SEEDS, ids=lambda seed: f"seed{seed}")
def world(engine: Engine, request: pytest.FixtureRequest) -> World:
    return World(engine, request.param)


def test_the_list_is_what_a_summary_says_whatever_happened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_upkeep, "PORTION_GROUPS", 3)
    monkeypatch.setattr(listing_upkeep, "ROUND_GROUPS", 10)
    monkeypatch.setattr(listing_upkeep, "MAX_MARKED", 4)
    outdated = 0
    for _ in range(60):
        world.happens()
        if world.is_current():
            assert world.listing() == world.expected()
        else:
            outdated += 1
            assert world.listing().as_of is not None or not world.listing().is_whole
        if world.chance.random() < 0.5:
            world.refresh()
            assert world.is_current()
            assert world.listing() == world.expected()
    assert outdated > 10
    assert len(world.summary().rows) > 5


def test_the_rows_are_those_of_a_summary_in_its_order(world: World) -> None:
    for _ in range(15):
        world.reports()
    world.refresh()
    summary = world.summary()
    assert [row_of(row.group) for row in summary.rows if row.group] == list(world.listing().rows)
    assert world.listing().counts.groups == summary.totals.groups
    assert world.listing().counts.reports == summary.totals.reports
    assert world.listing().counts.noise_reports == summary.totals.noise_reports
    assert world.listing().counts.reporters == summary.totals.reporters


ASKED: Sequence[Filter] = [
    *(Filter(q=text) for text in ("CDN", "tag.example", "/help", "a_b", "100%", "%", "_", "nowhere", "\0", *HOSTILE)),
    *(Filter(page=text) for text in ("help", "_", "%", "shop.example", "cdn")),
    *(
        Filter(host=text)
        for text in ("cdn.example", "*.cdn.example", "https://a.CDN.example/x", "example", "img.example", "%", "_", "ä")
    ),
    *(Filter(directive=text) for text in ("img-src", "x-made-up", "nothing")),
    *(Filter(kind=each.value) for each in EvidenceClass),
    *(Filter(disposition=each.value) for each in Disposition),
    *(Filter(decision=text) for text in (UNDECIDED, "allow", "reject", "class", "%")),
    *(Filter(seen=period) for period in PERIODS),
    *(Filter(new=period) for period in PERIODS),
    Filter(q="example", host="cdn.example", directive="img-src", decision=UNDECIDED, seen="30d"),
]


@pytest.fixture
def lived(engine: Engine) -> World:
    """A site with all kinds of violations and answers, listed."""
    world = World(engine, 5)
    for _ in range(40):
        world.reports()
        if world.chance.random() < 0.7:
            world.chance.choice([world.answer, world.old_reports])()
    world.now += timedelta(hours=20)
    world.reports()
    world.refresh()
    return world


def test_every_filter_admits_what_plain_python_does(lived: World) -> None:
    admitted: set[str] = set()
    for wanted in ASKED:
        for include_noise in (False, True):
            asked = {"include_noise": include_noise}
            expected = lived.expected(wanted, **asked)
            assert lived.listing(wanted, **asked) == expected, wanted
            if 0 < expected.found < lived.listing().found:
                admitted |= wanted.query().keys()
    assert admitted == {field.name for field in fields(Filter)}, "each of them told some from others"


@pytest.mark.parametrize("wanted", [Filter(), Filter(q="example"), Filter(host="cdn.example"), Filter(seen="30d")])
@pytest.mark.parametrize("size", [7, pytest.param(1, marks=pytest.mark.soak), 1_000])
def test_turning_the_pages_shows_every_row_once(lived: World, wanted: Filter, size: int) -> None:
    seen: list[Any] = []
    after = ""
    while True:
        page = lived.listing(wanted, after=parse_place(after), limit=size)
        seen += page.rows
        assert (page.left, page.found) == (page.found - len(seen), lived.listing(wanted).found)
        after = page.following
        if not after:
            break
    assert seen == list(lived.expected(wanted).rows)
    assert len(seen) > 2


def test_rows_that_come_or_go_move_no_other(lived: World) -> None:
    first = lived.listing(limit=5)
    gone = {row.fingerprint for row in lived.listing().rows[2:20:3]}
    table = table_of(schema.ListingRow)
    with writing(lived.engine).begin() as connection:
        connection.execute(delete(table).where(table.c.fingerprint.in_(gone)))
    rest = [row for row in lived.expected().rows[5:] if row.fingerprint not in gone]
    assert list(lived.listing(after=parse_place(first.following)).rows) == rest


def test_the_first_are_found_without_counting(lived: World) -> None:
    for wanted in (Filter(), Filter(kind="bot"), Filter(decision=UNDECIDED, host="cdn.example")):
        with snapshot(lived.engine) as connection:
            found = read_first(connection, SITE, wanted, limit=4, now=lived.now)
        assert found == tuple(lived.expected(wanted).rows[:4])


def test_a_page_after_the_last_says_how_many_there_are(lived: World) -> None:
    page = lived.listing(after=parse_place("0.0.z"))
    assert (page.rows, page.left, page.found) == ((), 0, lived.expected().found)


def test_a_list_that_was_never_made_says_so(engine: Engine) -> None:
    world = World(engine, 1)
    world.reports()
    assert not world.listing().is_whole
    assert world.listing().rows == ()


def test_what_is_large_or_changed_much_is_not_listed_while_somebody_waits(engine: Engine) -> None:
    world = World(engine, 1)
    for _ in range(5):
        world.reports()
    limits: dict[str, Any] = {"patience_ms": 5_000, "now": lambda: world.now}
    assert not list_at_once(engine, SITE, max_groups=3, max_changed=1_000, max_whole=0, **limits)
    assert not list_at_once(engine, SITE, max_groups=1_000, max_changed=3, max_whole=3, **limits)
    assert list_at_once(engine, SITE, max_groups=1_000, max_changed=3, max_whole=1_000, **limits)
    assert world.listing() == world.expected()


def test_a_decision_shows_at_once_and_no_other_group_is_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(engine, 2)
    for directive in ("img-src", "font-src", "script-src-elem"):
        for host in ("cdn.example", "a.cdn.example", "img.example"):
            violation = make_violation(directive, f"https://{host}/a")
            record_observations(engine, make_observation(violation, seen_at=SEEN_AT - timedelta(days=1)))
    world.refresh()
    read: list[str] = []

    def noted(*arguments: Any, fingerprints: Sequence[str], **more: Any) -> Any:
        read.extend(fingerprints)
        return read_groups(*arguments, fingerprints=fingerprints, **more)

    monkeypatch.setattr(listing_upkeep, "read_groups", noted)
    for answer in (
        refusing(DecisionAction.REJECT, "cdn.example", "script-src"),
        allowing("https://a.cdn.example", "font-src"),
        classing(world.groups()[3].fingerprint, EvidenceClass.BOT),
    ):
        read.clear()
        before = {row.fingerprint: row for row in world.listing().rows}
        decision = add_decision(engine, SITE, answer, now=world.now)
        list_decided(engine, SITE, max_changed=1_000, patience_ms=5_000, now=lambda: world.now)
        after = {row.fingerprint: row for row in world.listing().rows}
        assert list(world.listing().rows) == list(world.expected().rows)
        changed = {fingerprint for fingerprint, row in after.items() if row != before[fingerprint]}
        assert changed, answer
        assert changed <= set(read)
        assert len(set(read)) < len(after) / 2
        undo_decision(engine, SITE, decision.number, world.now)
        list_decided(engine, SITE, max_changed=1_000, patience_ms=5_000, now=lambda: world.now)
        assert {row.fingerprint: row for row in world.listing().rows} == before


def test_of_many_that_a_decision_concerns_the_foremost_show_it_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_upkeep, "MAX_MARKED", 5)
    world = World(engine, 2)
    for _ in range(10):
        world.reports()
    world.refresh()
    add_decision(engine, SITE, refusing(DecisionAction.REJECT, "*", ""), now=world.now)
    list_decided(engine, SITE, max_changed=10, patience_ms=5_000, now=lambda: world.now)
    page = world.listing()
    assert [row.decision for row in page.rows[:10]] == ["reject"] * 10
    assert {row.decision for row in page.rows[10:]} == {None}
    assert page.as_of is not None
    world.refresh()
    assert world.listing() == world.expected()


DECIDED: Sequence[Answer] = [
    *(
        refusing(DecisionAction.REJECT, pattern, directive)
        for pattern in (
            *("cdn.example", "a.CDN.example", "https://a.cdn.example", "https://img.example:8443", "img.example:8443"),
            *(
                "img.example",
                "https://cdn.example/a.png",
                "inline",
                "'eval'",
                "data:",
                "data",
                "*.example",
                "*",
                "none",
            ),
        )
        for directive in ("", "script-src", "img-src", "default-src")
    ),
    *(
        allowing(source, directive)
        for source in (
            *("cdn.example", "https://A.cdn.example", "https://img.example:8443", "*.cdn.example", "https:", "data:"),
            *("'self'", "'unsafe-inline'", "'unsafe-eval'", "*"),
        )
        for directive in ("img-src", "script-src", "font-src", "connect-src", "worker-src")
    ),
    *(refusing_initiator(DecisionAction.IGNORE, origin, "") for origin in ("https://tag.example", "*", "none.example")),
    trusting("https://tag.example", "", (), SITE),
]


def test_what_a_decision_concerns_is_found_without_looking_at_all(lived: World) -> None:
    groups, found_some = lived.groups(), 0
    now = lived.now
    for answer in (*DECIDED, classing(groups[0].fingerprint, EvidenceClass.BOT)):
        members = {name: getattr(answer, name) for name in Answer.__slots__}
        decision = Decision(number=1, decided_at=now, **members)
        with snapshot(lived.engine) as connection:
            found = read_concerned(connection, SITE, [decision])
        concerned = {group.fingerprint for group in groups if concerns(decision, group)}
        assert set(found) == concerned, answer
        found_some += bool(concerned)
    assert found_some > 40


def test_a_decision_that_ends_by_itself_is_noticed(engine: Engine) -> None:
    world = World(engine, 3)
    world.reports()
    until = world.now + timedelta(days=1)
    add_decision(engine, SITE, refusing(DecisionAction.REJECT, "*", ""), until=until, now=world.now)
    world.refresh()
    assert {row.decision for row in world.listing().rows} == {"reject"}
    world.now = until + timedelta(seconds=1)
    assert not world.is_current()
    world.refresh()
    assert {row.decision for row in world.listing().rows} == {None}


def prunes_networks(world: World) -> None:
    prune(world.engine, world.now + timedelta(days=95))


def forgets_groups(world: World) -> None:
    prune(world.engine, world.now + timedelta(days=500))


def reclassifies(world: World) -> None:
    moves = [
        Move(group.fingerprint, f"{number:032x}", EvidenceClass.BOT, "another", "")
        for number, group in enumerate(world.groups())
    ]
    assert move_groups(world.engine, SITE, moves) == len(moves)


def decides(world: World) -> None:
    add_decision(world.engine, SITE, refusing(DecisionAction.REJECT, "*", ""), now=world.now)
    list_decided(world.engine, SITE, max_changed=100, patience_ms=1_000, now=lambda: world.now)


def erases(world: World) -> None:
    erase_site(world.engine, SITE)


TAKING: Sequence[Callable[[World], None]] = [prunes_networks, forgets_groups, reclassifies, decides, erases]
"""What happens between the moment at which groups are read and that at which they are listed."""


@pytest.mark.parametrize("taking", TAKING)
@pytest.mark.parametrize("is_listed", [True, False])
def test_what_was_read_before_it_changed_is_not_listed_after(
    engine: Engine, taking: Callable[[World], None], *, is_listed: bool
) -> None:
    world = World(engine, 4)
    world.reports()
    if is_listed:
        world.refresh()
        world.reports()
    upkeep = _Upkeep(engine, SITE, lambda: world.now, lambda: changed_before(world, taking))
    found = _Upkeep(engine, SITE, lambda: world.now, lambda: writing(engine).begin()).begin(1_000)
    assert found is not None
    assert found.changed
    assert not upkeep.write(found, found.changed)
    world.now += timedelta(days=600)
    world.refresh()
    assert world.is_current()
    assert world.listing() == world.expected()


def changed_before(world: World, taking: Callable[[World], None]) -> Any:
    """A transaction that comes after."""
    taking(world)
    return writing(world.engine).begin()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_transaction_that_ends_late_is_noticed(engine: Engine) -> None:
    """Its reports were received before the list was made, and stored after; of SQLite one writes after the other."""
    world = World(engine, 6)
    world.reports()
    groups = table_of(schema.GroupRow)
    with engine.begin() as late:
        late.execute(update(groups).values(reports=groups.c.reports + 1))
        world.refresh()
        assert world.is_current()
    assert not world.is_current()


def test_who_would_rather_not_wait_does_not(engine: Engine) -> None:
    world = World(engine, 6)
    world.reports()
    world.refresh()
    decision = add_decision(engine, SITE, refusing(DecisionAction.REJECT, "*", ""), now=world.now)
    with writing(engine).begin() as connection:
        ListMarks(connection, SITE)
        began = time.monotonic()
        with pytest.raises(OperationalError):
            list_decided(engine, SITE, max_changed=100, patience_ms=50, now=lambda: world.now)
        assert time.monotonic() - began < 5
    undo_decision(engine, SITE, decision.number, world.now)  # whoever writes after waits as ever


def test_an_import_of_old_reports_is_noticed(engine: Engine) -> None:
    """It leaves the last receipt as it was."""
    world = World(engine, 7)
    violation = make_violation()
    record_observations(engine, make_observation(violation, seen_at=world.now - timedelta(1)), now=world.now)
    world.refresh()
    old = make_observation(violation, seen_at=world.now - timedelta(days=20), is_imported=True)
    record_observations(engine, old, now=world.now)
    assert not world.is_current()
    world.refresh()
    assert [row.reports for row in world.listing().rows] == [2]


def test_two_at_once_while_reports_arrive_list_the_same(engine: Engine, database_url: str) -> None:
    world = World(engine, 8)
    failures: list[BaseException] = []
    is_over = threading.Event()

    def keep_listing() -> None:
        own = open_migrated(database_url)
        try:
            while not is_over.is_set():
                for _ in list_in_portions(own, SITE, lambda: SEEN_AT):
                    pass
        except BaseException as error:  # noqa: BLE001  (told by the test)
            failures.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=keep_listing) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(25):
        world.reports()
        if number % 8 == 7:
            world.reclassify()
            world.answer()
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []
    world.refresh()
    assert world.listing() == world.expected()


def test_a_row_of_a_group_that_is_no_more_is_taken_out(engine: Engine) -> None:
    """Whoever removed it did not say so."""
    world = World(engine, 9)
    world.reports()
    world.refresh()
    groups = table_of(schema.GroupRow)
    with writing(engine).begin() as connection:
        connection.execute(delete(groups).where(groups.c.fingerprint == world.groups()[0].fingerprint))
    world.refresh()
    assert world.listing() == world.expected()


def test_the_erased_are_not_listed(engine: Engine) -> None:
    world = World(engine, 10)
    world.reports()
    world.refresh()
    erase_site(engine, SITE)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(table_of(schema.ListingRow))) == 0
    world.refresh()
    assert world.listing() == world.expected()
