"""The budget: what a policy may take of the space that servers have for headers, and what it gives up to fit.

Where the headers of a response do not fit the buffer of a server on their way, visitors get an error page. So a policy
that is too large names less exactly what cannot run code: directories instead of files, origins instead of directories,
and domains instead of hosts.
"""

from __future__ import annotations

import enum
import heapq
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from policybuilder.csp import HostSource, parse_source_expression
from policybuilder.csp.directives import SOURCE_LIST_DIRECTIVES
from policybuilder.domains import registrable_domain
from policybuilder.hosting import hosting_of
from policybuilder.suggestion.wildcards import SCRIPT_LIKE_SOURCES, may_stand_for

PROTECTED = SCRIPT_LIKE_SOURCES | {"script-src-elem", "script-src-attr", "frame-ancestors"}
"""Directives that are never widened to save space."""


@dataclass(frozen=True, slots=True)
class Step:
    """Several source expressions, or a long one, gave way to another."""

    directive: str
    before: tuple[str, ...]
    after: str
    saved_bytes: int
    newly_admits: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A policy within its budget, or as near as it comes."""

    directives: Mapping[str, tuple[str, ...]]
    size_bytes: int
    """Of the policy alone, as it is sent."""

    is_within: bool
    """False where it is still too large, and nothing is left that may be widened."""

    steps: tuple[Step, ...]
    """In the order in which they were taken."""


def size_of(directives: Mapping[str, Sequence[str]]) -> int:
    """Bytes of the serialized policy."""
    return len("; ".join(" ".join([name, *values]) for name, values in directives.items()))


def fit(
    directives: Mapping[str, Sequence[str]],
    *,
    limit_bytes: int,
    other_bytes: int = 0,
    protected: Collection[str] = PROTECTED,
) -> Fit:
    """The policy made small enough that it and `other_bytes` of other headers take no more than `limit_bytes`.

    Takes steps until it fits: first those that let in no other host, narrow ones before wide ones, then those with the
    fewest hosts for each byte saved. Neither `protected` directives are touched, nor anything but hosts and paths, and
    repetitions are left out. No step ends at a scheme, at `*`, at a public suffix or at all of what anybody may publish
    on a host.
    """
    whole = {name: tuple(dict.fromkeys(values)) for name, values in directives.items()}
    size = size_of(whole)
    budget = limit_bytes - other_bytes
    lists = {
        name: _List(name, values)
        for name, values in whole.items()
        if name in SOURCE_LIST_DIRECTIVES and name not in protected
    }
    queue = [move for each in lists.values() for move in each.moves()]
    heapq.heapify(queue)
    steps = []
    while size > budget and queue:
        move = heapq.heappop(queue)
        each = lists[move.directive]
        if move != each.move_to(move.after):
            # It was overtaken by another step, which put what is left of it back into the queue.
            continue
        step, touched = each.take(move)
        steps.append(step)
        size -= step.saved_bytes
        for after in touched:
            if (left := each.move_to(after)) is not None:
                heapq.heappush(queue, left)
    fitted = {name: lists[name].values() if name in lists else values for name, values in whole.items()}
    return Fit(fitted, size, size <= budget, tuple(steps))


class _Level(enum.IntEnum):
    LISTED = 0
    """The wider expression is there already."""

    DIRECTORY = 1
    ORIGIN = 2
    DOMAIN = 3


_HOSTS_OF_A_DOMAIN = 1_000
_HOSTS_KEPT_BY_A_LABEL = 0.1
"""Nobody can count the hosts below a name. These figures only put the narrower name first when both save as much."""


@dataclass(frozen=True, slots=True, order=True)
class _Move:
    """A step that could be taken; the least is the best."""

    hosts_per_byte: float
    level: _Level
    height: int
    """Minus the number of segments of a directory, so that the deepest comes first."""

    loss_bytes: int
    """Minus what it saves."""

    directive: str
    after: str


@dataclass(slots=True)
class _Wider:
    """An expression that could stand for others."""

    source: HostSource
    members: dict[str, HostSource] = field(default_factory=dict)
    """Those in the list that it covers, without itself."""

    # Kept beside the members, which may be many.
    member_bytes: int = 0
    hosts: Counter[str] = field(default_factory=Counter)

    @property
    def level(self) -> _Level:
        """By its members: `*.a.example` may stand for one of its own paths, or for other hosts."""
        if self.source.path_part is not None:
            return _Level.DIRECTORY
        return _Level.ORIGIN if self.hosts.keys() <= {self.source.host_part} else _Level.DOMAIN

    def add(self, text: str, source: HostSource) -> None:
        self.members[text] = source
        self.member_bytes += len(text) + 1
        self.hosts[source.host_part] += 1

    def remove(self, text: str) -> None:
        source = self.members.pop(text)
        self.member_bytes -= len(text) + 1
        self.hosts[source.host_part] -= 1
        if not self.hosts[source.host_part]:
            del self.hosts[source.host_part]


class _List:
    """A source list while it gets shorter."""

    def __init__(self, directive: str, values: Sequence[str]) -> None:
        self._directive = directive
        self._original = tuple(values)
        self._became: dict[str, str] = {}
        """What stands for an expression that is gone."""

        self._present = set(values)
        self._wider: dict[str, _Wider] = {}
        for text in dict.fromkeys(values):
            source = parse_source_expression(text)
            # What Firefox refuses might begin to match there.
            if isinstance(source, HostSource) and source.host_part != "*" and not source.only_chromium:
                self._join(text, source)

    def values(self) -> tuple[str, ...]:
        """What is left, each at the place of the first that it stands for."""
        return tuple(dict.fromkeys(map(self._now, self._original)))

    def moves(self) -> Iterator[_Move]:
        for after in self._wider:
            if (move := self.move_to(after)) is not None:
                yield move

    def move_to(self, after: str) -> _Move | None:
        """The move as it is now; None where it would save nothing."""
        wider = self._wider[after]
        is_listed = after in self._present
        saved = wider.member_bytes - (0 if is_listed else len(after) + 1)
        level = _Level.LISTED if is_listed else wider.level
        if saved <= 0 or (level is _Level.DOMAIN and len(wider.hosts) < 2):
            return None
        new_hosts = _hosts_below(wider.source.host_part) if level is _Level.DOMAIN else 0.0
        depth = (wider.source.path_part or "").count("/") if level is _Level.DIRECTORY else 0
        return _Move(new_hosts / saved, level, -depth, -saved, self._directive, after)

    def take(self, move: _Move) -> tuple[Step, set[str]]:
        """Take a move; returns it as a step, and what else it changed moves to."""
        wider = self._wider[move.after]
        before = tuple(sorted(wider.members))
        touched = set()
        for text, source in list(wider.members.items()):
            self._present.discard(text)
            self._became[text] = move.after
            touched |= self._leave(text, source)
        step = Step(self._directive, before, move.after, -move.loss_bytes, _newly_admits(move, wider.source))
        if move.after not in self._present:
            self._present.add(move.after)
            touched |= self._join(move.after, wider.source)
        touched.add(move.after)
        return step, touched

    def _join(self, text: str, source: HostSource) -> set[str]:
        """Put an expression under all that could stand for it; returns these."""
        joined = set()
        for wider in _wider_than(source):
            after = str(wider)
            self._wider.setdefault(after, _Wider(wider)).add(text, source)
            joined.add(after)
        return joined

    def _leave(self, text: str, source: HostSource) -> set[str]:
        left = set(map(str, _wider_than(source)))
        for after in left:
            self._wider[after].remove(text)
        return left

    def _now(self, text: str) -> str:
        while text in self._became and text not in self._present:
            text = self._became[text]
        return text


def _wider_than(source: HostSource) -> Iterator[HostSource]:
    """The expressions that could stand for `source`, each wider than the one before."""
    host = source.host_part.removeprefix("*.")
    hosting = hosting_of(host)
    path = source.path_part
    if path is not None:
        own = hosting.tenant_directory(path) if hosting is not None and hosting.is_shared else "/"
        for end in range(path.rfind("/", 0, len(path) - 1), 0, -1):
            if path[end] == "/" and own is not None and path[: end + 1].startswith(own):
                yield replace(source, path_part=path[: end + 1])
        if hosting is None or not hosting.is_shared:
            yield replace(source, path_part=None)
    domain = registrable_domain(host)
    if hosting is None and domain is not None:
        # Of `b.shop.example`, as of `*.b.shop.example`, the next is `*.shop.example`.
        while host != domain:
            host = host.partition(".")[2]
            if may_stand_for(host):
                yield replace(source, host_part=f"*.{host}", path_part=None)


def _hosts_below(pattern: str) -> float:
    name = pattern.removeprefix("*.")
    labels = name.count(".") - (registrable_domain(name) or name).count(".")
    return _HOSTS_OF_A_DOMAIN * _HOSTS_KEPT_BY_A_LABEL**labels


def _newly_admits(move: _Move, source: HostSource) -> str:
    name = source.host_part.removeprefix("*.")
    match move.level:
        case _Level.LISTED:
            return "nothing: it was listed already"
        case _Level.DIRECTORY:
            return f"every other file below {source.path_part} on {source.host_part}"
        case _Level.ORIGIN:
            return f"every other path on {source.host_part}"
        case _Level.DOMAIN:
            return f"every other host below {name}"
