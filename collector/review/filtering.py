"""Filtering: which violations a reader wants to see, as the page's address says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from policybuilder.csp import Disposition
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.summary import SummaryRow

MAX_CHARACTERS = 200
"""Of what is searched for."""

UNDECIDED = "none"

_PLACES: Mapping[str, Callable[[ViolationGroup], Iterable[str]]] = {
    "blocked": lambda group: (group.blocked,),
    "sample": lambda group: (group.sample,),
    "source": lambda group: (group.source_file, group.initiator),
    "page": lambda group: (group.document_origin, *(page.url for page in group.pages)),
    "directive": lambda group: (group.directive,),
    "group": lambda group: (group.fingerprint,),
}
"""Where text is searched for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked of a violation; empty members ask nothing."""

    q: str = ""
    """Text that stands in it somewhere, in any case."""

    directive: str = ""
    kind: str = ""
    """Its class."""

    disposition: str = ""
    decision: str = ""
    """A person's answer, or `none`."""

    page: str = ""
    """Text of the address of a page that reported it."""

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, getattr(self, field.name).strip()[:MAX_CHARACTERS])

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def query(self) -> dict[str, str]:
        """The members of an address that say the same."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}

    def admits(self, group: ViolationGroup) -> bool:
        """Whether the group is one of those that are wanted."""
        if self.directive and group.directive != self.directive:
            return False
        if self.kind and group.evidence_class != self.kind:
            return False
        if self.disposition and group.disposition != self.disposition:
            return False
        if self.decision and (group.decision or UNDECIDED) != self.decision:
            return False
        if self.page and not _holds(_PLACES["page"](group), self.page):
            return False
        return not self.q or any(_holds(texts(group), self.q) for texts in _PLACES.values())


def _holds(texts: Iterable[str], wanted: str) -> bool:
    wanted = wanted.lower()
    return any(wanted in text.lower() for text in texts)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the violations there are can be told apart by."""

    directives: tuple[str, ...]
    kinds: tuple[str, ...]
    dispositions: tuple[str, ...]
    decisions: tuple[str, ...]


def choices_of(rows: Sequence[SummaryRow]) -> Choices:
    """Those of the rows; of a kind of which there is one only, that one."""
    groups = [row.group for row in rows if row.group is not None]
    decisions = {group.decision or UNDECIDED for group in groups}
    return Choices(
        directives=tuple(sorted({group.directive for group in groups})),
        kinds=tuple(each.value for each in EvidenceClass if any(group.evidence_class is each for group in groups)),
        dispositions=tuple(each.value for each in Disposition if any(group.disposition is each for group in groups)),
        decisions=tuple(sorted(decisions, key=lambda decision: (decision != UNDECIDED, decision))),
    )


@dataclass(frozen=True, slots=True)
class Portion:
    """Some of the rows, and where the next ones begin."""

    rows: tuple[SummaryRow, ...]
    following: str
    """The place after these; empty at the end."""

    left: int
    """Rows after these."""


def portion(rows: Sequence[SummaryRow], after: str, size: int) -> Portion:
    """The rows after a place, at most `size`; rows are in the order of a summary by group.

    A place is what its row is sorted by: whatever comes or goes before it, none is shown twice or left out.
    """
    begin = _place(after)
    rest = [row for row in rows if _key(row) > begin] if begin is not None else list(rows)
    shown = tuple(rest[:size])
    left = len(rest) - len(shown)
    return Portion(shown, _written(shown[-1]) if left else "", left)


def _key(row: SummaryRow) -> tuple[int, int, str]:
    return -row.reporters, -row.reports, row.key


def _written(row: SummaryRow) -> str:
    return f"{row.reporters}.{row.reports}.{row.key}"


def _place(text: str) -> tuple[int, int, str] | None:
    reporters, _, rest = text.partition(".")
    reports, _, key = rest.partition(".")
    if not (reporters.isascii() and reporters.isdecimal() and reports.isascii() and reports.isdecimal() and key):
        return None
    return -int(reporters[:18]), -int(reports[:18]), key
