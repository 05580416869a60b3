"""Visitors: what many of them report is believed, by way of files and commands, without any rehearsal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.service import run_program

START = datetime(2026, 11, 16, 9, tzinfo=UTC)
POLICY = "default-src 'none'; img-src 'none'; font-src 'none'; script-src 'none'; report-uri /report"


def line(network: int, day: int, directive: str, blocked: str, page: str) -> str:
    report = {
        "csp-report": {
            "document-uri": f"https://shop.example{page}",
            "effective-directive": directive,
            "violated-directive": directive,
            "original-policy": POLICY,
            "disposition": "report",
            "blocked-uri": blocked,
            "status-code": 200,
        }
    }
    return json.dumps(
        {
            "body": json.dumps(report),
            "content_type": "application/csp-report",
            "client": f"10.0.{network}.7",
            "received_at": (START + timedelta(days=day, minutes=network)).isoformat(),
        }
    )


def visits(networks: int, days: int) -> list[str]:
    return [
        line(network, day, directive, blocked, "/" if network % 2 else "/cart")
        for day in range(days)
        for network in range(networks)
        for directive, blocked in (
            ("img-src", "https://img.example/a.png"),
            ("img-src", f"https://avatars.example/{network}.png"),
            ("script-src-elem", "https://cdn.example/a.js"),
        )
    ]


@pytest.mark.parametrize(
    ("networks", "days", "img"),
    [(80, 2, "https://avatars.example https://img.example"), (40, 2, None), (80, 1, None)],
)
def test_an_imported_week_of_many_visitors_makes_a_policy(
    tmp_path: Path, networks: int, days: int, img: str | None
) -> None:
    """Each loads a picture of its own of one host; a script needs more than their word."""
    (tmp_path / "week.jsonl").write_text("\n".join(visits(networks, days)))
    assert run_program("csp-collector", "import", "week.jsonl", cwd=tmp_path).code == 0
    document = run_program("cspbuild", "suggest", "--format", "json", cwd=tmp_path).json()
    directives = {each["name"]: each["sources"] for each in document["directives"]}
    found = " ".join(source["source"] for source in directives.get("img-src", ()))
    assert found == (img or "")
    assert "script-src" not in directives
    if img:
        assert {source["tier"] for source in directives["img-src"]} == {"auto"}
        (margin,) = {source["poison_margin"]["networks"] for source in directives["img-src"]}
        assert margin >= 5
    (held,) = [each for each in document["held"] if each["source"] == "https://cdn.example"]
    assert "something that strangers cannot write" in held["why"]

    allow = ("decide", "allow", "https://cdn.example", "--directive", "script-src")
    assert run_program("cspbuild", *allow, cwd=tmp_path).code == 0
    policy: str = run_program("cspbuild", "suggest", "--format", "json", cwd=tmp_path).json()["policy"]
    assert "script-src https://cdn.example" in policy
