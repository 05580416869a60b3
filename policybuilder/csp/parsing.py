"""Parsing of serialized policies, as browsers do it: whatever is odd is left out and becomes a finding.

https://w3c.github.io/webappsec-csp/#parse-serialized-policy-list
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from typing import NamedTuple

from policybuilder.csp.directives import (
    IGNORED_IN_META,
    IGNORED_IN_REPORT_ONLY,
    KNOWN_DIRECTIVES,
    REMOVED_DIRECTIVES,
    SOURCE_LIST_DIRECTIVES,
)
from policybuilder.csp.findings import Finding, FindingCode
from policybuilder.csp.grammar import ASCII_WHITESPACE, TOKEN, VOIDING
from policybuilder.csp.policy import Directive, Policy, PolicyList
from policybuilder.csp.sources import HostSource, Keyword, parse_source_expression
from policybuilder.csp.violation import Disposition


class Delivery(enum.StrEnum):
    """How a policy reaches the browser.

    https://w3c.github.io/webappsec-csp/#policy-source
    """

    HEADER = "header"
    META = "meta"


class _Token(NamedTuple):
    text: str
    start: int
    """Characters from the beginning of the whole text."""


def parse_serialized_policy_list(
    text: str, *, disposition: Disposition = Disposition.ENFORCE, delivery: Delivery = Delivery.HEADER
) -> PolicyList:
    """The policies of one header value, or of one `content` attribute; never raises.

    Directives that the disposition or the delivery voids are left out, with a finding.

    https://w3c.github.io/webappsec-csp/#parse-serialized-policy-list
    """
    # Differs from the spec: the value of a <meta> element is split on commas too; because Chromium does; see
    # https://w3c.github.io/webappsec-csp/#meta-element, where it is one policy.
    if delivery is Delivery.META and disposition is Disposition.REPORT:
        finding = Finding(
            code=FindingCode.IGNORED_IN_META,
            message="browsers ignore report-only policies in <meta>",
            start=0,
            end=len(text),
        )
        return PolicyList(findings=(finding,) if text.strip(ASCII_WHITESPACE) else ())
    policies: list[Policy] = []
    findings: list[Finding] = []
    for start, member in _split(text, ",", 0):
        policy = _parse_member(member, start, disposition, delivery, findings)
        if policy.directives:
            policies.append(policy)
    return PolicyList(tuple(policies), tuple(findings))


def parse_serialized_policy(
    text: str, *, disposition: Disposition = Disposition.ENFORCE, delivery: Delivery = Delivery.HEADER
) -> Policy:
    """One policy, such as the `original-policy` of a report; never raises.

    A comma does not begin another policy here: the token that holds it is left out.

    https://w3c.github.io/webappsec-csp/#parse-serialized-policy
    """
    # Reports repeat few policies many times. Long ones come from strangers, who must not own the cache.
    parse = _parse_one_cached if len(text) <= _MAX_CACHED_LENGTH else _parse_one
    return parse(text, disposition, delivery)


def as_policies(policy: str | Policy | PolicyList) -> tuple[Policy, ...]:
    """The policies of a page, in whatever form; raises TypeError for anything else."""
    match policy:
        case str():
            return _parse_list_cached(policy) if len(policy) <= _MAX_CACHED_LENGTH else _parse_list(policy)
        case Policy():
            return (policy,)
        case PolicyList():
            return policy.policies
    raise TypeError(f"a policy is text, a Policy or a PolicyList, not {type(policy).__name__}")


def _parse_list(text: str) -> tuple[Policy, ...]:
    return parse_serialized_policy_list(text).policies


_MAX_CACHED_LENGTH = 4096


def _parse_one(text: str, disposition: Disposition, delivery: Delivery) -> Policy:
    return _parse_member(text, 0, disposition, delivery, [])


_parse_one_cached = functools.lru_cache(maxsize=128)(_parse_one)
_parse_list_cached = functools.lru_cache(maxsize=128)(_parse_list)


def _split(text: str, separator: str, start: int) -> Iterator[tuple[int, str]]:
    for part in text.split(separator):
        yield start, part
        start += len(part) + 1


def _parse_member(
    text: str, start: int, disposition: Disposition, delivery: Delivery, findings: list[Finding]
) -> Policy:
    directives: dict[str, Directive] = {}
    places: dict[str, _Token] = {}
    dropped: set[str] = set()
    for offset, part in _split(text, ";", start):
        tokens = [_Token(match[0], offset + match.start()) for match in TOKEN.finditer(part)]
        if not tokens:
            continue
        if VOIDING.search(part):
            findings.append(_voided(tokens))
            dropped.update({tokens[0].text.lower()} - directives.keys())
            continue
        name = tokens[0]._replace(text=tokens[0].text.lower())
        if refusal := _refusal(name, directives, disposition, delivery):
            findings.append(refusal)
            continue
        values = [token for token in tokens[1:] if "," not in token.text]
        directives[name.text] = Directive(name.text, tuple(value.text for value in values))
        places[name.text] = name
        findings.extend(_comma(name, token) for token in tokens[1:] if "," in token.text)
        findings.extend(_name_findings(name))
        findings.extend(_value_findings(name, values))
    if "report-to" in directives and "report-uri" in directives:
        findings.append(
            _finding(
                FindingCode.REPORT_URI_IGNORED,
                "browsers that know report-to ignore report-uri, even if the endpoint is not defined",
                places["report-uri"],
                directive="report-uri",
            )
        )
    return Policy(tuple(directives.values()), void_in_chromium=frozenset(dropped & directives.keys()))


def _refusal(name: _Token, seen: dict[str, Directive], disposition: Disposition, delivery: Delivery) -> Finding | None:
    """Why a directive does not count at all, if it does not."""
    if "," in name.text:
        return _finding(FindingCode.COMMA, "a comma inside a policy", name)
    if name.text in seen:
        message = f"{name.text} stands twice; the first one counts"
        return _finding(FindingCode.DUPLICATE_DIRECTIVE, message, name, directive=name.text)
    if delivery is Delivery.META and name.text in IGNORED_IN_META:
        message = f"browsers ignore {name.text} in <meta>"
        return _finding(FindingCode.IGNORED_IN_META, message, name, directive=name.text)
    if disposition is Disposition.REPORT and name.text in IGNORED_IN_REPORT_ONLY:
        message = f"browsers ignore {name.text} in a report-only policy"
        return _finding(FindingCode.IGNORED_IN_REPORT_ONLY, message, name, directive=name.text)
    return None


def _name_findings(name: _Token) -> Iterator[Finding]:
    if name.text in REMOVED_DIRECTIVES:
        # Chromium still reads this one, to no use: it upgrades mixed content or blocks it in any case.
        why = "do so by themselves" if name.text == "block-all-mixed-content" else "ignore it"
        message = f"{name.text} is no longer part of any standard; browsers {why}"
        yield _finding(FindingCode.REMOVED_DIRECTIVE, message, name, directive=name.text)
    elif name.text not in KNOWN_DIRECTIVES:
        message = f"browsers know no directive {_shown(name.text)}"
        yield _finding(FindingCode.UNKNOWN_DIRECTIVE, message, name, directive=name.text)


def _value_findings(name: _Token, values: list[_Token]) -> Iterator[Finding]:
    if name.text in SOURCE_LIST_DIRECTIVES:
        for value in values:
            if problem := _source_problem(value.text, alone=len(values) == 1):
                code, message = problem
                yield _finding(code, message, value, directive=name.text, value=value.text)
        return
    allowed = {"report-to": 1, "upgrade-insecure-requests": 0}.get(name.text, len(values))
    for value in values[allowed:]:
        message = f"{name.text} takes {'one value' if allowed else 'no value'}"
        yield _finding(FindingCode.UNEXPECTED_VALUE, message, value, directive=name.text, value=value.text)


_UNQUOTED = {keyword.value.strip("'") for keyword in Keyword} | {"none"}
_UNQUOTED_PREFIXES = ("nonce-", "sha256-", "sha384-", "sha512-")


def _source_problem(text: str, *, alone: bool) -> tuple[FindingCode, str] | None:
    """What is odd about one token of a source list, if anything is."""
    lowered = text.lower()
    if lowered == "'none'":
        return None if alone else (FindingCode.NONE_IGNORED, "'none' beside other values is ignored")
    if lowered in _UNQUOTED or lowered.startswith(_UNQUOTED_PREFIXES):
        return FindingCode.UNQUOTED_KEYWORD, f"{_shown(text)} without quotes is a host name, or nothing"
    if lowered in KNOWN_DIRECTIVES:
        return FindingCode.DIRECTIVE_AS_SOURCE, f"{lowered} is read as a host name: is a semicolon missing before it?"
    match parse_source_expression(text):
        case None:
            return FindingCode.INVALID_SOURCE, f"{_shown(text)} is no source expression; browsers ignore it"
        case HostSource() if "?" in text or "#" in text:
            return FindingCode.QUERY_IGNORED, "the path ends before its query or fragment"
        case _:
            return None


def _voided(tokens: list[_Token]) -> Finding:
    message = "a directive with a character outside printable ASCII is dropped whole; in Chromium its name still counts"
    last = tokens[-1]
    return Finding(code=FindingCode.NON_ASCII, message=message, start=tokens[0].start, end=last.start + len(last.text))


def _comma(name: _Token, token: _Token) -> Finding:
    return _finding(FindingCode.COMMA, "a comma inside a policy", token, directive=name.text, value=token.text)


def _finding(
    code: FindingCode, message: str, token: _Token, *, directive: str | None = None, value: str | None = None
) -> Finding:
    return Finding(
        code=code,
        message=message,
        start=token.start,
        end=token.start + len(token.text),
        directive=directive,
        value=value,
    )


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
