"""A policy: directives in order, each with its values as spelt.

https://w3c.github.io/webappsec-csp/#framework-policy
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from policybuilder.csp.directives import FALLBACKS, KNOWN_DIRECTIVES, REPORTING_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.csp.findings import Finding
from policybuilder.csp.source_list import SourceList, parse_source_list
from policybuilder.csp.sources import Keyword, NonceSource, parse_source_expression

BLANK_NONCE = "blank"
"""What every nonce becomes in a canonical policy; not the placeholder, which promises that the page carries it."""

# What cannot stand in a token: it would end the value, the directive or the policy, or void the directive.
_UNWRITABLE = re.compile(r"[;,]|[^!-~]")

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


class Setting(NamedTuple):
    """What single policies do for all that the page has."""

    upgrades_requests: bool
    """Whether requests go to secure URLs, before any policy is asked.

    https://w3c.github.io/webappsec-upgrade-insecure-requests/#upgrade-request
    """

    locks_sinks: bool
    """Whether Trusted Types are required for scripts.

    https://w3c.github.io/trusted-types/dist/spec/#require-trusted-types-for-csp-directive
    """

    trusts_eval: bool
    """Whether `'trusted-types-eval'` governs scripts in one of them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A serialized policy, parsed; `str()` writes it so that it parses back to an equal value.

    What browsers drop is not written: of a directive that Chromium alone takes for a repetition of a dropped one, the
    text tells nothing any more.
    """

    directives: tuple[Directive, ...] = ()

    void_in_chromium: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """Names of directives that stand behind one of the same name which was dropped for a character that voids it."""

    browsers_differ: bool = field(init=False, repr=False, compare=False)
    """Whether Chromium and Firefox may read one of its lists differently."""

    takes_credentials: bool = field(init=False, repr=False, compare=False)
    """Whether in one of its lists something may pass by more than its URL."""

    setting: Setting = field(init=False, repr=False, compare=False)
    """What it does for all policies of its page."""

    _by_name: dict[str, Directive] = field(init=False, repr=False, compare=False)
    _governing: dict[str, Directive | None] = field(init=False, repr=False, compare=False)
    """By effective directive, those that were asked for."""

    def __post_init__(self) -> None:
        by_name = {directive.name: directive for directive in self.directives}
        if len(by_name) != len(self.directives):
            raise ValueError("a policy has each directive once")
        differ = any(directive.sources.browsers_differ for directive in self.directives)
        requiring = by_name.get("require-trusted-types-for")
        compiling = by_name.get("script-src") or by_name.get("default-src")
        setting = Setting(
            upgrades_requests="upgrade-insecure-requests" in by_name,
            # The exact token: its case counts.
            locks_sinks=requiring is not None and "'script'" in requiring.values,
            trusts_eval=compiling is not None and Keyword.TRUSTED_TYPES_EVAL in compiling.sources,
        )
        object.__setattr__(self, "browsers_differ", differ or bool(self.void_in_chromium))
        takes_credentials = any(directive.sources.takes_credentials for directive in self.directives)
        object.__setattr__(self, "takes_credentials", takes_credentials)
        object.__setattr__(self, "setting", setting)
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_governing", {})

    def directive(self, name: str) -> Directive | None:
        """The directive called `name` itself, without regard to fallbacks."""
        return self._by_name.get(name)

    def governing(self, name: str) -> Directive | None:
        """The directive that decides for the effective directive `name`: itself or the first fallback present.

        https://w3c.github.io/webappsec-csp/#directive-fallback-list
        """
        try:
            return self._governing[name]
        except KeyError:
            chain = (self._by_name[each] for each in FALLBACKS.get(name, (name,)) if each in self._by_name)
            return self._governing.setdefault(name, next(chain, None))

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

    def __iter__(self) -> Iterator[Policy]:
        return iter(self.policies)

    def __str__(self) -> str:
        return ", ".join(map(str, self.policies))


def setting_of(policies: Iterable[Policy]) -> Setting:
    """What the policies of a page do together for each of them."""
    return Setting(*map(any, zip(*(policy.setting for policy in policies), strict=True)))


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
