"""Pictures of the review pages for the README: `make pictures`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from tests.showcase.shop import DAYS, OBSERVED, ORIGIN, TAGS, digests, lines, own_lines
from tests.support.browser import run_chromium
from tests.support.service import PROGRAMS, RunningCollector, run_collector, run_program

PICTURES = Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 1280, 860

SHOTS = {
    "overview": "/",
    "violations": "/violations",
    "policy": "/suggestion",
    "initiators": "/initiators",
    "decisions": "/decisions",
    "deployments": "/deployments",
    "settings": "/settings",
    "set-up": "/setup",
    "scripts": "/scripts",
    "api": "/api",
}


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    # Commands are shown as they are typed where they are installed.
    os.environ["PATH"] = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        now = datetime.now(UTC)
        take_in(directory, "month.jsonl", lines(now))
        take_in(directory, "rehearsal.jsonl", own_lines(now), "--trusted")
        take_in(directory, "digests.jsonl", digests(now))
        with run_collector(directory) as collector, run_chromium() as browser:
            decide(collector, now)
            with browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, timezone_id="UTC") as context:
                take_all(context, collector)


def take_in(directory: Path, name: str, evidence: Iterable[str], *flags: str) -> None:
    (directory / name).write_text("\n".join(evidence) + "\n")
    done(run_program("csp-collector", "import", name, *flags, cwd=directory))


def decide(collector: RunningCollector, now: datetime) -> None:
    """What the shop's people have done so far."""
    until = f"{now + timedelta(days=120):%Y-%m-%d}"
    done(collector.cspbuild("site", "set", "default", "--host", ORIGIN.partition("://")[2]))
    done(collector.cspbuild("decide", "reject", "https://px.metrics.example", "--note", "legal said no"))
    observed = ("deploy", "record", "--policy", OBSERVED, "--stage", "report-only", "--at")
    done(collector.cspbuild(*observed, f"{now - timedelta(days=DAYS):%Y-%m-%d}"))
    policy = collector.cspbuild("suggest", "--format", "json").json()["policy"]
    tried = ("deploy", "record", "--policy", policy, "--stage", "report-only", "--views-per-day", "5000", "--at")
    done(collector.cspbuild(*tried, f"{now - timedelta(days=2):%Y-%m-%d}"))
    trust = ("decide", "allow", "--loaded-by", TAGS, "--note", "marketing, until the contract ends")
    done(collector.cspbuild(*trust, "--until", until))


def done(ran: object) -> None:
    if getattr(ran, "code", 1):
        raise SystemExit(getattr(ran, "err", ""))


def take_all(context: BrowserContext, collector: RunningCollector) -> None:
    page = context.new_page()
    page.goto(collector.login_link)
    page.get_by_role("button", name="Open the review pages").click()
    for name, address in SHOTS.items():
        page.goto(f"{collector.base_url}{address}")
        take(page, name)
    page.goto(f"{collector.base_url}/violations")
    page.locator("a.to-group").first.click()
    page.wait_for_load_state()
    take(page, "violation")
    page.emulate_media(color_scheme="dark")
    page.goto(f"{collector.base_url}/violations")
    take(page, "violations-dark")


def take(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")  # noqa: T201  (it is a program)


if __name__ == "__main__":
    main()
