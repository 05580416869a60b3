"""Conditions: what a rule asks of one part of a report, made from the texts that stand in the rules' file.

No condition is a regular expression: `*` in a pattern looks for the pieces around it one after the other, so what it
costs is at most proportional to the text, whoever wrote the text and whoever the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from policybuilder.errors import CspbuildError
from policybuilder.evidence import document_origin
from policybuilder.reports.hosts import host_matches, host_of, scheme_of, without_port
from policybuilder.reports.predicates import Context

_MAX_USER_AGENT_CHARACTERS = 512

Part = Callable[[Context], str]
"""Reads one text of a report."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must be true of one of the parts of a report."""

    parts: tuple[Part, ...]
    holds_for: Callable[[str], bool]
    """Depends on the text alone, so that its answers can be remembered."""

    def holds(self, context: Context) -> bool:
        return any(self.holds_for(part(context)) for part in self.parts)


# What is asked of a URL's scheme or host needs no more of it than its origin, and these are few where URLs are many.
def _blocked_origin(context: Context) -> str:
    return document_origin(context.violation.blocked_uri)


def _source_origin(context: Context) -> str:
    return document_origin(context.violation.source_file)


def _document_origin(context: Context) -> str:
    return document_origin(context.violation.document_uri)


def _blocked_url(context: Context) -> str:
    return context.violation.blocked_uri


def _directive(context: Context) -> str:
    return context.violation.effective_directive


def _sample(context: Context) -> str:
    return context.violation.sample


def _user_agent(context: Context) -> str:
    return context.user_agent[:_MAX_USER_AGENT_CHARACTERS]


# A scheme, or a keyword of blocked-uri, or nothing at all: what old browsers send for inline code.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}|")
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_DIRECTIVE = re.compile(r"[a-z][a-z0-9-]{0,63}")


def _checked(entries: Sequence[str], pattern: re.Pattern[str], where: str, what: str) -> tuple[str, ...]:
    for entry in entries:
        if not pattern.fullmatch(entry):
            raise CspbuildError(f"{where}: {entry!r} is no {what}")
    return tuple(entries)


def _schemes(*parts: Part) -> Callable[[Sequence[str], str], Condition]:
    def compile_schemes(entries: Sequence[str], where: str) -> Condition:
        schemes = frozenset(_checked(entries, _SCHEME, where, "lower-case scheme, without its colon"))
        return Condition(parts, lambda origin: scheme_of(origin) in schemes)

    return compile_schemes


def _hosts(*parts: Part) -> Callable[[Sequence[str], str], Condition]:
    def compile_hosts(entries: Sequence[str], where: str) -> Condition:
        # Told apart once: everybody's reports pass these lists, and few hosts are on them.
        with_port, exact, below = [], set(), []
        for pattern in _checked(entries, _HOST, where, "host; write ads.example or *.ads.example"):
            if without_port(pattern) != pattern:
                with_port.append(pattern)
            elif pattern.startswith("*."):
                below.append(pattern[1:])
            else:
                exact.add(pattern)
        endings = tuple(below)

        def is_listed(origin: str) -> bool:
            authority = host_of(origin)
            if authority is None:
                return False
            host = without_port(authority)
            if host in exact or host.endswith(endings):
                return True
            return any(host_matches(pattern, authority) for pattern in with_port)

        return Condition(parts, is_listed)

    return compile_hosts


def _directives(entries: Sequence[str], where: str) -> Condition:
    names = frozenset(_checked(entries, _DIRECTIVE, where, "directive"))
    return Condition((_directive,), names.__contains__)


def _blocked_urls(entries: Sequence[str], where: str) -> Condition:
    patterns = [_pieces(entry, where) for entry in entries]
    beginnings = tuple(pieces[0] for pieces in patterns)

    def is_listed(url: str) -> bool:
        return url.startswith(beginnings) and any(_is_whole(pieces, url) for pieces in patterns)

    return Condition((_blocked_url,), is_listed)


def _samples(entries: Sequence[str], where: str) -> Condition:
    patterns = [_pieces(entry.lower(), where) for entry in entries]

    def holds_one(sample: str) -> bool:
        sample = sample.lower()
        return bool(sample) and any(pieces[0] in sample and _is_within(pieces, sample) for pieces in patterns)

    return Condition((_sample,), holds_one)


def _user_agents(entries: Sequence[str], where: str) -> Condition:
    patterns = [_pieces(entry, where) for entry in entries]

    def has_a_word(user_agent: str) -> bool:
        return bool(user_agent) and any(_is_within(pieces, user_agent, begins_a_word=True) for pieces in patterns)

    return Condition((_user_agent,), has_a_word)


def _pieces(pattern: str, where: str) -> tuple[str, ...]:
    pieces = tuple(pattern.split("*"))
    if not any(pieces):
        raise CspbuildError(f"{where}: {pattern!r} would fit anything")
    return pieces


def _is_within(pieces: Sequence[str], text: str, *, begins_a_word: bool = False) -> bool:
    """Whether the pieces stand in the text, in their order, without overlap."""
    at = 0
    for number, piece in enumerate(pieces):
        found = text.find(piece, at)
        while begins_a_word and number == 0 and found > 0 and text[found - 1].isalnum():
            found = text.find(piece, found + 1)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _is_whole(pieces: Sequence[str], text: str) -> bool:
    """Whether the pieces, with anything between them, are the whole text."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    return _is_within(pieces[1:-1], text[len(first) : len(text) - len(last)])


CONDITIONS: Mapping[str, Callable[[Sequence[str], str], Condition]] = {
    "schemes": _schemes(_blocked_origin, _source_origin),
    "blocked-schemes": _schemes(_blocked_origin),
    "source-schemes": _schemes(_source_origin),
    "document-schemes": _schemes(_document_origin),
    "hosts": _hosts(_blocked_origin, _source_origin),
    "blocked-hosts": _hosts(_blocked_origin),
    "source-hosts": _hosts(_source_origin),
    "document-hosts": _hosts(_document_origin),
    "blocked-urls": _blocked_urls,
    "directives": _directives,
    "samples": _samples,
    "user-agents": _user_agents,
}
"""Makers of conditions, by their names in a rules' file: from entries, and from where they stand for the message.

They raise CspbuildError for an entry that cannot be meant.
"""

FORGETFUL_CONDITIONS = frozenset({"user-agents"})
"""Those that read what is never stored."""
