"""Reading: a text as the peer splits it into directives and values, which is not quite how browsers do."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from policybuilder.csp.directives import FALLBACKS
from policybuilder.evaluation.csp_evaluator import vocabulary
from policybuilder.evaluation.csp_evaluator.values import SourceList, Value, read_value

_EMPTY: SourceList = {}
_SCRIPT_DIRECTIVES = ("script-src", "script-src-attr", "script-src-elem")


@dataclass(frozen=True)
class PeerPolicy:
    """One policy as the peer has it; a comma is a character like any other.

    Without slots, since what many checks ask for is worked out once.
    """

    directives: Mapping[str, SourceList]
    repeated: tuple[str, ...] = ()
    """Names of directives that stand again, of which the peer does not say a word."""

    @functools.cached_property
    def script_directives(self) -> tuple[str, ...]:
        """Those that decide which scripts run, each of them once."""
        return tuple(dict.fromkeys(map(self.governing, _SCRIPT_DIRECTIVES)))

    @functools.cached_property
    def dangerous_directives(self) -> tuple[str, ...]:
        """Those that decide whether a stranger's code runs."""
        return tuple(dict.fromkeys((*self.script_directives, self.governing("object-src"), "base-uri")))

    @functools.cached_property
    def odd_values(self) -> tuple[tuple[str, Value], ...]:
        """Directive and value, for each value of which there may be something to say whichever directive it is in."""
        return tuple(
            (directive, value)
            for directive, values in self.directives.items()
            for value in values.values()
            if value.is_odd or directive in vocabulary.TRUSTED_TYPES_KEYWORDS
        )

    def governing(self, name: str) -> str:
        """The directive that decides where `name` is asked for; where there is none, the last that could."""
        for fallback in FALLBACKS.get(name, (name,)):
            name = fallback
            if name in self.directives:
                break
        return name

    def values(self, name: str) -> SourceList:
        """The values of the directive `name` itself; none where it is missing."""
        return self.directives.get(name, _EMPTY)

    def has_nonce(self, name: str) -> bool:
        return any(value.is_nonce for value in self.values(name).values())

    def has_hash(self, name: str) -> bool:
        return any(value.is_hash for value in self.values(name).values())


def read_policy(text: str) -> PeerPolicy:
    """The policy that the peer reads in `text`."""
    if not text.isascii():
        # Two surrogates side by side are one character to JavaScript, wherever they come from.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    directives: dict[str, SourceList] = {}
    repeated: list[str] = []
    for part in text.split(";"):
        tokens = vocabulary.TOKEN.findall(part)
        if not tokens:
            continue
        name = tokens[0].lower()
        if name in directives:
            repeated.append(name)
        elif name not in vocabulary.INHERITED_NAMES:
            values = map(read_value, tokens[1:])
            directives[name] = {value.text: value for value in values}
    return PeerPolicy(directives, tuple(repeated))
