"""The JSON document of what is new."""

from __future__ import annotations

from datetime import datetime

from policybuilder.store.news import News
from policybuilder.times import isoformat


def news_document(site: str, news: News, last_arrival: datetime | None) -> dict[str, object]:
    """The keys of `news/1`."""
    return {
        "site": site,
        "since": isoformat(news.since),
        "last_arrival": isoformat(last_arrival) if last_arrival else None,
        "groups": news.groups,
        "noise_groups": news.noise_groups,
        "most_reported": [
            {"group": each.fingerprint, "directive": each.directive, "blocked": each.blocked, "reports": each.reports}
            for each in news.most_reported
        ],
    }
