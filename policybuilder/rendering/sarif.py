"""SARIF: findings for code hosts and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

LEVELS = ("error", "warning", "note")
"""The worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SarifRule:
    """What may be found."""

    id: str
    title: str
    """A few words."""

    text: str
    """Why it matters."""

    help_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SarifArtifact:
    """What was looked at: a file or page by its URI, or a text that has none."""

    uri: str | None = None
    """Relative for a file, absolute for a page."""

    text: str | None = None
    """The whole content, as far as regions point into it."""

    offset: int = 0
    """Where in `text` the positions of results begin to count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SarifResult:
    """What was found."""

    rule: str
    level: str
    """One of `LEVELS`."""

    message: str
    start: int | None = None
    """In characters, from the artifact's offset; None where no place in it is meant."""

    end: int | None = None
    fix: str | None = None
    """What should stand in the place of all that begins at the artifact's offset."""

    fix_text: str = ""
    """The same in words."""

    fingerprints: dict[str, str] = field(default_factory=dict)
    is_new: bool | None = None
    """Beside a baseline; None where there is none."""

    name: str | None = None
    """Of the part that is meant, such as a directive or header."""

    properties: dict[str, Any] = field(default_factory=dict)
    artifact: int = 0
    """Which of the artifacts."""


def sarif_log(
    *,
    version: str,
    rules: Sequence[SarifRule],
    artifacts: Sequence[SarifArtifact],
    results: Iterable[SarifResult],
) -> dict[str, Any]:
    """A log of one run, as `json.dumps` takes it. `rules` are those of the results, or more."""
    index = {rule.id: number for number, rule in enumerate(rules)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "cspbuild", "version": version, "rules": [_rule(rule) for rule in rules]},
                },
                "columnKind": "unicodeCodePoints",
                "artifacts": [_artifact(artifact) for artifact in artifacts],
                "results": [_result(result, index, artifacts[result.artifact]) for result in results],
            }
        ],
    }


def _rule(rule: SarifRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.text},
        "helpUri": rule.help_uri,
        "help": {"text": f"{rule.text} See {rule.help_uri}"},
    }


def _artifact(artifact: SarifArtifact) -> dict[str, Any]:
    if artifact.uri is not None:
        return {"location": {"uri": _uri(artifact.uri)}}
    return {"contents": {"text": artifact.text or ""}, "description": {"text": "the text that was given"}}


def _uri(uri: str) -> str:
    return quote(uri, safe="/:?#[]@!$&'()*+,;=%~", errors="surrogateescape")


def _result(result: SarifResult, index: dict[str, int], artifact: SarifArtifact) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": _location(result, artifact)}}
    if result.start is not None and result.end is not None and artifact.text is not None:
        location["physicalLocation"]["region"] = _region(artifact, result.start, result.end)
    if result.name is not None:
        location["logicalLocations"] = [{"name": result.name}]
    found: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": index[result.rule],
        "level": result.level,
        "message": {"text": result.message},
        "locations": [location],
        "properties": result.properties,
    }
    if result.fingerprints:
        found["partialFingerprints"] = result.fingerprints
    if result.is_new is not None:
        found["baselineState"] = "new" if result.is_new else "unchanged"
    if result.fix is not None and artifact.text is not None:
        found["fixes"] = [_fix(result, result.fix, artifact, artifact.text)]
    return found


def _location(result: SarifResult, artifact: SarifArtifact) -> dict[str, Any]:
    place: dict[str, Any] = {"index": result.artifact}
    return place if artifact.uri is None else {"uri": _uri(artifact.uri), **place}


def _region(artifact: SarifArtifact, start: int, end: int) -> dict[str, Any]:
    """https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html#_Toc34317685"""
    text = artifact.text or ""
    start, end = start + artifact.offset, end + artifact.offset
    (start_line, start_column), (end_line, end_column) = _place(text, start), _place(text, end)
    return {
        "startLine": start_line,
        "startColumn": start_column,
        "endLine": end_line,
        "endColumn": end_column,
        "charOffset": start,
        "charLength": end - start,
        "snippet": {"text": text[start:end]},
    }


def _place(text: str, position: int) -> tuple[int, int]:
    """Line and column, from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _fix(result: SarifResult, fix: str, artifact: SarifArtifact, text: str) -> dict[str, Any]:
    before = text[artifact.offset :]
    # A final line feed is the file's.
    before = before[: len(before.rstrip("\r\n"))] if not fix.endswith(("\r", "\n")) else before
    start = _common(before, fix)
    end = _common(before[start:][::-1], fix[start:][::-1])
    return {
        "description": {"text": result.fix_text or "the text without this weakness"},
        "artifactChanges": [
            {
                "artifactLocation": _location(result, artifact),
                "replacements": [
                    {
                        "deletedRegion": {
                            "charOffset": start + artifact.offset,
                            "charLength": len(before) - start - end,
                        },
                        "insertedContent": {"text": fix[start : len(fix) - end]},
                    }
                ],
            }
        ],
    }


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    limit = min(len(one), len(other))
    if one[:limit] == other[:limit]:
        return limit
    low, high = 0, limit
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle)
    return low
