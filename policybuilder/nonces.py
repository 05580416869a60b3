"""Repeated nonces: one that is the same for many visitors admits whatever code knows it, an attacker's too.

https://w3c.github.io/webappsec-csp/#security-nonces
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policybuilder.networks import SetupWarning

MANY_NETWORKS = 3
"""That met one nonce on one day. One is a page that stayed open, and two may be a phone on its way home."""


@dataclass(frozen=True, slots=True)
class RepeatedNonce:
    """A policy whose nonce was the same for many client networks on a day."""

    policy: str
    """As it is kept, its nonces blanked."""

    last_day: str
    """As `2026-11-23`."""

    days: int
    """On how many days that was so."""


def nonce_warnings(repeated: Sequence[RepeatedNonce]) -> tuple[SetupWarning, ...]:
    """What a person should look at, for all policies together."""
    if not repeated:
        return ()
    last = max(repeated, key=lambda each: (each.last_day, each.policy))
    others = len(repeated) - 1
    also = f" (and {others} other {'policy' if others == 1 else 'policies'})" if others else ""
    return (
        SetupWarning(
            "nonce-repeated",
            f"on {last.last_day} visitors from {MANY_NETWORKS} networks or more were sent the same nonce, under "
            f"{_shortened(last.policy)}{also}: a page is stored with it somewhere, or it is written once for all, and "
            "whoever knows it can run code. Anybody can report so: compare two answers of the server",
            "make a nonce for each response, and send pages that carry one with Cache-Control: private, no-cache; "
            "where pages have to be cached for all, use hashes",
        ),
    )


_SHOWN_CHARACTERS = 80


def _shortened(policy: str) -> str:
    return policy if len(policy) <= _SHOWN_CHARACTERS else f"{policy[: _SHOWN_CHARACTERS - 1]}…"
