"""Oddities: what browsers leave out of a text, told as weaknesses.

What they are is found out by the parser; here is how much each matters, and what was meant instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from policybuilder.csp import Finding, FindingCode, Keyword, parse_source_expression
from policybuilder.csp.directives import KNOWN_DIRECTIVES, REMOVED_DIRECTIVES
from policybuilder.csp.grammar import ASCII_WHITESPACE, VOIDING
from policybuilder.evaluation.did_you_mean import nearest
from policybuilder.evaluation.draft import Draft, Mend, Rating
from policybuilder.evaluation.editing import Change, Edit, dropped, without, without_directive
from policybuilder.evaluation.reading import PlacedDirective, PlacedPolicy, Reading, swallowed_from
from policybuilder.evaluation.weakness import Certainty, Severity

_SEVERITIES = {
    FindingCode.COMMA: Severity.LOW,
    FindingCode.DIRECTIVE_AS_SOURCE: Severity.MEDIUM,
    FindingCode.DUPLICATE_DIRECTIVE: Severity.LOW,
    FindingCode.IGNORED_IN_META: Severity.LOW,
    FindingCode.IGNORED_IN_REPORT_ONLY: Severity.INFO,
    FindingCode.INVALID_SOURCE: Severity.LOW,
    FindingCode.NON_ASCII: Severity.MEDIUM,
    FindingCode.NONE_IGNORED: Severity.LOW,
    FindingCode.QUERY_IGNORED: Severity.INFO,
    FindingCode.REMOVED_DIRECTIVE: Severity.INFO,
    FindingCode.REPORT_URI_IGNORED: Severity.INFO,
    FindingCode.UNEXPECTED_VALUE: Severity.INFO,
    FindingCode.UNKNOWN_DIRECTIVE: Severity.LOW,
    FindingCode.UNQUOTED_KEYWORD: Severity.LOW,
}

_MAX_GUESSES = 64
"""In one text; a guess takes as long as everything else that is done about a token."""


class _Better(NamedTuple):
    """What to write instead."""

    change: Mend | None = None
    otherwise: Mend | None = None
    """Where the change would let something count that is worse left out."""

    awakens: bool = False
    guess: str | None = None
    advice: str | None = None


def oddities(reading: Reading) -> Iterator[Draft]:
    """Each oddity of the text once for equal tokens of one directive."""
    told: set[tuple[object, ...]] = set()
    ends: dict[tuple[int, str], int] = {}
    guesses = 0
    for finding, placed in _with_policies(reading):
        if finding.code is FindingCode.NONE_IGNORED and finding.start >= _end_of(reading, finding, placed, ends):
            continue
        key = (finding.code, placed and placed.number, finding.directive, finding.value)
        if finding.value is not None:
            if key in told:
                continue
            told.add(key)
        odd = _Oddity(reading, placed, finding, may_guess=guesses < _MAX_GUESSES)
        better = _BETTER.get(finding.code, _keep)(odd)
        guesses += finding.code in _GUESSED
        message = finding.message if better.guess is None else f"{finding.message}: is {better.guess} meant?"
        is_named = finding.directive is not None and finding.value is None
        yield Draft(
            rating=Rating(finding.code.value, _SEVERITIES[finding.code], Certainty.CERTAIN),
            message=_with_place(finding, message),
            start=finding.start,
            end=_part_end(reading.text, finding.end) if is_named else finding.end,
            directive=finding.directive,
            value=finding.value,
            change=better.change,
            otherwise=better.otherwise,
            may_awaken=better.awakens,
            advice=better.advice,
            policy=placed.number if placed else 0,
        )


def _with_policies(reading: Reading) -> Iterator[tuple[Finding, PlacedPolicy | None]]:
    policies: Sequence[PlacedPolicy] = reading.policies
    index = 0
    for finding in reading.findings:
        # Findings of a policy stand together, in the order of the policies.
        while index + 1 < len(policies) and finding.start >= policies[index + 1].start:
            index += 1
        yield finding, policies[index] if policies else None


def _end_of(reading: Reading, finding: Finding, placed: PlacedPolicy | None, known: dict[tuple[int, str], int]) -> int:
    """Where the directive of a finding ends: before another one that a missing semicolon made sources of it."""
    directive = placed.directives.get(finding.directive or "") if placed is not None else None
    if placed is None or directive is None:
        return len(reading.text)
    key = (placed.number, directive.name)
    if key not in known:
        known[key] = swallowed_from(reading, directive)
    return known[key]


def _with_place(finding: Finding, message: str) -> str:
    return message if finding.value is None or finding.directive is None else f"{finding.directive}: {message}"


_END = re.compile(r"[;,]")


def _part_end(text: str, start: int) -> int:
    """Where the directive that goes on at `start` has its last character."""
    found = _END.search(text, start)
    end = len(text) if found is None else found.start()
    while end > start and text[end - 1] in ASCII_WHITESPACE:
        end -= 1
    return end


@dataclass(frozen=True, slots=True)
class _Oddity:
    """A finding, and what can be done about it."""

    reading: Reading
    placed: PlacedPolicy | None
    finding: Finding
    may_guess: bool

    @property
    def value(self) -> str:
        return self.finding.value or ""

    def drop(self) -> Change:
        """The text without the directive that begins here."""
        return dropped(self.reading.text, self.finding.start, _part_end(self.reading.text, self.finding.end))

    def drop_name(self) -> Change | None:
        """The policy without the directive, however often it stands there."""
        if self.placed is None or self.finding.directive is None:
            return None
        return without_directive(self.reading.text, self.placed, self.finding.directive)

    def drop_value(self) -> Change | None:
        """The directive without the value, however often it stands there."""
        directive = self._directive()
        if directive is None:
            return None
        if self.finding.code is FindingCode.NONE_IGNORED:
            alike = [token for token in directive.values if token.text.lower() == "'none'"]
            # One of them alone is what counts.
            alike = alike[1:] if len(alike) == len(directive.values) else alike
        elif self.finding.code is FindingCode.UNEXPECTED_VALUE and directive.name == "report-to":
            alike = [token for token in directive.values if token.start >= self.finding.start]
        else:
            alike = [token for token in directive.values if token.text == self.finding.value]
        return without(directive, alike)

    def write(self, by: str) -> Change | None:
        """Something else in the place of the value."""
        directive = self._directive()
        if directive is None:
            return None
        return tuple(Edit(each.start, each.end, by) for each in directive.values if each.text == self.finding.value)

    def _directive(self) -> PlacedDirective | None:
        if self.placed is None or self.finding.directive is None:
            return None
        return self.placed.directives.get(self.finding.directive)


def _keep(_odd: _Oddity) -> _Better:
    return _Better()


def _drop(odd: _Oddity) -> _Better:
    return _Better(odd.drop) if odd.finding.directive else _Better(advice="send it as a header")


def _remove(odd: _Oddity) -> _Better:
    return _Better(odd.drop_value)


def _split_off(odd: _Oddity) -> _Better:
    """A semicolon before the directive's name."""
    before = odd.finding.start
    while before and odd.reading.text[before - 1] in ASCII_WHITESPACE:
        before -= 1
    change = (Edit(before, odd.finding.start, "; "),)
    return _Better(lambda: change, odd.drop_value, awakens=True)


def _quote(odd: _Oddity) -> _Better:
    return _Better(partial(odd.write, f"'{odd.value}'"), odd.drop_value, awakens=True)


_QUOTES = "'\"`"
_BARE_KEYWORDS = {keyword.value.strip("'"): keyword.value for keyword in Keyword} | {"none": "'none'"}


_CREDENTIAL = re.compile(r"'?(?:(?P<nonce>nonce)|sha(?:256|384|512))-", re.IGNORECASE)


def _guess_keyword(odd: _Oddity) -> _Better:
    if credential := _CREDENTIAL.match(odd.value):
        kind = "a nonce" if credential["nonce"] else "a digest"
        return _Better(odd.drop_value, advice=f"{kind} is base64 between quotes: see to what writes it")
    if odd.value.startswith("//") and parse_source_expression(odd.value[2:]) is not None:
        return _Better(partial(odd.write, odd.value[2:]), odd.drop_value, awakens=True, guess=odd.value[2:])
    bare = odd.value.strip(_QUOTES)
    meant = nearest(bare, _BARE_KEYWORDS) if odd.may_guess and bare != odd.value else None
    if meant is None:
        return _Better(odd.drop_value)
    keyword = _BARE_KEYWORDS[meant]
    return _Better(partial(odd.write, keyword), odd.drop_value, awakens=True, guess=keyword)


_MEANT = KNOWN_DIRECTIVES - REMOVED_DIRECTIVES


def _guess_directive(odd: _Oddity) -> _Better:
    finding = odd.finding
    meant = nearest((finding.directive or "").rstrip(":"), _MEANT) if odd.may_guess else None
    if meant is None or (odd.placed is not None and meant in odd.placed.directives):
        return _Better(odd.drop_name, guess=meant)
    change = (Edit(finding.start, finding.end, meant),)
    return _Better(lambda: change, odd.drop_name, awakens=True, guess=meant)


def _cut_query(odd: _Oddity) -> _Better:
    kept = re.split(r"[?#]", odd.value, maxsplit=1)[0]
    return _Better(partial(odd.write, kept) if parse_source_expression(kept) else None)


_CURLY = str.maketrans({"‘": "'", "’": "'", "“": "'", "”": "'", "–": "-", "—": "-", "\xa0": " ", "\u200b": ""})


def _make_ascii(odd: _Oddity) -> _Better:
    """Quotes and dashes as word processors write them."""
    start, end = odd.finding.start, odd.finding.end
    written = odd.reading.text[start:end]
    plain = written.translate(_CURLY)
    if VOIDING.search(plain) or plain == written:
        return _Better(odd.drop)
    return _Better(lambda: (Edit(start, end, plain),), odd.drop, awakens=True)


_REMOVED_ADVICE = {
    "block-all-mixed-content": "browsers block mixed content by themselves; upgrade-insecure-requests repairs it",
    "disown-opener": "Cross-Origin-Opener-Policy does it",
    "navigate-to": "nothing took its place",
    "plugin-types": "object-src 'none' does all of it",
    "prefetch-src": "default-src governs prefetches",
    "referrer": "the Referrer-Policy header does it",
    "reflected-xss": "no browser has the filter any more that it switched",
    "require-sri-for": "the Integrity-Policy header does it",
}


def _drop_removed(odd: _Oddity) -> _Better:
    return _Better(odd.drop_name, advice=_REMOVED_ADVICE.get(odd.finding.directive or ""))


def _both_ways(_odd: _Oddity) -> _Better:
    return _Better(advice="right for old browsers, if the endpoint of report-to is defined")


_BETTER: dict[FindingCode, Callable[[_Oddity], _Better]] = {
    FindingCode.DIRECTIVE_AS_SOURCE: _split_off,
    FindingCode.DUPLICATE_DIRECTIVE: _drop,
    FindingCode.IGNORED_IN_META: _drop,
    FindingCode.IGNORED_IN_REPORT_ONLY: _drop,
    FindingCode.INVALID_SOURCE: _guess_keyword,
    FindingCode.NON_ASCII: _make_ascii,
    FindingCode.NONE_IGNORED: _remove,
    FindingCode.QUERY_IGNORED: _cut_query,
    FindingCode.REMOVED_DIRECTIVE: _drop_removed,
    FindingCode.REPORT_URI_IGNORED: _both_ways,
    FindingCode.UNEXPECTED_VALUE: _remove,
    FindingCode.UNKNOWN_DIRECTIVE: _guess_directive,
    FindingCode.UNQUOTED_KEYWORD: _quote,
}

_GUESSED = frozenset({FindingCode.INVALID_SOURCE, FindingCode.UNKNOWN_DIRECTIVE})
