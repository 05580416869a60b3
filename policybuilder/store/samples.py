"""Samples: reports kept as evidence of their group, in as few bytes as say the same.

Strangers choose what is in a report, and a group keeps several: so a sample names its policy, whose text is kept once
for its site, and of a URL it keeps the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from policybuilder.csp.violation import Disposition, SampleExtent, Violation
from policybuilder.store import schema
from policybuilder.store.tables import chunks, table_of

MAX_URL_CHARACTERS = 512
"""Of each URL in a sample."""

_URLS = ("document_uri", "blocked_uri", "source_file", "referrer")
_DIGEST = "policy_digest"
_NAMES = tuple(field.name for field in fields(Violation))
_DEFAULTS = {field.name: field.default for field in fields(Violation)}


def sample_text(violation: Violation, policy_digest: str) -> str:
    """The JSON that is kept of a violation; its policy is kept elsewhere, by this digest."""
    told = {name: value for name in _NAMES if (value := getattr(violation, name)) != _DEFAULTS[name]}
    if told.pop("original_policy", ""):
        told[_DIGEST] = policy_digest
    for name in _URLS:
        if name in told:
            told[name] = told[name][:MAX_URL_CHARACTERS]
    return msgspec.json.encode(told, order="sorted").decode()


def read_samples(connection: Connection, site: str, texts: Iterable[str]) -> list[Violation]:
    """The violations that a site's samples were kept of, in the order of the texts.

    A policy that is not kept any more is empty.
    """
    samples: list[dict[str, Any]] = [json.loads(text) for text in texts]
    policies = _policies(connection, site, {sample[_DIGEST] for sample in samples if _DIGEST in sample})
    return [_violation(sample, policies) for sample in samples]


def _policies(connection: Connection, site: str, digests: Collection[str]) -> dict[str, str]:
    table = table_of(schema.PolicyRow)
    found: dict[str, str] = {}
    for chunk in chunks(sorted(digests)):
        asked = select(table.c.digest, table.c.text).where(table.c.site == site, table.c.digest.in_(chunk))
        found.update((row.digest, row.text) for row in connection.execute(asked))
    return found


def _violation(sample: Mapping[str, Any], policies: Mapping[str, str]) -> Violation:
    members = {name: value for name, value in sample.items() if name != _DIGEST}
    # Older samples hold the policy itself.
    members.setdefault("original_policy", policies.get(sample.get(_DIGEST, ""), ""))
    members["disposition"] = Disposition(members.get("disposition", Disposition.UNKNOWN))
    members["sample_extent"] = SampleExtent(members.get("sample_extent", SampleExtent.NONE))
    return Violation(**members)
