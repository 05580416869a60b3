"""What is new since somebody looked, on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from policybuilder.evidence import EvidenceClass
from policybuilder.store.news import read_last_arrival, read_news
from policybuilder.store.reading import snapshot
from policybuilder.times import to_ms
from tests.support.evidence import SEEN_AT, make_observation, make_violation, record_observations, replace

MINUTE = timedelta(minutes=1)


def test_only_what_first_arrived_since_is_new(engine: Engine) -> None:
    old = make_violation("img-src", "https://a.example/1.png")
    record_observations(engine, make_observation(old, seen_at=SEEN_AT), now=SEEN_AT)
    later = SEEN_AT + 5 * MINUTE
    record_observations(
        engine,
        make_observation(old, seen_at=later),
        # Browsers may date a report long before it arrives.
        replace(
            make_observation(make_violation("img-src", "https://b.example/1.png"), seen_at=later),
            seen_at_ms=to_ms(SEEN_AT - MINUTE),
        ),
        *(make_observation(make_violation("font-src", "https://c.example/f"), seen_at=later) for _ in range(3)),
        make_observation(make_violation("font-src", "about"), seen_at=later, evidence_class=EvidenceClass.EXTENSION),
        make_observation(make_violation("font-src", "https://d.example/f"), site="other", seen_at=later),
        now=later,
    )
    with snapshot(engine) as connection:
        news = read_news(connection, "default", SEEN_AT + MINUTE, most=10)
        assert (news.groups, news.noise_groups) == (2, 1)
        assert [(each.blocked, each.reports) for each in news.most_reported] == [
            ("https://c.example/f", 3),
            ("https://b.example/1.png", 1),
        ]
        assert len(read_news(connection, "default", SEEN_AT + MINUTE, most=1).most_reported) == 1
        assert read_news(connection, "default", later, most=10).groups == 0
        assert read_last_arrival(connection, "default") == later
        assert read_last_arrival(connection, "nobody") is None
