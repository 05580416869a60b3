"""Policies of the oracle: source lists put where they govern, or seem to."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_RELATED = {
    "connect-src": ("connect-src",),
    "font-src": ("font-src",),
    "frame-src": ("frame-src", "child-src"),
    "img-src": ("img-src",),
    "manifest-src": ("manifest-src",),
    "media-src": ("media-src",),
    "object-src": ("object-src",),
    "script-src": ("script-src", "script-src", "script-src-elem"),
    "script-src-attr": ("script-src-attr", "script-src", "script-src-elem"),
    "script-src-elem": ("script-src-elem", "script-src", "script-src-attr"),
    "style-src-attr": ("style-src-attr", "style-src", "style-src-elem"),
    "style-src-elem": ("style-src-elem", "style-src", "style-src-attr"),
    "worker-src": ("worker-src", "child-src", "script-src", "script-src-elem"),
}
"""By effective directive, names beside default-src that govern it or are taken to."""

_UNRELATED = ("img-src data:", "font-src 'self'", "media-src *", "object-src 'none'", "style-src *", "connect-src *")

# Makes one token of a source list.
Draw = Callable[[], str]


def source_list(random: Random, draw: Draw) -> str:
    roll = random.random()
    if roll < 0.04:
        return ""
    if roll < 0.09:
        return random.choice(("'none'", "'NONE'", "'none' 'none'"))
    tokens = [draw() for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4)))]
    if random.random() < 0.04:
        tokens.append("'none'")
    return random.choice((" ", " ", " ", " ", "\t", "  ")).join(tokens)


def policy(random: Random, directive: str, draw: Draw, *, upgrades: bool = True) -> str:
    """One serialized policy, with the oddities of those that people write."""
    if directive in _RELATED or directive == "default-src":
        names = (*_RELATED.get(directive, ("img-src", "script-src", "connect-src")), "default-src")
    else:
        # No fallback stands in for these, though authors think so.
        names = (directive, directive, directive, "default-src")
    roll = random.random()
    count = 1 if roll < 0.6 else 2 if roll < 0.93 else 3
    chosen = random.sample(names, min(count, len(names)))
    if count == 1 and random.random() < 0.5:
        chosen = [directive]
    members = [f"{_cased(random, name)} {source_list(random, draw)}" for name in dict.fromkeys(chosen)]
    if random.random() < 0.1:
        members.append(f"{random.choice(chosen)} {source_list(random, draw)}")
    if random.random() < 0.05:
        members.insert(0, f"{random.choice(chosen)} é")
    if random.random() < 0.06:
        members.append(
            random.choice(("img-src: *", "foo bar", "default-src='none'", "prefetch-src 'none'", "plugin-types"))
        )
    if random.random() < 0.1:
        unrelated = random.choice(_UNRELATED)
        if unrelated.split()[0] not in names:
            members.insert(0, unrelated)
    if upgrades and random.random() < 0.06:
        members.append("upgrade-insecure-requests")
    return random.choice(("; ", "; ", ";", " ; ", ";;")).join(members) + random.choice(("", "", "", ";", " "))


def headers(random: Random, directive: str, draw: Draw, *, upgrades: bool = True) -> tuple[str, ...]:
    """Header values: mostly one policy, sometimes several, by commas or by repetition."""
    roll = random.random()
    count = 1 if roll < 0.86 else 2 if roll < 0.97 else 3
    policies = [policy(random, directive, draw, upgrades=upgrades) for _ in range(count)]
    if random.random() < 0.5:
        return tuple(policies)
    return (random.choice((", ", ",", ",,")).join(policies),)


def _cased(random: Random, name: str) -> str:
    return name if random.random() < 0.93 else random.choice((name.upper(), name.title()))
