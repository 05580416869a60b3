"""Who may put an answer into a frame: one decision, said by X-Frame-Options and by frame-ancestors.

Browsers that know frame-ancestors do not look at X-Frame-Options beside it, so two headers that disagree mean one
thing here and another there.

https://w3c.github.io/webappsec-csp/#directive-frame-ancestors
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Frame = Literal["deny", "same-origin", "anyone"] | Sequence[str]
"""Nobody, pages of the same origin, anyone, or a list of what frame-ancestors may hold: `["https://shop.example"]`."""

NOBODY = "'none'"
SAME_ORIGIN = "'self'"

# https://w3c.github.io/webappsec-csp/#grammardef-ancestor-source, less paths, which browsers ignore here.
_ANCESTOR = re.compile(
    r"'self'|[a-z][a-z0-9+.-]*:|"
    r"(?:[a-z][a-z0-9+.-]*://)?(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::(?:[0-9]{1,5}|\*))?",
    re.IGNORECASE,
)
_DIRECTIVE = re.compile(r"(?:^|(?<=[;,]))[ \t]*(frame-ancestors)(?=[ \t;,]|$)([^;,]*)", re.IGNORECASE)

_X_FRAME_OPTIONS = {NOBODY: "DENY", SAME_ORIGIN: "SAMEORIGIN"}


def ancestors_of(frame: Frame) -> str | None:
    """The value of frame-ancestors; None for anyone.

    Raises ValueError for what frame-ancestors cannot hold.
    """
    match frame:
        case "deny":
            return NOBODY
        case "same-origin":
            return SAME_ORIGIN
        case "anyone":
            return None
        case str():
            origin = frame if "." in frame or ":" in frame else "https://shop.example"
            raise ValueError(f"frame={frame!r}: write 'deny', 'same-origin', 'anyone', or a list: [{origin!r}]")
    for source in frame:
        if not _ANCESTOR.fullmatch(source) or source.lower() in {"self", "none"}:
            hint = "'anyone'" if source == "*" else "an origin such as 'https://shop.example', or \"'self'\""
            raise ValueError(f"frame: {source!r} is not who may frame a page; write {hint}")
    return " ".join(frame) or NOBODY


def x_frame_options(ancestors: str | None) -> str | None:
    """X-Frame-Options saying the same; None where it cannot, since it knows no origins."""
    return None if ancestors is None else _X_FRAME_OPTIONS.get(ancestors.lower())


def ancestors_by_x_frame_options(values: Sequence[str]) -> str | None:
    """The frame-ancestors that says the same as X-Frame-Options headers; None for values that browsers ignore.

    https://html.spec.whatwg.org/multipage/document-lifecycle.html#the-x-frame-options-header
    """
    said = {value.strip().upper() for value in ",".join(values).split(",")}
    if len(said) != 1:
        return None
    return {words: source for source, words in _X_FRAME_OPTIONS.items()}.get(said.pop())


@dataclass(frozen=True, slots=True)
class FramingPolicy:
    """A policy, cut at its frame-ancestors."""

    head: str
    ancestors: str | None
    """None where the policy does not name frame-ancestors."""

    tail: str

    def naming(self, ancestors: str | None) -> str:
        """The policy with these frame-ancestors, or without any."""
        if ancestors is not None:
            return f"{self.head}frame-ancestors {ancestors}{self.tail}"
        return f"{self.head.rstrip('; ')}{self.tail}".lstrip("; ")


def framing_policy(policy: str) -> FramingPolicy:
    """Cut a policy, or several joined by commas, at its first frame-ancestors, or at its end where it names none."""
    found = _DIRECTIVE.search(policy)
    if found is None:
        head = policy.rstrip("; \t")
        return FramingPolicy(f"{head}; " if head else "", None, "")
    return FramingPolicy(policy[: found.start(1)], " ".join(found[2].split()) or NOBODY, policy[found.end() :])


def count_frame_ancestors(policy: str) -> int:
    """How often a policy, or several joined by commas, name frame-ancestors."""
    return sum(1 for _ in _DIRECTIVE.finditer(policy))


def are_the_same(one: str | None, other: str | None) -> bool:
    """Whether two values of frame-ancestors admit the same, whatever their order and case."""
    return _set(one) == _set(other)


def _set(ancestors: str | None) -> frozenset[str] | None:
    return None if ancestors is None else frozenset(ancestors.lower().split())
