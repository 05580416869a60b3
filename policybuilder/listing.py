"""The list of violations: what of it a reader asks for, what a page of it holds, and how it counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from policybuilder.csp import Disposition, parse_url
from policybuilder.evidence import NOISE_CLASSES, EvidenceClass, PageCount
from policybuilder.summary import APART_CLASSES
from policybuilder.times import from_ms

MAX_CHARACTERS = 200
"""Of what is searched for."""

MAX_DIRECTIVES = 100
"""Offered to choose from, those of most violations: anybody can make up the name of one."""

UNDECIDED = "none"

PERIODS: Mapping[str, timedelta] = MappingProxyType(
    {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
)
"""Spans of time before now, by the name in the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked of a violation; empty members ask nothing."""

    q: str = ""
    """Text that stands in it somewhere, in any case."""

    host: str = ""
    """The host of what was blocked; those below it are meant, too."""

    directive: str = ""
    kind: str = ""
    """Its class."""

    disposition: str = ""
    decision: str = ""
    """A person's answer, or `none`."""

    page: str = ""
    """Text of the address of a page that reported it."""

    seen: str = ""
    """A period, in which it was last seen."""

    new: str = ""
    """A period, in which it was first seen."""

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, getattr(self, field.name).strip()[:MAX_CHARACTERS])
        for name in ("seen", "new"):
            if getattr(self, name) not in PERIODS:
                object.__setattr__(self, name, "")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def query(self) -> dict[str, str]:
        """The members of an address that say the same."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


def host_of(blocked: str) -> str:
    """The host of a blocked URL, without its port; empty for keywords and bare schemes."""
    _, separator, rest = blocked.partition("://")
    if not separator:
        return ""
    authority = rest.partition("/")[0].lower()
    host, _, port = authority.rpartition(":")
    return host if host and port.isdecimal() else authority


def host_asked(text: str) -> str:
    """The host that a reader means by a host, a host with `*.` before it, an origin or a URL; as reports write it."""
    rest = text.partition("://")[2] or text
    authority = rest.partition("/")[0].removeprefix("*.").strip(".").lower()
    if authority.isascii():
        return host_of(f"https://{authority}/")
    url = parse_url(f"https://{authority}/")
    return authority if url is None else url.host


class ListedViolation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of the list: a group, of the class that people and deployments gave it."""

    fingerprint: str
    document_origin: str
    directive: str
    blocked: str
    disposition: Disposition
    evidence_class: EvidenceClass
    rule: str
    reason: str
    sample: str
    decision: str | None
    """A person's answer that applies, if there is one."""

    reports: int
    estimated_reports: int
    reporters: int
    """The largest number of distinct client networks on any one day."""

    first_seen_ms: int
    last_seen_ms: int
    pages: tuple[PageCount, ...]
    """Most reports first."""

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
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.reporters, self.reports, self.fingerprint)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list, as its rows are sorted: whatever comes or goes before it, none is shown twice or left out.

    Most reporters come first, then most reports, then by fingerprint.
    """

    reporters: int
    reports: int
    fingerprint: str

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"{self.reporters}.{self.reports}.{self.fingerprint}"


def parse_place(text: str) -> Place | None:
    """The place that an address names; None for what is none."""
    reporters, _, rest = text.partition(".")
    reports, _, fingerprint = rest.partition(".")
    are_numbers = all(number.isascii() and number.isdecimal() for number in (reporters, reports))
    if not are_numbers or not (fingerprint.isascii() and fingerprint.isalnum()):
        return None
    return Place(int(reporters[:_MAX_DIGITS]), int(reports[:_MAX_DIGITS]), fingerprint)


_MAX_DIGITS = 18
"""Of any number that a database holds."""


class CountOfKind(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many listed violations are of a class, a disposition and a decision."""

    evidence_class: EvidenceClass
    disposition: Disposition
    decision: str
    """Empty where there is none."""

    groups: int
    reports: int


class CountOfDirective(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many listed violations are of a directive."""

    directive: str
    groups: int
    apart: int
    """Of these, how many no policy is made of."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the list counts, all violations together."""

    kinds: tuple[CountOfKind, ...] = ()
    directives: tuple[CountOfDirective, ...] = ()
    """Most violations first; bounded."""

    reporters: int = 0
    """Distinct client networks on the busiest day."""

    @property
    def groups(self) -> int:
        return sum(count.groups for count in self.kinds)

    @property
    def reports(self) -> int:
        return sum(count.reports for count in self.kinds)

    @property
    def noise_reports(self) -> int:
        return sum(count.reports for count in self.kinds if count.evidence_class in NOISE_CLASSES)

    def groups_of(self, *classes: EvidenceClass) -> int:
        """Violations of the classes."""
        return sum(count.groups for count in self.kinds if count.evidence_class in classes)

    @property
    def alarming(self) -> int:
        """Violations that look like attacks, and nobody said anything about."""
        return sum(
            count.groups
            for count in self.kinds
            if count.evidence_class is EvidenceClass.ATTACK_LIKE and not count.decision
        )

    def shown(self, *, include_noise: bool) -> int:
        """Violations that are listed without a filter."""
        return self.groups if include_noise else self.groups - self.groups_of(*APART_CLASSES)

    def choices(self, *, include_noise: bool) -> Choices:
        """What those violations can be told apart by."""
        kinds = [count for count in self.kinds if include_noise or count.evidence_class not in APART_CLASSES]
        decisions = {count.decision or UNDECIDED for count in kinds}
        return Choices(
            directives=tuple(
                sorted(count.directive for count in self.directives if include_noise or count.groups > count.apart)
            ),
            kinds=tuple(each.value for each in EvidenceClass if any(count.evidence_class is each for count in kinds)),
            dispositions=tuple(each.value for each in Disposition if any(count.disposition is each for count in kinds)),
            decisions=tuple(sorted(decisions, key=lambda decision: (decision != UNDECIDED, decision))),
        )


def counted(rows: Iterable[tuple[EvidenceClass, Disposition, str, str, int, int]], reporters: int) -> Counts:
    """Counts of rows of (class, disposition, decision, directive, violations, reports)."""
    kinds: dict[tuple[EvidenceClass, Disposition, str], list[int]] = defaultdict(lambda: [0, 0])
    directives: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for evidence_class, disposition, decision, directive, groups, reports in rows:
        of_kind, of_directive = kinds[evidence_class, disposition, decision], directives[directive]
        of_kind[0] += groups
        of_kind[1] += reports
        of_directive[0] += groups
        of_directive[1] += groups if evidence_class in APART_CLASSES else 0
    most = sorted(directives.items(), key=lambda item: (-item[1][0], item[0]))[:MAX_DIRECTIVES]
    return Counts(
        kinds=tuple(CountOfKind(*kind, *numbers) for kind, numbers in sorted(kinds.items())),
        directives=tuple(CountOfDirective(directive, *numbers) for directive, numbers in most),
        reporters=reporters,
    )


ALARMING = Filter(kind=EvidenceClass.ATTACK_LIKE.value, decision=UNDECIDED)
"""What is counted as such."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What looks like an attack, for the top of every page."""

    violations: int
    worst: Sequence[ListedViolation]
    """Some of them, most reporters first."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the violations there are can be told apart by."""

    directives: tuple[str, ...]
    kinds: tuple[str, ...]
    dispositions: tuple[str, ...]
    decisions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A page of the list."""

    rows: Sequence[ListedViolation]
    found: int
    """Violations that the filter admits, on whatever page."""

    left: int
    """Of these, how many come after the rows."""

    counts: Counts
    as_of: datetime | None = None
    """What was reported and decided until then is listed; None where the list is of now."""

    is_whole: bool = True
    """Every violation has its row; else the list is being made for the first time, and `as_of` is None."""

    @property
    def following(self) -> str:
        """The place after the rows; empty at the end."""
        return str(self.rows[-1].place) if self.left and self.rows else ""
