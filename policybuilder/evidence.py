"""Evidence: violations alike, counted together, as every reader of the store sees them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

import msgspec

from policybuilder.csp.violation import Disposition, SampleExtent, Violation
from policybuilder.times import from_ms


class EvidenceClass(enum.StrEnum):
    """What caused a violation, as far as its report tells."""

    GENUINE = "genuine"
    """The site's own doing: the only class a suggestion may rest on."""

    EXTENSION = "extension"
    INJECTED = "injected"
    """A proxy, antivirus, translator or in-app browser changed the page."""

    BOT = "bot"
    SUPERSEDED = "superseded"
    """Reported under a policy older than the one deployed last."""

    CONTRADICTION = "contradiction"
    """The report's own policy allows what it reports: a redirect, a cut URL, or a forgery."""

    FOREIGN_HOST = "foreign-host"
    """The document is not one of the site's."""

    ATTACK_LIKE = "attack-like"
    MALFORMED = "malformed"


NOISE_CLASSES = frozenset(
    {
        EvidenceClass.EXTENSION,
        EvidenceClass.INJECTED,
        EvidenceClass.BOT,
        EvidenceClass.FOREIGN_HOST,
        EvidenceClass.MALFORMED,
    }
)
"""Classes that no site caused: folded away by default, never deleted."""


MEANINGS: Mapping[EvidenceClass, str] = MappingProxyType(
    {
        EvidenceClass.GENUINE: "the site's own doing, as far as a report tells",
        EvidenceClass.EXTENSION: "an extension in the visitor's browser, not the site",
        EvidenceClass.INJECTED: "put into the page on its way: an antivirus, proxy, translator or in-app browser",
        EvidenceClass.BOT: "a program's visit, not a person's",
        EvidenceClass.SUPERSEDED: "seen only under policies older than the one deployed last",
        EvidenceClass.CONTRADICTION: "the report's own policy allows it: a redirect, a cut URL, or a forgery",
        EvidenceClass.FOREIGN_HOST: "a document of another host: a copy of the page, or a forgery",
        EvidenceClass.ATTACK_LIKE: "looks like somebody's attempt to inject code",
        EvidenceClass.MALFORMED: "nothing that a browser writes",
    }
)
"""What each class means, for people."""


OTHER = "(other)"
"""Stands for what a bound left no room for, in the place of an origin, a page or a path."""

OVER_BUDGET = "over-budget"
"""Rule of the groups that stand for all that was new beyond a site's hourly budget."""


class PageCount(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often one page reported a group."""

    url: str
    reports: int
    trusted_reports: int = 0


class PolicyCount(msgspec.Struct, frozen=True, gc=False):
    """How often a group was reported under one policy."""

    policy: str
    """Serialized, without reporting directives, nonces blanked."""

    reports: int
    trusted_reports: int
    first_seen_at: datetime
    last_seen_at: datetime


class ViolationGroup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Violations alike: one origin of documents, disposition, directive, blocked resource, sample and class.

    A struct, since a hundred thousand dataclasses take long to make; `msgspec.structs.replace` changes
    some of its values.
    """

    fingerprint: str
    """Names the group within its site: 32 hexadecimal digits."""

    document_origin: str
    """Such as `https://shop.example`; a bare scheme for documents without an origin."""

    directive: str
    """The effective directive."""

    blocked: str
    """The blocked URI: a URL without query, or a keyword or bare scheme."""

    disposition: Disposition
    evidence_class: EvidenceClass
    rule: str
    """Id of the rule that chose the class."""

    reason: str = ""
    """What the rule says of such reports; empty for genuine ones, and for what was recorded without."""

    sample: str
    sample_extent: SampleExtent
    source_file: str
    """Of the first report; an example, since only its origin may be part of what makes violations alike."""

    line_number: int | None
    initiator: str = ""
    """The origin of another's code that had it loaded, as the reports say; empty where the document itself did, where
    none is named, and for what was recorded before it was kept."""

    reports: int
    trusted_reports: int
    """Of these, how many arrived at the rehearsal key or were imported as the operator's own."""

    reporters: int
    """The largest number of distinct client networks on any one day."""

    estimated_reports: int
    """What was reported before sampling, as the report URLs say; for people, since anybody can write any rate."""

    days: int
    """Days on which it was seen."""

    first_seen_ms: int
    last_seen_ms: int
    """As browsers say: milliseconds since 1970, since a hundred thousand datetimes take long to make."""

    received_first_ms: int = 0
    received_last_ms: int = 0
    """Between the two all its reports arrived, by the collector's clock: milliseconds since 1970, 0 where unknown."""

    pages: Sequence[PageCount]
    """Most reports first; bounded, so the sum may be less than `reports`."""

    policies: Sequence[PolicyCount]
    decision: str | None = None
    """A person's answer that applies, if there is one."""

    varies: bool = False
    """Whether its inline code is another one each time, as the source of its pages tells where that was read."""

    @property
    def first_seen_at(self) -> datetime:
        return from_ms(self.first_seen_ms)

    @property
    def last_seen_at(self) -> datetime:
        return from_ms(self.last_seen_ms)

    @property
    def is_noise(self) -> bool:
        return self.evidence_class in NOISE_CLASSES

    @property
    def document_uri(self) -> str:
        """The page that reported it most, as far as pages were kept; else their origin."""
        return next((page.url for page in self.pages if page.url != OTHER), self.document_origin)

    @property
    def vouched_policies(self) -> tuple[str, ...]:
        """Those that trusted reports came under."""
        return tuple(count.policy for count in self.policies if count.trusted_reports) if self.trusted_reports else ()

    def violation(self, policy: str = "") -> Violation:
        """One violation that stands for the group, as seen on its busiest page, under `policy`.

        What was counted by origin beyond the budget is an origin, as browsers write one that they cut.
        """
        return Violation(
            document_uri=self.document_uri,
            effective_directive=self.directive,
            blocked_uri=self.blocked.removesuffix(f"/{OTHER}"),
            disposition=self.disposition,
            original_policy=policy,
            sample=self.sample,
            sample_extent=self.sample_extent,
            source_file=self.source_file,
            line_number=self.line_number,
        )


@dataclass(frozen=True, slots=True)
class ScriptHash:
    """What a `csp-hash` report says of an external script."""

    script_url: str
    hash: str
    """As `sha256-…`; empty where the browser may not tell."""

    reports: int
    first_seen_at: datetime
    last_seen_at: datetime


@lru_cache(maxsize=4096)
def document_origin(document_uri: str) -> str:
    """Scheme, host and port of a cleaned URL; a bare scheme as it stands."""
    scheme, separator, rest = document_uri.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}" if separator else document_uri


def initiator_of(violation: Violation) -> str:
    """The origin of another's code that had the resource loaded; empty where the document did, or none is named.

    For what stands in the markup Chromium names the document itself; for a picture that a script adds, nothing.
    """
    origin = document_origin(violation.source_file)
    is_others = origin.startswith(("https://", "http://")) and origin != document_origin(violation.document_uri)
    return origin if is_others else ""
