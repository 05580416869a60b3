"""Observatory's reading of policies: all of them as one, each directive with the sources that every policy admits.

It is no browser's: a source that begins with another one is dropped, and what only one of several policies says goes,
or stays, by the order of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from policybuilder.grading.observatory.javascript import (
    collation_key,
    decode_uri_component,
    split_at_spaces,
    trim,
    units,
)

Reading = dict[str, list[str]]
"""The sources by directive, in lower case; never none."""

REPEATED = "_observatory_duplicate_key_warnings"
"""The entry that holds the names of directives which may be repeated and are."""

MAX_LOOKED_AT_AGAIN = 1_000_000
"""Characters of sources of earlier policies, which each further one has looked at again."""

_SHORTEST = len("img-src") - 1
_MAY_BE_REPEATED = frozenset({"report-uri", "report-to"})
_IGNORED_IN_META = frozenset({"frame-ancestors", "report-uri", "sandbox"})


class InvalidPolicyError(Exception):
    """A policy that Observatory calls invalid."""


def split_policies(values: Iterable[str]) -> list[str]:
    """The policies of header values, in which commas separate them."""
    return [trim(policy) for value in values for policy in value.split(",")]


def read_all_policies(headers: Sequence[str], metas: Sequence[str]) -> Reading:
    """What all of a page's policies say together; nothing where they say nothing in the places where it counts.

    Raises InvalidPolicyError.
    """
    reading = read_policies([*headers, *metas])
    is_in_headers = any(trim(entry) for policy in headers for entry in policy.split(";"))
    return reading if is_in_headers or _say_anything(metas) else {}


def _say_anything(metas: Sequence[str]) -> bool:
    """Whether meta elements say anything but what is for headers alone; not so where they are invalid by themselves."""
    try:
        return bool(read_policies(metas).keys() - _IGNORED_IN_META)
    except InvalidPolicyError:
        return False


@dataclass(slots=True)
class _Source:
    text: str
    policy: int
    """By number, from 0."""

    is_kept: bool
    key: tuple[str, str]


def read_policies(policies: Sequence[str]) -> Reading:
    """What the policies say together. Raises InvalidPolicyError."""
    sources: dict[str, list[_Source]] = {}
    repeated: dict[str, None] = {}
    looked_at_again = 0
    cleaned = [trim(policy.replace("\r", "").replace("\n", "")) for policy in policies]
    if any(units(policy) < _SHORTEST for policy in cleaned):
        raise InvalidPolicyError
    for number, policy in enumerate(cleaned):
        seen: set[str] = set()
        for entry in policy.split(";"):
            name, *values = split_at_spaces(trim(entry))
            if not name:
                continue
            name = name.lower()
            if name in seen and name not in _MAY_BE_REPEATED:
                raise InvalidPolicyError
            if name in seen:
                repeated[name] = None
            seen.add(name)
            if not values and name.endswith("-src"):
                values = ["'none'"]
            earlier = sources.get(name, []) if number else []
            looked_at_again += sum(len(source.text) for source in earlier)
            if looked_at_again > MAX_LOOKED_AT_AGAIN:
                # Differs from the peer: it would look at them for minutes; because a page of a stranger is to cost
                # little, and nobody has such policies.
                raise InvalidPolicyError
            sources[name] = _combined(earlier, values, number, is_one_of_several=len(policies) > 1)
    reading = {name: list(dict.fromkeys(each.text for each in kept)) or ["'none'"] for name, kept in sources.items()}
    if repeated:
        reading[REPEATED] = list(repeated)
    return reading


def _combined(
    earlier: Sequence[_Source], values: Iterable[str], number: int, *, is_one_of_several: bool
) -> list[_Source]:
    texts = (trim(each).lower() for each in values)
    added = [_Source(text, number, number == 0, collation_key(text)) for text in texts]
    combined = sorted([*earlier, *added], key=lambda source: source.key)
    for before, source in pairwise(combined):
        if source.policy == before.policy:
            if source.text.startswith(before.text):
                source.is_kept = False
        elif _covers(before.text, source.text):
            source.is_kept = True
    kept = [source for source in combined if source.is_kept]
    if number == 0 and is_one_of_several:
        # From now on, only what another policy has as well is kept.
        for source in kept:
            source.is_kept = False
    return kept


def _covers(wide: str, narrow: str) -> bool:
    """Whether `narrow` lies in the directory `wide`, or is the same: CSP's matching of paths, done on whole sources.

    Raises InvalidPolicyError for a text whose escapes cannot be undone.
    """
    if not wide:
        return True
    if wide == "/" and not narrow:
        return True
    is_exact = not wide.endswith("/")
    wide_parts, narrow_parts = wide.split("/"), narrow.split("/")
    if len(wide_parts) > len(narrow_parts) or (is_exact and len(wide_parts) != len(narrow_parts)):
        return False
    if not is_exact:
        wide_parts.pop()
    try:
        return all(
            decode_uri_component(one) == decode_uri_component(other)
            for one, other in zip(wide_parts, narrow_parts, strict=False)
        )
    except ValueError:
        raise InvalidPolicyError from None
