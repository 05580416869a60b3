"""Robots: what a site asks programs not to fetch.

https://www.rfc-editor.org/rfc/rfc9309. The standard library's reader knows no `*` within paths, and those that make
regular expressions of them take as long as the site likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ada_url

from policybuilder.scanner.fetching import Fetcher, FetchError

OUR_TOKEN = "cspbuild"  # noqa: S105  (the specification calls a program's name its product token)

_MAX_BYTES = 500 * 1024
"""As much as the specification has programs read."""

_MAX_RULES = 5_000


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one origin that hold for us."""

    rules: tuple[tuple[str, bool], ...] = ()
    """A pattern of paths, and whether it allows; without any everything is allowed."""

    problem: str | None = None
    """Why they could not be read, as a line for people: then nothing is allowed."""

    def allows(self, url: str) -> bool:
        """Whether the page may be fetched. The longest pattern decides, and of two as long the one that allows."""
        if self.problem is not None:
            return False
        parsed = ada_url.URL(url)
        path = parsed.pathname + parsed.search
        fitting = [(len(pattern), allowed) for pattern, allowed in self.rules if _matches(pattern, path)]
        return max(fitting, default=(0, True))[1]


def read_robots(text: str) -> Robots:
    """The rules of the groups for our name; where there is none, of those for every program."""
    groups: dict[str, list[tuple[str, bool]]] = {}
    for agents, rule in _lines(text):
        for agent in agents:
            rules = groups.setdefault(agent, [])
            if rule is not None and len(rules) < _MAX_RULES:
                rules.append(rule)
    return Robots(tuple(groups.get(OUR_TOKEN, groups.get("*", []))))


def fetch_robots(fetcher: Fetcher, url: str) -> Robots:
    """The rules of the URL's origin, whoever its certificate is of: they only ever forbid.

    As the specification has it, a file that is not there allows everything, a server that fails nothing.
    """
    place = ada_url.URL("/robots.txt", url).href
    try:
        answer = fetcher.fetch(place, believes_any_certificate=True, max_bytes=_MAX_BYTES)
    except FetchError as error:
        return Robots(problem=str(error))
    if answer.status >= 500:
        return Robots(problem=f"it was answered {answer.status}")
    return read_robots(answer.body.decode("utf-8", "replace")) if answer.status == 200 else Robots()


def _lines(text: str) -> Iterator[tuple[tuple[str, ...], tuple[str, bool] | None]]:
    """Each rule with the programs it is for; and those programs once without one, whose group may be empty."""
    agents: tuple[str, ...] = ()
    is_naming = False
    for line in text.removeprefix("\ufeff").splitlines():
        key, separator, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not separator:
            continue
        if key == "user-agent":
            token = value.partition("/")[0].strip().lower()
            # Many names in a row share the rules that follow; a file of nothing else is nobody's.
            agents = (*agents[-20:], token) if is_naming else (token,)
            is_naming = True
            yield agents, None
        elif key in {"allow", "disallow"}:
            is_naming = False
            if value:
                yield agents, (value, key == "allow")


def _matches(pattern: str, path: str) -> bool:
    """Whether the path begins with the pattern, `*` for anything and `$` at its end for the end."""
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    position = len(first)
    for index, piece in enumerate(others):
        if is_whole and index == len(others) - 1:
            return len(path) - position >= len(piece) and path.endswith(piece)
        position = path.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return not is_whole or position == len(path)
