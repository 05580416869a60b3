"""The JSON document of what loads what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from policybuilder.documents.decisions import decision_document
from policybuilder.loading import Loaded, Loader


def initiators_document(site: str, loaders: Sequence[Loader], now: datetime) -> dict[str, object]:
    """The keys of `initiators/1`; which decisions have expired is said as of `now`."""
    return {
        "site": site,
        "initiators": [
            {
                "origin": loader.origin or None,
                "violations": loader.violations,
                "reports": loader.reports,
                "reporters": loader.reporters,
                "loads": [_loaded(each) for each in loader.loads],
                "decisions": [decision_document(decision, now) for decision in loader.decisions],
            }
            for loader in loaders
        ],
    }


def _loaded(loaded: Loaded) -> dict[str, object]:
    return {
        "source": loaded.source,
        "directives": list(loaded.directives),
        "violations": loaded.violations,
        "reports": loaded.reports,
        "reporters": loaded.reporters,
        "loads": [_loaded(each) for each in loaded.loads],
        "shown_above": loaded.is_shown_above,
    }
