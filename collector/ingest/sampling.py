"""Sampling: how many reports one stands for, as the report URL says.

`cspbuild header --sample` writes the share of page views that carry the header into the report URL, as `?r=0.01`.
Anybody can post to any URL, so the figure serves estimates for people, and decides nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_STANDS_FOR = 10_000
"""No site samples less: it would have to wait for weeks for one report."""

_MAX_QUERY_BYTES = 4_096

_SHARE = re.compile(rb"(?:0|1)?(?:\.[0-9]{1,30})?")
"""Decimal fractions, as headers are written."""

_MAX_SHARE_BYTES = 32
"""What is longer is no share, and one byte more tells that."""


def stands_for(query: bytes) -> int:
    """How many reports there would be for one without sampling; 1 where the query does not say, or says nonsense."""
    if b"r=" not in query or len(query) > _MAX_QUERY_BYTES:
        return 1
    # The last one counts: it is written behind what a URL has already.
    for member in reversed(query.split(b"&")):
        if member.startswith(b"r="):
            return _inverse(member[2 : 3 + _MAX_SHARE_BYTES])
    return 1


@lru_cache(maxsize=256)
def _inverse(said: bytes) -> int:
    try:
        share = float(said) if _SHARE.fullmatch(said) else 0.0
    except ValueError:
        return 1
    if not 0 < share <= 1:
        return 1
    # The bound comes first: the inverse of the smallest share has no integer worth making.
    return round(min(1 / share, float(MAX_STANDS_FOR)))
