"""Folding: reports alike are counted together, before the database sees any of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import msgspec

from policybuilder import self_test
from policybuilder.csp.violation import Violation
from policybuilder.evidence import EvidenceClass, document_origin, initiator_of
from policybuilder.reports.noise import Classification
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store.batch import Batch, GroupDelta, HourDelta, NetworkDelta, PageDelta, Tally, description_order
from policybuilder.store.clock import DAY_MS, HOUR_MS
from policybuilder.store.recollection import Recollection
from policybuilder.store.samples import sample_text


class Observation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One report, ready to be counted. A struct, since one is made for each."""

    site: str
    violation: Violation
    classification: Classification
    seen_at_ms: int
    """When the browser saw it: receipt less the time the browser held it."""

    received_at_ms: int
    """By our own clock, or that of a recording: reporters are counted by it, since any sender can claim any age."""

    network: str
    """The client's network, such as `192.0.2.0/24`; empty when unknown. Never stored in the clear."""

    is_trusted: bool = False
    """It arrived at the rehearsal key, or in the operator's own recording."""

    is_imported: bool = False
    """It came from a file, not from a client."""

    stands_for: int = 1
    """How many reports there would be without sampling."""

    nonces: tuple[int, ...] = ()
    """Marks of the nonces in the policy; see `nonce_marks`."""

    is_counted_already: bool = False
    """Only its trust is news: the same line was imported before without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashObservation:
    """One `csp-hash` report, ready to be counted."""

    site: str
    report: NormalizedHash
    seen_at_ms: int


MAX_PAGE_CHARACTERS = 512
"""Pages are keys of several tables; the origin stands for one with a longer name."""

_MADE_BY_SCRIPTS = frozenset({"eval", "wasm-eval"})


def fold(batch: Batch, observation: Observation, known: Recollection | None = None) -> None:
    """Count one violation into the batch, without what the writer, if it remembers, has `known` to have no room."""
    site, violation = observation.site, observation.violation
    fingerprint = fingerprint_of(violation, observation.classification)
    at_ms = observation.seen_at_ms
    reports = 0 if observation.is_counted_already else 1
    trusted = 1 if observation.is_trusted else 0

    delta = batch.groups.get((site, fingerprint))
    if delta is None:
        delta = batch.groups[site, fingerprint] = GroupDelta(
            _columns(violation, observation.classification),
            Tally(at_ms, at_ms),
            received_first_ms=observation.received_at_ms,
            received_last_ms=observation.received_at_ms,
        )
    elif _describes_better(observation, delta):
        delta.columns = _columns(violation, observation.classification)
    delta.tally.add(at_ms, reports, trusted)
    delta.received_first_ms = min(delta.received_first_ms, observation.received_at_ms)
    delta.received_last_ms = max(delta.received_last_ms, observation.received_at_ms)
    delta.estimated_reports += reports * observation.stands_for

    # What a rehearsal key vouches for counts by our clock, or a leaked one could vouch for the days before.
    is_rehearsed = observation.is_trusted and not observation.is_imported
    hour_ms = observation.received_at_ms if is_rehearsed else at_ms
    hour = _in(batch.hours, (site, fingerprint, hour_ms // HOUR_MS), HourDelta)
    hour.reports += reports
    hour.trusted_reports += trusted
    hour.estimated_reports += reports * observation.stands_for

    page = violation.document_uri
    if len(page) > MAX_PAGE_CHARACTERS:
        page = document_origin(page)
    of_page = _in(batch.pages, (site, fingerprint, page), PageDelta)
    of_page.reports += reports
    of_page.trusted_reports += trusted
    policy = violation.original_policy
    digest = policy_digest(policy)
    if policy:
        if (site, digest) not in batch.policies:
            batch.policies[site, digest] = (policy, Tally(at_ms, at_ms))
        batch.policies[site, digest][1].add(at_ms, reports, trusted)
        _in(batch.group_policies, (site, fingerprint, digest), lambda: Tally(at_ms, at_ms)).add(at_ms, reports, trusted)
    if observation.is_trusted or observation.is_imported:
        batch.exempt.add((site, fingerprint))
        batch.exempt_policies.add((site, digest))
    if observation.is_trusted:
        batch.unbounded.update(((site, fingerprint, page), (site, fingerprint, digest)))
    if fingerprint == _SELF_TEST and self_test.is_alike(violation):
        # Whoever tests is no visitor, and no flood may keep a test from arriving; it is one group, whoever posts it.
        batch.exempt.add((site, fingerprint))
        _fold_sample(batch, observation, fingerprint, digest, known)
    elif not observation.is_counted_already:
        _fold_reporter(batch, observation, fingerprint, page, digest)
        _fold_sample(batch, observation, fingerprint, digest, known)


def _fold_reporter(batch: Batch, observation: Observation, fingerprint: str, page: str, digest: str) -> None:
    """Count who reported it."""
    site, violation = observation.site, observation.violation
    day, network = observation.received_at_ms // DAY_MS, observation.network
    batch.group_networks.add((site, fingerprint, day, network))
    batch.page_networks.add((site, fingerprint, page, day, network))
    if violation.original_policy:
        batch.policy_networks.add((site, digest, day, network))
        for mark in observation.nonces:
            batch.nonces.add((site, digest, day, mark, network))
    reporter = _in(batch.networks, (site, day, network), NetworkDelta)
    if not observation.is_imported:
        # How evenly clients post says whether their addresses are right; a file was not posted, and has its own.
        reporter.reports += 1
        reporter.rehearsed_reports += observation.is_trusted


def _fold_sample(
    batch: Batch, observation: Observation, fingerprint: str, digest: str, known: Recollection | None
) -> None:
    """Keep what it said. Most groups have all the samples that they may, and to make one takes a third of folding."""
    if known is not None and known.has_all_samples(observation.site, fingerprint):
        return
    report = sample_text(observation.violation, digest)
    sample = (observation.site, fingerprint, _digest(report))
    if sample not in batch.samples:
        batch.samples[sample] = (report, observation.seen_at_ms)


_Key = TypeVar("_Key")
_Delta = TypeVar("_Delta")


def _in(deltas: dict[_Key, _Delta], key: _Key, make: Callable[[], _Delta]) -> _Delta:
    """What counts for the key: made only where there is none, since most reports are like others."""
    found = deltas.get(key)
    if found is None:
        found = deltas[key] = make()
    return found


def fold_hash(batch: Batch, observation: HashObservation) -> None:
    """Count one `csp-hash` report into the batch."""
    report, at_ms = observation.report, observation.seen_at_ms
    key = (observation.site, report.script_url, report.hash)
    batch.script_hashes.setdefault(key, (report.destination, Tally(at_ms, at_ms)))[1].add(at_ms, 1, 0)


def fingerprint_of(violation: Violation, classification: Classification, initiator: str | None = None) -> str:
    """What makes violations alike; of a stored group the `initiator` is known, else its source file tells.

    The class is part of it: what an extension did and what the site did are never one group, however alike. So is whose
    code had it loaded, or made code out of text, since people and suggestions decide by it: the first to report must
    not decide for others, nor the few who name an initiator be counted with the many who do not.
    """
    if violation.blocked_uri in _MADE_BY_SCRIPTS:
        initiator = document_origin(violation.source_file)
    elif initiator is None:
        initiator = initiator_of(violation)
    return _digest(
        "\0".join(
            (
                document_origin(violation.document_uri),
                violation.disposition,
                violation.effective_directive,
                violation.blocked_uri,
                violation.sample,
                violation.sample_extent,
                initiator,
                classification.evidence_class,
            )
        )
    )


@lru_cache(maxsize=1024)
def policy_digest(policy: str) -> str:
    """Names a canonical policy within its site."""
    return _digest(policy)


def _describes_better(observation: Observation, delta: GroupDelta) -> bool:
    """Whether a report, not counted yet, describes its group rather than those before it."""
    violation, classification = observation.violation, observation.classification
    new = description_order(violation.source_file, violation.line_number, classification.rule, classification.reason)
    old = delta.columns
    known = description_order(old["source_file"], old["line_number"], old["rule"], old["reason"])
    return (not observation.is_trusted, new) < (not delta.tally.trusted_reports, known)


def _columns(violation: Violation, classification: Classification) -> dict[str, object]:
    return {
        "document_origin": document_origin(violation.document_uri),
        "directive": violation.effective_directive,
        "blocked": violation.blocked_uri,
        "disposition": violation.disposition.value,
        "evidence_class": classification.evidence_class.value,
        "rule": classification.rule,
        "reason": classification.reason,
        "sample": violation.sample,
        "sample_extent": violation.sample_extent.value,
        "source_file": violation.source_file,
        "line_number": violation.line_number,
        "initiator": initiator_of(violation),
    }


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


_SELF_TEST = fingerprint_of(self_test.VIOLATION, Classification(EvidenceClass.MALFORMED, self_test.RULE))
