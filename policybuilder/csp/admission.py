"""An admission: which expression lets a resource pass, and why."""

from __future__ import annotations

from typing import NamedTuple


class Admission(NamedTuple):
    """What a source list answers when it does not refuse.

    Functions that may return one take `optimistic`: whether facts that are not known are taken to favour the
    resource. What only an optimist admits is not known.
    """

    by: str
    """The expression, as spelt in the policy."""

    why: str
    """A clause for people; for the optimist's admissions, which fact is missing."""
