"""Judging: what a person has to know before using a suggestion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from policybuilder.csp import Policy
from policybuilder.decisions import Decision, expiring
from policybuilder.evidence import EvidenceClass
from policybuilder.scripts import ReportedScript, ScriptMark
from policybuilder.server_buffers import REFUSE_BYTES, WARN_BYTES, ServerBuffer, buffers_too_small
from policybuilder.suggestion.budget import Step
from policybuilder.suggestion.candidates import SCRIPT_LIKE
from policybuilder.suggestion.current import Current, Origin
from policybuilder.suggestion.sorting import Grounds, SortedGroups
from policybuilder.suggestion.tightening import Revision
from policybuilder.suggestion.trust import Tier
from policybuilder.suggestion.values import Mode, SuggestedDirective, SuggestedSource, SuggestionFinding
from policybuilder.suggestion.wildcards import wildcards

_GET_TRUST = "visit the site yourself under the headers of  cspbuild header, or import a recording with --trusted"
_SCRIPTS = frozenset({"script-src", "script-src-elem", "script-src-attr"})
_OPEN_TO_CODE = frozenset({"'unsafe-inline'", "'unsafe-eval'"})
_SEVERITIES = {"high": 0, "medium": 1, "low": 2, "info": 3}


def by_severity(findings: Iterator[SuggestionFinding]) -> tuple[SuggestionFinding, ...]:
    """A possible attack before everything, then the worst first; what is equally bad stays in its order."""
    return tuple(sorted(findings, key=lambda finding: (finding.code != "attack-like", _SEVERITIES[finding.severity])))


def judge_evidence(
    sorted_groups: SortedGroups, grounds: Grounds, *, are_policies_vouched: bool
) -> Iterator[SuggestionFinding]:
    """What is alarming in the evidence, whatever the policy."""
    attacks = [group for group, _ in sorted_groups.excluded if group.evidence_class is EvidenceClass.ATTACK_LIKE]
    if attacks:
        yield _finding(
            "attack-like",
            "high",
            f"{len(attacks)} {'group looks' if len(attacks) == 1 else 'groups look'} like injected markup; "
            "somebody may be attacking the site",
            "look at the pages they name:  cspbuild suggest --format json  lists them under excluded",
        )
    if grounds.leaked_days:
        yield _finding(
            "rehearsal-key-leaked",
            "high",
            f"more networks than an operator has used the rehearsal key on {', '.join(grounds.leaked_days)}: what it "
            "vouched for on these days counts as strangers' word",
            "make a new one:  cspbuild site rotate NAME --rehearsal  and rehearse again",
        )
    if not are_policies_vouched:
        yield _finding(
            "no-trusted-evidence",
            "high",
            "nobody vouches for these reports: anyone can post to a public key",
            _GET_TRUST,
        )
    audience, least = grounds.prevalence.audience, grounds.thresholds.min_audience
    if sorted_groups.doubted and audience < least:
        yield _finding(
            "few-reporters",
            "info",
            f"strangers are believed on a site of {least} networks a day or more, and this one had {audience}; a "
            "workforce behind one address is one network",
            "rehearse, import a recording of yours, or decide what is held",
        )
    origins = sorted(
        {group.document_origin for group, _, _ in sorted_groups.admitted if "://" in group.document_origin}
    )
    if len(origins) > 1:
        yield _finding(
            "several-origins",
            "low",
            "the evidence is of pages of several origins, and the policy serves all of them",
            "if they are sites of their own, register each:  cspbuild site add NAME --host HOST",
            value=", ".join(origins),
        )


_EXPIRES_WITHIN = timedelta(days=14)
_MAX_SCRIPTS = 10


def judge_decisions(decisions: Sequence[Decision], now: datetime | None) -> Iterator[SuggestionFinding]:
    """What a person decided for a while only, and the while is nearly over."""
    if now is None:
        return
    for decision in expiring(decisions, now, _EXPIRES_WITHIN):
        yield _finding(
            "decision-expires",
            "low",
            f"decision {decision.number} ({decision.action} {decision.subject or decision.loaded_by}) is obeyed until "
            f"{decision.until:%Y-%m-%d %H:%M} UTC, and what rests on it goes then",
            f"decide anew, or let it end:  cspbuild decide undo {decision.number}",
            directive=decision.directive,
            value=decision.subject or decision.loaded_by,
        )


def judge_scripts(scripts: Sequence[ReportedScript]) -> Iterator[SuggestionFinding]:
    """What the reported digests of external scripts say; anybody can post them, so they change nothing."""
    codes = {
        ScriptMark.DRIFT: ("script-changed", "medium", "look at  cspbuild scripts  before you trust it"),
        ScriptMark.STABLE: ("script-stable", "info", "pin it, so that another script under its URL does not run"),
        ScriptMark.NO_HASH: ("script-without-cors", "info", "see  cspbuild scripts"),
    }
    for mark, (code, severity, fix) in codes.items():
        alike = [script for script in scripts if script.mark is mark]
        for script in alike[:_MAX_SCRIPTS]:
            pinned = f' integrity="{script.integrity}" crossorigin' if script.integrity else ""
            yield _finding(
                code,
                "high" if script.is_alarming else severity,
                script.advice + (f":{pinned}" if pinned else ""),
                fix,
                directive="script-src",
                value=script.url,
            )


def judge_silence(
    unprobed: Sequence[str], fetch_unprobed: Sequence[str], unvouched: Sequence[tuple[str, str]]
) -> Iterator[SuggestionFinding]:
    """What the observed policies left in the dark; `unvouched` are directive and source that only strangers claim."""
    for directive in unprobed:
        yield _finding(
            "unprobed",
            "medium",
            f"no observed policy restricted {directive}, so nothing could be reported: it is left as it is"
            + (", and default-src with it" if directive in fetch_unprobed else ""),
            "send the headers of  cspbuild header --stage observe  for a while",
            directive=directive,
        )
    for directive, source in unvouched:
        yield _finding(
            "unvouched-policy",
            "medium",
            f"only a policy that strangers' reports name allows {source}: not kept",
            "if you serve that policy, rehearse one visit under it",
            directive=directive,
            value=source,
        )


def judge_current(current: Current | None, enforced: Policy | None) -> Iterator[SuggestionFinding]:
    """What is uncertain of the policy that is enforced now."""
    if current is None:
        return
    if current.origin is Origin.INFERRED:
        yield _finding(
            "enforced-inferred",
            "info",
            "no deployment is recorded; that the site enforces this policy is read off reports of what it blocked",
            "record it:  cspbuild deploy record --stage enforce --policy POLICY",
            value=", ".join(map(str, current.policies)),
        )
    if enforced is None:
        yield _finding(
            "several-enforced",
            "medium",
            "the site enforces several policies, and no single one is shown to admit what they do together",
            "give the one that is to be narrowed with --current",
        )


def judge_steps(steps: Sequence[Step]) -> Iterator[SuggestionFinding]:
    """What was widened so that servers have room for the header."""
    for step in steps:
        yield _finding(
            "generalised",
            "medium",
            f"{', '.join(step.before[:3])}{' …' if len(step.before) > 3 else ''} gave way to save {step.saved_bytes} "
            f"bytes: {step.newly_admits}",
            "load from fewer hosts, or keep them all with --allow-large where your servers have room",
            directive=step.directive,
            value=step.after,
        )


def judge_revision(revision: Revision, mode: Mode) -> Iterator[SuggestionFinding]:
    """What a revision leaves open."""
    for each in revision.unknown:
        yield _finding(
            "use-unknown",
            "info",
            f"whether these are used cannot be told: {each.why}",
            "ask the browsers:  cspbuild header --stage probe  and record it with cspbuild deploy record",
            directive=each.directive,
            value=" ".join(each.sources),
        )
    if revision.repairs and mode is Mode.TIGHTEN:
        yield _finding(
            "blocked-now",
            "medium",
            f"the enforced policy blocks {len(revision.repairs)} sources that believed reports ask for",
            "look at the changes that are not applied, and take them over with --mode repair",
        )


def judge_policy(policy: Policy | None, directives: Sequence[SuggestedDirective]) -> Iterator[SuggestionFinding]:
    """What is risky in the policy itself."""
    if policy is None:
        yield _finding(
            "nothing-accepted",
            "high",
            "nothing could be accepted and nothing is known to be in use: any policy would block the whole site",
            f"{_GET_TRUST}; then look at what is held",
        )
        return
    size = len(str(policy))
    if size > WARN_BYTES:
        yield _finding(
            "header-size",
            "high" if size > REFUSE_BYTES else "medium",
            f"by default {_listed(buffers_too_small(size))} has no room for it"
            if buffers_too_small(size)
            else "a policy tried beside it does not fit what many servers keep all response headers in, 4 or 8 KiB",
            "fold numbered hosts into a wildcard where you trust all of the domain, or load less",
            value=f"{size} bytes",
        )
    forms = policy.directive("form-action")
    if forms is not None and forms.values == ("'none'",):
        yield _finding(
            "forms-unseen",
            "low",
            "no form was reported, so none may be sent; but Firefox loses most reports of a page that is being left",
            "if the site has forms:  cspbuild decide allow \"'self'\" --directive form-action",
            directive="form-action",
            value="'none'",
        )
    for directive in directives:
        yield from _judge_numbers(directive)
        for source in directive.sources:
            yield from _judge_source(directive.name, source)


def _listed(buffers: Sequence[ServerBuffer]) -> str:
    return " or ".join(f"{buffer.software} ({buffer.setting})" for buffer in buffers)


def _judge_numbers(directive: SuggestedDirective) -> Iterator[SuggestionFinding]:
    """Numbered hosts of one domain where a wildcard was not taken: the next visitor may meet one that is not listed."""
    listed = [source.source for source in directive.sources if source.tier is not Tier.DECIDED]
    for wildcard in wildcards(directive.name, listed, script_wildcards=True):
        if wildcard.source not in listed:
            yield _finding(
                "numbered-hosts",
                "low",
                f"{wildcard.reason}, and this policy blocks it",
                f"take {wildcard.source} with --script-wildcards, which admits {wildcard.newly_admits}; or load from "
                "one host",
                directive=directive.name,
                value=wildcard.source,
            )


def _judge_source(directive: str, source: SuggestedSource) -> Iterator[SuggestionFinding]:
    match source.rule:
        case "unobserved-kept" if directive.startswith("script-src") and source.source == "'unsafe-inline'":
            yield _finding(
                "unsafe-inline-kept",
                "high",
                "every observed policy allows inline script, so its use cannot be seen; it stays open",
                "observe under a policy without it: cspbuild header --stage observe",
                directive=directive,
                value=source.source,
            )
        case "enforced-used" | "enforced-kept" if directive in _SCRIPTS and source.source in _OPEN_TO_CODE:
            yield _finding(
                "open-to-code",
                "medium",
                f"the enforced policy has it, and what is or may be in use stays: {source.reason}",
                "see what stands before a policy without it:  cspbuild suggest --target strict --fetch",
                directive=directive,
                value=source.source,
            )
        case "insecure-origin":
            yield _finding(
                "insecure-origin",
                "medium",
                source.reason,
                "change the URL in the page to https",
                directive=directive,
                value=source.source,
            )
        case _ if directive in SCRIPT_LIKE and source.tier is Tier.TRUSTED and "://" in source.source:
            yield _finding(
                "rehearsal-only",
                "info",
                "a third party's code rests on your own rehearsal alone",
                "check that you meant to load it",
                directive=directive,
                value=source.source,
            )


def _finding(
    code: str, severity: str, message: str, fix: str, *, directive: str = "", value: str = ""
) -> SuggestionFinding:
    return SuggestionFinding(code=code, severity=severity, directive=directive, value=value, message=message, fix=fix)
