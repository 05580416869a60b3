"""Corrections: what we say otherwise than the peer of one policy, a function for each defect.

Where the peer judges a directive and is wrong, we are right and name the difference. What it does not judge at all, we
do not either: that is for our own evaluation, and `silences` lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from policybuilder.csp.directives import SOURCE_LIST_DIRECTIVES
from policybuilder.evaluation.csp_evaluator import findings, vocabulary
from policybuilder.evaluation.csp_evaluator.differences import Difference, Side
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding
from policybuilder.evaluation.csp_evaluator.host_checks import object_hosts, script_hosts, script_list_directives
from policybuilder.evaluation.csp_evaluator.locations import scheme_free
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy

_ANY_HOST_WITH_PORT = re.compile(r"\*:(?:[0-9]+|\*)(?:/.*)?", re.DOTALL)
_LOCAL_SCHEMES = ("blob:", "filesystem:")


def corrections(effective: PeerPolicy) -> Iterator[Difference]:
    """All differences in one policy, had the peer got through it without throwing."""
    for correction in _CORRECTIONS:
        yield from correction(effective)


def _newer_syntax(effective: PeerPolicy) -> Iterator[Difference]:
    for directive in vocabulary.NEWER_DIRECTIVES & effective.directives.keys():
        yield Difference(1, Side.PEER, PeerFinding(findings.UNKNOWN_DIRECTIVE, directive))
    for directive, value in effective.odd_values:
        if value.text.lower() in vocabulary.NEWER_KEYWORDS and directive not in vocabulary.TRUSTED_TYPES_KEYWORDS:
            yield Difference(1, Side.PEER, PeerFinding(findings.INVALID_KEYWORD, directive, value.text))
        if value.text in vocabulary.NEWER_DIRECTIVES:
            yield Difference(1, Side.OURS, PeerFinding(findings.MISSING_SEMICOLON, directive, value.text))


def _any_host_with_port(effective: PeerPolicy) -> Iterator[Difference]:
    for directive in effective.dangerous_directives:
        for text in effective.values(directive):
            if "*:" in text and _ANY_HOST_WITH_PORT.fullmatch(scheme_free(text)):
                yield Difference(4, Side.OURS, PeerFinding(findings.PLAIN_WILDCARD, directive, text))


def _local_schemes(effective: PeerPolicy) -> Iterator[Difference]:
    for directive in effective.script_directives:
        for scheme in _LOCAL_SCHEMES:
            if scheme in effective.values(directive):
                yield Difference(5, Side.OURS, PeerFinding(findings.LOCAL_URL_SCHEMES, directive, scheme))


def _idle_none(effective: PeerPolicy) -> Iterator[Difference]:
    """A `'none'` that says nothing, and what it hides from the peer.

    https://w3c.github.io/webappsec-csp/#match-url-to-source-list
    """
    idle = {
        name: values
        for name, values in effective.directives.items()
        if len(values) > 1 and "'none'" in values and name in SOURCE_LIST_DIRECTIVES
    }
    for directive in idle:
        yield Difference(6, Side.OURS, PeerFinding(findings.IDLE_NONE, directive, "'none'"))
    for directive in script_list_directives(effective):
        for finding in script_hosts(directive, idle.get(directive, {})):
            yield Difference(6, Side.OURS, finding)
    if effective.governing("object-src") in idle:
        for finding in object_hosts(effective):
            if finding.value != "'none'":
                yield Difference(6, Side.OURS, finding)


def _idle_hash(effective: PeerPolicy) -> Iterator[Difference]:
    for directive, value in effective.odd_values:
        if (
            value.is_hash
            and directive not in vocabulary.TRUSTED_TYPES_KEYWORDS
            and not vocabulary.DIGEST.fullmatch(value.text)
        ):
            yield Difference(9, Side.OURS, PeerFinding(findings.IDLE_HASH, directive, value.text))


def _any_trusted_types_policy(effective: PeerPolicy) -> Iterator[Difference]:
    if "*" in effective.values("trusted-types"):
        yield Difference(10, Side.OURS, PeerFinding(findings.ANY_TRUSTED_TYPES_POLICY, "trusted-types", "*"))


_CORRECTIONS: tuple[Callable[[PeerPolicy], Iterator[Difference]], ...] = (
    _newer_syntax,
    _any_host_with_port,
    _local_schemes,
    _idle_none,
    _idle_hash,
    _any_trusted_types_policy,
)
