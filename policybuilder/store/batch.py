"""A batch: reports folded together, ready to be written in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policybuilder.evidence import OTHER


@dataclass(slots=True)
class Tally:
    """How often something was seen, and when first and last."""

    first_ms: int
    last_ms: int
    reports: int = 0
    trusted_reports: int = 0
    trusted_first_ms: int | None = None
    trusted_last_ms: int | None = None

    def add(self, at_ms: int, reports: int, trusted_reports: int) -> None:
        self.first_ms = min(self.first_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        self.reports += reports
        self.trusted_reports += trusted_reports
        if trusted_reports:
            self.trusted_first_ms = at_ms if self.trusted_first_ms is None else min(self.trusted_first_ms, at_ms)
            self.trusted_last_ms = at_ms if self.trusted_last_ms is None else max(self.trusted_last_ms, at_ms)

    def merge(self, other: Tally) -> None:
        """Add another tally of untrusted reports."""
        self.add(other.first_ms, other.reports, 0)
        self.add(other.last_ms, 0, 0)


UNKNOWN_LINE = 2**62
"""Where the code stands that no report tells the line of: after all other."""


def description_order(
    source_file: str, line_number: int | None, rule: str, reason: str
) -> tuple[bool, str, int, str, str]:
    """Sorts what alike reports say of their group differently; the least describes it.

    That one was counted first must not matter, or the same files would tell another story in another order.
    """
    return source_file == "", source_file, UNKNOWN_LINE if line_number is None else line_number, rule, reason


@dataclass(slots=True)
class GroupDelta:
    """A group's description, and by how much its counts grow."""

    columns: Mapping[str, Any]
    """The descriptive columns of `violation_group`: of trusted reports, if there are any in the batch, and of these the
    first by `description_order`.
    """

    tally: Tally
    received_first_ms: int
    received_last_ms: int
    estimated_reports: int = 0
    """The reports, each times the number of visits that sampling made it stand for."""

    def add(self, other: GroupDelta) -> None:
        self.tally.merge(other.tally)
        self.received_first_ms = min(self.received_first_ms, other.received_first_ms)
        self.received_last_ms = max(self.received_last_ms, other.received_last_ms)
        self.estimated_reports += other.estimated_reports


@dataclass(slots=True)
class HourDelta:
    """A group's reports in one hour."""

    reports: int = 0
    trusted_reports: int = 0
    estimated_reports: int = 0

    def add(self, other: HourDelta) -> None:
        self.reports += other.reports
        self.trusted_reports += other.trusted_reports
        self.estimated_reports += other.estimated_reports


@dataclass(slots=True)
class PageDelta:
    """A group's reports on one page."""

    reports: int = 0
    trusted_reports: int = 0


@dataclass(slots=True)
class NetworkDelta:
    """What a client network posted on one day; nothing where it stands in imported files alone."""

    reports: int = 0
    rehearsed_reports: int = 0


@dataclass(slots=True)
class Batch:
    """Reports folded together, ready for one transaction. Every key begins with the site."""

    groups: dict[tuple[str, str], GroupDelta] = field(default_factory=dict)
    hours: dict[tuple[str, str, int], HourDelta] = field(default_factory=dict)
    """By (site, fingerprint, hour)."""

    pages: dict[tuple[str, str, str], PageDelta] = field(default_factory=dict)
    policies: dict[tuple[str, str], tuple[str, Tally]] = field(default_factory=dict)
    """(site, digest) → (text, tally)."""

    group_policies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    group_networks: set[tuple[str, str, int, str]] = field(default_factory=set)
    """(site, fingerprint, day, client network in the clear); hashed before it is written."""

    policy_networks: set[tuple[str, str, int, str]] = field(default_factory=set)
    """(site, policy digest, day, client network)."""

    nonces: set[tuple[str, str, int, int, str]] = field(default_factory=set)
    """(site, policy digest, day, mark of a nonce, client network)."""

    networks: dict[tuple[str, int, str], NetworkDelta] = field(default_factory=dict)
    """By (site, day, client network)."""

    page_networks: set[tuple[str, str, str, int, str]] = field(default_factory=set)
    """(site, fingerprint, page, day, client network); the group only to apply its bound on pages."""

    samples: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    """(site, fingerprint, digest) → (JSON, milliseconds)."""

    unbounded: set[tuple[str, str, str]] = field(default_factory=set)
    """(site, fingerprint, page or policy digest) of trusted evidence: no flood of strangers' may crowd it out."""

    exempt: set[tuple[str, str]] = field(default_factory=set)
    """(site, fingerprint) of trusted and imported evidence, which no budget bounds."""

    exempt_policies: set[tuple[str, str]] = field(default_factory=set)
    """(site, policy digest) of the same."""

    script_hashes: dict[tuple[str, str, str], tuple[str, Tally]] = field(default_factory=dict)
    """(site, script URL, hash) → (destination, tally)."""

    def __bool__(self) -> bool:
        return bool(self.groups or self.script_hashes)

    def move(self, target_of: Mapping[tuple[str, str], MovedGroup]) -> None:
        """Count groups as others, whose pages are `OTHER` and which name no policies. None of them is exempt."""
        for (site, fingerprint), moved in target_of.items():
            delta = self.groups.pop((site, fingerprint))
            target = self.groups.get((site, moved.fingerprint))
            if target is None:
                self.groups[site, moved.fingerprint] = replace(delta, columns=moved.columns)
            else:
                target.add(delta)

        def moved_to(site: str, fingerprint: str) -> str | None:
            found = target_of.get((site, fingerprint))
            return None if found is None else found.fingerprint

        for site, fingerprint, hour in list(self.hours):
            if (to := moved_to(site, fingerprint)) is not None:
                self.hours.setdefault((site, to, hour), HourDelta()).add(self.hours.pop((site, fingerprint, hour)))
        for site, fingerprint, page in list(self.pages):
            if (to := moved_to(site, fingerprint)) is not None:
                reports = self.pages.pop((site, fingerprint, page)).reports
                self.pages.setdefault((site, to, OTHER), PageDelta()).reports += reports
        for site, fingerprint, digest in list(self.group_policies):
            if moved_to(site, fingerprint) is not None:
                del self.group_policies[site, fingerprint, digest]
        for site, fingerprint, digest in list(self.samples):
            if (to := moved_to(site, fingerprint)) is not None:
                self.samples[site, to, digest] = self.samples.pop((site, fingerprint, digest))
        self.group_networks = {
            (site, moved_to(site, fingerprint) or fingerprint, day, network)
            for site, fingerprint, day, network in self.group_networks
        }
        self.page_networks = {
            (site, to, OTHER, day, network)
            if (to := moved_to(site, fingerprint)) is not None
            else (site, fingerprint, page, day, network)
            for site, fingerprint, page, day, network in self.page_networks
        }


@dataclass(frozen=True, slots=True)
class MovedGroup:
    """The group that another one is counted as."""

    fingerprint: str
    columns: Mapping[str, Any]
