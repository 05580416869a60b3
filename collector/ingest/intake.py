"""Intake: one posted body becomes observations, the same for the endpoint and for imported files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from collector.ingest.aliases import follow_aliases
from collector.ingest.folding import HashObservation, Observation
from policybuilder.reports.noise import classify
from policybuilder.reports.normalization import NormalizedHash, normalize
from policybuilder.reports.rules import Rules
from policybuilder.reports.wire import Reason, RejectedReportError, decode_body
from policybuilder.store.sites import KeyKind, SiteKey


@dataclass(slots=True)
class Intake:
    """What a body held."""

    observations: list[Observation | HashObservation] = field(default_factory=list)
    ignored: Counter[Reason] = field(default_factory=Counter)
    """Reports that are not stored, by reason."""

    kinds: dict[str, int] = field(default_factory=dict)
    """Reports to be stored, by kind. No counter, which takes as long to make as to read a member of the report."""


def take_in(
    body: bytes,
    key: SiteKey,
    *,
    received_at_ms: int,
    network: str,
    user_agent: str,
    stands_for: int = 1,
    is_imported: bool = False,
    rules: Rules | None = None,
) -> Intake:
    """Read a body that arrived at `key` from `network`; each report in it `stands_for` so many, by sampling.

    Classes are given by `rules`, or by the built-in ones.

    Raises RejectedReportError when the body is no report, or a single report that cannot be used; a batch is taken as
    far as it is usable.
    """
    decoded = decode_body(body)
    intake = Intake(ignored=decoded.ignored)
    for report in decoded.reports:
        try:
            normalized = follow_aliases(normalize(report, user_agent), key.aliases)
        except RejectedReportError as error:
            if not decoded.is_batch and not report.is_reporting_api:
                raise
            intake.ignored[error.reason] += 1
            continue
        kind = report.kind.value
        intake.kinds[kind] = intake.kinds.get(kind, 0) + 1
        if isinstance(normalized, NormalizedHash):
            intake.observations.append(
                HashObservation(site=key.site, report=normalized, seen_at_ms=max(0, received_at_ms - normalized.age_ms))
            )
        else:
            intake.observations.append(
                Observation(
                    site=key.site,
                    violation=normalized.violation,
                    classification=classify(normalized, key.hosts, rules),
                    seen_at_ms=max(0, received_at_ms - normalized.violation.age_ms),
                    received_at_ms=received_at_ms,
                    network=network,
                    is_trusted=key.kind is KeyKind.REHEARSAL,
                    is_imported=is_imported,
                    stands_for=stands_for,
                    nonces=normalized.nonces,
                )
            )
    return intake
