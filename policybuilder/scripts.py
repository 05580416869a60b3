"""Scripts: what browsers reported of the digests of external scripts, and what follows from it.

Anybody can post a `csp-hash` report, so nothing here admits a script or vouches for one: it is what was reported.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policybuilder.evidence import ScriptHash
from policybuilder.times import Window

STABLE_AFTER = timedelta(days=7)

_DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}


class ScriptMark(enum.StrEnum):
    """What the digests reported of a script say; the loudest first."""

    DRIFT = "drift"
    """A digest was reported after another one: the script changed, or a report is forged."""

    NO_HASH = "no-hash"
    """Only reported without a digest: it is fetched without CORS, so browsers may not tell."""

    STABLE = "stable"
    """One digest for long enough to pin it."""

    NEW = "new"
    """One digest, not yet for long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedScript:
    """An external script, as reported."""

    url: str
    is_third_party: bool
    """Of no host that the operator has named."""

    mark: ScriptMark
    advice: str
    integrity: str | None
    """The digest to pin it by, if it is stable."""

    hashes: tuple[ScriptHash, ...]
    """Oldest first; those of one digest in several spellings apart, as reported."""

    @property
    def reports(self) -> int:
        return sum(each.reports for each in self.hashes)

    @property
    def first_seen_at(self) -> datetime:
        return min(each.first_seen_at for each in self.hashes)

    @property
    def last_seen_at(self) -> datetime:
        return max(each.last_seen_at for each in self.hashes)

    @property
    def is_alarming(self) -> bool:
        """Somebody else's script changed: that is how a supply chain is attacked, and how it is updated."""
        return self.mark is ScriptMark.DRIFT and self.is_third_party


def reported_scripts(
    hashes: Iterable[ScriptHash], window: Window, own_hosts: Collection[str]
) -> tuple[ReportedScript, ...]:
    """The scripts reported in the window, with all that was ever reported of them; alarming ones first.

    `own_hosts` are the hosts of the site as its operator names them, `*.` allowed.
    """
    by_url: dict[str, list[ScriptHash]] = defaultdict(list)
    for each in hashes:
        by_url[each.script_url].append(each)
    found = [
        _reported(url, alike, own_hosts)
        for url, alike in by_url.items()
        if any(_is_within(each, window) for each in alike)
    ]
    order = list(ScriptMark)
    found.sort(key=lambda script: (not script.is_alarming, order.index(script.mark), -script.reports, script.url))
    return tuple(found)


def _is_within(reported: ScriptHash, window: Window) -> bool:
    begins_before_end = reported.first_seen_at <= window.until
    return begins_before_end and (window.since is None or reported.last_seen_at >= window.since)


def _reported(url: str, alike: Sequence[ScriptHash], own_hosts: Collection[str]) -> ReportedScript:
    ordered = tuple(sorted(alike, key=lambda each: (each.first_seen_at, each.last_seen_at, each.hash)))
    told = [each for each in ordered if each.hash]
    is_third_party = not _is_own(url, own_hosts)
    mark, advice = _judge(told, is_third_party=is_third_party)
    if told and len(told) < len(ordered):
        advice += "; some pages fetch it without crossorigin, and tell nothing"
    integrity = _integrity(told[0].hash) if mark is ScriptMark.STABLE else None
    return ReportedScript(
        url=url, is_third_party=is_third_party, mark=mark, advice=advice, integrity=integrity, hashes=ordered
    )


def _judge(told: Sequence[ScriptHash], *, is_third_party: bool) -> tuple[ScriptMark, str]:
    if not told:
        return ScriptMark.NO_HASH, "not CORS: add crossorigin to its tag, if its server allows that"
    if (changed := _changed(told)) is not None:
        older, newer = changed
        how = "while the older is still reported" if older.last_seen_at >= newer.first_seen_at else "in its place"
        whose = "a third party's script changed" if is_third_party else "the script changed"
        advice = f"{whose}: another hash was reported {how}; compare it with what its author published"
        return ScriptMark.DRIFT, advice
    span = max(each.last_seen_at for each in told) - min(each.first_seen_at for each in told)
    if span >= STABLE_AFTER:
        return ScriptMark.STABLE, f"one hash reported for {span.days} days: pin it with integrity and crossorigin"
    return ScriptMark.NEW, f"one hash so far: wait until it is {STABLE_AFTER.days} days old"


def _changed(told: Sequence[ScriptHash]) -> tuple[ScriptHash, ScriptHash] | None:
    """The last two digests of one algorithm that differ, the older first."""
    newest: dict[str, ScriptHash] = {}
    changed = None
    for each in told:
        algorithm, digest = _digest(each.hash)
        before = newest.get(algorithm)
        if before is not None and _digest(before.hash)[1] != digest:
            changed = before, each
        newest[algorithm] = each
    return changed


def _digest(reported: str) -> tuple[str, bytes]:
    """Algorithm and digest: base64 in either alphabet, or hexadecimal as in the specification's example."""
    algorithm, _, text = reported.partition("-")
    length = _DIGEST_BYTES.get(algorithm, 0)
    if len(text) == 2 * length and re.fullmatch("[0-9A-Fa-f]+", text):
        return algorithm, bytes.fromhex(text)
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        decoded = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return algorithm, text.encode()
    return algorithm, decoded if len(decoded) == length else text.encode()


def _integrity(reported: str) -> str | None:
    """As an `integrity` attribute takes it; None for what is no digest."""
    algorithm, digest = _digest(reported)
    if len(digest) != _DIGEST_BYTES.get(algorithm):
        return None
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


def _is_own(url: str, own_hosts: Collection[str]) -> bool:
    host = url.partition("://")[2].partition("/")[0]
    name = host.rpartition(":")[0] or host
    return any(name.endswith(own[1:]) if own.startswith("*.") else own in {host, name} for own in own_hosts)
