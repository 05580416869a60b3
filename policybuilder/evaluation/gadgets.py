"""Gadgets: what hosts serve that lets strangers run code, or take data, through a policy that allows them."""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from policybuilder.csp import HostSource
from policybuilder.csp.subsumption import host_part_covers


class GadgetKind(enum.StrEnum):
    """What a host does for strangers."""

    JSONP = "jsonp"
    FRAMEWORK = "framework"
    TAG_MANAGER = "tag-manager"
    REDIRECTOR = "redirector"
    RECORDER = "recorder"


@dataclass(frozen=True, slots=True)
class Gadget:
    """A row of the table."""

    kind: GadgetKind
    hosts: tuple[str, ...]
    but: tuple[str, ...]
    """Hosts among them of which it is not so."""

    paths: tuple[str, ...]
    """Empty where it is all over the host."""

    packages: tuple[str, ...]
    """The names of a framework on hosts that serve packages."""

    needs_eval: bool
    reason: str
    """Completes the sentence "this host …"."""

    source: str
    """The URL of what shows it."""


def gadgets_of(source: HostSource) -> tuple[Gadget, ...]:
    """What is known of the URLs that an expression covers."""
    return tuple(
        gadget
        for gadget in _candidates(source.host_part)
        if _reaches(source.decoded_path, gadget.paths)
        and not any(host_part_covers(host, source.host_part) for host in gadget.but)
    )


@lru_cache(maxsize=1)
def frameworks_by_package() -> Mapping[str, Gadget]:
    """The frameworks by their names as packages."""
    return {package: gadget for gadget in _table() for package in gadget.packages}


def _candidates(pattern: str) -> Iterator[Gadget]:
    if pattern.startswith("*"):
        yield from (gadget for gadget in _table() if any(host_part_covers(pattern, host) for host in gadget.hosts))
        return
    by_host = _by_host()
    yield from by_host.get(pattern, ())
    _, dot, parent = pattern.partition(".")
    while dot:
        yield from by_host.get(f"*.{parent}", ())
        _, dot, parent = parent.partition(".")


def _reaches(listed: str | None, paths: tuple[str, ...]) -> bool:
    """Whether a source with that path covers some of the places; redirects aside."""
    if listed is None or not paths:
        return True
    return any(
        path == listed
        or (listed.endswith("/") and path.startswith(listed))
        or (path.endswith("/") and listed.startswith(path))
        for path in paths
    )


@lru_cache(maxsize=1)
def _by_host() -> Mapping[str, tuple[Gadget, ...]]:
    found: dict[str, tuple[Gadget, ...]] = {}
    for gadget in _table():
        for host in gadget.hosts:
            found[host] = (*found.get(host, ()), gadget)
    return found


@lru_cache(maxsize=1)
def _table() -> tuple[Gadget, ...]:
    text = resources.files("policybuilder.evaluation").joinpath("gadgets.toml").read_text(encoding="utf-8")
    return tuple(map(_gadget_in, tomllib.loads(text)["gadget"]))


def _gadget_in(table: Mapping[str, Any]) -> Gadget:
    return Gadget(
        kind=GadgetKind(table["kind"]),
        hosts=tuple(table["hosts"]),
        but=tuple(table.get("but", ())),
        paths=tuple(table.get("paths", ())),
        packages=tuple(table.get("packages", ())),
        needs_eval=table.get("eval", False),
        reason=table["reason"],
        source=table["source"],
    )
