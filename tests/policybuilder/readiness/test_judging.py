"""Whether a policy may be enforced: each criterion, with what it passes and what it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import Disposition, PolicyList
from policybuilder.decisions import Decision, DecisionAction, apply_decisions
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass, PageCount, ViolationGroup
from policybuilder.readiness.breakage import FULL_LIST
from policybuilder.readiness.judging import is_observing, judge, on_trial
from policybuilder.readiness.measures import MAX_BREAK_RATE, least_views, upper_bound
from policybuilder.readiness.values import UNKNOWN, CandidateOrigin, Case, Criterion, CriterionName, Exposure, Seen
from policybuilder.stages import INVENTORY_POLICY, OBSERVE_POLICY
from policybuilder.store.recording import MAX_PAGES_PER_GROUP
from policybuilder.suggestion.trust import Prevalence, Reach, Share
from policybuilder.suggestion.values import SuggestionFinding
from policybuilder.times import Window
from policybuilder.views import Views
from tests.support.evidence import ORIGIN, SEEN_AT, make_group, replace
from tests.support.readiness import NOW, POLICY, case_of, every_day, make_deployment, make_record, make_waiver

DAY = timedelta(days=1)
ENFORCE = ServedStage.ENFORCE


def criterion(case: Case, name: str) -> Criterion:
    [found] = [each for each in judge(case).criteria if each.name == name]
    return found


def on_page(page: str, directive: str = "font-src", reports: int = 1, **known: Any) -> ViolationGroup:
    """Something that the policy on trial blocks, and was reported during the trial."""
    return make_group(
        directive,
        "https://fonts.example/a.woff2",
        **{"pages": [ORIGIN + page], "reports": reports, "last_seen_at": NOW - DAY, **known},
    )


def decided(group: ViolationGroup, action: DecisionAction) -> ViolationGroup:
    answer = Decision(number=1, action=action, directive="", subject="fonts.example", decided_at=SEEN_AT)
    return apply_decisions([group], [answer])[0]


VIEWS = Views(
    total=70_000,
    by_day={f"{SEEN_AT + number * DAY:%Y-%m-%d}": 5_000 for number in range(14)},
    by_page={f"{ORIGIN}/cart": 60_000, f"{ORIGIN}/help": 10_000},
)
STRANGER = {"trusted": False, "reporters": 1}
MANY = {"trusted": False, "reporters": 40}


def enforcing(policy: str) -> Case:
    return case_of(make_record(deployments=[make_deployment(policy, ENFORCE, since_at=SEEN_AT - DAY)]), policy=POLICY)


def narrowing(enforced: str, candidate: str) -> Case:
    return case_of(make_record(deployments=[make_deployment(enforced, ENFORCE)]), policy=candidate)


def until(end: Any) -> Any:
    return replace(make_record(exposure=Exposure(every_day(9, Seen(9), until=end))), window=Window(None, end))


def last_report(at: Any) -> Exposure:
    return Exposure(days=every_day(3, Seen(), until=at))


def reported(seen: Seen) -> Exposure:
    return Exposure(days=every_day(15, seen))


def fresh(**known: Any) -> ViolationGroup:
    return on_page("/cart", first_seen_at=NOW - DAY, **known)


def new_file() -> ViolationGroup:
    return make_group("img-src", "https://img.example/new.png", first_seen_at=NOW - DAY, last_seen_at=NOW)


def logged(policy: str = POLICY, groups: Any = None) -> Any:
    return make_record(groups, deployments=[make_deployment(policy)], views=VIEWS)


def sampled() -> ViolationGroup:
    return make_group(reports=50, trusted=False, estimated_reports=5_000, last_seen_at=NOW)


def noise(reports: int) -> ViolationGroup:
    return make_group("script-src-elem", "chrome-extension", reports=reports, evidence_class=EvidenceClass.EXTENSION)


def many_routes() -> list[str]:
    return [f"/{name}" for name in "abcdefghi"] + ["/cart"]


def many_pages(*paths: str) -> Any:
    pages = {ORIGIN + path: Seen(is_trusted=True) for path in [*many_routes(), *paths]}
    return make_record(exposure=Exposure(days=every_day(15, Seen(100)), pages=pages))


def paths(*page_paths: str) -> Any:
    return make_record(page_paths=page_paths)


def public(reporters: int) -> Any:
    return make_record([make_group(trusted=False, reporters=reporters)], deployments=[])


def ignored() -> ViolationGroup:
    return decided(on_page("/cart", reports=10_000), DecisionAction.IGNORE)


def superseded() -> ViolationGroup:
    return on_page("/cart", last_seen_at=SEEN_AT - DAY)


def hidden() -> ViolationGroup:
    return replace(on_page("/help"), reports=3)


def everywhere() -> ViolationGroup:
    return replace(on_page("/"), pages=tuple(PageCount(f"{ORIGIN}/{number}", 1) for number in range(FULL_LIST)))


def contradiction(directive: str) -> ViolationGroup:
    return on_page("/cart", directive=directive, evidence_class=EvidenceClass.CONTRADICTION)


def half_observed() -> ViolationGroup:
    return make_group(policies=["default-src 'none'"])


def trying(policy: str) -> Any:
    return make_record([half_observed()], deployments=[make_deployment(policy)])


def inline(**known: Any) -> ViolationGroup:
    return make_group("script-src-elem", "inline", **{"last_seen_at": NOW - DAY, **known})


def attack(**known: Any) -> ViolationGroup:
    return make_group("script-src-elem", "inline", evidence_class=EvidenceClass.ATTACK_LIKE, **known)


def weak(policies: PolicyList) -> list[SuggestionFinding]:
    return [
        SuggestionFinding(code="weak", severity="high", directive="img-src", value=str(each), message="", fix="")
        for each in policies
    ]


def trial_beside_enforced() -> Any:
    enforced = make_deployment(POLICY, ENFORCE, since_at=SEEN_AT - DAY)
    return make_record(deployments=[enforced, make_deployment(number=2, views_per_day=5_000)])


def by_strangers(audience: int) -> Any:
    reach = Reach(reporters=audience // 2, best_day=Share(audience // 2, audience), days=5, span=4 * DAY)
    prevalence = Prevalence(audience=audience, sources={("img-src", "https://img.example"): reach})
    group = make_group(trusted=False, reporters=audience // 2)
    return make_record([group], deployments=[], prevalence=prevalence)


# (name, case, whether it passes, what its value says)
CASES: list[tuple[str, Case, bool, str]] = [
    ("diff-to-enforced", case_of(), True, "nothing is enforced yet"),
    ("diff-to-enforced", case_of(make_record([], deployments=[])), False, "there is no policy"),
    ("diff-to-enforced", enforcing(f"{POLICY}; font-src *"), True, "tighter"),
    ("diff-to-enforced", enforcing(POLICY), True, "same"),
    ("diff-to-enforced", enforcing("default-src 'none'"), False, "incomparable"),
    ("window", case_of(), True, "16 days, 5 of a weekend"),
    ("window", case_of(make_record(deployments=[])), True, "15 days"),
    ("window", case_of(until(SEEN_AT + 3 * DAY)), False, "4 days"),
    ("window", case_of(make_record(exposure=Exposure())), False, "nothing was reported"),
    # A collector that nothing reaches.
    ("window", case_of(make_record(exposure=last_report(NOW - 8 * DAY))), False, "the last report is of"),
    ("window", case_of(make_record(exposure=last_report(NOW - 7 * DAY))), True, "the last report is of"),
    # A stranger's report a day makes no week, many strangers' do.
    ("window", case_of(make_record(deployments=[], exposure=reported(Seen(5)))), False, "no day"),
    ("window", case_of(make_record(deployments=[], exposure=reported(Seen(90)))), True, "15 days"),
    ("window", case_of(make_record(deployments=[], exposure=reported(Seen(90)), audience=49)), False, "no day"),
    ("quiet-period", case_of(), True, "15 days"),
    ("quiet-period", case_of(make_record([fresh()])), False, "1 day,"),
    ("quiet-period", case_of(make_record([fresh(**STRANGER)])), True, ""),
    ("quiet-period", case_of(make_record([fresh(**MANY)])), False, "1 day,"),
    # A new file of a known source is no new source.
    ("quiet-period", case_of(make_record([make_group(), new_file()])), True, "15 days"),
    ("sampling-rate", case_of(), True, "75,000 page views"),
    ("sampling-rate", case_of(make_record(deployments=[])), False, UNKNOWN),
    ("sampling-rate", case_of(make_record(deployments=[make_deployment(views_per_day=200)])), False, "3,000"),
    ("sampling-rate", case_of(logged(), sample=0.05), False, "3,500 page views carried the headers, 5 % of"),
    ("sampling-rate", case_of(logged()), True, "70,000 page views carried the headers, 100 % of"),
    ("sampling-rate", case_of(logged(f"{POLICY}; report-uri /r?r=0.01")), False, "700 page views"),
    ("sampling-rate", case_of(logged(groups=[sampled()])), False, "700 page views"),
    ("reports-by-class", case_of(), True, "1 genuine; 0% set apart"),
    ("reports-by-class", case_of(make_record([noise(99), make_group()])), False, "99% set apart"),
    ("reports-by-class", case_of(make_record([noise(90), make_group(reports=10)])), True, "90% set apart"),
    ("reports-by-class", case_of(make_record([])), False, "nothing was reported"),
    ("reporters", case_of(), True, "200"),
    ("reporters", case_of(make_record(audience=49)), False, "49"),
    ("page-coverage", case_of(), True, "1 of 1 route"),
    ("page-coverage", case_of(make_record(page_paths=())), False, UNKNOWN),
    ("page-coverage", case_of(routes=["/cart", "/help"]), False, "1 of 2 routes; not /help"),
    # What is critical says nothing of how many routes there are.
    ("page-coverage", case_of(make_record(page_paths=()), critical=["/cart"]), False, UNKNOWN),
    ("page-coverage", case_of(make_record(page_paths=()), critical=["/cart", "/pay"]), False, "not /pay"),
    # It joins those that are listed, unless it stands for some of them.
    ("page-coverage", case_of(paths("/cart", "/help"), critical=["/pay"]), False, "1 of 3 routes; not /pay, /help"),
    ("page-coverage", case_of(paths("/cart"), critical=["/cart"]), True, "1 of 1 route"),
    ("page-coverage", case_of(routes=["/cart", "/pay"], critical=["/pay"]), False, "1 of 2 routes; not /pay"),
    ("page-coverage", case_of(routes=["/cart", "/pay/a"], critical=["/pay"]), False, "of 2 routes; not /pay, /pay/a"),
    ("page-coverage", case_of(many_pages("/pay/1"), routes=["/pay/1"], critical=["/pay/2"]), False, "; not /pay/2"),
    ("page-coverage", case_of(many_pages("/cart"), routes=many_routes(), critical=["/pay"]), False, "/pay"),
    ("page-coverage", case_of(many_pages("/cart", "/pay/1"), routes=many_routes(), critical=["/pay"]), True, ""),
    ("rehearsal-share", case_of(), True, "1 of 1 source was seen in rehearsal alone, but 75,000 page views"),
    ("rehearsal-share", case_of(make_record(deployments=[]), policy=POLICY), False, "1 of 1 source"),
    ("rehearsal-share", case_of(public(40), policy=POLICY), True, "0 of 1 source"),
    ("rehearsal-share", case_of(public(1), policy=POLICY), False, "1 of 1 source"),
    ("break-rate", case_of(), True, "0 reports in 75,000 page views, at most 0.01%"),
    ("break-rate", case_of(make_record([on_page("/cart", reports=40)])), True, "40 reports"),
    ("break-rate", case_of(make_record([on_page("/cart")])), True, "1 report in 75,000 page views"),
    ("break-rate", case_of(make_record([on_page("/cart", reports=60)])), False, "60 reports"),
    ("break-rate", case_of(make_record(deployments=[])), False, UNKNOWN),
    ("break-rate", case_of(make_record([on_page("/cart")]), critical=["/cart"]), False, "critical pages break: https"),
    ("break-rate", case_of(make_record([on_page("/cart/2")]), critical=["/cart"]), False, "/cart/2"),
    ("break-rate", case_of(make_record([on_page("/carts")]), critical=["/cart"]), True, ""),
    ("break-rate", case_of(make_record([ignored()]), critical=["/cart"]), True, "0 reports"),
    ("break-rate", case_of(make_record([superseded()]), critical=["/cart"]), True, "0 reports"),
    # Of what found no room in the list of pages, nobody knows where it was.
    ("break-rate", case_of(make_record([hidden()]), critical=["/cart"]), False, "critical pages break: (other)"),
    ("break-rate", case_of(make_record([hidden()])), True, "3 reports"),
    ("break-rate", case_of(make_record([everywhere()]), critical=["/cart"]), False, "(other)"),
    # 20 of 70,000 views are few, but all of them are of one page.
    ("break-rate", case_of(logged(groups=[on_page("/help", reports=20)])), False, "too many on https"),
    ("break-rate", case_of(logged(groups=[on_page("/cart", reports=20)])), True, "20 reports"),
    ("break-rate", case_of(logged(groups=[on_page("/hidden")])), False, "too many on https://shop.example/hid"),
    ("contradictions", case_of(), True, "0"),
    ("contradictions", case_of(make_record([contradiction("form-action")])), False, "1 unexplained: form-action"),
    ("contradictions", case_of(make_record([contradiction("script-src-elem")])), False, "1 unexplained"),
    ("contradictions", case_of(make_record([contradiction("img-src")])), True, "0"),
    ("unprobed", case_of(), True, "none"),
    ("unprobed", case_of(make_record([half_observed()], deployments=[])), False, "form-action"),
    ("unprobed", case_of(trying(f"{POLICY}; form-action 'self'; frame-ancestors 'none'")), True, "none"),
    ("open-items", case_of(), True, "0 held, 0 unresolved, 0 doubted"),
    ("open-items", case_of(make_record([inline()])), False, "1 held"),
    ("open-items", case_of(make_record([inline(**STRANGER)])), True, "0 held"),
    ("open-items", case_of(make_record([inline(**MANY)])), False, "1 held"),
    ("open-items", case_of(make_record([inline(decision="ignore")])), True, "0 held"),
    ("open-items", case_of(make_record([inline()]), policy=f"{POLICY} 'unsafe-inline'"), False, "1 held"),
    ("open-items", case_of(make_record([on_page("/", directive="frame-src", **MANY)])), False, "1 doubted"),
    ("findings", case_of(), True, "none"),
    # Nobody has to vouch for no reports.
    ("findings", case_of(make_record([])), True, "none"),
    ("findings", case_of(public(40)), False, "no-trusted-evidence"),
    ("findings", case_of(make_record([attack()])), False, "attack-like"),
    ("findings", case_of(make_record([attack(decision="class"), make_group()])), True, "none"),
    ("findings", case_of(evaluate=weak), False, "weak"),
    ("findings", case_of(policy=POLICY.replace("'self'", "'unsafe-inline'")), False, "script-unsafe-inline"),
    ("findings", case_of(trial_beside_enforced(), evaluate=weak), True, "none"),
    # What the enforced policy leaves open is open already, wherever and however it says so.
    ("findings", narrowing("img-src 'self'", "default-src 'self'; script-src 'unsafe-inline'"), True, "none"),
    ("findings", narrowing("default-src *", "default-src 'self'; script-src https://cdn.jsdelivr.net"), True, "none"),
    ("findings", narrowing("script-src 'self'", "default-src 'unsafe-inline'"), False, "script-unsafe-inline"),
    ("findings", narrowing("default-src 'none'", "script-src https:"), False, "script-any-host"),
    ("header-size", case_of(), True, "bytes"),
    ("header-size", case_of(policy=f"img-src {' '.join(f'https://h{n}.example' for n in range(400))}"), False, "bytes"),
    ("poison-margin", case_of(), True, "no source rests on strangers alone"),
    ("poison-margin", case_of(by_strangers(60)), False, "5 networks would have forged the cheapest of 1"),
    ("poison-margin", case_of(by_strangers(2_000)), True, "networks would have forged"),
    ("rollback", case_of(), True, "stop sending the header"),
    ("rollback", case_of(trial_beside_enforced()), True, "deployment 1"),
    ("rollback", case_of(make_record([on_page("/", disposition=Disposition.ENFORCE)])), False, "nobody recorded"),
]


@pytest.mark.parametrize(("name", "case", "passes", "says"), CASES)
def test_each_criterion_has_its_figure(name: str, case: Case, passes: bool, says: str) -> None:  # noqa: FBT001  (a table)
    found = criterion(case, name)
    assert (found.passed, says in found.value) == (passes, True), found.value
    assert found.holds is passes


def test_every_criterion_is_tested_both_ways() -> None:
    assert {(name, passes) for name, _, passes, _ in CASES} == {
        (name.value, passes) for name in CriterionName for passes in (True, False)
    }


def test_a_fortnight_without_anything_broken_is_ready() -> None:
    readiness = judge(case_of())
    assert readiness.is_ready, readiness.verdict
    assert readiness.verdict == "Ready to be enforced."
    assert [each.name for each in readiness.criteria] == list(CriterionName)


def test_the_verdict_names_what_fails_what_is_unknown_and_what_is_waived() -> None:
    record = make_record(page_paths=(), audience=20, waivers=[make_waiver("reporters"), make_waiver("rollback")])
    readiness = judge(case_of(record))
    assert (readiness.is_ready, readiness.failing) == (False, (CriterionName.PAGE_COVERAGE,))
    assert readiness.verdict == "Not ready: page-coverage is unknown, without reporters, as waived."
    record = make_record([inline(), attack()], audience=20)
    assert judge(case_of(record)).verdict == "Not ready: reporters, open-items and findings fail."


def test_a_waived_criterion_still_says_that_it_fails() -> None:
    found = criterion(case_of(make_record(audience=3, waivers=[make_waiver("reporters", "an intranet")])), "reporters")
    assert (found.passed, found.holds, found.waiver and found.waiver.note) == (False, True, "an intranet")


@given(st.integers(0, 50), st.integers(1, 10**7))
def test_more_views_never_make_breakage_look_worse(broken: int, views: int) -> None:
    assert upper_bound(broken, views + 1) <= upper_bound(broken, views) + 1e-12
    assert upper_bound(broken + 1, views) >= upper_bound(broken, views)


def test_a_list_of_pages_is_known_to_be_full() -> None:
    assert FULL_LIST == MAX_PAGES_PER_GROUP


def test_the_least_number_of_views_is_the_least() -> None:
    assert upper_bound(0, least_views()) <= MAX_BREAK_RATE < upper_bound(0, least_views() - 1)
    assert upper_bound(0, 0) == 1


OTHER = "default-src 'self'"

# (deployments, number of the one on trial)
TRIALS: list[tuple[list[Any], int | None]] = [
    ([], None),
    ([make_deployment()], 1),
    ([make_deployment(OBSERVE_POLICY)], None),
    ([make_deployment(f"{OBSERVE_POLICY}, {INVENTORY_POLICY}")], None),
    ([make_deployment(f"{INVENTORY_POLICY}; report-uri /x")], None),
    ([make_deployment(), make_deployment(stage=ENFORCE, number=2, since_at=NOW)], None),
    ([make_deployment(stage=ENFORCE), make_deployment(OTHER, number=2, since_at=NOW)], 2),
    ([make_deployment(), make_deployment(OTHER, number=2, since_at=NOW)], 2),
    ([make_deployment(), make_deployment("", number=2, since_at=NOW)], None),
    # A probe restricts a part of what is enforced, and is to take nobody's place.
    ([make_deployment(stage=ENFORCE), make_deployment("img-src 'none'", number=2, since_at=NOW)], None),
    ([make_deployment("img-src 'self'", ENFORCE), make_deployment("img-src 'none'", number=2, since_at=NOW)], 2),
    ([make_deployment("img-src 'none'")], 1),
    ([make_deployment("default-src 'none'")], None),
    ([make_deployment(stage=ENFORCE), make_deployment("default-src 'none'", number=2, since_at=NOW)], None),
    ([make_deployment(), make_deployment("", ENFORCE, number=2, since_at=NOW)], 1),
]


@pytest.mark.parametrize(("deployments", "number"), TRIALS)
def test_a_trial_is_what_is_tried_before_it_is_enforced(deployments: list[Any], number: int | None) -> None:
    found = on_trial(deployments)
    assert (found.number if found else None) == number
    assert found is None or not is_observing(found.policy)


LOADS = "connect-src font-src frame-src img-src manifest-src media-src object-src script-src style-src worker-src"
EACH = "; ".join(f"{name} 'none'" for name in LOADS.split())

# (policy list, whether it only observes)
OBSERVING: list[tuple[str, bool]] = [
    ("", True),
    ("default-src 'none'", True),
    ("DEFAULT-SRC 'None'; report-uri /r", True),
    ("default-src", True),
    ("default-src 'none'; script-src 'report-sample' 'none'; form-action 'none'; frame-ancestors 'none'", True),
    (EACH, True),
    (f"default-src 'none', {INVENTORY_POLICY}", True),
    ("default-src 'none'; img-src 'self'", False),
    ("default-src 'none'; form-action 'self'", False),
    ("default-src 'none'; script-src 'nonce-{NONCE}'", False),
    ("default-src 'none', default-src 'self'", False),
    ("script-src 'none'; style-src 'none'", False),
    (f"{EACH}; child-src *", True),
    (EACH.replace("img-src 'none'", "img-src data:"), False),
    ("frame-ancestors 'none'", False),
    ("report-uri /r", False),
]


@pytest.mark.parametrize(("policy", "observes"), OBSERVING)
def test_a_policy_that_admits_nothing_only_observes(policy: str, observes: bool) -> None:  # noqa: FBT001  (a table)
    assert is_observing(policy) is observes


def test_a_given_policy_goes_before_the_trial_and_the_trial_before_the_suggestion() -> None:
    assert case_of(policy=OTHER).origin is CandidateOrigin.GIVEN
    assert (case_of().origin, str(case_of().candidate)) == (CandidateOrigin.TRIAL, POLICY)
    suggested = case_of(make_record(deployments=[]))
    assert suggested.origin is CandidateOrigin.SUGGESTION
    assert "img-src https://img.example" in str(suggested.candidate)
