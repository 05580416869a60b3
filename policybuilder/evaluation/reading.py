"""Reading: a policy text as browsers read it, with the place of every directive and value in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from policybuilder.csp import (
    Delivery,
    Directive,
    Finding,
    FindingCode,
    HostSource,
    Keyword,
    Policy,
    SchemeSource,
    SourceExpression,
    parse_serialized_policy_list,
    parse_source_expression,
)
from policybuilder.csp.directives import FALLBACKS, SOURCE_LIST_DIRECTIVES
from policybuilder.csp.grammar import ASCII_WHITESPACE, TOKEN, VOIDING
from policybuilder.csp.policy import setting_of
from policybuilder.csp.violation import Disposition


class Token(NamedTuple):
    """A directive's name, or one of its values."""

    text: str
    start: int
    """Characters from the beginning of the whole text."""

    end: int
    source: SourceExpression | None = None
    """What it says in a source list, if it says anything."""


@dataclass(frozen=True, slots=True)
class PlacedDirective:
    """A directive that counts, and where it stands."""

    name: str
    start: int
    """Of its name."""

    end: int
    """Of its last value."""

    values: tuple[Token, ...]
    directive: Directive
    places: Mapping[SourceExpression, Sequence[Token]] = field(init=False, repr=False, compare=False)
    """The values by what they say, as far as they are sources."""

    def __post_init__(self) -> None:
        places: dict[SourceExpression, list[Token]] = {}
        for token in self.values:
            if token.source is not None:
                places.setdefault(token.source, []).append(token)
        object.__setattr__(self, "places", places)

    def alike(self, token: Token) -> Sequence[Token]:
        """The values that say the same as one of them."""
        return (token,) if token.source is None else self.places[token.source]

    def of_keyword(self, keyword: Keyword) -> list[Token]:
        """The values that are a keyword, in whatever spelling."""
        return [token for token in self.values if token.text.lower() == keyword]


@dataclass(frozen=True, slots=True)
class PlacedPolicy:
    """One policy of the text."""

    number: int
    """From 0; commas separate them."""

    start: int
    """Of its first token."""

    end: int
    """Of its last token."""

    policy: Policy
    directives: Mapping[str, PlacedDirective]

    def governing(self, name: str) -> PlacedDirective | None:
        """The directive that decides for the effective directive `name`, where it stands."""
        found = self.policy.governing(name)
        return None if found is None else self.directives[found.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A whole text, and what its reader knows beside it."""

    text: str
    policies: tuple[PlacedPolicy, ...]
    """Those that are looked at: no more than `MAX_POLICIES`."""

    findings: tuple[Finding, ...]
    """What is odd in them, in the order of the text."""

    left_out: int = 0
    """Further policies."""

    delivery: Delivery = Delivery.HEADER
    disposition: Disposition = Disposition.ENFORCE
    first_party: tuple[str, ...] = ()
    """Hosts that are the site's own, in lower case."""

    reporting_endpoints: str | None = None
    """The Reporting-Endpoints header of the same response; None where nobody said."""

    earlier: Sequence[str] = ()
    """Texts of the same site from other responses."""

    reused: Sequence[str] = ()
    """Canonical policies of which reports say that many visitors met the same nonce."""

    runs_scripts: bool = field(init=False)
    """False where a sandbox keeps all scripts from running."""

    sends_forms: bool = field(init=False)
    """False where a sandbox keeps all forms from being sent."""

    locks_sinks: bool = field(init=False)
    """Whether Trusted Types are required for scripts."""

    upgrades: bool = field(init=False)
    """Whether requests go to secure URLs before any policy is asked."""

    swallowed: frozenset[int] = field(init=False)
    """Where directives begin that stand among the sources of others, since a semicolon is missing."""

    def __post_init__(self) -> None:
        policies = [placed.policy for placed in self.policies]
        setting = setting_of(policies) if policies else None
        boxes = [box for policy in policies if (box := policy.directive("sandbox")) is not None]
        allowed = [set(map(str.lower, box.values)) for box in boxes]
        object.__setattr__(self, "runs_scripts", all("allow-scripts" in flags for flags in allowed))
        object.__setattr__(self, "sends_forms", all("allow-forms" in flags for flags in allowed))
        object.__setattr__(self, "locks_sinks", setting is not None and setting.locks_sinks)
        object.__setattr__(self, "upgrades", setting is not None and setting.upgrades_requests)
        starts = (each.start for each in self.findings if each.code is FindingCode.DIRECTIVE_AS_SOURCE)
        object.__setattr__(self, "swallowed", frozenset(starts))

    def others(self, placed: PlacedPolicy) -> Iterator[PlacedPolicy]:
        """The policies of the text but `placed`; all have to allow what a page does."""
        return (other for other in self.policies if other.number != placed.number)

    def is_named_somewhere(self, name: str) -> bool:
        """Whether any policy has a directive that decides for `name`."""
        return any(placed.policy.governing(name) is not None for placed in self.policies)


MAX_POLICIES = 32
"""Of a text that are looked at; nobody sends more, and each is judged beside all others.

What further ones close is left out: such a text is judged too badly then, not too well.
"""


def read(text: str, *, delivery: Delivery, disposition: Disposition) -> Reading:
    """The text read; never raises."""
    if delivery is Delivery.META and disposition is Disposition.REPORT:
        # Browsers ignore all of it, which the only finding says.
        nothing = parse_serialized_policy_list(text, delivery=delivery, disposition=disposition)
        return Reading(text=text, policies=(), findings=nothing.findings, delivery=delivery, disposition=disposition)
    placed: list[PlacedPolicy] = []
    findings: list[Finding] = []
    start = left_out = 0
    for number, member in enumerate(text.split(",")):
        if not member.strip(_BETWEEN):
            start += len(member) + 1
            continue
        if len(placed) == MAX_POLICIES:
            left_out += 1
            continue
        parsed = parse_serialized_policy_list(member, delivery=delivery, disposition=disposition)
        findings += parsed.findings if start == 0 else (_moved(finding, start) for finding in parsed.findings)
        policy = parsed.policies[0] if parsed.policies else Policy()
        if policy.directives or parsed.findings:
            placed.append(_place(number, start, member, policy))
        start += len(member) + 1
    return Reading(
        text=text,
        policies=tuple(placed),
        findings=tuple(findings),
        left_out=left_out,
        delivery=delivery,
        disposition=disposition,
    )


_BETWEEN = f"{ASCII_WHITESPACE};"


def _moved(finding: Finding, by: int) -> Finding:
    return replace(finding, start=finding.start + by, end=finding.end + by)


def _place(number: int, start: int, member: str, policy: Policy) -> PlacedPolicy:
    """The directives of a policy found again in its text: of each name the first that is not void."""
    directives: dict[str, PlacedDirective] = {}
    first: int | None = None
    last = offset = start
    for part in member.split(";"):
        found = [Token(match[0], offset + match.start(), offset + match.end()) for match in TOKEN.finditer(part)]
        offset += len(part) + 1
        if not found:
            continue
        name, *values = found
        first = name.start if first is None else first
        last = found[-1].end
        directive = policy.directive(name.text.lower())
        if directive is None or directive.name in directives or VOIDING.search(part):
            continue
        if directive.name in SOURCE_LIST_DIRECTIVES:
            values = [Token(t.text, t.start, t.end, parse_source_expression(t.text)) for t in values]
        directives[directive.name] = PlacedDirective(directive.name, name.start, last, tuple(values), directive)
    return PlacedPolicy(number, start if first is None else first, last, policy, directives)


def first_of_each(placed: PlacedDirective) -> Iterator[Token]:
    """The sources of a list, equal ones once."""
    return (tokens[0] for tokens in placed.places.values())


def kinds_governed(placed: PlacedPolicy) -> dict[str, list[str]]:
    """By name of a directive, the effective directives that it decides for."""
    governed: dict[str, list[str]] = {}
    for name in EFFECTIVE:
        found = placed.policy.governing(name)
        if found is not None:
            governed.setdefault(found.name, []).append(name)
    return governed


EFFECTIVE = (
    *(name for name in FALLBACKS if name not in {"default-src", "child-src", "script-src", "style-src"}),
    *("base-uri", "form-action", "frame-ancestors"),
)
"""The directives that browsers ask when something is loaded or done, in a fixed order."""


def swallowed_from(reading: Reading, placed: PlacedDirective) -> int:
    """Where a directive begins that a missing semicolon made sources of this one; beyond all text where none does."""
    starts = reading.swallowed
    return min((token.start for token in placed.values if token.start in starts), default=len(reading.text))


def is_any_host(source: SourceExpression | None) -> bool:
    """Whether an expression covers the URLs of every host over http or https."""
    match source:
        case HostSource(host_part="*", scheme_part=scheme, path_part=path):
            return scheme in {None, "http", "https"} and path in {None, "/"}
        case _:
            return str(source) in {"http:", "https:"}


def counting_sources(placed: PlacedDirective) -> Iterator[Token]:
    """The sources of a list, equal ones once, without the URLs that `'strict-dynamic'` switches off."""
    is_strict = placed.name in {"script-src", "script-src-elem"} and trusts_inserted_alone(placed.directive)
    return (
        token
        for token in first_of_each(placed)
        if not (is_strict and isinstance(token.source, HostSource | SchemeSource))
    )


def trusts_inserted_alone(directive: Directive) -> bool:
    """Whether URLs do not count in the list: scripts pass by nonce, digest, or because a trusted one made them."""
    return Keyword.STRICT_DYNAMIC in directive.sources
