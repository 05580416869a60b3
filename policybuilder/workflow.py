"""The way from the first header to a narrow policy: where a site stands on it, and what to type next."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from policybuilder.csp import Relation, diff
from policybuilder.deployments import Deployment, ServedStage, last_deployment, served
from policybuilder.noticing import NoticedDeployment, served_now
from policybuilder.plurals import plural
from policybuilder.program import site_flag, typed
from policybuilder.readiness.breakage import holds_inline
from policybuilder.readiness.judging import judge, make_case, on_trial, probing, unrecorded_in
from policybuilder.readiness.soundness import NO_TRUST
from policybuilder.readiness.values import Case, Readiness, SiteRecord
from policybuilder.suggestion.values import SuggestionFinding


class WorkflowStage(enum.StrEnum):
    """Where a site stands."""

    NOTHING_ARRIVES = "nothing-arrives"
    OBSERVING = "observing"
    """Reports arrive, and nothing of them is accepted yet."""

    SUGGESTION_READY = "suggestion-ready"
    TRIAL = "trial"
    """A policy is sent report-only, and not ready to be enforced."""

    READY = "ready"
    ENFORCED = "enforced"
    NARROWING = "narrowing"
    """A policy is enforced, and the evidence speaks for a narrower one."""


class Step(enum.StrEnum):
    """A part of the way, as the picture of it shows it."""

    OBSERVE = "observe"
    SUGGEST = "suggest"
    TRY = "trial"
    ENFORCE = "enforce"
    NARROW = "narrow"


_STEP_OF = {
    WorkflowStage.NOTHING_ARRIVES: Step.OBSERVE,
    WorkflowStage.OBSERVING: Step.OBSERVE,
    WorkflowStage.SUGGESTION_READY: Step.SUGGEST,
    WorkflowStage.TRIAL: Step.TRY,
    WorkflowStage.READY: Step.ENFORCE,
    WorkflowStage.ENFORCED: Step.NARROW,
    WorkflowStage.NARROWING: Step.NARROW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What the database tells where nothing of a site arrives."""

    is_active: bool = True
    revoked_keys: int = 0
    script_hashes: int = 0
    """Reports of scripts alone: the way to the collector is open."""

    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Reports of this site's hosts by the other site whose key they came by."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why nothing may arrive."""

    code: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a site stands, and how to go on."""

    record: SiteRecord
    stage: WorkflowStage
    why: str
    next: str
    """The command to type; what is to be filled in is said by `blanks`."""

    then: tuple[str, ...] = ()
    """Those after it, when it is done."""

    causes: tuple[Cause, ...] = ()
    """Why nothing arrives, the likeliest first."""

    case: Case
    readiness: Readiness | None = None
    """Of the policy on trial."""

    noticed: tuple[NoticedDeployment, ...] = ()

    @property
    def alarms(self) -> tuple[SuggestionFinding, ...]:
        """What is gravely wrong with the evidence, if there is any."""
        if self.stage is WorkflowStage.NOTHING_ARRIVES:
            return ()
        return tuple(
            finding
            for finding in self.case.suggestion.findings
            if finding.severity == "high" and (finding.code != NO_TRUST or self.record.has_own)
        )

    @property
    def held(self) -> int:
        """Sources that the suggestion could have, and a person has to see to first."""
        return len(self.case.suggestion.held)

    @property
    def repairs(self) -> int:
        """Sources that believed reports ask for, and the enforced policy blocks."""
        return _repairs(self.case)

    @property
    def blanks(self) -> Mapping[str, str]:
        """What to write in the commands in place of a word that is to be filled in, and why."""
        words = {word for line in (self.next, *self.then) for word in shlex.split(line)}
        return {word: meaning for word, meaning in _BLANKS.items() if word in words}

    @property
    def step(self) -> Step:
        return _STEP_OF[self.stage]

    @property
    def enforced(self) -> Deployment | NoticedDeployment | None:
        return self.case.enforced

    @property
    def trial(self) -> Deployment | None:
        return on_trial(self.record.deployments)


def standing_of(record: SiteRecord, arrivals: Arrivals) -> Standing:
    """Where the site stands at the end of the record's window."""
    case = make_case(record)
    found = unrecorded_in(record)
    readiness = judge(case) if on_trial(record.deployments) else None
    stage, why = _stage(case, readiness)
    commands = tuple(_commands(stage, case))
    if repairs := _repairs(case):
        why = f"{why}; what is enforced blocks {plural(repairs, 'source')} that believed reports ask for"
        commands = (*commands, f"{_cspbuild()} suggest{site_flag(record.site)} --mode repair")
    if (unnamed := _unnamed(record, found)) is not None:
        why = f"{why}; but reports come under a policy that no deployment names"
        # What comes then depends on it.
        again = f"{_cspbuild()} status{site_flag(record.site)}"
        commands = (record_command(record.site, unnamed.policy, unnamed.stage, unnamed.since_at), again)
    return Standing(
        record=record,
        stage=stage,
        why=why,
        next=commands[0],
        then=commands[1:],
        causes=_causes(record, arrivals) if stage is WorkflowStage.NOTHING_ARRIVES else (),
        case=case,
        readiness=readiness,
        noticed=found,
    )


_VIEWS, _FILE = "N", "@FILE"
_BLANKS = {
    _FILE: "the file in which you saved the policy that suggest printed",
    _VIEWS: "the page views a day that carry it, since only of so many does silence show that a source is unused",
}


def record_command(
    site: str, policy: str, stage: ServedStage, since_at: datetime | None = None, *, asks_for_views: bool = False
) -> str:
    """How to record a deployment, as a shell takes it; with a word to fill in where it `asks_for_views`."""
    at = "" if since_at is None else f" --at {since_at:%Y-%m-%dT%H:%M:%SZ}"
    views = f" --views-per-day {_VIEWS}" if asks_for_views else ""
    return f"{_cspbuild()} deploy record{site_flag(site)} --stage {stage}{at}{views} --policy {shlex.quote(policy)}"


def _stage(case: Case, readiness: Readiness | None) -> tuple[WorkflowStage, str]:
    suggestion, enforced = case.suggestion, case.enforced
    has_own = case.record.has_own
    if readiness is not None and has_own:
        verdict = readiness.verdict.rstrip(".")
        return (WorkflowStage.READY if readiness.is_ready else WorkflowStage.TRIAL), verdict[0].lower() + verdict[1:]
    if enforced is not None:
        if (
            suggestion.policy is not None
            and diff(case.enforced_policies, suggestion.policy).relation is Relation.TIGHTER
        ):
            return WorkflowStage.NARROWING, "the evidence speaks for a policy that is narrower than the enforced one"
        probe = probing(case.record.deployments)
        asked = f", and a probe is out since {probe.since_at:%Y-%m-%d}" if probe else ""
        return WorkflowStage.ENFORCED, f"a policy is enforced since {enforced.since_at:%Y-%m-%d}{asked}"
    if not has_own:
        return WorkflowStage.NOTHING_ARRIVES, "no report of a page of the site's own is stored"
    if suggestion.policy is None:
        return WorkflowStage.OBSERVING, "reports arrive, but none of them is believed or decided yet"
    if suggestion.replay.block:
        return WorkflowStage.OBSERVING, "the suggested policy would block what it accepts"
    return WorkflowStage.SUGGESTION_READY, f"the evidence speaks for a policy{_held(case)}"


def _held(case: Case) -> str:
    """What of the evidence the suggestion leaves to a person, as the end of a sentence."""
    number = len(case.suggestion.held)
    if not number:
        return ""
    inline = "; inline code is among them, which it would block" if holds_inline(case) else ""
    return f", and {plural(number, 'source')} {'is' if number == 1 else 'are'} held{inline}"


def _repairs(case: Case) -> int:
    return sum(not change.is_applied for change in case.suggestion.changes)


def _commands(stage: WorkflowStage, case: Case) -> Iterator[str]:
    """The command to type, and those after it."""
    site = case.record.site
    match stage:
        case WorkflowStage.NOTHING_ARRIVES:
            yield f"{_cspbuild()} header{site_flag(site)}"
        case WorkflowStage.OBSERVING:
            yield f"{_cspbuild()} suggest{site_flag(site)}"
        case WorkflowStage.ENFORCED:
            yield from _look_closer(case)
        case WorkflowStage.SUGGESTION_READY if holds_inline(case):
            # The source of the pages has the text that reports cut off; the policy is another one then.
            yield f"{_cspbuild()} suggest{site_flag(site)} --fetch"
            yield from _serve(site, _FILE, "trial", ServedStage.REPORT_ONLY)
        case WorkflowStage.SUGGESTION_READY | WorkflowStage.NARROWING:
            yield from _serve(site, str(case.suggestion.policy), "trial", ServedStage.REPORT_ONLY)
        case WorkflowStage.TRIAL:
            yield f"{_cspbuild()} ready{site_flag(site)}"
        case WorkflowStage.READY:
            yield from _serve(site, str(case.candidate), "enforce", ServedStage.ENFORCE)


def _look_closer(case: Case) -> Iterator[str]:
    """Ask of what nobody knows whether it is used, unless that is asked already."""
    site, probe = case.record.site, case.suggestion.probe
    if probe is None or probing(case.record.deployments) is not None:
        yield f"{_cspbuild()} suggest{site_flag(site)}"
        return
    yield f"{_cspbuild()} header{site_flag(site)} --stage probe"
    yield record_command(site, str(probe), ServedStage.REPORT_ONLY, asks_for_views=True)


def _serve(site: str, policy: str, header_stage: str, served_stage: ServedStage) -> Iterator[str]:
    yield f"{_cspbuild()} header{site_flag(site)} --stage {header_stage} --policy {shlex.quote(policy)}"
    yield record_command(site, policy, served_stage)


def _unnamed(record: SiteRecord, found: Sequence[NoticedDeployment]) -> NoticedDeployment | None:
    """The noticed policy whose record is missed: it is enforced, or tried, since the last deployment.

    Strangers' word is shown, and nothing to type: they would have their policy recorded as the site's.
    """
    last = last_deployment(record.deployments)
    vouched = [each for each in found if each.is_vouched]
    recent = [each for each in vouched if last is None or each.last_seen_at > last.since_at]
    is_enforced = served(record.deployments, ServedStage.ENFORCE) is not None
    return served_now(recent, ServedStage.ENFORCE) or (
        None if is_enforced else served_now(recent, ServedStage.REPORT_ONLY)
    )


_MAX_CAUSES = 3


def _causes(record: SiteRecord, arrivals: Arrivals) -> tuple[Cause, ...]:
    return tuple(cause for cause, _ in zip(_likely_causes(record, arrivals), range(_MAX_CAUSES), strict=False))


def _likely_causes(record: SiteRecord, arrivals: Arrivals) -> Iterator[Cause]:
    """What the database knows of, and then what is usual."""
    site, program = record.site, _cspbuild()
    header = f"{program} header{site_flag(site)}"
    if not arrivals.is_active:
        yield Cause("site-off", "the site is switched off: its keys answer 404", f"{program} site on {site}")
    if noise := sum(group.reports for group in record.groups):
        yield Cause(
            "all-set-apart",
            f"all that arrived, {plural(noise, 'report')}, is set apart: extensions, or documents of other hosts",
            f"{program} summary{site_flag(site)} --noise",
        )
    for other, reports in arrivals.elsewhere.items():
        yield Cause(
            "another-site",
            f"{plural(reports, 'report')} of the site's hosts came by a key of the site {other}",
            f"{program} status --site {other}",
        )
    if arrivals.revoked_keys:
        yield Cause(
            "key-revoked",
            f"the site has {plural(arrivals.revoked_keys, 'revoked key')}: pages that still name one get 404",
            header,
        )
    if arrivals.script_hashes:
        yield Cause("hashes-alone", "only hashes of scripts arrive: the pages send the second header alone", header)
    yield Cause("no-header", "the pages do not send the header, or a cache still serves them without it", header)
    yield Cause(
        "not-delivered",
        "browsers send nothing from an https page to an http address, nor by report-to over http",
        f"{header} --base-url https://…",
    )
    yield Cause(
        "refused",
        "the collector refuses the reports, and counts them by reason in /metrics; or a content blocker stops them",
        f"{typed('csp-collector')} config",
    )


def _cspbuild() -> str:
    return typed("cspbuild")
