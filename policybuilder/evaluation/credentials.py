"""Nonces and digests: whether they are what lets a script in, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from policybuilder.csp import NONCE_PLACEHOLDER, ExtendedHashSource, HashSource, Keyword, NonceSource, canonical
from policybuilder.csp.directives import INLINE_DIRECTIVES
from policybuilder.csp.sources import decoded_base64, standard_base64
from policybuilder.evaluation.draft import Draft, Rating, at_value, shown
from policybuilder.evaluation.editing import Change, Edit, without
from policybuilder.evaluation.reading import PlacedDirective, Reading, Token, first_of_each
from policybuilder.evaluation.weakness import Certainty, Severity

_NONCE_BYTES = 16
"""https://w3c.github.io/webappsec-csp/#security-nonces: at least 128 bits."""

_GUESSED_CHARACTERS = 8
"""Fewer can be tried out."""

_FRESH = f"'nonce-{NONCE_PLACEHOLDER}'"
_ADVICE = "make 16 random bytes for each response, write them as base64, and put them on the page's own tags"


def short_nonces(reading: Reading) -> Iterator[Draft]:
    """Nonces with less than the 128 bits that the specification asks for."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in _nonces(placed):
                value = token.text[7:-1]
                if value == NONCE_PLACEHOLDER or _bytes_of(value) >= _NONCE_BYTES:
                    continue
                severity = Severity.MEDIUM if len(value) < _GUESSED_CHARACTERS else Severity.LOW
                message = f"{shown(token.text)} in {placed.name} holds less than 128 bits, so it may be guessed"
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("nonce-short", severity, Certainty.LIKELY),
                    message,
                    change=partial(_renewed, placed, token),
                    advice=_ADVICE,
                )


def _renewed(placed: PlacedDirective, token: Token) -> Change:
    return tuple(Edit(each.start, each.end, _FRESH) for each in placed.alike(token))


def repeated_nonces(reading: Reading) -> Iterator[Draft]:
    """Nonces that other responses had as well: by their texts, or by what visitors reported."""
    if not reading.earlier and not reading.reused:
        return
    others = [text for text in reading.earlier if text.strip() != reading.text.strip()]
    known = {value for text in others for value in _NONCE.findall(text)}
    for policy in reading.policies:
        is_reused = bool(reading.reused) and str(canonical(policy.policy)) in reading.reused
        for placed in policy.directives.values():
            for token in _nonces(placed):
                value = token.text[7:-1]
                if value in known and value != NONCE_PLACEHOLDER:
                    certainty = Certainty.CERTAIN
                    told = (
                        f"{shown(token.text)} in {placed.name} stood in another response too: whoever saw that knows it"
                    )
                elif is_reused:
                    certainty = Certainty.LIKELY
                    told = f"visitors reported one and the same nonce for {shown(token.text)} in {placed.name}"
                else:
                    continue
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("nonce-repeated", Severity.HIGH, certainty),
                    told,
                    change=partial(_renewed, placed, token) if value != NONCE_PLACEHOLDER else None,
                    advice=_ADVICE,
                )


_NONCE = re.compile(r"'[Nn][Oo][Nn][Cc][Ee]-([A-Za-z0-9+/_=-]+)'")


def dead_digests(reading: Reading) -> Iterator[Draft]:
    """Digests of a length that their algorithm never has: nothing matches them."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in first_of_each(placed):
                source = token.source
                if not isinstance(source, HashSource) or source.algorithm == "ed25519":
                    continue
                if len(source.digest) * 8 == int(source.algorithm[3:]):
                    continue
                bits = f"{len(source.digest)} bytes, and {source.algorithm} makes {int(source.algorithm[3:]) // 8}"
                message = f"{shown(token.text)} in {placed.name} matches nothing: it holds {bits}"
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("dead-hash", Severity.LOW, Certainty.CERTAIN),
                    message,
                    change=partial(_without_credentials, placed, placed.alike(token)),
                )


def _without_credentials(placed: PlacedDirective, tokens: Sequence[Token]) -> Change:
    """Without the last digest `'unsafe-inline'` would count again, so that goes with it."""
    gone = {token.start for token in tokens}
    left = (token.source for token in placed.values if token.start not in gone)
    if not any(isinstance(source, NonceSource | HashSource) for source in left):
        tokens = [*tokens, *placed.of_keyword(Keyword.UNSAFE_INLINE)]
    return without(placed, tokens)


def tried_out_digests(reading: Reading) -> Iterator[Draft]:
    """Digests of URLs and of strings, which one browser tries out."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            if placed.name not in INLINE_DIRECTIVES:
                continue
            found = next((token for token in placed.values if isinstance(token.source, ExtendedHashSource)), None)
            if found is not None:
                message = (
                    f"{shown(found.text)} in {placed.name} is an experiment of Chromium's: it switches sources off "
                    "there, and other browsers do not know it"
                )
                alike = [token for token in placed.values if isinstance(token.source, ExtendedHashSource)]
                yield at_value(
                    policy,
                    placed,
                    found,
                    Rating("experimental-hash", Severity.INFO, Certainty.LIKELY),
                    message,
                    change=partial(without, placed, alike),
                )


def _nonces(placed: PlacedDirective) -> Iterator[Token]:
    if placed.name not in INLINE_DIRECTIVES:
        return
    yield from (token for token in first_of_each(placed) if isinstance(token.source, NonceSource))


def _bytes_of(value: str) -> int:
    decoded = decoded_base64(standard_base64(value))
    return len(value) * 3 // 4 if decoded is None else len(decoded)
