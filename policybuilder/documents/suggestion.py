"""The JSON document of a suggestion, as `cspbuild suggest` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policybuilder.csp import Difference, Policy
from policybuilder.stages import ENFORCED, REPORT_ONLY
from policybuilder.suggestion.strict import Climb
from policybuilder.suggestion.trust import PoisonMargin
from policybuilder.suggestion.values import Evidence, SuggestedChange, Suggestion
from policybuilder.times import isoformat, isoformat_of_ms


@dataclass(frozen=True, slots=True)
class Later:
    """What would be suggested at a later time, compared with this suggestion."""

    until_at: datetime
    policy: str
    difference: Difference


def suggestion_document(
    suggestion: Suggestion, climbed: Climb | None = None, later: Later | None = None
) -> dict[str, object]:
    """The keys of `suggest/1`; the way to a strict policy and what a later time brings, where they were asked for."""
    policy = "" if suggestion.policy is None else str(suggestion.policy)
    return {
        "site": suggestion.site,
        "policy": policy,
        "header": {"name": ENFORCED, "value": policy},
        "directives": [
            {
                "name": directive.name,
                "sources": [
                    {
                        "source": source.source,
                        "rule": source.rule,
                        "reason": source.reason,
                        "tier": source.tier,
                        "evidence": _evidence(source.evidence),
                        "poison_margin": _margin(source.margin),
                    }
                    for source in directive.sources
                ],
                "observed_under": [
                    {"policy": each.policy, "reporters": each.reporters} for each in directive.observed_under
                ],
            }
            for directive in suggestion.directives
        ],
        "held": [
            {
                "directive": held.directive,
                "source": held.source,
                "why": held.why,
                "needs": held.needs,
                "evidence": _evidence(held.evidence),
            }
            for held in suggestion.held
        ],
        "excluded": [
            {
                "directive": excluded.directive,
                "blocked": excluded.blocked,
                "class": excluded.evidence_class,
                "rule": excluded.rule,
                "reports": excluded.reports,
            }
            for excluded in suggestion.excluded
        ],
        "unresolved": [
            {
                "directive": unresolved.directive,
                "blocked": unresolved.blocked,
                "why": unresolved.why,
                "todo": unresolved.todo,
                "reports": unresolved.reports,
            }
            for unresolved in suggestion.unresolved
        ],
        "needs_nonce": suggestion.needs_nonce,
        "replay": {
            "allow": suggestion.replay.allow,
            "block": suggestion.replay.block,
            "unknown": suggestion.replay.unknown,
            "held": suggestion.replay.held,
            "excluded": suggestion.replay.excluded,
        },
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "directive": finding.directive,
                "value": finding.value,
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in suggestion.findings
        ],
        "changes": [_change(change) for change in suggestion.changes],
        "relation": suggestion.relation,
        "mode": suggestion.mode,
        "current": None
        if suggestion.current is None
        else {"policy": ", ".join(map(str, suggestion.current.policies)), "known": suggestion.current.origin},
        "unknown": [
            {"directive": each.directive, "sources": list(each.sources), "why": each.why} for each in suggestion.unknown
        ],
        "probe": None if suggestion.probe is None else str(suggestion.probe),
        "observed_under": list(suggestion.observed_policies),
        **({} if climbed is None else _climb(climbed)),
        **({} if later is None else {"diff": _later(later)}),
    }


def _climb(climbed: Climb) -> dict[str, object]:
    return {
        "target": "strict",
        "credential": climbed.credential,
        "standing": None if climbed.standing is None else climbed.standing.number,
        "rungs": [
            {
                "rung": rung.number,
                "name": rung.name,
                "reached": rung.is_reached,
                "enforced": _header(ENFORCED, rung.enforced),
                "report_only": _header(REPORT_ONLY, rung.report_only),
                "blockers": [
                    {
                        "kind": blocker.kind,
                        "directive": blocker.directive,
                        "what": blocker.what,
                        "where": blocker.where,
                        "reports": blocker.reports,
                        "todo": blocker.todo,
                    }
                    for blocker in rung.blockers
                ],
                "only_a_probe_tells": rung.only_a_probe_tells,
            }
            for rung in climbed.rungs
        ],
    }


def _header(name: str, policy: Policy | None) -> dict[str, object] | None:
    return None if policy is None else {"name": name, "value": str(policy)}


def _later(later: Later) -> dict[str, object]:
    return {
        "as_of": isoformat(later.until_at),
        "policy": later.policy,
        "relation": later.difference.relation,
        "changes": [
            {"kind": each.kind, "directive": each.directive, "source": each.source, "effect": each.effect}
            for each in later.difference.changes
        ],
    }


def _change(change: SuggestedChange) -> dict[str, object]:
    exposure = change.rests_on
    return {
        "kind": change.kind,
        "directive": change.directive,
        "source": change.source,
        "effect": change.effect,
        "applied": change.is_applied,
        "evidence": None if change.is_applied else _evidence(change.evidence),
        "rests_on": None
        if exposure is None
        else {
            "policy": str(exposure.policy),
            "views": exposure.views,
            "bound": exposure.bound,
            "since": isoformat(exposure.since_at),
            "until": isoformat(exposure.until_at),
        },
    }


def _margin(margin: PoisonMargin | None) -> dict[str, object] | None:
    if margin is None:
        return None
    return {"networks": margin.networks, "share": round(margin.share, 4), "days": margin.days}


def _evidence(evidence: Evidence) -> dict[str, object]:
    return {
        "reports": evidence.reports,
        "reporters": evidence.reporters,
        "days": evidence.days,
        "loaded_by": list(evidence.initiators),
        "first_seen": None if evidence.first_seen_ms is None else isoformat_of_ms(evidence.first_seen_ms),
        "last_seen": None if evidence.last_seen_ms is None else isoformat_of_ms(evidence.last_seen_ms),
        "pages": list(evidence.pages),
        "examples": list(evidence.examples),
    }
