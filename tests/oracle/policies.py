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

_HINTING = (
    *("img-src", "script-src", "connect-src", "style-src", "worker-src", "child-src", "frame-src", "script-src-elem"),
    *("media-src", "manifest-src", "fenced-frame-src", "form-action"),
)
"""Names beside default-src that admit a hint in Chromium, or seem to."""

_GAPS = (*" " * 20, "\t", "\f", "  ")

_UNRELATED = ("img-src data:", "font-src 'self'", "media-src *", "object-src 'none'", "style-src *", "connect-src *")

# Each drops the directive that it stands in, as a character outside ASCII does. With a NUL no page would load.
_CONTROLS = ("\x01", "\x0b", "\x1f", "\x7f")

# Makes one token of a source list.
Draw = Callable[[], str]


def source_list(random: Random, draw: Draw) -> str:
    roll = random.random()
    if roll < 0.04:
        return random.choice(("", "", "", random.choice(_CONTROLS)))
    if roll < 0.09:
        return random.choice(("'none'", "'NONE'", "'none' 'none'"))
    tokens = [draw() for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4)))]
    if random.random() < 0.04:
        tokens.append("'none'")
    return random.choice((" ", " ", " ", " ", "\t", "\f", "  ")).join(tokens)


def policy(random: Random, directive: str, draw: Draw, *, upgrades: bool = True) -> str:
    """One serialized policy, with the oddities of those that people write."""
    roll = random.random()
    count = 1 if roll < 0.6 else 2 if roll < 0.93 else 3
    names: tuple[str, ...]
    if directive == "default-src":
        # Hints are blocked where it stands, unless another list admits them.
        names = (directive, *_HINTING)
        chosen = [directive, *random.sample(_HINTING, count - 1)]
    else:
        # No fallback stands in for those that are related to none, though authors think so.
        names = (*_RELATED.get(directive, (directive, directive, directive)), "default-src")
        chosen = random.sample(names, min(count, len(names)))
    if count == 1 and random.random() < 0.5:
        chosen = [directive]
    members = [
        f"{_cased(random, name)}{random.choice(_GAPS)}{source_list(random, draw)}" for name in dict.fromkeys(chosen)
    ]
    if random.random() < 0.1:
        members.append(f"{random.choice(chosen)} {source_list(random, draw)}")
    if random.random() < 0.05:
        members.insert(0, f"{random.choice(chosen)} {random.choice(('é', 'é', 'é', *_CONTROLS))}")
    if random.random() < 0.03:
        place = random.randrange(len(members))
        at = random.randint(0, len(members[place]))
        members[place] = members[place][:at] + random.choice(("é", "\xa0", *_CONTROLS)) + members[place][at:]
    if random.random() < 0.06:
        members.append(
            random.choice(
                (
                    *("img-src: *", "foo bar", "default-src='none'", "prefetch-src 'none'", "plugin-types"),
                    *("foo é", "foo\x01", "fenced-frame-src *"),
                )
            )
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
