"""A baseline: the weaknesses that were known before, so that only new ones have to be looked at.

They are known again by what they are and in which directive they stand, wherever that moved; a nonce is not looked at,
since it is another one each time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policybuilder.evaluation.weakness import Weakness

FINGERPRINT = "cspWeakness/v1"
"""What SARIF has the fingerprint under."""

_NONCE = re.compile(r"nonce-[A-Za-z0-9+/_=-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a text's weaknesses are beside those of a baseline."""

    is_new: tuple[bool, ...]
    """For each weakness, in their order."""

    resolved: int
    """Weaknesses of the baseline that are no more."""


def fingerprint(code: str, directive: str | None, value: str | None) -> str:
    """What a weakness is known by: 32 hexadecimal digits."""
    parts = (code, directive or "", _NONCE.sub("nonce-", value or ""))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def fingerprint_of(weakness: Weakness) -> str:
    """What a weakness is known by."""
    return fingerprint(weakness.code, weakness.directive, weakness.value)


def compare(weaknesses: Sequence[Weakness], known: Iterable[str]) -> Comparison:
    """Which weaknesses are new beside the `known` fingerprints; of several alike, those beyond their number."""
    left = Counter(known)
    is_new = []
    for weakness in weaknesses:
        name = fingerprint_of(weakness)
        is_new.append(left[name] <= 0)
        left[name] -= 1
    return Comparison(tuple(is_new), sum(count for count in left.values() if count > 0))


def read_baseline(text: str) -> tuple[str, ...]:
    """The fingerprints of an earlier output, JSON or SARIF. Raises ValueError for what is neither."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if isinstance(document, dict) and isinstance(document.get("runs"), list):
        return tuple(_of_sarif(document["runs"]))
    if isinstance(document, dict) and isinstance(document.get("findings"), list):
        if document.get("schema") != "evaluate/1":
            raise ValueError(f"it is {_shown(document.get('schema'))}, not an output of evaluate")
        return tuple(_of_json(document["findings"]))
    raise ValueError("it has neither findings nor runs")


def _of_json(findings: list[Any]) -> Iterator[str]:
    for number, finding in enumerate(findings, 1):
        members = finding if isinstance(finding, Mapping) else {}
        code, directive, value = (members.get(name) for name in ("code", "directive", "value"))
        if not isinstance(code, str) or not isinstance(directive, str | None) or not isinstance(value, str | None):
            raise ValueError(f"finding {number} has no code, directive and value")  # noqa: TRY004  (every mistake ends so)
        yield fingerprint(code, directive, value)


def _of_sarif(runs: list[Any]) -> Iterator[str]:
    for run in runs:
        results = run.get("results") if isinstance(run, Mapping) else None
        for result in results if isinstance(results, list) else ():
            if not isinstance(result, Mapping) or result.get("baselineState") == "absent":
                continue
            prints = result.get("partialFingerprints")
            found = prints.get(FINGERPRINT) if isinstance(prints, Mapping) else None
            if not isinstance(found, str):
                raise ValueError(f"a result has no fingerprint {FINGERPRINT}")  # noqa: TRY004  (the same)
            yield found


def _shown(value: object) -> str:
    return repr(value)[:40]
