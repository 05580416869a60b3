"""The JSON document of external scripts, as `cspbuild scripts` prints it."""

from __future__ import annotations

from collections.abc import Sequence

from policybuilder.scripts import ReportedScript
from policybuilder.times import Window, isoformat


def scripts_document(site: str, window: Window, scripts: Sequence[ReportedScript]) -> dict[str, object]:
    """The keys of `scripts/1`."""
    return {
        "site": site,
        "window": {
            "since": isoformat(window.since) if window.since else None,
            "until": isoformat(window.until),
        },
        "scripts": [
            {
                "script": script.url,
                "third_party": script.is_third_party,
                "mark": script.mark,
                "advice": script.advice,
                "integrity": script.integrity,
                "reports": script.reports,
                "first_seen": isoformat(script.first_seen_at),
                "last_seen": isoformat(script.last_seen_at),
                "hashes": [
                    {
                        "hash": each.hash,
                        "reports": each.reports,
                        "first_seen": isoformat(each.first_seen_at),
                        "last_seen": isoformat(each.last_seen_at),
                    }
                    for each in script.hashes
                ],
            }
            for script in scripts
        ],
    }
