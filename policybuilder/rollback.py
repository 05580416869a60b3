"""Rolling back: what a site served before what it serves now."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from policybuilder.deploying import serving_since
from policybuilder.deployments import Deployment, ServedStage, in_order, is_same_policy, served
from policybuilder.errors import CspbuildError
from policybuilder.program import typed
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header, Stage, headers_for


class Way(enum.StrEnum):
    """What going back means."""

    ENFORCE_BEFORE = "enforce-before"
    """Send the policy that was enforced before."""

    STOP_ENFORCING = "stop-enforcing"
    """None was: the site worked without the header."""

    REPORT_BEFORE = "report-before"
    """Nothing is enforced, so nothing is broken; send the report-only policy that was sent before."""

    STOP_REPORTING = "stop-reporting"


@dataclass(frozen=True, slots=True)
class Rollback:
    """The last good headers."""

    way: Way
    left: Deployment
    """What is served now, and no longer."""

    enforced: Deployment | None
    """What to enforce; None for nothing."""

    report_only: Deployment | None
    """What to send report-only beside it; None for nothing."""


def way_back(deployments: Sequence[Deployment]) -> Rollback | None:
    """What to go back to; None where nothing is recorded that the site would still serve.

    A policy that was gone back to is not left for the one that was given up: going back twice goes further back.
    """
    enforced = _stack(each for each in deployments if each.stage is ServedStage.ENFORCE)
    reported = [each for each in deployments if each.stage is ServedStage.REPORT_ONLY]
    if enforced:
        left = enforced[-1]
        before = enforced[-2] if len(enforced) > 1 else None
        tried_before = served((each for each in reported if each.since_at < left.since_at), ServedStage.REPORT_ONLY)
        way = Way.STOP_ENFORCING if before is None else Way.ENFORCE_BEFORE
        if before and tried_before and is_same_policy(before.policy, tried_before.policy):
            # Beside itself it would only have everything reported twice.
            tried_before = None
        return Rollback(way, left, before, tried_before)
    tried = _stack(reported)
    if not tried:
        return None
    before = tried[-2] if len(tried) > 1 else None
    return Rollback(Way.STOP_REPORTING if before is None else Way.REPORT_BEFORE, tried[-1], None, before)


def _stack(deployments: Iterable[Deployment]) -> list[Deployment]:
    """Each policy upon the one that it took the place of; one that came back takes away what stood upon it."""
    found: list[Deployment] = []
    for deployment in in_order(deployments):
        same = [place for place, each in enumerate(found) if is_same_policy(each.policy, deployment.policy)]
        del found[same[0] if same else len(found) :]
        if deployment.policy:
            found.append(deployment)
        else:
            found.clear()
    return found


def headers_of(found: Rollback, report_url: str) -> tuple[Header, ...]:
    """What to send again, each on every page view: who goes back has no use for a sample.

    Raises CspbuildError where what was recorded cannot be sent.
    """
    headers: list[Header] = []
    try:
        for stage, deployment in ((Stage.ENFORCE, found.enforced), (Stage.TRIAL, found.report_only)):
            if deployment is not None:
                headers += headers_for(stage, report_url=report_url, policy=deployment.policy)
    except ValueError as error:
        raise CspbuildError(
            f"what was recorded cannot be sent: {error}; see  {typed('cspbuild')} deploy list"
        ) from None
    return tuple(headers)


def stopped_headers(found: Rollback) -> tuple[str, ...]:
    """Names of the headers that are not to be sent at all."""
    is_enforcing = found.left.stage is ServedStage.ENFORCE
    names = {ENFORCED: is_enforcing and found.enforced is None, REPORT_ONLY: found.report_only is None}
    return tuple(name for name, is_stopped in names.items() if is_stopped)


def reason_of(found: Rollback) -> str:
    """What going back means here, in a clause."""
    left = f"deployment {found.left.number}, {found.left.stage} since {found.left.since_at:%Y-%m-%d %H:%M} UTC"
    match found.way:
        case Way.ENFORCE_BEFORE:
            number = found.enforced.number if found.enforced else 0
            return f"back from {left}, to deployment {number}, the policy that was enforced before it"
        case Way.STOP_ENFORCING:
            return f"back from {left}: no policy was enforced before it, so the site works without one"
        case Way.REPORT_BEFORE:
            return f"nothing is enforced, so nothing is blocked; back from {left}, to what was tried before it"
        case Way.STOP_REPORTING:
            return f"nothing is enforced, so nothing is blocked; {left} was the first"


def served_again(found: Rollback, now: datetime) -> Deployment:
    """What to record once the site went back; its number is to be given."""
    target = found.enforced if found.left.stage is ServedStage.ENFORCE else found.report_only
    return Deployment(
        number=0,
        stage=found.left.stage,
        policy=target.policy if target else "",
        since_at=serving_since(None, now),
        note=f"went back from deployment {found.left.number}",
    )
