"""A policy: directives in order, each with its values as spelt.

https://w3c.github.io/webappsec-csp/#framework-policy
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from policybuilder.csp.directives import FALLBACKS, KNOWN_DIRECTIVES, REPORTING_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.csp.findings import Finding
from policybuilder.csp.sources import NonceSource, SourceList, parse_source_expression, parse_source_list

BLANK_NONCE = "blank"
"""What every nonce becomes in a canonical policy; not the placeholder, which promises that the page carries it."""

# What cannot stand in a token: it would end the value, the directive or the policy, or void the directive.
_UNWRITABLE = re.compile(r"[\t\n\f\r ;,]|[^\x00-\x7f]")

_NO_SOURCES = parse_source_list(())


@dataclass(frozen=True, slots=True)
class Directive:
    """A directive's name and values; raises ValueError for tokens that could not be read back."""

    name: str
    """Lower-cased."""

    values: tuple[str, ...] = ()
    """As spelt, so that nothing is lost."""

    sources: SourceList = field(init=False, repr=False, compare=False)
    """The values read as a source list; empty for directives that have none."""

    def __post_init__(self) -> None:
        for token in (self.name, *self.values):
            if not token or _UNWRITABLE.search(token):
                raise ValueError(f"not a token of a policy: {token[:80]!r}")
        if self.name != self.name.lower():
            raise ValueError(f"not a lower-case directive name: {self.name[:80]!r}")
        has_sources = self.name in SOURCE_LIST_DIRECTIVES
        object.__setattr__(self, "sources", parse_source_list(self.values) if has_sources else _NO_SOURCES)

    def __str__(self) -> str:
        return " ".join((self.name, *self.values))


@dataclass(frozen=True, slots=True)
class Policy:
    """A serialized policy, parsed; `str()` writes it so that it parses back to an equal value."""

    directives: tuple[Directive, ...] = ()

    void_in_chromium: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """Names of directives that stand behind one of the same name which was dropped for a character outside ASCII."""

    _by_name: dict[str, Directive] = field(init=False, repr=False, compare=False)
    browsers_differ: bool = field(init=False, repr=False, compare=False)
    """Whether Chromium and Firefox may read one of its lists differently."""

    upgrades_requests: bool = field(init=False, repr=False, compare=False)
    """Whether `upgrade-insecure-requests` stands in it."""

    def __post_init__(self) -> None:
        by_name = {directive.name: directive for directive in self.directives}
        if len(by_name) != len(self.directives):
            raise ValueError("a policy has each directive once")
        object.__setattr__(self, "_by_name", by_name)
        differ = any(directive.sources.browsers_differ for directive in self.directives)
        object.__setattr__(self, "browsers_differ", differ or bool(self.void_in_chromium))
        object.__setattr__(self, "upgrades_requests", "upgrade-insecure-requests" in by_name)

    def directive(self, name: str) -> Directive | None:
        """The directive called `name` itself, without regard to fallbacks."""
        return self._by_name.get(name)

    def governing(self, name: str) -> Directive | None:
        """The directive that decides for the effective directive `name`: itself or the first fallback present.

        https://w3c.github.io/webappsec-csp/#directive-fallback-list
        """
        for candidate in FALLBACKS.get(name, (name,)):
            if directive := self._by_name.get(candidate):
                return directive
        return None

    def as_chromium_reads_it(self) -> Policy:
        """The policy without the directives that Chromium takes for repetitions of dropped ones."""
        # Differs from the spec: a directive that is dropped for a character outside ASCII still takes its name; because
        # Chromium remembers names before it looks at values; see
        # https://w3c.github.io/webappsec-csp/#parse-serialized-policy
        if not self.void_in_chromium:
            return self
        return Policy(tuple(d for d in self.directives if d.name not in self.void_in_chromium))

    def __str__(self) -> str:
        return "; ".join(map(str, self.directives))


@dataclass(frozen=True, slots=True)
class PolicyList:
    """A serialized policy list, parsed: every policy in it must allow."""

    policies: tuple[Policy, ...] = ()
    findings: tuple[Finding, ...] = ()
    """In the order of the text."""

    def __str__(self) -> str:
        return ", ".join(map(str, self.policies))


def canonical(policy: Policy) -> Policy:
    """The policy as a value to compare and to count by: what browsers ignore is left out, what they fold is folded.

    Reporting directives and unknown names go, nonces are blanked, order and repetition do not count. Firefox writes
    schemes before schemeless hosts in its reports; that difference stays, since only the page could undo it.
    """
    kept = (d for d in policy.directives if d.name in KNOWN_DIRECTIVES and d.name not in REPORTING_DIRECTIVES)
    return Policy(
        tuple(sorted((Directive(d.name, _canonical_values(d)) for d in kept), key=lambda directive: directive.name))
    )


def _canonical_values(directive: Directive) -> tuple[str, ...]:
    if directive.name in SOURCE_LIST_DIRECTIVES:
        return _sorted(map(_canonical_source, directive.values)) or ("'none'",)
    if directive.name == "trusted-types":
        # Names are case-sensitive, keywords are not.
        names = _sorted(value.lower() if value.startswith("'") else value for value in directive.values)
        return tuple(name for name in names if name != "'none'") or ("'none'",)
    if directive.name == "upgrade-insecure-requests":
        return ()
    return _sorted(directive.values)


def _canonical_source(text: str) -> str | None:
    match parse_source_expression(text):
        case None:
            return None
        case NonceSource():
            return str(NonceSource(BLANK_NONCE))
        case source:
            return str(source)


def _sorted(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value is not None}))
