"""Oddities: what browsers leave out of a text, told as weaknesses.

What they are is found out by the parser; here is how much each matters, and what was meant instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from policybuilder.csp import Finding, FindingCode, Keyword, parse_source_expression
from policybuilder.csp.directives import KNOWN_DIRECTIVES, REMOVED_DIRECTIVES
from policybuilder.csp.grammar import ASCII_WHITESPACE, VOIDING
from policybuilder.evaluation.did_you_mean import nearest
from policybuilder.evaluation.draft import Draft, Mend, Rating
from policybuilder.evaluation.editing import Change, Edit, dropped, without, without_directive
from policybuilder.evaluation.reading import PlacedPolicy, Reading
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
    guesses = 0
    for finding, placed in _with_policies(reading):
        key = (finding.code, placed and placed.number, finding.directive, finding.value)
        if finding.value is not None:
            if key in told:
                continue
            told.add(key)
        is_guessing = guesses < _MAX_GUESSES
        better = _BETTER.get(finding.code, _keep)(reading, placed, finding, is_guessing)
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


def _keep(_reading: Reading, _placed: PlacedPolicy | None, _finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001  (one signature for all)
    return _Better()


def _drop(reading: Reading, _placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    if finding.directive is None:
        return _Better(advice="send it as a header")
    return _Better(partial(_dropped, reading, finding))


def _dropped(reading: Reading, finding: Finding) -> Change:
    return dropped(reading.text, finding.start, _part_end(reading.text, finding.end))


def _without_name(reading: Reading, placed: PlacedPolicy | None, finding: Finding) -> Change | None:
    if placed is None or finding.directive is None:
        return None
    return without_directive(reading.text, placed, finding.directive)


def _remove(_reading: Reading, placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    return _Better(partial(_without_value, placed, finding))


def _without_value(placed: PlacedPolicy | None, finding: Finding) -> Change | None:
    directive = None if placed is None or finding.directive is None else placed.directives.get(finding.directive)
    if directive is None:
        return None
    alike = [token for token in directive.values if token.text == finding.value]
    if finding.code is FindingCode.NONE_IGNORED:
        alike = [token for token in directive.values if token.text.lower() == "'none'"]
        if len(alike) == len(directive.values):
            alike = alike[1:]
    elif finding.code is FindingCode.UNEXPECTED_VALUE and finding.directive == "report-to":
        alike = [token for token in directive.values if token.start >= finding.start]
    return without(directive, alike)


def _instead(placed: PlacedPolicy | None, finding: Finding, by: str) -> Change | None:
    directive = None if placed is None or finding.directive is None else placed.directives.get(finding.directive)
    if directive is None:
        return None
    return tuple(Edit(token.start, token.end, by) for token in directive.values if token.text == finding.value)


def _split_off(reading: Reading, placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    """A semicolon before the directive's name."""
    before = finding.start
    while before and reading.text[before - 1] in ASCII_WHITESPACE:
        before -= 1
    change = (Edit(before, finding.start, "; "),)
    return _Better(lambda: change, partial(_without_value, placed, finding), awakens=True)


def _quote(_reading: Reading, placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    value = finding.value or ""
    return _Better(
        partial(_instead, placed, finding, f"'{value}'"), partial(_without_value, placed, finding), awakens=True
    )


_BARE_KEYWORDS = {keyword.value.strip("'"): keyword.value for keyword in Keyword} | {"none": "'none'"}
_CURLY = str.maketrans({"‘": "'", "’": "'", "“": "'", "”": "'", "–": "-", "—": "-", "\xa0": " ", "\u200b": ""})


def _guess_keyword(_reading: Reading, placed: PlacedPolicy | None, finding: Finding, guess: bool) -> _Better:  # noqa: FBT001
    value = (finding.value or "").strip("'\"`")
    meant = nearest(value, _BARE_KEYWORDS) if guess and finding.value and finding.value[0] in "'\"`" else None
    if meant is None:
        return _Better(partial(_without_value, placed, finding))
    keyword = _BARE_KEYWORDS[meant]
    return _Better(
        partial(_instead, placed, finding, keyword),
        partial(_without_value, placed, finding),
        awakens=True,
        guess=keyword,
    )


def _guess_directive(reading: Reading, placed: PlacedPolicy | None, finding: Finding, guess: bool) -> _Better:  # noqa: FBT001
    otherwise = partial(_without_name, reading, placed, finding)
    known = KNOWN_DIRECTIVES - REMOVED_DIRECTIVES - (placed.directives.keys() if placed else set())
    meant = nearest((finding.directive or "").rstrip(":"), known) if guess else None
    if meant is None:
        return _Better(otherwise)
    change = (Edit(finding.start, finding.end, meant),)
    return _Better(lambda: change, otherwise, awakens=True, guess=meant)


def _cut_query(_reading: Reading, placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    kept = re.split(r"[?#]", finding.value or "", maxsplit=1)[0]
    return _Better(partial(_instead, placed, finding, kept) if parse_source_expression(kept) else None)


def _make_ascii(reading: Reading, _placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    """Quotes and dashes as word processors write them."""
    written = reading.text[finding.start : finding.end]
    otherwise = partial(dropped, reading.text, finding.start, finding.end)
    plain = written.translate(_CURLY)
    if VOIDING.search(plain) or plain == written:
        return _Better(otherwise)
    return _Better(lambda: (Edit(finding.start, finding.end, plain),), otherwise, awakens=True)


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


def _drop_removed(reading: Reading, placed: PlacedPolicy | None, finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    advice = _REMOVED_ADVICE.get(finding.directive or "")
    return _Better(partial(_without_name, reading, placed, finding), advice=advice)


def _both_ways(_reading: Reading, _placed: PlacedPolicy | None, _finding: Finding, _guess: bool) -> _Better:  # noqa: FBT001
    return _Better(advice="right for old browsers, if the endpoint of report-to is defined")


_BETTER: dict[FindingCode, Callable[[Reading, PlacedPolicy | None, Finding, bool], _Better]] = {
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
