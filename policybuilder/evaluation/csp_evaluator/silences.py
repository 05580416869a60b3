"""Silences: what the peer passes over in a policy since it does not judge such things; our own evaluation does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policybuilder.csp.directives import FALLBACKS
from policybuilder.evaluation.csp_evaluator.findings import shortened
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy

_OPEN = ("*", "http:", "https:")
_PARTS_OF_STYLES = ("style-src-elem", "style-src-attr")
_STYLES = ("style-src", *_PARTS_OF_STYLES)
_WAYS_OUT = ("connect-src", "img-src", "form-action")


@dataclass(frozen=True, slots=True)
class Silence:
    """Something that the peer has no finding for."""

    defect: int
    directive: str
    value: str | None
    message: str

    def document(self) -> dict[str, object]:
        """The silence as JSON has it."""
        return {
            "defect": self.defect,
            "directive": self.directive,
            "value": self.value,
            "message": self.message,
        }


def silences(policies: Sequence[PeerPolicy]) -> tuple[Silence, ...]:
    """What the peer passes over in the policies of a page, one or more, as written.

    What one policy leaves open counts only where every other one leaves it open, too: a page has to pass all of them.
    """
    repeated = [
        Silence(3, name, None, f"{shortened(name)} stands twice, and browsers ignore all but the first")
        for policy in policies
        for name in dict.fromkeys(policy.repeated)
    ]
    open_in_each = [{(silence.defect, silence.directive): silence for silence in _left_open(each)} for each in policies]
    everywhere = set.intersection(*map(set, open_in_each))
    left_open = [silence for key, silence in open_in_each[0].items() if key in everywhere]
    # The two parts of style-src are worth a line where they are open otherwise than style-src itself.
    styles = {silence.value for silence in left_open if silence.directive == "style-src"}
    return (
        *repeated,
        *(each for each in left_open if each.directive not in _PARTS_OF_STYLES or each.value not in styles),
    )


def _left_open(policy: PeerPolicy) -> Iterator[Silence]:
    for name in _STYLES:
        if opened := _opening(policy, name, ("'unsafe-inline'", *_OPEN)):
            governing, value = opened
            if value != "'unsafe-inline'" or not (policy.has_nonce(governing) or policy.has_hash(governing)):
                yield Silence(7, name, value, f"{name} takes any style: {value or 'nothing restricts it'}")
    for name in _WAYS_OUT:
        if opened := _opening(policy, name, _OPEN):
            _, value = opened
            yield Silence(8, name, value, f"data can be sent anywhere by {name}: {value or 'nothing restricts it'}")
    if "frame-ancestors" not in policy.directives:
        yield Silence(8, "frame-ancestors", None, "any site may frame the page, as no frame-ancestors says who may")
    if "base-uri" not in policy.directives:
        yield Silence(
            8, "base-uri", None, "an injected <base> may move the page's relative URLs, as no base-uri forbids it"
        )
    has_parts = {"script-src-elem", "script-src-attr"} <= policy.directives.keys()
    if has_parts and policy.governing("script-src") not in policy.directives:
        yield Silence(
            11, "script-src", None, "eval() and workers are open: script-src-elem and script-src-attr govern neither"
        )


def _opening(policy: PeerPolicy, name: str, values: Sequence[str]) -> tuple[str, str | None] | None:
    """The directive that governs `name` and the first of `values` in it; or `name` alone where none governs it."""
    governing = next((fallback for fallback in FALLBACKS.get(name, (name,)) if fallback in policy.directives), None)
    if governing is None:
        return name, None
    found = next((value for value in values if value in policy.values(governing)), None)
    return None if found is None else (governing, found)
