"""Where a site stands, and the command that comes next."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policybuilder.csp import Disposition
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass
from policybuilder.noticing import NoticedDeployment
from policybuilder.readiness.values import Exposure, SiteRecord
from policybuilder.stages import OBSERVE_POLICY
from policybuilder.workflow import Arrivals, Step, WorkflowStage, standing_of
from tests.support.evidence import SEEN_AT, make_group
from tests.support.readiness import POLICY, make_deployment, make_record

DAY = timedelta(days=1)
ENFORCE = ServedStage.ENFORCE
WIDE = f"{POLICY}; font-src *"
NOISE = make_group("script-src-elem", "chrome-extension", evidence_class=EvidenceClass.EXTENSION, reports=7)
STRANGE = make_group("frame-src", "https://ads.example/a", trusted=False)
BLOCKED = make_group(disposition=Disposition.ENFORCE, policies=["img-src 'none'"], last_seen_at=SEEN_AT + 9 * DAY)
ENFORCED = make_group(disposition=Disposition.ENFORCE, policies=[POLICY], last_seen_at=SEEN_AT + 9 * DAY)
PROBE = make_deployment("img-src 'none'", number=2, since_at=SEEN_AT + DAY)


def enforced(policy: str, *more: Any) -> list[Any]:
    return [make_deployment(policy, ENFORCE), *more]


def suggested() -> str:
    policy = standing_of(make_record(deployments=[]), Arrivals()).case.suggestion.policy
    return str(policy)


# (record, stage, step, words of the next command, words of the one after it)
STANDINGS: list[tuple[SiteRecord, str, str, list[str], list[str]]] = [
    (make_record([], deployments=[]), "nothing-arrives", "observe", ["header"], []),
    (make_record([NOISE], deployments=[]), "nothing-arrives", "observe", ["header"], []),
    (make_record([STRANGE], deployments=[], exposure=Exposure()), "observing", "observe", ["suggest"], []),
    (make_record(deployments=[]), "suggestion-ready", "suggest", ["header", "trial"], ["deploy", "report-only"]),
    (
        make_record(deployments=[make_deployment(OBSERVE_POLICY)]),
        *("suggestion-ready", "suggest", ["header", "trial"], ["deploy", "report-only"]),
    ),
    (make_record(page_paths=()), "trial", "trial", ["ready"], []),
    (make_record(), "ready", "enforce", ["header", "enforce"], ["deploy", "enforce"]),
    (make_record([], deployments=enforced(POLICY)), "enforced", "narrow", ["suggest"], []),
    (make_record(deployments=enforced(suggested())), "enforced", "narrow", ["suggest"], []),
    # Of what is enforced, a rehearsal under the baseline saw only a part.
    (make_record(deployments=enforced(WIDE)), "narrowing", "narrow", ["header", "trial"], ["deploy", "report-only"]),
    # What is enforced may be in use or not: a probe asks, once.
    (
        make_record([ENFORCED], deployments=enforced(POLICY)),
        *("enforced", "narrow", ["header", "probe"], ["deploy", "report-only"]),
    ),
    (make_record([ENFORCED], deployments=enforced(POLICY, PROBE)), "enforced", "narrow", ["suggest"], []),
    # Somebody deployed without a word.
    (make_record([BLOCKED], deployments=[]), "enforced", "narrow", ["deploy", "enforce"], ["status"]),
    (
        make_record([BLOCKED], deployments=enforced(POLICY)),
        *("enforced", "narrow", ["deploy", "enforce"], ["status"]),
    ),
]


def holds(line: str, words: list[str]) -> bool:
    program, *arguments = shlex.split(line)
    return Path(program).name == "cspbuild" and set(words) <= set(arguments) and arguments[0] == words[0]


@pytest.mark.parametrize(("record", "stage", "step", "next_words", "then_words"), STANDINGS)
def test_a_site_stands_somewhere_and_has_a_next_command(
    record: SiteRecord, stage: str, step: str, next_words: list[str], then_words: list[str]
) -> None:
    standing = standing_of(record, Arrivals())
    assert (standing.stage, standing.step) == (WorkflowStage(stage), Step(step)), standing.why
    assert holds(standing.next, next_words), standing.next
    assert [holds(line, then_words) for line in standing.then] == ([True] if then_words else [])
    assert "--site shop" in standing.next


def test_each_stage_is_a_step_of_the_way() -> None:
    assert {stage for _, stage, *_ in STANDINGS} == set(WorkflowStage)


# (the deployments that enforce, whether an unrecorded policy of the tenth day is taken for the enforced one)
STOPPED: list[tuple[list[Any], bool]] = [
    ([], True),
    ([make_deployment("", ENFORCE)], True),
    ([make_deployment("", ENFORCE, since_at=SEEN_AT + 10 * DAY)], False),
    ([make_deployment(POLICY, ENFORCE)], False),
]


@pytest.mark.parametrize(("deployments", "is_noticed"), STOPPED)
def test_whoever_said_that_nothing_is_enforced_is_believed_until_reports_say_otherwise(
    deployments: list[Any],
    is_noticed: bool,  # noqa: FBT001  (a table)
) -> None:
    found = standing_of(make_record([BLOCKED], deployments=deployments), Arrivals()).enforced
    assert isinstance(found, NoticedDeployment) is is_noticed


# (arrivals, codes of the causes)
CAUSES: list[tuple[Arrivals, list[str]]] = [
    (Arrivals(), ["no-header", "not-delivered", "refused"]),
    (Arrivals(is_active=False), ["site-off", "no-header", "not-delivered"]),
    (Arrivals(revoked_keys=2, elsewhere={"other": 5}), ["another-site", "key-revoked", "no-header"]),
    (Arrivals(script_hashes=4), ["hashes-alone", "no-header", "not-delivered"]),
    (Arrivals(elsewhere={"a": 5, "b": 4, "c": 1}), ["another-site"] * 3),
]


@pytest.mark.parametrize(("arrivals", "codes"), CAUSES)
def test_what_the_database_knows_is_likelier_than_what_is_usual(arrivals: Arrivals, codes: list[str]) -> None:
    causes = standing_of(make_record([], deployments=[]), arrivals).causes
    assert [cause.code for cause in causes] == codes


def test_reports_that_are_all_set_apart_are_the_first_cause() -> None:
    cause = standing_of(make_record([NOISE], deployments=[]), Arrivals()).causes[0]
    assert (cause.code, cause.message.startswith("all 7 reports")) == ("all-set-apart", True)


def test_a_policy_of_strangers_words_reaches_the_shell_as_one_word() -> None:
    hostile = "img-src https://x.example/$(id)`id`'\"|&"
    group = make_group(disposition=Disposition.ENFORCE, policies=[hostile])
    standing = standing_of(make_record([group], deployments=[]), Arrivals())
    words = shlex.split(standing.next)
    assert words[words.index("--policy") + 1] == standing.noticed[0].policy
    assert words[-1] == standing.noticed[0].policy
