"""Strangers: what they report, merged by the store with trusted evidence, changes no byte of the policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from policybuilder.store.reading import read_groups, snapshot
from policybuilder.suggestion.propose import propose
from policybuilder.times import Window
from tests.support.evidence import (
    OBSERVED,
    ORIGIN,
    SEEN_AT,
    canonical_text,
    make_observation,
    make_violation,
    record_observations,
)

SERVED = canonical_text("default-src 'none'; script-src 'self' https://cdn.example; style-src 'self' 'unsafe-inline'")
OBSERVE = canonical_text(OBSERVED)
IMAGE: dict[str, Any] = {"blocked_uri": "https://img.example/a.png"}
WASM: dict[str, Any] = {"effective_directive": "script-src", "blocked_uri": "wasm-eval"}


def policy_of(engine: Engine, window: Window | None = None) -> str:
    with snapshot(engine) as connection:
        groups = read_groups(connection, "default", window or Window(None, SEEN_AT + timedelta(days=1)))
    return str(propose("default", groups).policy)


# What strangers report before, and what the operator's own visit reports.
MERGED_CASES = [
    ({**WASM, "source_file": f"{ORIGIN}/app.js"}, {**WASM, "source_file": "https://cdn.third.example/w.js"}),
    ({**WASM, "source_file": "https://evil.example/x.js"}, {**WASM, "source_file": f"{ORIGIN}/app.js"}),
    ({**IMAGE, "original_policy": "sandbox; script-src *"}, IMAGE),
    ({**IMAGE, "original_policy": SERVED}, {**IMAGE, "original_policy": OBSERVE}),
]


@pytest.mark.parametrize(("strange", "own"), MERGED_CASES)
@pytest.mark.parametrize("strangers_first", [True, False])
def test_a_stranger_who_reports_the_same_changes_nothing(
    engine: Engine, strange: dict[str, Any], own: dict[str, Any], *, strangers_first: bool
) -> None:
    trusted = [
        make_observation(make_violation(**{"original_policy": OBSERVE, **own}), is_trusted=True),
        make_observation(make_violation(original_policy=OBSERVE), is_trusted=True),
    ]
    forged = make_observation(make_violation(**{"original_policy": OBSERVE, **strange}), network="203.0.113.0/24")
    record_observations(engine, *trusted)
    before = policy_of(engine)
    with engine.begin() as connection:
        for table in ("violation_group", "group_policy", "group_hour", "policy"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  (our own tables)
    for observation in (forged, *trusted) if strangers_first else (*trusted, forged):
        record_observations(engine, observation)
    assert policy_of(engine) == before


def test_a_stranger_does_not_bring_an_old_policy_back_into_a_window(engine: Engine) -> None:
    """Trusted long ago under the observe baseline, trusted now under the policy served: the silence of now counts."""
    long_ago, now = SEEN_AT - timedelta(days=60), SEEN_AT
    old = make_violation(**IMAGE, original_policy=OBSERVE)
    record_observations(engine, make_observation(old, seen_at=long_ago, is_trusted=True))
    new = make_violation(blocked_uri="https://img.example/b.png", original_policy=SERVED)
    record_observations(engine, make_observation(new, seen_at=now, is_trusted=True))
    window = Window(now - timedelta(days=7), now + timedelta(hours=1))
    before = policy_of(engine, window)
    assert "script-src 'self' https://cdn.example" in before
    record_observations(engine, make_observation(old, seen_at=now, network="203.0.113.0/24"))
    assert policy_of(engine, window) == before
