"""The first rule: found by what texts answered, it is the one that trying each rule finds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policybuilder.csp import Violation
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.conditions import CONDITIONS
from policybuilder.reports.first_rule import FirstRule
from policybuilder.reports.normalization import NormalizedViolation, normalize
from policybuilder.reports.predicates import PREDICATES, Context
from policybuilder.reports.records import RecordError, read_record
from policybuilder.reports.rule import Rule
from policybuilder.reports.rules import Rules, built_in_rules, load_rules
from policybuilder.reports.wire import RejectedReportError, decode_body
from tests.collector.ingest.builders import make_violation

RECORDED = Path(__file__).parents[2] / "data" / "reports"
SITES = [(), ("shop.example", "*.shop.example"), ("other.example",)]

OPERATORS_FILE = """
version = 1
disable = ["loopback-blocked"]
[[rule]]
id = "ours"
class = "injected"
reason = "each condition once"
schemes = ["https", "inline"]
hosts = ["*.example", "shop.example:8443"]
directives = ["font-src", "script-src-elem"]
[[rule]]
id = "pictures"
class = "genuine"
reason = "a rule that lets through"
blocked-urls = ["https://*/*.png"]
document-schemes = ["https"]
[[rule]]
id = "inline"
class = "attack-like"
reason = "a rule of the sample"
samples = ["document*.", "alert("]
when = ["public-page"]
"""


def tried_one_by_one(rules: Sequence[Rule], context: Context) -> Rule | None:
    """The definition: the first rule that applies."""
    return next((rule for rule in rules if rule.applies(context)), None)


def recorded_reports() -> Iterator[NormalizedViolation]:
    for path in sorted(RECORDED.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                record = read_record(line)
                reports = [] if record is None else decode_body(record.body).reports
            except (RecordError, RejectedReportError):
                continue
            for report in reports:
                try:
                    normalized = normalize(report, "" if record is None else record.user_agent)
                except RejectedReportError:
                    continue
                if isinstance(normalized, NormalizedViolation):
                    yield normalized


@pytest.fixture(scope="module")
def operators_rules(tmp_path_factory: pytest.TempPathFactory) -> Rules:
    path = tmp_path_factory.mktemp("rules") / "rules.toml"
    path.write_text(OPERATORS_FILE, encoding="utf-8")
    return load_rules(path)


def test_of_recorded_reports_the_same_rule_is_found(operators_rules: Rules) -> None:
    found = set()
    for report in recorded_reports():
        for site_hosts in SITES:
            context = Context(report.violation, report.document_query, report.user_agent, site_hosts)
            for rules in (built_in_rules(), operators_rules):
                rule = rules.first_that_applies(context)
                assert rule is tried_one_by_one(rules.rules, context)
                found.add(rule and rule.rule_id)
    assert {None, "ours", "pictures", "inline", "reflected-in-query", "own-policy-allows"} <= found


# Texts that the rules below ask for, texts beside them, and what the built-in rules know.
_HOSTS = ["a.example", "b.a.example", "a.example:8443", "[::1]", "localhost", "x.oast.fun", "sh0p.example"]
_SCHEMES = ["inline", "eval", "", "data", "about", "gsa", "chrome-extension", "https", "(invalid)"]
_URLS = [f"{scheme}://{host}{path}" for scheme in ("https", "ws") for host in _HOSTS for path in ("", "/", "/x/y.js")]
_DIRECTIVES = ["img-src", "script-src-elem", "default-src", "font-src", "(invalid)"]
_PIECES = ["alert(", "document.cookie", "Ab", "ba", "a", "-extension://", "installGlobalHook", " ", "é"]
_AGENTS = ["Line/", "OnLine/2", "Googlebot/2.1", "compatible; x; +http", "FB_IAB", "Mozilla/5.0 "]
_POLICIES = ["", "default-src 'none'", "img-src https://a.example", "script-src 'unsafe-inline'; img-src *"]
_QUERIES = ["", "id=1", "q=%3Cscript+src=https://a.example/x", "q=javascript:alert(document.cookie)"]

_URIS = st.sampled_from(_SCHEMES + _URLS)
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=4).map("".join)
_ENTRIES = {
    "schemes": st.sampled_from(["inline", "", "gsa", "https", "data"]),
    "hosts": st.sampled_from(["a.example", "*.a.example", "a.example:8443", "*.a.example:8443", "[::1]", "localhost"]),
    "urls": st.sampled_from(["https://a.example/x/*", "*y.js", "https://*/*.js", "wss://a.example", "inline"]),
    "directives": st.sampled_from(_DIRECTIVES[:-1]),
    "samples": st.sampled_from(["ab", "A*B", "alert(", "*a", "document*a"]),
    "agents": st.sampled_from(["Line/", "*bot", "Mozilla*FB_IAB"]),
}


@st.composite
def rules_of_any_kind(draw: st.DrawFn) -> Rule:
    names = draw(st.lists(st.sampled_from(sorted(CONDITIONS)), unique=True, max_size=3))
    when = draw(st.lists(st.sampled_from(sorted(PREDICATES)), unique=True, min_size=not names, max_size=2))
    conditions = []
    for name in names:
        entries = draw(st.lists(_ENTRIES[name.rpartition("-")[2]], min_size=1, max_size=3))
        conditions.append(CONDITIONS[name](entries, name))
    return Rule(
        rule_id="-".join([*names, *when]),
        evidence_class=EvidenceClass.INJECTED,
        reason="",
        source="",
        conditions=tuple(conditions),
        predicates=tuple(PREDICATES[name] for name in when),
        reads_forgotten=False,
        reads_policy=False,
    )


CONTEXTS = st.builds(
    Context,
    violation=st.builds(
        Violation,
        document_uri=_URIS | st.text(),
        effective_directive=st.sampled_from(_DIRECTIVES) | st.text(),
        blocked_uri=_URIS | st.text(),
        source_file=_URIS | st.text(),
        sample=_TEXTS | st.text() | st.just("alert(" + "x" * 600 + "document.cookie"),
        original_policy=st.sampled_from(_POLICIES),
    ),
    document_query=st.sampled_from(_QUERIES) | st.text(),
    user_agent=st.lists(st.sampled_from(_AGENTS), max_size=3).map("".join) | st.text(),
    site_hosts=st.sampled_from([(), ("a.example",), ("*.a.example", "shop.example")]),
)


@given(CONTEXTS)
def test_of_any_report_the_same_built_in_rule_is_found(context: Context) -> None:
    rules = built_in_rules()
    assert rules.first_that_applies(context) is tried_one_by_one(rules.rules, context)


@given(st.lists(rules_of_any_kind(), max_size=8), st.lists(CONTEXTS, min_size=1, max_size=4))
@example([], [Context(make_violation(), "", "", ())])
def test_of_any_rules_the_first_that_applies_is_found(rules: list[Rule], contexts: list[Context]) -> None:
    first = FirstRule(rules)
    for context in (*contexts, *contexts):
        assert first.find(context) is tried_one_by_one(rules, context)


def kept_after(contexts: Iterator[Context]) -> int:
    """Bytes that are still there when the built-in conditions have been asked about all of them."""
    first = FirstRule([rule for rule in built_in_rules().rules if not rule.predicates])
    tracemalloc.start()
    try:
        for context in contexts:
            first.find(context)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_what_strangers_write_is_not_kept_for_ever() -> None:
    """Neither many texts nor giant ones make what is remembered grow."""
    many = (Context(make_violation(sample=f"{number:0250}"), "", f"{number:0500}", ()) for number in range(10_000))
    giants = (Context(make_violation(sample="x" * 1_000_000 + str(number)), "", "", ()) for number in range(50))
    assert kept_after(many) < 2_500_000
    assert kept_after(giants) < 2_500_000
