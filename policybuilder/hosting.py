"""Hosting: hosts on which anybody can publish, so that allowing one allows strangers."""

from __future__ import annotations

import enum
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib import resources
from typing import Any

from policybuilder.domains import is_address, is_registry, private_suffix


class HostingKind(enum.StrEnum):
    """What strangers publish on a host."""

    PACKAGE_CDN = "package-cdn"
    """Files of any package or repository that somebody published."""

    OBJECT_STORAGE = "object-storage"
    PAGE_HOSTING = "page-hosting"
    USER_CONTENT = "user-content"
    CDN_DISTRIBUTION = "cdn-distribution"
    """One company's content, behind a name that a content delivery network made for it."""

    PRIVATE_SUFFIX = "private-suffix"
    """Whatever it is that is offered under names below a suffix which the public suffix list calls private."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """What is known of a host on which anybody can publish."""

    kind: HostingKind
    reason: str
    """Completes the sentence "this host …"."""

    source: str
    """The URL of what shows it."""

    is_shared: bool = False
    """Whether strangers have this one host in common, told apart by the path alone."""

    tenants: tuple[str, ...] = ()
    """On a shared host, patterns of the directories that hold the files of one publisher; for packages, of one version.

    `*` stands for anything in one segment, but not for an `@` at its beginning: that is the scope of a package.
    """

    def tenant_directory(self, path: str) -> str | None:
        """The directory of `path` that holds the files of its publisher alone; None where only the whole path does."""
        if not self.is_shared:
            return "/"
        # What is asked for may be such a directory itself, without its slash: a package's main module.
        segments = path.removesuffix("/").split("/")[1:]
        for pattern in self.tenants:
            wanted = pattern.strip("/").split("/")
            if len(wanted) <= len(segments) and all(map(_segment_matches, wanted, segments)):
                return "/" + "/".join(segments[: len(wanted)]) + "/"
        return None


PACKAGE_MIRROR = Hosting(
    HostingKind.PACKAGE_CDN,
    "names packages with their release, as those do that serve every package of a public registry",
    "https://docs.npmjs.com/about-packages-and-modules",
    is_shared=True,
    tenants=("/*@*/", "/@*/*@*/", "/*/*@*/", "/*/@*/*@*/"),
)
"""A host of which nothing is known but that its paths look like those of a package CDN."""

_RELEASE = re.compile(r"[^/]+@v?[0-9][^/]*")


def names_releases(path: str) -> bool:
    """Whether a part of the path is a package's name with its release, as `jquery@3.7.1`."""
    return any(_RELEASE.fullmatch(segment) for segment in path.split("/"))


@lru_cache(maxsize=4096)
def hosting_of(host: str) -> Hosting | None:
    """What is known of `host`, in lower case; None where nothing says that strangers publish there."""
    host = host.removesuffix(".")
    suffix = private_suffix(host)
    entry = None if is_address(host) else _table().find(host)
    if entry is None:
        return None if suffix is None else _below(suffix, is_shared=host == suffix)
    hosting = entry.hosting
    if hosting is not None and host == suffix and not hosting.is_shared:
        # Names are given away below it, so its own paths are those of all that have one.
        return replace(hosting, is_shared=True, tenants=("/*/",) if hosting.kind is HostingKind.OBJECT_STORAGE else ())
    return hosting


@lru_cache(maxsize=4096)
def hosting_within(domain: str) -> Hosting | None:
    """What is known of some host below `domain`, in lower case: the pattern `*.` before it takes that in."""
    if is_address(domain):
        return None
    if (found := hosting_of(f"_.{domain}")) is not None:
        return found
    entry = _table().find_below(domain)
    return None if entry is None else entry.hosting


@lru_cache(maxsize=4096)
def gives_names_away(domain: str) -> bool:
    """Whether anybody can have a name directly below `domain`: of a registry, or of a company with tenants."""
    if not is_registry(domain):
        return False
    entry = _table().find(f"_.{domain}")
    return entry is None or entry.hosting is not None or entry.is_registry


def _below(suffix: str, *, is_shared: bool) -> Hosting:
    return Hosting(
        HostingKind.PRIVATE_SUFFIX,
        "lets anybody have a name below it" if is_shared else f"is below {suffix}, where anybody can have a name",
        "https://publicsuffix.org/list/public_suffix_list.dat",
        is_shared,
    )


def _segment_matches(pattern: str, segment: str) -> bool:
    return segment.startswith("@") == pattern.startswith("@") and segment != "" and fnmatchcase(segment, pattern)


@dataclass(frozen=True, slots=True)
class _Entry:
    hosting: Hosting | None
    """None for hosts of which the file says that they are nobody's hosting."""

    is_registry: bool = False
    """Whether names below are registered, as below a country's suffix."""


@dataclass(slots=True)
class _Node:
    """Where the hosts of the table meet that end alike: one label further left for each step down."""

    children: dict[str, _Node] = field(default_factory=dict)
    itself: _Entry | None = None
    below: _Entry | None = None
    """For everything that has at least one label more."""

    def add(self, pattern: str, entry: _Entry) -> None:
        node = self
        *labels, first = reversed(pattern.split("."))
        for label in labels:
            node = node.children.setdefault(label, _Node())
        if first == "*":
            node.below = entry
        else:
            node.children.setdefault(first, _Node()).itself = entry

    def find(self, host: str) -> _Entry | None:
        """Of the longest pattern that fits; of two, the one that spells its labels out."""
        found: _Entry | None = None
        nodes = [self]
        for label in reversed(host.split(".")):
            found = next((node.below for node in nodes if node.below is not None), found)
            nodes = [child for node in nodes for name in (label, "*") if (child := node.children.get(name)) is not None]
        return next((node.itself for node in nodes if node.itself is not None), found)

    def find_below(self, domain: str) -> _Entry | None:
        """Any entry of hosting with more labels than `domain`."""
        node: _Node | None = self
        for label in reversed(domain.split(".")):
            node = None if node is None else node.children.get(label)
        waiting = [] if node is None else list(node.children.values())
        while waiting:
            child = waiting.pop()
            for entry in (child.itself, child.below):
                if entry is not None and entry.hosting is not None:
                    return entry
            waiting.extend(child.children.values())
        return None


@lru_cache(maxsize=1)
def _table() -> _Node:
    document = tomllib.loads(resources.files("policybuilder").joinpath("hosting.toml").read_text(encoding="utf-8"))
    root = _Node()
    for table in document["hosting"]:
        for pattern in table["hosts"]:
            root.add(pattern, _Entry(_hosting_in(table)))
    for table in document["not-hosting"]:
        for pattern in table["hosts"]:
            root.add(pattern, _Entry(None, is_registry=table.get("registry", False)))
    return root


def _hosting_in(table: Mapping[str, Any]) -> Hosting:
    return Hosting(
        kind=HostingKind(table["kind"]),
        reason=table["reason"],
        source=table["source"],
        is_shared=table.get("shared", False),
        tenants=tuple(table.get("tenants", ())),
    )
