"""Pictures of the review pages for the README: `make pictures`."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from tests.showcase.shop import ENFORCED, ORIGIN, TAGS, lines
from tests.support.browser import run_chromium
from tests.support.service import RunningCollector, run_collector, run_program

PICTURES = Path(__file__).parents[2] / "docs/pictures"
WIDTH, HEIGHT = 1280, 860

SHOTS = {
    "overview": "/",
    "violations": "/violations",
    "policy": "/suggestion",
    "initiators": "/initiators",
    "decisions": "/decisions",
}


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        now = datetime.now(UTC)
        evidence = directory / "month.jsonl"
        evidence.write_text("\n".join(lines(now)) + "\n")
        done(run_program("csp-collector", "import", str(evidence), cwd=directory))
        with run_collector(directory) as collector, run_chromium() as browser:
            decide(collector, now)
            with browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, timezone_id="UTC") as context:
                take_all(context, collector)


def decide(collector: RunningCollector, now: datetime) -> None:
    """What the shop's people have done so far."""
    since = f"{now - timedelta(days=20):%Y-%m-%d}"
    deploy = ("deploy", "record", "--policy", ENFORCED, "--stage", "enforce", "--at", since, "--views-per-day", "5000")
    until = f"{now + timedelta(days=120):%Y-%m-%d}"
    for words in (
        ("site", "set", "default", "--host", ORIGIN.partition("://")[2]),
        deploy,
        ("decide", "allow", "--loaded-by", TAGS, "--note", "marketing, until the contract ends", "--until", until),
        ("decide", "reject", "https://px.metrics.example", "--note", "legal said no"),
    ):
        done(collector.cspbuild(*words))


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
