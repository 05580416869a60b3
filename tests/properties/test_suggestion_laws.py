"""Laws of the suggestion, for any evidence at all."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import (
    HostSource,
    Policy,
    PolicyList,
    SchemeSource,
    diff,
    is_valid_source_expression,
    parse_serialized_policy,
    parse_source_expression,
    subsumes,
)
from policybuilder.csp.directives import KNOWN_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.csp.violation import Disposition, SampleExtent
from policybuilder.decisions import Decided, Decision, DecisionAction, concerns
from policybuilder.documents.suggestion import suggestion_document
from policybuilder.domains import registrable_domain
from policybuilder.evidence import NOISE_CLASSES, EvidenceClass, ViolationGroup
from policybuilder.replay import Replayer, replay_group
from policybuilder.suggestion.current import Current, Origin, as_current
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.propose import Options, propose
from policybuilder.suggestion.sorting import Grounds
from policybuilder.suggestion.values import Mode, Suggestion
from tests.support.evidence import OBSERVED, ORIGIN, SEEN_AT, make_group, replace

HOSTS = st.sampled_from(
    ["shop.example", "cdn.example", "a.cdn.example", "xn--bcher-kva.example", "a_b.example", "[::1]"]
)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "ws", "wss"]),
    HOSTS,
    st.sampled_from(["", ":8080", ":443"]),
    st.sampled_from(["", "/", "/js/app.js", "/a;b,c", "/%20'none'"]),
)
BLOCKED = st.one_of(
    URLS,
    st.sampled_from(
        [
            *("inline", "eval", "wasm-eval", "self", "", "data", "blob", "about", "chrome-extension"),
            *("trusted-types-policy", "trusted-types-sink", "https:", "https://*", "'unsafe-inline'", "a;b"),
        ]
    ),
    st.text(max_size=12),
)
SOURCES = st.one_of(
    st.sampled_from(
        [
            *("'self'", "'none'", "*", "https:", "http:", "data:", "blob:", "https://cdn.example", "cdn.example:8080"),
            *("https://*.cdn.example/js/", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'", "'unsafe-hashes'"),
            *("'nonce-abc'", "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='", "'report-sample'", "nonsense!"),
        ]
    ),
    URLS,
)
POLICIES = st.one_of(
    st.just(OBSERVED),
    st.lists(
        st.builds(
            lambda name, values: " ".join([name, *values]),
            st.sampled_from(sorted(KNOWN_DIRECTIVES)),
            st.lists(SOURCES, max_size=4),
        ),
        max_size=5,
    ).map("; ".join),
)


ANY_POLICIES = st.lists(POLICIES, max_size=2, unique=True)


@st.composite
def violation_groups(
    draw: st.DrawFn,
    *,
    classes: st.SearchStrategy[EvidenceClass],
    trusted: st.SearchStrategy[bool],
    policies: st.SearchStrategy[list[str]] = ANY_POLICIES,
) -> ViolationGroup:
    """Groups as the store may return them: what a stranger sent, cleaned of queries, whatever it says."""
    document_origin = draw(
        st.sampled_from([ORIGIN, "http://shop.example", "https://evil.example", "about", "(invalid)"])
    )
    return make_group(
        draw(st.one_of(st.sampled_from(sorted(KNOWN_DIRECTIVES)), st.just("(invalid)"))),
        draw(BLOCKED),
        trusted=draw(trusted),
        policies=draw(policies),
        reports=draw(st.integers(1, 10**9)),
        document_origin=document_origin,
        pages=[f"{document_origin}/cart" if "://" in document_origin else document_origin],
        disposition=draw(st.sampled_from(Disposition)),
        evidence_class=draw(classes),
        sample=draw(st.sampled_from(["", "go()", "javascript:go()", "Element innerHTML|<b>"])),
        sample_extent=draw(st.sampled_from(SampleExtent)),
        source_file=draw(st.sampled_from(["", f"{ORIGIN}/app.js", "https://cdn.example/a.js"])),
        line_number=draw(st.one_of(st.none(), st.integers(0, 10**6))),
    )


CLASSES = st.one_of(st.just(EvidenceClass.GENUINE), st.sampled_from(EvidenceClass))
ANY_GROUP = violation_groups(classes=CLASSES, trusted=st.booleans())
ANY_GROUPS = st.lists(ANY_GROUP, max_size=6, unique_by=lambda group: group.fingerprint)
STRANGERS = st.lists(
    violation_groups(classes=CLASSES, trusted=st.just(value=False)),
    max_size=4,
    unique_by=lambda group: group.fingerprint,
)


@given(groups=ANY_GROUPS)
def test_the_policy_can_be_written_and_read_back(groups: list[ViolationGroup]) -> None:
    policy = propose("shop", groups).policy
    if policy is not None:
        assert parse_serialized_policy(str(policy)) == policy


@given(groups=ANY_GROUPS)
def test_every_token_is_a_valid_source_expression_and_none_stands_alone(groups: list[ViolationGroup]) -> None:
    for directive in propose("shop", groups).directives:
        sources = [source.source for source in directive.sources]
        if directive.name in SOURCE_LIST_DIRECTIVES and sources != ["'none'"]:
            assert sources
            assert [source for source in sources if not is_valid_source_expression(source)] == []
            assert len(set(sources)) == len(sources)


@given(groups=ANY_GROUPS)
def test_the_policy_blocks_nothing_that_it_claims_to_accept(groups: list[ViolationGroup]) -> None:
    suggestion = propose("shop", groups)
    assert suggestion.replay.block == 0
    assert suggestion.blocked_groups == ()


@given(groups=ANY_GROUPS)
def test_every_group_is_counted_once(groups: list[ViolationGroup]) -> None:
    """But for those that strangers reported and the policy admits anyway."""
    counts = propose("shop", groups).replay
    counted = counts.allow + counts.block + counts.unknown + counts.held + counts.excluded
    strangers = sum(not group.trusted_reports for group in groups)
    assert len(groups) - strangers <= counted <= len(groups)


@given(groups=st.lists(ANY_GROUP, max_size=4), strangers=STRANGERS)
def test_with_trusted_evidence_no_stranger_changes_a_byte(
    groups: list[ViolationGroup], strangers: list[ViolationGroup]
) -> None:
    mine = [make_group("img-src", f"{ORIGIN}/logo.png"), *groups]
    suggestion = propose("shop", mine)
    assert str(propose("shop", [*mine, *strangers]).policy) == str(suggestion.policy)


@given(groups=ANY_GROUPS, data=st.data())
def test_groups_in_any_order_give_the_same_bytes(groups: list[ViolationGroup], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(groups))
    assert as_json(propose("shop", shuffled)) == as_json(propose("shop", groups))


@given(groups=ANY_GROUPS, other=ANY_GROUP)
def test_the_same_evidence_twice_as_often_gives_the_same_policy(
    groups: list[ViolationGroup], other: ViolationGroup
) -> None:
    doubled = [
        replace(group, reports=group.reports * 2, trusted_reports=group.trusted_reports * 2)
        for group in (*groups, other)
    ]
    assert str(propose("shop", doubled).policy) == str(propose("shop", (*groups, other)).policy)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_million_reports_weigh_no_more_than_one(*, trusted: bool) -> None:
    one, many = (make_group(reports=reports, trusted=trusted) for reports in (1, 1_000_000))
    assert str(propose("shop", [one]).policy) == str(propose("shop", [many]).policy)


WATCHED = st.lists(
    violation_groups(classes=CLASSES, trusted=st.booleans(), policies=st.just([OBSERVED])),
    max_size=6,
    unique_by=lambda group: group.fingerprint,
)
"""Evidence of a site that is watched under a policy that allows nothing, so that silence keeps nothing."""

DANGEROUS = frozenset({"*", "http:", "https:", "ws:", "wss:", "'unsafe-inline'", "'unsafe-eval'", "'strict-dynamic'"})


@given(groups=WATCHED)
def test_nothing_wide_is_admitted_unless_a_policy_had_it_or_a_person_says_so(groups: list[ViolationGroup]) -> None:
    for directive in propose("shop", groups).directives:
        for source in directive.sources:
            assert source.source.lower() not in DANGEROUS
            match parse_source_expression(source.source):
                case SchemeSource(scheme):
                    # Pictures and media run no code; a camera is shown where a person wants it.
                    assert (directive.name, scheme) in {
                        (name, scheme) for name in ("img-src", "media-src") for scheme in ("data", "blob")
                    }
                case HostSource(host_part) if host_part.startswith("*"):
                    assert registrable_domain(host_part.removeprefix("*.")) is not None


EXPLAINED = frozenset({"base", "unobserved-kept", "enforced-kept", "unsafe-hashes", "own-forms", "decided"})
"""Rules of what no report asked for."""


@given(groups=ANY_GROUPS)
def test_every_token_has_evidence_or_a_rule_that_needs_none(groups: list[ViolationGroup]) -> None:
    for directive in propose("shop", groups).directives:
        for source in directive.sources:
            assert source.rule
            assert source.reason
            assert source.evidence.reports > 0 or source.rule in EXPLAINED


NOISE = st.lists(
    violation_groups(classes=st.sampled_from(sorted(NOISE_CLASSES)), trusted=st.booleans()),
    max_size=4,
    unique_by=lambda group: group.fingerprint,
)


@given(groups=ANY_GROUPS, noise=NOISE)
def test_noise_changes_no_byte(groups: list[ViolationGroup], noise: list[ViolationGroup]) -> None:
    before, after = propose("shop", groups), propose("shop", [*groups, *noise])
    assert str(after.policy) == str(before.policy)
    assert after.directives == before.directives


FRESH = Options(mode=Mode.FRESH)
DECIDABLE = st.tuples(
    st.sampled_from(["img-src", "font-src", "connect-src", "script-src", "style-src", "frame-src", "worker-src"]),
    st.sampled_from(["https://new.example", "https://cdn.example", "data:", "'self'", "'unsafe-inline'"]),
)


@given(groups=WATCHED, wish=DECIDABLE)
def test_a_decision_changes_only_what_it_names(groups: list[ViolationGroup], wish: tuple[str, str]) -> None:
    name, source = wish
    decision = Decision(
        number=1, action=DecisionAction.ALLOW, directive=name, subject=source, decided_at=groups_began(groups)
    )
    mine = [make_group("img-src", f"{ORIGIN}/logo.png"), *groups]
    before = propose("shop", mine, options=FRESH)
    after = propose("shop", mine, Grounds(decisions=[decision]), FRESH)
    changes = diff(str(before.policy), str(after.policy)).changes
    assert {change.directive for change in changes} <= {name, f"{name}-elem", f"{name}-attr"}
    assert source in {each.source for found in after.directives if found.name == name for each in found.sources}


def groups_began(groups: list[ViolationGroup]) -> datetime:
    return min((group.first_seen_at for group in groups), default=SEEN_AT)


CANDIDATES = st.lists(POLICIES.map(parse_serialized_policy), min_size=1, max_size=2)


NEIGHBOURS = st.builds(
    lambda group, blocked, directive: replace(group, blocked=blocked, directive=directive),
    ANY_GROUP,
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["https", "https", "http", "wss"]),
        st.sampled_from(
            [
                *("shop.example", "x.shop.example", "evil.example", "cdn.example", "a.cdn.example"),
                *("other.test", "third.test", "b.localhost", "xn--bcher-kva.example", "1.2.3.4"),
            ]
        ),
        st.sampled_from(["", "", ":8443", ":443"]),
        st.sampled_from(["", "/", "/js/app.js", "/a"]),
    ),
    st.sampled_from(["img-src", "script-src-elem", "frame-src", "connect-src", "default-src", "form-action"]),
)
"""Groups of a few hosts, which are alike to a policy that names none of them."""


@given(
    groups=st.one_of(st.lists(ANY_GROUP, min_size=2, max_size=8), st.lists(NEIGHBOURS, min_size=3, max_size=10)),
    policies=CANDIDATES,
    origins=st.sampled_from([[ORIGIN], [], [ORIGIN, "https://evil.example"]]),
)
def test_what_is_remembered_is_what_each_group_would_get(
    groups: list[ViolationGroup], policies: list[Policy], origins: list[str]
) -> None:
    replayer = Replayer(policies, origins)
    for group in (*groups, *groups):
        assert replayer.decide(group) == replay_group(group, policies, origins)


PATTERNS = st.one_of(
    URLS,
    HOSTS,
    st.sampled_from(
        [
            *(
                "*",
                "*.cdn.example",
                "https://*.example/*",
                "*/app.js",
                "*a*.example",
                "EVIL.example",
                "'eval'",
                "inline",
            ),
            *("data:", "blob", "1.2.3.*", "*:8443", "'unsafe-inline'", "a;b", "\u0130.example", "*\u03a3*"),
        ]
    ),
    st.text(max_size=4),
)
ANSWERS = st.builds(
    lambda answer, directive: Decision(number=1, directive=directive, decided_at=SEEN_AT, **answer),
    st.one_of(
        st.fixed_dictionaries(
            {"action": st.just(DecisionAction.ALLOW), "subject": SOURCES.filter(is_valid_source_expression)}
        ),
        st.fixed_dictionaries(
            {"action": st.sampled_from([DecisionAction.REJECT, DecisionAction.IGNORE]), "subject": PATTERNS}
        ),
        st.fixed_dictionaries(
            {
                "action": st.sampled_from([DecisionAction.ALLOW, DecisionAction.REJECT]),
                "subject": st.just(""),
                "loaded_by": st.sampled_from(["https://tags.example", "*.example", "*"]),
            }
        ),
    ),
    st.sampled_from(["", "img-src", "script-src", "default-src", "form-action"]),
)


@given(
    group=st.builds(
        lambda group, initiator: replace(group, initiator=initiator),
        st.one_of(ANY_GROUP, NEIGHBOURS),
        st.sampled_from(["", "https://tags.example"]),
    ),
    decisions=st.lists(ANSWERS, max_size=6),
)
def test_the_decisions_that_are_found_about_a_group_are_those_that_concern_it(
    group: ViolationGroup, decisions: list[Decision]
) -> None:
    assert list(Decided(decisions).about(group)) == [each for each in decisions if concerns(each, group)]


ENFORCED = POLICIES.map(lambda text: as_current([parse_serialized_policy(text)], Origin.GIVEN))


@st.composite
def exposed(draw: st.DrawFn) -> Exposure:
    return Exposure(
        policy=parse_serialized_policy(draw(POLICIES)),
        since_at=SEEN_AT - timedelta(days=draw(st.integers(0, 30))),
        until_at=SEEN_AT,
        views=draw(st.one_of(st.none(), st.integers(0, 10**6))),
    )


@given(groups=ANY_GROUPS, current=ENFORCED, exposures=st.lists(exposed(), max_size=3))
def test_tightening_admits_nothing_more_and_blocks_nothing_that_is_in_use(
    groups: list[ViolationGroup], current: Current, exposures: list[Exposure]
) -> None:
    grounds = Grounds(current=current, exposures=exposures)
    suggestion = propose("shop", groups, grounds, Options(mode=Mode.TIGHTEN))
    assert suggestion.relation in {None, "same", "tighter"}
    if suggestion.policy is not None:
        assert subsumes(PolicyList(current.policies), suggestion.policy)
    assert suggestion.replay.block == 0


@given(groups=ANY_GROUPS, current=ENFORCED)
def test_without_exposure_nothing_that_is_enforced_is_taken_away(
    groups: list[ViolationGroup], current: Current
) -> None:
    suggestion = propose("shop", groups, Grounds(current=current), Options(mode=Mode.TIGHTEN))
    assert suggestion.relation in {None, "same"}


@given(groups=ANY_GROUPS, current=ENFORCED)
def test_a_repair_takes_nothing_away(groups: list[ViolationGroup], current: Current) -> None:
    suggestion = propose("shop", groups, Grounds(current=current), Options(mode=Mode.REPAIR))
    if suggestion.policy is not None:
        assert subsumes(suggestion.policy, PolicyList(current.policies))
    assert suggestion.replay.block == 0


def as_json(suggestion: Suggestion) -> str:
    return json.dumps(suggestion_document(suggestion))
