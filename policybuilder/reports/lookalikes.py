"""Look-alikes: hosts that a reader takes for another one.

Conservative, since this is the loudest thing that can be said of a report: names are compared only under the same
public suffix, short ones only by their looks, and hosts that differ in a number are taken for each other's siblings.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from policybuilder.csp import HostSource, parse_serialized_policy, parse_source_expression
from policybuilder.csp.directives import SOURCE_LIST_DIRECTIVES
from policybuilder.reports.hosts import without_port

_MIN_EDITED_CHARACTERS = 6
"""In shorter names one character makes another word."""

_MAX_KNOWN_HOSTS = 100

# https://www.unicode.org/reports/tr39/, those letters of other scripts that stand for ASCII in registered look-alikes.
_CONFUSABLES = str.maketrans(
    # Cyrillic, Greek, and Latin letters that lose no mark when they are taken apart
    "авгԁеһіјкӏмнопрԛсѕтуѵхԝ" + "αγεηικνορτυχω" + "ıłøđħɑɡ",
    "abrdehijklmhonpqcstyvxw" + "ayenikvoptuxw" + "ilodhag",
)
# What looks alike in ASCII itself, made one. Not i and l, in which too many words differ.
_ALIKE = str.maketrans({"0": "o", "1": "l", "5": "s"})


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    # Registries' suffixes alone: below a hoster's (github.io) everybody names copies after the original.
    return PublicSuffixList(only_icann=True)


@lru_cache(maxsize=4096)
def _split(host: str) -> tuple[str, str, str] | None:
    """What stands before the registered name, the name, and its public suffix; None where nothing is registered."""
    registered = _suffixes().privatesuffix(host)
    if not registered:
        return None
    name, _, suffix = registered.partition(".")
    return host[: -len(registered)].rstrip("."), name, suffix


@lru_cache(maxsize=1024)
def hosts_named_by(policy: str) -> tuple[str, ...]:
    """The hosts of a policy's source expressions, without wildcards; the first hundred."""
    found: dict[str, None] = {}
    for directive in parse_serialized_policy(policy).directives:
        if directive.name in SOURCE_LIST_DIRECTIVES:
            for token in directive.values:
                source = parse_source_expression(token)
                if isinstance(source, HostSource) and not source.is_star:
                    found[source.host_part.removeprefix("*.")] = None
    return tuple(found)[:_MAX_KNOWN_HOSTS]


def looks_like_one_of(authority: str, known: tuple[str, ...]) -> bool:
    """Whether a host is none of the `known` ones nor beside one of them, but looks like it."""
    parts = _split(without_port(authority))
    if parts is None:
        return False
    _, name, suffix = parts
    names = _names_of(known)
    if (name, suffix) in names.registered:
        return False
    if name in names.with_hyphens or (name, suffix) in names.with_hyphens:
        return True
    shown = _shown(name)
    return any(_looks_like(shown, each) for each in names.by_suffix.get(suffix, ()))


@dataclass(frozen=True, slots=True)
class _Names:
    """Hosts, taken apart once for all that are compared with them."""

    registered: frozenset[tuple[str, str]]
    """(name, suffix)."""

    with_hyphens: frozenset[str | tuple[str, str]]
    """Whole hosts whose dots became hyphens, under any suffix; and what stands before the suffix, under the same."""

    by_suffix: Mapping[str, Sequence[str]]
    """Names as a browser may show them."""


@lru_cache(maxsize=512)
def _names_of(hosts: tuple[str, ...]) -> _Names:
    registered: set[tuple[str, str]] = set()
    with_hyphens: set[str | tuple[str, str]] = set()
    by_suffix: dict[str, set[str]] = defaultdict(set)
    for host in hosts:
        parts = _split(host)
        if parts is None:
            continue
        below, name, suffix = parts
        registered.add((name, suffix))
        with_hyphens.add(host.replace(".", "-"))
        if below:
            with_hyphens.add((f"{below}.{name}".replace(".", "-"), suffix))
        by_suffix[suffix].add(_shown(name))
    return _Names(
        frozenset(registered),
        frozenset(with_hyphens),
        {suffix: tuple(sorted(names)) for suffix, names in by_suffix.items()},
    )


def _looks_like(shown: str, known: str) -> bool:
    # Only pairs that run together change the length, and each by one: most names are told apart by that alone.
    if abs(len(shown) - len(known)) > 2:
        return False
    if any(skeleton(shown.replace("1", one)) == skeleton(known.replace("1", one)) for one in "li"):
        # Siblings that count differ in a digit alone (img0, img1), and look alike only where a letter stands for one.
        return _without_digits(shown) != _without_digits(known)
    return min(len(shown), len(known)) >= _MIN_EDITED_CHARACTERS and is_one_edit(shown, known)


def _shown(name: str) -> str:
    """A label as a browser's address bar could show it."""
    if not name.startswith("xn--"):
        return name
    try:
        return name.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return name


@lru_cache(maxsize=4096)
def skeleton(name: str) -> str:
    """What is left when everything that looks alike is made one. https://www.unicode.org/reports/tr39/#def-skeleton"""
    apart = unicodedata.normalize("NFD", name.lower())
    plain = "".join(character for character in apart if not unicodedata.combining(character))
    return plain.translate(_CONFUSABLES).replace("rn", "m").replace("vv", "w").translate(_ALIKE)


def _without_digits(name: str) -> str:
    return "".join(character for character in name if not character.isdigit())


def is_one_edit(name: str, other: str) -> bool:
    """Whether one letter is added, left out, changed, or two neighbours are swapped; digits and hyphens never count."""
    if len(name) > len(other):
        name, other = other, name
    if len(other) - len(name) > 1 or name == other:
        return False
    start = next((at for at, (one, two) in enumerate(zip(name, other, strict=False)) if one != two), len(name))
    if len(name) < len(other):
        return name[start:] == other[start + 1 :] and other[start].isalpha()
    if name[start + 1 :] == other[start + 1 :]:
        return name[start].isalpha() and other[start].isalpha()
    return (
        name[start : start + 2] == other[start : start + 2][::-1]
        and name[start + 2 :] == other[start + 2 :]
        and name[start : start + 2].isalpha()
    )
