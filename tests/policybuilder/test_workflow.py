"""Where a site stands, and the command that comes next."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policybuilder.csp import Disposition
from policybuilder.deployments import ServedStage
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.noticing import NoticedDeployment
from policybuilder.readiness.values import Exposure, SiteRecord
from policybuilder.stages import OBSERVE_POLICY
from policybuilder.workflow import Arrivals, Standing, Step, WorkflowStage, standing_of
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

WHOLE_PROBE = make_deployment("default-src 'none'", number=2, since_at=SEEN_AT + DAY)


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
    (make_record([ENFORCED], deployments=enforced(POLICY, WHOLE_PROBE)), "enforced", "narrow", ["suggest"], []),
    # Left from before, neither what observes nor the baseline is one.
    (
        make_record(
            [ENFORCED], deployments=[WHOLE_PROBE, make_deployment(POLICY, ENFORCE, since_at=SEEN_AT + 2 * DAY)]
        ),
        *("enforced", "narrow", ["header", "probe"], ["deploy", "report-only"]),
    ),
    (
        make_record([ENFORCED], deployments=enforced(POLICY, make_deployment(OBSERVE_POLICY, number=2))),
        *("enforced", "narrow", ["header", "probe"], ["deploy", "report-only"]),
    ),
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


INLINE = make_group("script-src-elem", "inline")
TO_FETCH = [["suggest", "--fetch"], ["header", "trial", "@FILE"], ["deploy", "report-only", "@FILE"]]
TO_TRY = [["header", "trial"], ["deploy", "report-only"]]

# (groups, how many sources are held, the words of all commands)  Nothing is recorded.
HELD: list[tuple[list[Any], int, list[list[str]]]] = [
    ([make_group()], 0, TO_TRY),
    ([make_group(), make_group("script-src", "eval")], 1, TO_TRY),
    ([make_group(), INLINE], 1, TO_FETCH),
    ([make_group(), make_group("style-src-elem", "inline"), INLINE], 2, TO_FETCH),
    ([make_group(), make_group("script-src-elem", "inline", trusted=False, reporters=40)], 1, TO_FETCH),
    # One stranger's word keeps nobody from a trial.
    ([make_group(), make_group("script-src-elem", "inline", trusted=False)], 1, TO_TRY),
]


def commands(standing: Standing) -> tuple[str, ...]:
    return standing.next, *standing.then


@pytest.mark.parametrize(("groups", "number", "words"), HELD)
def test_inline_code_that_is_held_is_looked_for_before_a_trial(
    groups: list[Any], number: int, words: list[list[str]]
) -> None:
    standing = standing_of(make_record(groups, deployments=[]), Arrivals())
    assert (standing.stage, standing.held) == (WorkflowStage.SUGGESTION_READY, number)
    assert (f"{number} source" in standing.why) is (number > 0)
    assert ("inline code" in standing.why) is (words is TO_FETCH)
    assert [holds(*pair) for pair in zip(commands(standing), words, strict=True)] == [True] * len(words)
    assert list(standing.blanks) == (["@FILE"] if words is TO_FETCH else [])


def test_what_the_enforced_policy_blocks_is_said_with_the_command_that_repairs_it() -> None:
    policy = "default-src 'none'"
    blocked = make_group(disposition=Disposition.ENFORCE, policies=[policy], last_seen_at=SEEN_AT + DAY)
    standing = standing_of(make_record([blocked], deployments=enforced(policy)), Arrivals())
    assert (standing.stage, standing.repairs) == (WorkflowStage.ENFORCED, 1)
    assert "what is enforced blocks 1 source that believed reports ask for" in standing.why
    assert holds(standing.then[-1], ["suggest", "--mode", "repair"])


def test_a_stranger_has_nothing_repaired() -> None:
    policy = "default-src 'none'"
    claimed = make_group(disposition=Disposition.ENFORCE, policies=[policy], trusted=False)
    standing = standing_of(make_record([claimed], deployments=enforced(policy)), Arrivals())
    assert (standing.repairs, "blocks" in standing.why) == (0, False)
    assert not any("repair" in line for line in commands(standing))


def test_a_probe_is_recorded_with_the_page_views_that_it_is_asked_for_with() -> None:
    standing = standing_of(make_record([ENFORCED], deployments=enforced(POLICY)), Arrivals())
    words = shlex.split(standing.then[0])
    assert words[words.index("--views-per-day") + 1] == "N"
    assert "unused" in standing.blanks["N"]


def test_nobody_has_to_vouch_for_no_reports() -> None:
    def is_alarmed(*groups: ViolationGroup) -> bool:
        alarms = standing_of(make_record(groups, deployments=enforced(POLICY)), Arrivals()).alarms
        return "no-trusted-evidence" in {alarm.code for alarm in alarms}

    assert (is_alarmed(), is_alarmed(NOISE), is_alarmed(make_group(trusted=False))) == (False, False, True)


@pytest.mark.parametrize("policy", [OBSERVE_POLICY, "default-src 'none'"])
def test_whoever_only_observes_has_no_record_missed(policy: str) -> None:
    standing = standing_of(make_record([make_group(policies=[policy])], deployments=[]), Arrivals())
    assert (standing.stage, standing.noticed) == (WorkflowStage.SUGGESTION_READY, ())
    blocked = make_group(disposition=Disposition.ENFORCE, policies=[policy])
    [noticed] = standing_of(make_record([blocked], deployments=[]), Arrivals()).noticed
    assert noticed.stage is ENFORCE


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


def test_one_is_counted_as_one() -> None:
    arrivals = Arrivals(revoked_keys=1, elsewhere={"other": 1})
    elsewhere, revoked, _ = standing_of(make_record([], deployments=[]), arrivals).causes
    assert elsewhere.message.startswith("1 report of the site's hosts came")
    assert revoked.message.startswith("the site has 1 revoked key:")


def test_reports_that_are_all_set_apart_are_the_first_cause() -> None:
    cause = standing_of(make_record([NOISE], deployments=[]), Arrivals()).causes[0]
    assert (cause.code, cause.message.startswith("all that arrived, 7 reports, is")) == ("all-set-apart", True)


def test_a_policy_of_strangers_words_reaches_the_shell_as_one_word() -> None:
    hostile = "img-src https://x.example/$(id)`id`'\"|&"
    group = make_group(disposition=Disposition.ENFORCE, policies=[hostile])
    standing = standing_of(make_record([group], deployments=[]), Arrivals())
    words = shlex.split(standing.next)
    assert words[words.index("--policy") + 1] == standing.noticed[0].policy
    assert words[-1] == standing.noticed[0].policy
