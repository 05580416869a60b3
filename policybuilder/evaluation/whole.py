"""The whole text: how many policies it holds, how long it is, and what a sandbox is told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp import Delivery
from policybuilder.csp.rules import SANDBOX_FLAGS
from policybuilder.evaluation.did_you_mean import nearest
from policybuilder.evaluation.draft import Draft, Rating, at_value, shown
from policybuilder.evaluation.editing import Change, without
from policybuilder.evaluation.reading import PlacedDirective, Reading
from policybuilder.evaluation.weakness import Certainty, Severity
from policybuilder.server_buffers import REFUSE_BYTES, WARN_BYTES, buffers_too_small


def several_policies(reading: Reading) -> Iterator[Draft]:
    """https://w3c.github.io/webappsec-csp/#multiple-policies"""
    if len(reading.policies) > 1:
        second = reading.policies[1]
        count = len(reading.policies) + reading.left_out
        cut = f", of which the first {len(reading.policies)} are looked at" if reading.left_out else ""
        yield Draft(
            rating=Rating("several-policies", Severity.INFO, Certainty.CERTAIN),
            message=f"the text holds {count:,} policies{cut}, since a comma begins another one: each has to"
            " allow, so what one of them closes is not told of as open",
            start=second.start,
            end=second.end,
            policy=second.number,
            advice="if the comma was meant to be a semicolon, write that",
        )


def size(reading: Reading) -> Iterator[Draft]:
    """Headers that servers on the way have no room for."""
    name = "Content-Security-Policy: "
    taken = len(name) + len(reading.text)
    if reading.delivery is Delivery.META or not reading.policies or taken <= WARN_BYTES:
        return
    if taken > REFUSE_BYTES:
        too_small = ", ".join(buffer.software for buffer in buffers_too_small(taken)[:3])
        severity, words = Severity.LOW, f"more than {too_small} have room for"
    else:
        severity, words = Severity.INFO, "and a second one beside it may be more than a server has room for"
    yield Draft(
        rating=Rating("size", severity, Certainty.LIKELY),
        message=f"the header takes {taken:,} bytes, {words}",
        start=reading.policies[0].start,
        end=reading.policies[-1].end,
        advice="name origins in place of files, and drop what no page needs; `cspbuild suggest` says what is unused",
    )


_MAX_GUESSES = 32
"""In one text; a guess takes long."""


def beyond_all_limits(text: str, delivery: Delivery) -> Iterator[Draft]:
    """A text that no browser takes as a header, of which nothing else is said."""
    words = "no browser takes such a header, and nothing of it holds"
    if delivery is Delivery.META:
        words = "it is too long to be looked at, so nothing is known of it"
    yield Draft(
        rating=Rating("size", Severity.HIGH, Certainty.LIKELY),
        message=f"the text has {len(text):,} characters: {words}",
        start=0,
        end=len(text),
    )


def unknown_flags(reading: Reading) -> Iterator[Draft]:
    """Sandbox flags that browsers do not know: the permission is not given."""
    for policy in reading.policies:
        placed = policy.directives.get("sandbox")
        told: set[str] = set()
        for token in () if placed is None else placed.values:
            flag = token.text.lower()
            if placed is None or flag in SANDBOX_FLAGS or flag in told:
                continue
            told.add(flag)
            meant = nearest(flag, SANDBOX_FLAGS) if len(told) <= _MAX_GUESSES else None
            message = f"browsers know no sandbox flag {shown(token.text)}" + (f": is {meant} meant?" if meant else "")
            yield at_value(
                policy,
                placed,
                token,
                Rating("unknown-value", Severity.LOW, Certainty.CERTAIN),
                message,
                change=partial(_without_flag, placed, flag),
            )


def _without_flag(placed: PlacedDirective, flag: str) -> Change:
    return without(placed, [token for token in placed.values if token.text.lower() == flag])
