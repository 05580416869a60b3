"""Forged reports: whatever strangers post, the suggestion stays as it is, to the byte.

Every report goes the way of a real one, from its bytes to the database. What the forgers want in is a picture host, the
cheapest thing there is, or a script, the most valuable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from collector.ingest.folding import HashObservation, fold, fold_hash
from collector.ingest.intake import take_in
from policybuilder.deciding import Answer
from policybuilder.decisions import DecisionAction
from policybuilder.evidence import ViolationGroup
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.decisions import add_decision, read_decisions, undo_decision
from policybuilder.store.engine import open_for_writing
from policybuilder.store.evidence import read_evidence, read_grounds
from policybuilder.store.growth import FIRST_FEW, OTHERS_SHARE
from policybuilder.store.reading import snapshot
from policybuilder.store.recording import record
from policybuilder.store.site_settings import SiteChanges, change_site
from policybuilder.store.sites import KeyKind, SiteKey, add_site
from policybuilder.suggestion.propose import propose
from policybuilder.suggestion.trust import Thresholds
from policybuilder.suggestion.values import Suggestion
from policybuilder.times import Window

SITE = "shop"
HOST = "www.shop.example"
PAGE = f"https://{HOST}/"
OBSERVED = (
    "default-src 'none'; script-src 'none' 'report-sample'; style-src 'none' 'report-sample'; connect-src 'none'; "
    "font-src 'none'; frame-src 'none'; img-src 'none'; manifest-src 'none'; media-src 'none'; object-src 'none'; "
    "worker-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; report-uri /report"
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS = 3
AUDIENCE = 2_000
DAY = timedelta(days=1)
NOW = START + 30 * DAY

EVIL = "https://evil.example"
TAG = "https://tag.example"
"""A tag manager that the owner trusts: what it loads changes by the week."""


def report(directive: str, blocked: str, *, page: str = PAGE, policy: str = OBSERVED, **members: Any) -> bytes:
    """One body as Chromium posts it."""
    return json.dumps({"csp-report": _members(directive, blocked, page, policy, members)}).encode()


def reports(*bodies: tuple[str, str], page: str = PAGE) -> bytes:
    """A batch as the Reporting API posts it."""
    return json.dumps(
        [
            {
                "age": 0,
                "type": "csp-violation",
                "url": page,
                "user_agent": AGENT,
                "body": {
                    "documentURL": page,
                    "effectiveDirective": directive,
                    "blockedURL": blocked,
                    "disposition": "report",
                    "originalPolicy": OBSERVED,
                },
            }
            for directive, blocked in bodies
        ]
    ).encode()


def _members(directive: str, blocked: str, page: str, policy: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "document-uri": page,
        "violated-directive": directive,
        "effective-directive": directive,
        "original-policy": policy,
        "disposition": "report",
        "blocked-uri": blocked,
        "status-code": 200,
        **more,
    }


Post = tuple[bytes, str, datetime]
"""A body, the client's network, and when it arrives."""


class Collector:
    """The way of a report, without the wire."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._keys = {
            kind: SiteKey(site=SITE, kind=kind, hosts=(HOST,)) for kind in (KeyKind.PUBLIC, KeyKind.REHEARSAL)
        }

    def take(
        self, posts: Iterable[Post], *, kind: KeyKind = KeyKind.PUBLIC, agent: str = AGENT, commit_every: int = 500
    ) -> None:
        batch, pending = Batch(), 0
        at = START
        for body, network, at in posts:
            intake = take_in(body, self._keys[kind], received_at_ms=to_ms(at), network=network, user_agent=agent)
            for observation in intake.observations:
                if isinstance(observation, HashObservation):
                    fold_hash(batch, observation)
                else:
                    fold(batch, observation)
            pending += 1
            if pending == commit_every:
                record(self.engine, batch, to_ms(at))
                batch, pending = Batch(), 0
        record(self.engine, batch, to_ms(at))

    def suggestion(self) -> Suggestion:
        window = Window(None, NOW)
        with snapshot(self.engine) as connection:
            groups = read_evidence(connection, SITE, window)
            return propose(SITE, groups, read_grounds(connection, SITE, window, groups, Thresholds()))

    def groups(self) -> tuple[ViolationGroup, ...]:
        with snapshot(self.engine) as connection:
            return read_evidence(connection, SITE, Window(None, NOW))


def visitor(number: int) -> str:
    return f"10.{number // 256}.{number % 256}.0/24"


def attacker(number: int) -> str:
    return f"198.{51 + number // 256}.{number % 256}.0/24"


def visits(audience: int) -> Iterator[Post]:
    """Everybody's browser reports the site's own pictures and font; some look at a page with a widget of its own."""
    everywhere = reports(
        ("img-src", f"{PAGE}logo.png"),
        ("img-src", "https://img.example/hero.png"),
        ("font-src", "https://fonts.example/a.woff2"),
        ("script-src-elem", f"{PAGE}app.js"),
    )
    on_the_map = reports(("img-src", "https://tiles.example/1.png"), page=f"{PAGE}map")
    for day in range(DAYS):
        at = START + day * DAY
        for number in range(audience):
            yield everywhere, visitor(number), at
            if number % 20 == 0:
                yield on_the_map, visitor(number), at


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database of a site whose visitors have reported for three days, and whose owner has rehearsed a visit."""
    path = tmp_path_factory.mktemp("poisoning") / "csp.db"
    engine = open_for_writing(f"sqlite:///{path}")
    add_site(engine, SITE, [HOST], START)
    collector = Collector(engine)
    own = [
        report("style-src-elem", "https://styles.example/a.css"),
        report("script-src-elem", "https://cdn.example/lib.js"),
    ]
    collector.take(((body, "192.0.2.0/24", START) for body in own), kind=KeyKind.REHEARSAL)
    collector.take(visits(AUDIENCE))
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path.read_bytes()


@pytest.fixture
def collector(untouched: bytes, tmp_path: Any) -> Iterator[Collector]:
    path = tmp_path / "csp.db"
    path.write_bytes(untouched)
    engine = open_for_writing(f"sqlite:///{path}")
    yield Collector(engine)
    engine.dispose()


EXPECTED = (
    "default-src 'none'; script-src 'self' https://cdn.example; style-src https://styles.example; base-uri 'none'; "
    "font-src https://fonts.example; form-action 'none'; frame-ancestors 'none'; "
    "img-src 'self' https://img.example https://tiles.example; object-src 'none'; worker-src 'none'"
)


def test_a_leaked_key_does_not_vouch_for_the_days_before(collector: Collector) -> None:
    """Any age can be claimed."""
    body = json.dumps(
        [{**each, "age": 25 * 3_600_000} for each in json.loads(reports(("script-src-elem", f"{EVIL}/a.js")))]
    ).encode()
    day = START + 5 * DAY
    collector.take(((body, attacker(number), day) for number in range(10)), kind=KeyKind.REHEARSAL)
    assert str(collector.suggestion().policy) == EXPECTED


def unchanged(collector: Collector) -> None:
    suggestion = collector.suggestion()
    assert str(suggestion.policy) == EXPECTED
    assert "evil" not in str(suggestion.directives)


def test_visitors_and_the_owner_make_the_policy(collector: Collector) -> None:
    suggestion = collector.suggestion()
    assert str(suggestion.policy) == EXPECTED
    tiers = {source.source: source.tier for each in suggestion.directives for source in each.sources}
    assert tiers["https://img.example"] == "auto"
    assert tiers["https://tiles.example"] == "auto"
    assert tiers["https://cdn.example"] == "trusted"
    assert suggestion.blocked_groups == ()


def test_what_it_would_have_cost_stands_beside_each_source(collector: Collector) -> None:
    """On the least visited page that is real; and a script by no number of strangers."""
    sources = {source.source: source for each in collector.suggestion().directives for source in each.sources}
    margin = sources["https://img.example"].margin
    assert margin is not None
    assert 5 <= margin.networks <= AUDIENCE
    assert margin.days == 2
    assert sources["https://cdn.example"].margin is None


PICTURE = report("img-src", f"{EVIL}/pixel.png")
SCRIPT = report("script-src-elem", f"{EVIL}/loader.js")


def from_one_network(batches: int = 200) -> Iterator[Post]:
    """Five hundred reports a batch, over three days."""
    bodies = [
        reports(
            *(("img-src", f"{EVIL}/{batch}-{number}.png") for number in range(250)),
            *(("script-src-elem", f"{EVIL}/{batch}-{number}.js") for number in range(250)),
        )
        for batch in range(20)
    ]
    for number in range(batches):
        yield bodies[number % 20], attacker(0), START + (number % 3) * DAY


def from_four_networks() -> Iterator[Post]:
    for number in range(200):
        yield (
            reports(*((directive, f"{EVIL}/a") for directive in ("img-src", "font-src", "script-src-elem") * 167)),
            attacker(number % 4),
            START + (number % 3) * DAY,
        )


def from_a_fiftieth_of_the_audience(pages: Sequence[str] = (PAGE,)) -> Iterator[Post]:
    """As many networks as stay below two in a hundred, on every day, each on all the pages."""
    for day in range(DAYS):
        for number in range(AUDIENCE // 50 - 1):
            for page in pages:
                yield (
                    reports(("img-src", f"{EVIL}/a.png"), ("script-src-elem", f"{EVIL}/a.js"), page=page),
                    attacker(number),
                    START + day * DAY,
                )


def on_pages_that_nobody_visits() -> Iterator[Post]:
    """They are the whole audience of a page they made up."""
    return from_a_fiftieth_of_the_audience([f"{PAGE}made-up", f"{PAGE}made-up-too"])


def on_days_that_nobody_visited() -> Iterator[Post]:
    """Any age can be claimed: three days before the first visit they would be the whole audience."""
    for number in range(AUDIENCE // 50 - 1):
        for day in range(2):
            body = json.dumps(
                [
                    {
                        "age": 5 * 24 * 3_600_000,
                        "type": "csp-violation",
                        "url": PAGE,
                        "body": {
                            "documentURL": PAGE,
                            "effectiveDirective": "img-src",
                            "blockedURL": f"{EVIL}/a.png",
                            "disposition": "report",
                            "originalPolicy": OBSERVED,
                        },
                    }
                ]
            ).encode()
            yield body, attacker(number), START + day * DAY


def over_twenty_days() -> Iterator[Post]:
    for day in range(20):
        for _ in range(50):
            yield PICTURE, attacker(0), START + day * DAY
            yield SCRIPT, attacker(0), START + day * DAY


def slowly_from_changing_networks() -> Iterator[Post]:
    """Four new networks a day, for twenty days: eighty in all, and never five at once."""
    for day in range(20):
        for number in range(4):
            yield PICTURE, attacker(4 * day + number), START + day * DAY


def in_one_hour_from_many() -> Iterator[Post]:
    """Enough of them, but not for long."""
    for number in range(200):
        yield PICTURE, attacker(number), START + timedelta(minutes=number % 60)


def real_bodies_with_another_host() -> Iterator[Post]:
    for day in range(DAYS):
        yield report("img-src", "https://img.evil.example/hero.png"), attacker(0), START + day * DAY
        yield report("font-src", "https://fonts.evil.example/a.woff2"), attacker(1), START + day * DAY
        yield report("script-src-elem", "https://cdn.evil.example/lib.js"), attacker(2), START + day * DAY


def look_alikes() -> Iterator[Post]:
    hosts = ["cdn.exarnple", "cdn-example.example", "www.sh0p.example", "www.shop.example.evil.example", "xn--shp-evil"]
    for day in range(DAYS):
        for number, host in enumerate(hosts):
            yield report("script-src-elem", f"https://{host}/lib.js"), attacker(number), START + day * DAY
            yield report("img-src", f"https://{host}/a.png"), attacker(number), START + day * DAY


def documents_of_another_site() -> Iterator[Post]:
    """Any number of networks: a document that is not the site's says nothing of it."""
    for day in range(DAYS):
        for number in range(500):
            body = report("img-src", f"{EVIL}/a.png", page=f"{EVIL}/page")
            yield body, attacker(number), START + day * DAY


def policies_that_are_not_served() -> Iterator[Post]:
    """A policy that allows something in silence would keep it, and one that allows nothing would drop it."""
    for policy in (f"img-src {EVIL} *; script-src * 'unsafe-inline' 'unsafe-eval'", "sandbox", "img-src 'none'", ""):
        for day in range(DAYS):
            yield report("img-src", f"{PAGE}logo.png", policy=policy), attacker(0), START + day * DAY


def a_policy_that_is_said_to_be_enforced() -> Iterator[Post]:
    """Any number of networks: whatever is enforced would be kept, with all that it admits."""
    for policy in (f"img-src 'none'; script-src {EVIL}", "default-src *; script-src * 'unsafe-inline' 'unsafe-eval'"):
        for day in range(DAYS):
            for number in range(AUDIENCE // 10):
                logo = report("img-src", f"{PAGE}logo.png", policy=policy, disposition="enforce")
                yield logo, visitor(number), START + day * DAY


def known_sources_elsewhere() -> Iterator[Post]:
    """Reports of what is genuine, on pages with a large audience and on made-up ones, to make it look rare."""
    for day in range(DAYS):
        for page in (PAGE, f"{PAGE}made-up", f"{PAGE}map"):
            yield report("img-src", "https://tiles.example/1.png", page=page), attacker(0), START + day * DAY


def many_urls_of_a_known_source() -> Iterator[Post]:
    """So many groups of their own that those of the visitors could be lost among them."""
    for day in range(DAYS):
        for batch in range(4):
            bodies = (("img-src", f"https://tiles.example/forged/{batch}-{number}.png") for number in range(250))
            yield reports(*bodies), attacker(0), START + day * DAY


def script_hashes() -> Iterator[Post]:
    body = json.dumps(
        [
            {
                "type": "csp-hash",
                "url": PAGE,
                "body": {
                    "documentURL": PAGE,
                    "subresourceURL": f"{EVIL}/a.js",
                    "hash": "sha256-n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
                    "type": "subresource",
                    "destination": "script",
                },
            }
        ]
    ).encode()
    for number in range(300):
        yield body, attacker(number), START + (number % 3) * DAY


def scripts_from_everybody() -> Iterator[Post]:
    """However many say so: what runs code, or takes data away, is not let in by strangers."""
    body = reports(
        *(
            (directive, f"{EVIL}/a")
            for directive in ("script-src-elem", "worker-src", "frame-src", "object-src", "form-action", "connect-src")
        )
    )
    for day in range(DAYS):
        for number in range(AUDIENCE):
            yield body, attacker(number % 1_000), START + day * DAY


CAMPAIGNS: list[Callable[[], Iterator[Post]]] = [
    from_one_network,
    from_four_networks,
    from_a_fiftieth_of_the_audience,
    on_pages_that_nobody_visits,
    on_days_that_nobody_visited,
    over_twenty_days,
    slowly_from_changing_networks,
    in_one_hour_from_many,
    real_bodies_with_another_host,
    look_alikes,
    documents_of_another_site,
    policies_that_are_not_served,
    a_policy_that_is_said_to_be_enforced,
    known_sources_elsewhere,
    many_urls_of_a_known_source,
    script_hashes,
    scripts_from_everybody,
]


@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.__name__)
def test_no_campaign_changes_a_byte(collector: Collector, campaign: Callable[[], Iterator[Post]]) -> None:
    before = sum(group.reports for group in collector.groups())
    collector.take(campaign())
    if campaign is not script_hashes:
        assert sum(group.reports for group in collector.groups()) > before
    unchanged(collector)


# What a trusted tag manager loads. Anybody can write any source file.

WIDGET = report("script-src-elem", "https://widget.example/w.js")
"""As most browsers report it, which do not say who loaded it."""


def loaded_by(initiator: str, directive: str = "script-src-elem", host: str = EVIL) -> bytes:
    return report(directive, f"{host}/w.js", **from_file(initiator))


def from_file(source_file: str) -> dict[str, Any]:
    return {"source-file": source_file, "line-number": 7}


@pytest.fixture
def trusting(collector: Collector) -> Collector:
    """The owner trusts the tag manager, and many visitors report a script that nobody is said to load."""
    add_decision(collector.engine, SITE, Answer(action=DecisionAction.ALLOW, loaded_by=TAG), now=START)
    collector.take((WIDGET, visitor(number), START + day * DAY) for day in range(DAYS) for number in range(500))
    return collector


def by_the_tag_manager(
    networks: int, host: str = EVIL, directives: Sequence[str] = ("script-src-elem",)
) -> Iterator[Post]:
    for day in range(DAYS):
        for number in range(networks):
            for directive in directives:
                yield loaded_by(f"{TAG}/t.js", directive, host), attacker(number), START + day * DAY


def by_few_in_its_name() -> Iterator[Post]:
    """Below two in a hundred, each on every day, for whatever runs code or takes data away."""
    return by_the_tag_manager(
        AUDIENCE // 50 - 1, directives=("script-src-elem", "worker-src", "frame-src", "form-action", "connect-src")
    )


def for_what_the_visitors_report_without() -> Iterator[Post]:
    """The many who report the widget say nothing of the tag manager; the few who do must not be believed for them."""
    return by_the_tag_manager(AUDIENCE // 50 - 1, "https://widget.example")


def by_one_network_without_end() -> Iterator[Post]:
    for day in range(20):
        for _ in range(100):
            yield loaded_by(f"{TAG}/t.js"), attacker(0), START + day * DAY


def by_many_for_an_hour_in_its_name() -> Iterator[Post]:
    for number in range(300):
        yield loaded_by(f"{TAG}/t.js"), attacker(number), START + timedelta(minutes=number % 60)


def by_what_looks_like_it() -> Iterator[Post]:
    """However many say so: only the origin itself is trusted, to the letter."""
    for initiator in (
        *("https://tag.example.evil.example/t.js", "https://tag-example.example/t.js", "https://tag.exarnple/t.js"),
        *("http://tag.example/t.js", "https://tag.example:8443/t.js", "https://www.tag.example/t.js"),
        *(
            "https://tag.example@evil.example/t.js",
            "https://evil.example/https://tag.example",
            "https://tag.example./t.js",
        ),
        *("https://t\u0430g.example/t.js", "https://xn--tg-7kc.example/t.js", "https://evil.example\\@tag.example/"),
        *(
            "blob:https://tag.example/1",
            "data:text/javascript,tag.example",
            "filesystem:https://tag.example/t",
            "inline",
        ),
        *(
            "chrome-extension://tag.example/t.js",
            "about:tag.example",
            "wss://tag.example/t",
            "tag.example",
            "//tag.example",
        ),
        *(f"https://{'tag.example.' * 180}evil.example/t.js", "https://tag.example%00.evil.example/", "*", ""),
    ):
        for day in range(2):
            for number in range(150):
                yield loaded_by(initiator), attacker(number), START + day * DAY


def by_many_in_its_name_with_an_attack() -> Iterator[Post]:
    """What looks like an attack, or like a host of the site, is not believed of anybody."""
    for day in range(DAYS):
        for number in range(300):
            for body in (
                loaded_by(f"{TAG}/t.js", host="https://xss.report"),
                loaded_by(f"{TAG}/t.js", host="https://www.sh0p.example"),
                report("script-src-elem", "chrome-extension", **from_file(f"{TAG}/t.js")),
            ):
                yield body, attacker(number), START + day * DAY


INITIATOR_CAMPAIGNS: list[Callable[[], Iterator[Post]]] = [
    by_few_in_its_name,
    for_what_the_visitors_report_without,
    by_one_network_without_end,
    by_many_for_an_hour_in_its_name,
    by_what_looks_like_it,
    by_many_in_its_name_with_an_attack,
]


@pytest.mark.parametrize("campaign", INITIATOR_CAMPAIGNS, ids=lambda campaign: campaign.__name__)
def test_no_campaign_in_the_name_of_a_trusted_initiator_changes_a_byte(
    trusting: Collector, campaign: Callable[[], Iterator[Post]]
) -> None:
    before = sum(group.reports for group in trusting.groups())
    trusting.take(campaign())
    assert sum(group.reports for group in trusting.groups()) > before
    unchanged(trusting)


def test_whoever_names_a_trusted_initiator_first_does_not_speak_for_those_who_come_after(collector: Collector) -> None:
    add_decision(collector.engine, SITE, Answer(action=DecisionAction.ALLOW, loaded_by=TAG), now=START)
    collector.take(by_the_tag_manager(1, "https://widget.example"))
    collector.take((WIDGET, visitor(number), START + day * DAY) for day in range(DAYS) for number in range(500))
    assert "https://widget.example" in {held.source for held in collector.suggestion().held}
    unchanged(collector)


def test_trust_in_an_initiator_admits_nothing_by_itself(trusting: Collector) -> None:
    unchanged(trusting)


def test_what_few_say_a_trusted_initiator_loads_says_how_many_more_it_needs(trusting: Collector) -> None:
    networks = AUDIENCE // 50 - 1
    trusting.take(by_the_tag_manager(networks))
    (held,) = [held for held in trusting.suggestion().held if held.source == EVIL]
    assert held.evidence.initiators == (TAG,)
    found = re.search(rf"(\d+) more networks on one day that say {TAG} loads it \(there were {networks}\)", held.why)
    assert found is not None
    trusting.take(by_the_tag_manager(networks + int(found[1]) - 1))
    unchanged(trusting)


def test_what_many_visitors_say_a_trusted_initiator_loads_is_let_in_until_the_trust_ends(trusting: Collector) -> None:
    """The other side: real visitors of the page, and no word of theirs after the last day of the decision."""
    trusting.take(
        (loaded_by(f"{TAG}/t.js", host="https://vendor.example"), visitor(number), START + day * DAY)
        for day in range(DAYS)
        for number in range(AUDIENCE // 10)
    )
    suggestion = trusting.suggestion()
    assert str(suggestion.policy) == EXPECTED.replace(
        "https://cdn.example", "https://cdn.example https://vendor.example"
    )
    (found,) = [each for name in suggestion.directives for each in name.sources if "vendor" in each.source]
    assert (found.tier, found.margin is None) == ("auto", False)
    with snapshot(trusting.engine) as connection:
        (trust,) = read_decisions(connection, SITE)
    undo_decision(trusting.engine, SITE, trust.number, START)
    unchanged(trusting)
    for until, is_over in ((NOW, False), (NOW - timedelta(milliseconds=1), True)):
        add_decision(trusting.engine, SITE, Answer(action=DecisionAction.ALLOW, loaded_by=TAG), until=until, now=START)
        assert (str(trusting.suggestion().policy) == EXPECTED) is is_over
        undo_decision(trusting.engine, SITE, trust.number + 1 + is_over, START)


def test_what_a_refused_initiator_is_said_to_load_is_no_evidence_however_many_say_so(collector: Collector) -> None:
    picture = report("img-src", "https://ads.example/a.png", **from_file(f"{TAG}/t.js"))
    collector.take((picture, visitor(number), START + day * DAY) for day in range(DAYS) for number in range(400))
    assert "https://ads.example" in str(collector.suggestion().policy)
    add_decision(collector.engine, SITE, Answer(action=DecisionAction.REJECT, loaded_by="*.example"), now=START)
    suggestion = collector.suggestion()
    assert str(suggestion.policy) == EXPECTED
    assert {excluded.rule for excluded in suggestion.excluded} == {"rejected"}


def test_a_flood_of_initiators_on_one_thing_stays_within_the_budget(engine: Engine) -> None:
    """Each is a group of its own, as each URL is; and the visitors, who come later, are heard."""
    add_site(engine, SITE, [HOST], START)
    change_site(engine, SITE, SiteChanges(new_groups_per_hour=100))
    collector = Collector(engine)
    own = report("style-src-elem", "https://styles.example/a.css")
    collector.take([(own, "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL)
    flood = 2_000
    for attacking in range(3):
        collector.take(
            (
                loaded_by(f"https://n{number}.flood.example/t.js", "img-src", "https://img.example"),
                attacker(attacking),
                START,
            )
            for number in range(flood)
        )
    groups = collector.groups()
    assert sum(group.reports for group in groups) == 3 * flood + 1
    assert len(groups) <= 100 + 3 * FIRST_FEW + 100 // OTHERS_SHARE + 1
    (rest,) = [group for group in groups if group.rule == "over-budget"]
    assert (rest.blocked, rest.initiator) == ("https://img.example/(other)", "")
    collector.take(visits(100))
    suggestion = collector.suggestion()
    assert "https://fonts.example" in str(suggestion.policy)
    (source,) = [
        each for name in suggestion.directives for each in name.sources if each.source == "https://img.example"
    ]
    assert len(source.evidence.initiators) == 5


def test_pages_made_up_beforehand_do_not_hide_the_real_one(engine: Engine) -> None:
    """The list of a group's pages is short: full of others, it must not hide where the visitors were."""
    add_site(engine, SITE, [HOST], START)
    collector = Collector(engine)
    own = report("style-src-elem", "https://styles.example/a.css")
    collector.take([(own, "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL)
    for number in range(60):
        forged = reports(("img-src", "https://tiles.example/1.png"), page=f"{PAGE}made-up/{number}")
        collector.take([(forged, attacker(0), START)])
    collector.take(visits(400))
    assert "https://tiles.example" in str(collector.suggestion().policy)


def test_a_handful_of_networks_that_use_up_the_budget_silence_nobody(engine: Engine) -> None:
    """Six of two thousand bring as much that is new as an hour lets in, and only then the visitors come."""
    add_site(engine, SITE, [HOST], START)
    change_site(engine, SITE, SiteChanges(new_groups_per_hour=200))
    collector = Collector(engine)
    own = report("style-src-elem", "https://styles.example/a.css")
    collector.take([(own, "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL)
    audience = 300
    for day in range(DAYS):
        for number in range(6):
            bodies = (("img-src", f"{EVIL}/{day}-{number}-{each}.png") for each in range(60))
            collector.take([(reports(*bodies), attacker(number), START + day * DAY)])
        everybody = [post for post in visits(audience) if post[2] == START + day * DAY]
        collector.take(everybody)
    policy = str(collector.suggestion().policy)
    for source in ("https://fonts.example", "https://img.example", "https://tiles.example"):
        assert source in policy
    assert "evil" not in policy


def test_a_page_that_only_the_owner_visits_is_nobodys_audience(collector: Collector) -> None:
    """The forgers would be its whole audience, but for the rehearsal."""
    page = f"{PAGE}admin"
    own = report("img-src", f"{PAGE}logo.png", page=page)
    collector.take([(own, "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL)
    collector.take(
        (report(directive, f"{EVIL}/a", page=page), attacker(number), START + day * DAY)
        for directive in ("img-src", "style-src-elem", "font-src")
        for number in range(15)
        for day in range(DAYS)
    )
    unchanged(collector)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_million_reports_from_one_network_change_nothing(collector: Collector) -> None:
    before = sum(group.reports for group in collector.groups())
    collector.take(from_one_network(2_000))
    assert sum(group.reports for group in collector.groups()) == before + 1_000_000
    unchanged(collector)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_three_hundred_networks_of_fifteen_thousand_change_nothing(engine: Engine) -> None:
    add_site(engine, SITE, [HOST], START)
    collector = Collector(engine)
    own = [
        report("style-src-elem", "https://styles.example/a.css"),
        report("script-src-elem", "https://cdn.example/lib.js"),
    ]
    collector.take(((body, "192.0.2.0/24", START) for body in own), kind=KeyKind.REHEARSAL)
    collector.take(visits(15_000), commit_every=5_000)
    unchanged(collector)
    pictures = (("img-src", f"{EVIL}/pixel.png"), ("font-src", f"{EVIL}/a.woff2"))
    forged = [reports(*pictures, page=page) for page in (PAGE, f"{PAGE}made-up")]
    collector.take(
        (body, attacker(number), START + day * DAY) for day in range(DAYS) for number in range(300) for body in forged
    )
    unchanged(collector)


def test_both_databases_believe_alike(engine: Engine) -> None:
    add_site(engine, SITE, [HOST], START)
    collector = Collector(engine)
    collector.take(
        [(report("style-src-elem", "https://styles.example/a.css"), "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL
    )
    collector.take(visits(200))
    collector.take((PICTURE, attacker(number), START + day * DAY) for day in range(DAYS) for number in range(4))
    suggestion = collector.suggestion()
    assert str(suggestion.policy) == EXPECTED.replace(" https://cdn.example", "")
    (held,) = suggestion.held
    assert (held.source, held.evidence.reporters) == (EVIL, 4)
    assert "5 networks on one day (there were 4)" in held.why


def test_both_databases_count_a_trusted_initiators_loads_alike(engine: Engine) -> None:
    add_site(engine, SITE, [HOST], START)
    add_decision(engine, SITE, Answer(action=DecisionAction.ALLOW, loaded_by=TAG), now=START)
    collector = Collector(engine)
    own = report("style-src-elem", "https://styles.example/a.css")
    collector.take([(own, "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL)
    collector.take(visits(200))
    expected = EXPECTED.replace(" https://cdn.example", "")
    collector.take(by_the_tag_manager(4))
    collector.take((SCRIPT, visitor(number), START + day * DAY) for day in range(DAYS) for number in range(200))
    suggestion = collector.suggestion()
    assert str(suggestion.policy) == expected
    (held,) = [held for held in suggestion.held if held.evidence.initiators]
    assert (held.source, held.evidence.reporters, held.evidence.initiators) == (EVIL, 4, (TAG,))
    collector.take(by_the_tag_manager(20))
    assert str(collector.suggestion().policy) == expected.replace("script-src 'self'", f"script-src 'self' {EVIL}")


def test_one_day_when_half_a_country_came_makes_nothing_else_rare(engine: Engine) -> None:
    """Four thousand networks see one page on one day, sixty a day all others; forgers still need what they needed."""
    add_site(engine, SITE, [HOST], START)
    collector = Collector(engine)
    own = report("style-src-elem", "https://styles.example/a.css")
    collector.take([(own, "192.0.2.0/24", START)], kind=KeyKind.REHEARSAL)
    for week_day in range(7):
        day = START + week_day * DAY
        collector.take((reports(("font-src", "https://fonts.example/a.woff2")), visitor(n), day) for n in range(60))
        collector.take((PICTURE, attacker(n), day) for n in range(4))
    news = reports(("img-src", "https://news.example/1.png"), page=f"{PAGE}news")
    collector.take((news, visitor(number), START + 3 * DAY) for number in range(4_000))
    collector.take((news, visitor(number), START + 5 * DAY) for number in range(4_000))
    policy = str(collector.suggestion().policy)
    assert "https://fonts.example" in policy
    assert "https://news.example" in policy
    assert "evil" not in policy


def test_twenty_user_agents_are_one_reporter(collector: Collector) -> None:
    for number in range(20):
        posts = ((PICTURE, attacker(0), START + day * DAY) for day in range(DAYS))
        collector.take(posts, agent=f"{AGENT} Edition/{number}")
    unchanged(collector)
    (group,) = [group for group in collector.groups() if group.blocked == f"{EVIL}/pixel.png"]
    assert group.reporters == 1


def test_a_twentieth_of_the_audience_would_do_for_a_picture(collector: Collector) -> None:
    """The other side: the bound is where it is said to be, and not out of reach."""
    sources = {source.source: source for each in collector.suggestion().directives for source in each.sources}
    margin = sources["https://img.example"].margin
    assert margin is not None
    page = f"{PAGE}map"
    collector.take(
        (report("img-src", f"{EVIL}/a.png", page=page), attacker(number), START + day * DAY)
        for day in range(margin.days)
        for number in range(margin.networks - 1)
    )
    unchanged(collector)
    collector.take(
        (report("img-src", f"{EVIL}/a.png", page=page), attacker(margin.networks - 1), START + day * DAY)
        for day in range(margin.days)
    )
    assert EVIL in str(collector.suggestion().policy)


def test_a_leaked_rehearsal_key_vouches_for_nothing(collector: Collector) -> None:
    day = START + 5 * DAY
    collector.take(
        ((SCRIPT, attacker(number), day) for number in range(3)),
        kind=KeyKind.REHEARSAL,
    )
    assert EVIL in str(collector.suggestion().policy)
    collector.take([(SCRIPT, attacker(3), day)], kind=KeyKind.REHEARSAL)
    suggestion = collector.suggestion()
    assert str(suggestion.policy) == EXPECTED
    assert "rehearsal-key-leaked" in {finding.code for finding in suggestion.findings}
