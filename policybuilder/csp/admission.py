"""An admission: which expression lets a resource pass, and why."""

from __future__ import annotations

Admission = tuple[str, str]
"""The expression, as spelt in the policy; and a clause for people: why it admits.

What a source list answers when it does not refuse. Functions that may return one take `optimistic`: whether facts that
are not known are taken to favour the resource. What only an optimist admits is not known, and the clause says which
fact is missing.
"""
