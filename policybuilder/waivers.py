"""Waivers: criteria of readiness that a person does without, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One criterion, waived."""

    number: int
    """Counts up within the site."""

    criterion: str
    note: str
    """Why; never empty."""

    waived_at: datetime
    until: datetime | None = None
    """The last moment at which it holds."""

    undone_at: datetime | None = None


def standing(waivers: Iterable[Waiver], at: datetime) -> Mapping[str, Waiver]:
    """The waivers that hold at an instant, by criterion; of several the one made last."""
    return {
        waiver.criterion: waiver
        for waiver in sorted(waivers, key=lambda waiver: waiver.number)
        if waiver.undone_at is None and (waiver.until is None or at <= waiver.until)
    }
