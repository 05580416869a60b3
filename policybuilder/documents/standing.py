"""The JSON document of where a site stands, as `cspbuild status` prints it."""

from __future__ import annotations

from policybuilder.deployments import Deployment, ServedStage
from policybuilder.documents.deployments import noticed_document
from policybuilder.noticing import NoticedDeployment
from policybuilder.times import isoformat
from policybuilder.workflow import Standing, Step


def standing_document(standing: Standing) -> dict[str, object]:
    """The keys of `status/1`."""
    record, readiness = standing.record, standing.readiness
    return {
        "site": record.site,
        "stage": standing.stage,
        "next": standing.next,
        "why": standing.why,
        "then": list(standing.then),
        "steps": [{"name": step, "state": state_of(step, standing)} for step in Step],
        "window": {
            "since": isoformat(record.window.since) if record.window.since else None,
            "until": isoformat(record.window.until),
        },
        "evidence": {
            "reports": sum(group.reports for group in record.groups),
            "groups": len(record.groups),
            "networks": record.grounds.prevalence.audience,
            "watched_since": isoformat(standing.case.since_at) if standing.case.since_at else None,
        },
        "held": standing.held,
        "repairs": standing.repairs,
        "fill_in": dict(standing.blanks),
        "enforced": _served(standing.enforced),
        "report_only": _served(report_only(standing)),
        "noticed": [noticed_document(each) for each in standing.noticed],
        "ready": None if readiness is None else {"ready": readiness.is_ready, "failing": list(readiness.failing)},
        "alarms": [{"code": each.code, "message": each.message, "fix": each.fix} for each in standing.alarms],
        "causes": [{"code": each.code, "message": each.message, "fix": each.fix} for each in standing.causes],
    }


def _served(deployment: Deployment | NoticedDeployment | None) -> dict[str, object] | None:
    if deployment is None:
        return None
    return {
        "number": deployment.number if isinstance(deployment, Deployment) else None,
        "policy": deployment.policy,
        "since": isoformat(deployment.since_at),
        "noticed": isinstance(deployment, NoticedDeployment),
    }


def report_only(standing: Standing) -> Deployment | None:
    """What the site serves report-only, whether it tries a policy or observes."""
    of_stage = [each for each in standing.record.deployments if each.stage is ServedStage.REPORT_ONLY]
    return of_stage[-1] if of_stage and of_stage[-1].policy else None


def state_of(step: Step, standing: Standing) -> str:
    """`done`, `current` or `to do`."""
    steps = list(Step)
    if step is standing.step:
        return "current"
    return "done" if steps.index(step) < steps.index(standing.step) else "to do"
