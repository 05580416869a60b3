"""Ingest health: what became of the reports that this service received, for the overview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestHealth:
    """Of all sites, since the service was started; in reports."""

    accepted: int = 0
    filtered: int = 0
    """Of types that nobody asked for."""

    shed: int = 0
    """Refused for want of capacity."""

    invalid: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why some were not accepted, most first."""

    problems: tuple[str, ...] = ()
    """Why nothing can be stored at present, if so; as `/readyz` says it."""
