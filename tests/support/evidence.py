"""Builders of evidence that take only what matters to a test."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import Engine

from collector.ingest.folding import Observation, fold
from policybuilder.csp import Disposition, SampleExtent, Violation, canonical, parse_serialized_policy
from policybuilder.evidence import EvidenceClass, PageCount, PolicyCount, ViolationGroup
from policybuilder.reports.noise import Classification
from policybuilder.stages import OBSERVE_POLICY
from policybuilder.store.batch import Batch
from policybuilder.store.clock import to_ms
from policybuilder.store.recording import record

ORIGIN = "https://shop.example"
PAGE = f"{ORIGIN}/cart"
SEEN_AT = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


_Value = TypeVar("_Value")


def replace(value: _Value, **changes: Any) -> _Value:
    """`dataclasses.replace`, and of structs too."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    changed: _Value = dataclasses.replace(cast("Any", value), **changes)
    return changed


def canonical_text(policy: str) -> str:
    """A policy as the store keeps it."""
    return str(canonical(parse_serialized_policy(policy)))


OBSERVED = canonical_text(OBSERVE_POLICY)
"""The observe baseline, under which everything is reported."""


def make_violation(
    effective_directive: str = "img-src", blocked_uri: str = "https://img.example/a.png", **known: Any
) -> Violation:
    """A violation on a page of the shop, under the observe baseline."""
    return Violation(
        **{
            "document_uri": PAGE,
            "original_policy": OBSERVED,
            "disposition": Disposition.REPORT,
            **known,
        },
        effective_directive=effective_directive,
        blocked_uri=blocked_uri,
    )


def make_group(
    directive: str = "img-src",
    blocked: str = "https://img.example/a.png",
    *,
    trusted: bool = True,
    policies: Sequence[str] = (OBSERVED,),
    reports: int = 1,
    pages: Sequence[str] = (),
    **known: Any,
) -> ViolationGroup:
    """A genuine group of the shop's, reported under `policies` (in any spelling), on `pages` or on one."""
    trusted_reports = reports if trusted else 0
    described: dict[str, Any] = {
        "document_origin": ORIGIN,
        "disposition": Disposition.REPORT,
        "evidence_class": EvidenceClass.GENUINE,
        "rule": "no-noise-rule",
        "sample": "",
        "sample_extent": SampleExtent.NONE,
        "source_file": "",
        "line_number": None,
        "reporters": 1,
        "estimated_reports": reports,
        "days": 1,
        "first_seen_at": SEEN_AT,
        "last_seen_at": SEEN_AT,
        **known,
    }
    first_seen_at, last_seen_at = described["first_seen_at"], described["last_seen_at"]
    origin = described["document_origin"]
    pages = pages or (f"{origin}/cart" if "://" in origin else origin,)
    identity = repr((directive, blocked, trusted, [described[name] for name in sorted(described)], policies))
    return ViolationGroup(
        **{"fingerprint": hashlib.blake2b(identity.encode(), digest_size=16).hexdigest(), **described_in_ms(described)},
        directive=directive,
        blocked=blocked,
        reports=reports,
        trusted_reports=trusted_reports,
        pages=tuple(PageCount(url, reports, trusted_reports) for url in pages),
        policies=tuple(
            PolicyCount(
                canonical_text(policy),
                reports,
                trusted_reports,
                first_seen_at,
                last_seen_at,
            )
            for policy in policies
        ),
    )


def described_in_ms(described: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a group, with its instants as it keeps them."""
    return {
        f"{name.removesuffix('_at')}_ms" if name.endswith("_seen_at") else name: to_ms(value)
        if name.endswith("_seen_at")
        else value
        for name, value in described.items()
    }


def make_observation(
    violation: Violation | None = None,
    *,
    site: str = "default",
    seen_at: datetime = SEEN_AT,
    network: str = "192.0.2.0/24",
    evidence_class: EvidenceClass = EvidenceClass.GENUINE,
    is_trusted: bool = False,
    is_imported: bool = False,
    stands_for: int = 1,
    nonces: tuple[int, ...] = (),
) -> Observation:
    """One report ready to be counted."""
    return Observation(
        site=site,
        violation=make_violation() if violation is None else violation,
        classification=Classification(evidence_class, "no-noise-rule"),
        seen_at_ms=to_ms(seen_at),
        received_at_ms=to_ms(seen_at),
        network=network,
        is_trusted=is_trusted,
        is_imported=is_imported,
        stands_for=stands_for,
        nonces=nonces,
    )


def record_observations(engine: Engine, *observations: Observation, now: datetime = SEEN_AT) -> None:
    """Fold reports into one batch and store it."""
    batch = Batch()
    for observation in observations:
        fold(batch, observation)
    record(engine, batch, to_ms(now))
