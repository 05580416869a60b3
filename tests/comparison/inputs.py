"""The inputs: what a small shop's visitors, its owner and strangers post, the same for both tools."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.comparison.bodies import (
    CSP_REPORT,
    ORIGIN,
    REPORTS_JSON,
    Browser,
    Load,
    report_uri_body,
    reporting_api_body,
    synthetic_body,
    user_agent,
)

SEED = 3
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
NOW = START + timedelta(days=10)

CROWD = 2_000
"""Client networks on a busy day of a site that forgers like: 40 are just below two in a hundred."""

AUDIENCE = 300
"""Of a site where nobody forges anything."""

_DAYS = 2

STRICT = (
    "default-src 'none'; script-src 'none' 'report-sample'; style-src 'none' 'report-sample'; connect-src 'none'; "
    "font-src 'none'; frame-src 'none'; img-src 'none'; manifest-src 'none'; media-src 'none'; object-src 'none'; "
    "worker-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Report-only, and everything is reported: the best start for both tools."""

EVIL = "https://evil.example"
FORGED = (
    Load(directive="script-src-elem", url=f"{EVIL}/loader.js"),
    Load(directive="img-src", url=f"{EVIL}/pixel.png"),
)

CDN = "https://cdn.shopstatic.example"

_LOGO = Load(directive="img-src", url=f"{ORIGIN}/static/logo.png")

SHOP = (
    Load(directive="script-src-elem", url=f"{ORIGIN}/static/shop.js"),
    Load(directive="script-src-elem", url=f"{CDN}/lib/3.2/shop.js"),
    Load(directive="style-src-elem", url=f"{ORIGIN}/static/shop.css"),
    Load(directive="style-src-elem", url="https://fonts.typecase.example/css2?family=Inter"),
    Load(directive="font-src", url="https://files.typecase.example/s/inter/v13/5a7d40c1.woff2"),
    _LOGO,
    Load(directive="img-src", url="https://images.pixhost.example/p/13/main.jpg"),
    Load(directive="connect-src", url=f"{ORIGIN}/api/cart", page="/cart"),
    Load(directive="connect-src", url="https://api.cashbox.example/v1/quote", page="/cart"),
    Load(directive="frame-src", url="https://pay.cashbox.example/checkout", page="/cart"),
    Load(directive="form-action", url=f"{ORIGIN}/order", page="/cart"),
)
"""All that the shop's pages load: two hosts for scripts, its own and a CDN's."""


@dataclass(frozen=True, slots=True)
class Post:
    """What arrives at the endpoint."""

    body: bytes
    content_type: str
    client: str
    at: datetime
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A site and what was posted about it."""

    name: str
    title: str
    needs: Sequence[Load]
    """What its pages have to be able to do."""

    strangers: Sequence[Load] = ()
    """What only forgers, extensions and the like do: it should stay out."""

    policy: str = STRICT
    """Sent report-only, so both tools start from it; without its reporting directive."""

    own: Callable[[], Iterator[Post]] = field(default=lambda: iter(()))
    """Posted by the owner's own browsers, before the public's."""

    public: Callable[[], Iterator[Post]]


def _reported(policy: str) -> str:
    return f"{policy}; report-uri https://reports.shop.example/report"


def rehearsal(loads: Sequence[Load], policy: str = STRICT) -> Iterator[Post]:
    """The owner opens every page in two browsers."""
    for minute, browser in enumerate(_BROWSERS):
        for load in loads:
            body = report_uri_body(browser, load, _reported(policy))
            yield Post(body, CSP_REPORT, "192.0.2.7", START - timedelta(hours=1, minutes=minute), user_agent(browser))


_BROWSERS: tuple[Browser, ...] = ("chromium", "firefox")


def _visitor(number: int) -> str:
    return f"10.{number // 256}.{number % 256}.{1 + number % 250}"


def _forger(number: int) -> str:
    return f"198.{51 + number // 256}.{number % 256}.66"


def visits(
    loads: Sequence[Load],
    *,
    audience: int = AUDIENCE,
    policy: str = STRICT,
    body: Callable[[Browser, Load, str], bytes] = report_uri_body,
) -> Iterator[Post]:
    """Every network's browser opens a page or two on each day; what it has cached it does not ask for."""
    draw = random.Random(SEED)  # noqa: S311  (the same visits each time)
    written = {(browser, load): body(browser, load, _reported(policy)) for browser in _BROWSERS for load in loads}
    for day in range(_DAYS):
        for number in range(audience):
            browser = _browser_of(number)
            at = START + timedelta(days=day, seconds=number)
            for load in loads:
                if draw.random() < _SHARE_ASKED_FOR:
                    yield Post(written[browser, load], CSP_REPORT, _visitor(number), at, user_agent(browser))


_SHARE_ASKED_FOR = 0.25


def _browser_of(number: int) -> Browser:
    return "firefox" if number % 5 == 0 else "chromium"


def batches(loads: Sequence[Load], clients: Iterable[tuple[str, datetime]]) -> Iterator[Post]:
    """The same visits by the Reporting API: a batch for each page."""
    pages = sorted({load.page for load in loads})
    written = {
        (browser, page): reporting_api_body(
            browser, [load for load in loads if load.page == page], f"{STRICT}; report-to csp"
        )
        for browser in _BROWSERS
        for page in pages
    }
    for number, (client, at) in enumerate(clients):
        browser = _browser_of(number)
        for page in pages:
            yield Post(written[browser, page], REPORTS_JSON, client, at, user_agent(browser))


def _daily() -> Iterator[tuple[str, datetime]]:
    for day in range(_DAYS):
        for number in range(AUDIENCE):
            yield _visitor(number), START + timedelta(days=day, seconds=number)


def forged(networks: int, reports: int, *, days: int = _DAYS) -> Iterator[Post]:
    """So many reports of a script from so many networks, and of a picture from the same where they are many."""
    loads = FORGED if networks > 1 else FORGED[:1]
    for number in range(reports):
        at = START + timedelta(days=number // networks % days, minutes=5)
        for load in loads:
            body = report_uri_body("chromium", load, _reported(STRICT))
            yield Post(body, CSP_REPORT, _forger(number % networks), at, user_agent("chromium"))


_CLAIMED = STRICT.replace("script-src 'none'", f"script-src {EVIL}")


def claimed(networks: int) -> Iterator[Post]:
    """Reports of the shop's own logo, blocked by a policy that the shop is said to enforce."""
    body = report_uri_body("chromium", _LOGO, _reported(_CLAIMED), disposition="enforce")
    for day in range(_DAYS):
        for number in range(networks):
            yield Post(
                body, CSP_REPORT, _forger(number), START + timedelta(days=day, minutes=5), user_agent("chromium")
            )


# --- Noise ------------------------------------------------------------------------------------------------------------

_SCHEMES = ("extension scheme", "in-app browser scheme", "ms-browser-extension")

INTRUDERS = (
    # A coupon extension's script, as both browsers reported it: its own URL is only in source-file.
    Load(directive="script-src-elem", url="https://couponfinder.example/finder.js", source_file="chrome-extension"),
    Load(directive="connect-src", url="https://couponfinder.example/prices", source_file="chrome-extension"),
    # Antivirus programs and ad blockers between the site and its visitor.
    Load(directive="script-src-elem", url="https://gc.kis.v2.scr.kaspersky-labs.com/FD126C42/main.js"),
    Load(directive="style-src-elem", url="https://gc.kis.v2.scr.kaspersky-labs.com/FD126C42/abn/main.css"),
    Load(directive="script-src-elem", url="https://local.adguard.org/?type=content-script&name=AdGuard"),
    # The browser's translation of the page.
    Load(directive="script-src-elem", url="https://translate.googleapis.com/_/translate_http/_/js/main.js"),
    Load(directive="img-src", url="https://www.gstatic.com/images/branding/product/1x/translate_24dp.png"),
)

_EXTENSION_CODE = (
    Load(directive="script-src-elem", url="inline", sample="(function(){var lastpass_iter=1;var lpcurruser='';})()"),
    Load(directive="script-src", url="eval", sample="return this", source_file="moz-extension"),
    Load(directive="style-src-attr", url="inline", sample="background:url(moz-extension://b3f2/a.png)"),
)

_TRANSLATED = Load(
    directive="script-src-elem",
    url="https://shop-example.translate.goog/static/shop.js",
    page="https://shop-example.translate.goog/",
)


def noise() -> Iterator[Post]:
    """Each from a few visitors a day, some of them day after day."""
    draw = random.Random(SEED)  # noqa: S311  (the same visits each time)
    bodies = [report_uri_body("chromium", load, _reported(STRICT)) for load in (*INTRUDERS, *_EXTENSION_CODE)]
    bodies.append(report_uri_body("chromium", _TRANSLATED, _reported(STRICT)))
    for why, count in zip(_SCHEMES, (5, 2, 1), strict=True):
        bodies += [synthetic_body(why, nth, original_policy=_reported(STRICT)) for nth in range(count)]
    for body in bodies:
        for number in draw.sample(range(AUDIENCE), 4):
            for day in range(_DAYS):
                at = START + timedelta(days=day, seconds=number)
                yield Post(body, CSP_REPORT, _visitor(number), at, user_agent("chromium"))


# --- Repeated hosts ---------------------------------------------------------------------------------------------------

_NUMBERED = tuple(
    Load(directive="img-src", url=f"https://img{number}.pixhost.example/p/{number}/main.jpg") for number in range(1, 9)
)
_BUSTED = tuple(
    Load(directive="script-src-elem", url=f"{CDN}/app/{digest}/shop.js")
    for digest in ("5a7d40c1", "b81d22f0", "0c9e7a64", "e2f5d318")
)
_MANY_PATHS = tuple(
    Load(directive="connect-src", url=f"https://api.cashbox.example/v1/quote/{number}", page="/cart")
    for number in range(1001, 1031)
)
_OPEN_CDN = "https://cdn.jsdelivr.net/npm"
_PACKAGE = Load(directive="script-src-elem", url=f"{_OPEN_CDN}/chart.js@4.4.0/dist/chart.umd.js")
_REPEATED = (*SHOP[:3], *_NUMBERED, *_BUSTED, *_MANY_PATHS, _PACKAGE)
_TOMORROW = (
    Load(directive="img-src", url="https://img9.pixhost.example/p/9/main.jpg"),
    Load(directive="script-src-elem", url=f"{CDN}/app/77aa01be/shop.js"),
    Load(directive="connect-src", url="https://api.cashbox.example/v1/quote/2000", page="/cart"),
)
"""The next host, the next release, the next product: no report names them yet."""

# --- Inline code ------------------------------------------------------------------------------------------------------

_INLINE = (
    *SHOP[:3],
    Load(
        directive="script-src-elem",
        url="inline",
        sample="window.shop = {currency: 'EUR', cart: [], user: null, flags: {quick: true}};",
    ),
    Load(directive="script-src-elem", url="inline", sample="initShop();"),
    Load(directive="script-src-attr", url="inline", sample="addToCart(13)"),
    Load(directive="style-src-attr", url="inline", sample="width:40%"),
    Load(directive="script-src", url="eval", sample="return a+b", source_file=f"{ORIGIN}/static/shop.js"),
    Load(directive="img-src", url="data"),
    Load(directive="font-src", url="data"),
    Load(directive="img-src", url="blob"),
    Load(directive="worker-src", url="blob"),
)

# --- Silence ----------------------------------------------------------------------------------------------------------

_HALF_OPEN = (
    "default-src 'self'; script-src 'self' 'report-sample'; style-src 'self' 'unsafe-inline'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
_SILENT = (
    SHOP[0],
    SHOP[2],
    SHOP[5],
    SHOP[7],
    SHOP[10],
    Load(directive="style-src-attr", url="inline", sample="width:40%"),
)
_LOUD = tuple(load for load in SHOP if load not in _SILENT)

# --- Browsers of other days -------------------------------------------------------------------------------------------

_SCHEMELESS = STRICT.replace("script-src 'none' 'report-sample'", "script-src cdn.shopstatic.example 'report-sample'")
_BY_FIREFOX = STRICT.replace("script-src 'none' 'report-sample'", f"script-src {CDN} 'report-sample'")
"""The same in Firefox's own words: it writes schemes where there are none."""

_LONG_INLINE = Load(
    directive="script-src-elem", url="inline", sample="window.shop = {currency: 'EUR', cart: [], user: null};"
)


def _old_browsers() -> Iterator[Post]:
    """CSP 1 and 2: whole directives in `violated-directive`, origins alone, `self` or nothing for inline code."""
    policy = _reported(_SCHEMELESS)
    bodies = [
        synthetic_body("CSP1 shape", violated_directive="default-src 'none'", blocked_uri=CDN, original_policy=policy),
        synthetic_body(
            "CSP2 shape",
            violated_directive="script-src cdn.shopstatic.example 'report-sample'",
            blocked_uri="inline",
            original_policy=policy,
        ),
        synthetic_body(
            "blocked-uri 'self'",
            violated_directive="script-src cdn.shopstatic.example 'report-sample'",
            original_policy=policy,
        ),
        synthetic_body("empty blocked-uri", original_policy=policy),
        synthetic_body(
            "blocked-uri is only an origin", blocked_uri="https://images.pixhost.example", original_policy=policy
        ),
        synthetic_body(
            "CSP1 shape",
            violated_directive="img-src 'none'",
            blocked_uri="https://images.pixhost.example",
            original_policy=policy,
        ),
    ]
    for body in bodies:
        for number in range(0, AUDIENCE, 10):
            for day in range(_DAYS):
                at = START + timedelta(days=day, seconds=number)
                yield Post(body, CSP_REPORT, _visitor(number), at, "Mozilla/5.0 (old)")


def _as_firefox_writes(browser: Browser, load: Load, policy: str) -> bytes:
    own = policy.replace(_SCHEMELESS, _BY_FIREFOX) if browser == "firefox" else policy
    return report_uri_body(browser, load, own)


_OTHER_DAYS = (*SHOP[:1], *SHOP[2:], _LONG_INLINE)


def _join(*parts: Callable[[], Iterator[Post]]) -> Callable[[], Iterator[Post]]:
    def posts() -> Iterator[Post]:
        for part in parts:
            yield from part()

    return posts


def _crowd() -> Iterator[Post]:
    return visits(SHOP, audience=CROWD)


def _own() -> Iterator[Post]:
    return rehearsal(SHOP)


INPUTS = (
    Input(
        name="honest",
        title="honest traffic of 2,000 networks, rehearsed",
        needs=SHOP,
        own=_own,
        public=_crowd,
    ),
    Input(
        name="forged-once",
        title="… and one forged report of a script",
        needs=SHOP,
        strangers=FORGED,
        own=_own,
        public=_join(_crowd, lambda: forged(1, 1)),
    ),
    Input(
        name="forged-often",
        title="… and 1,000 of them from one network",
        needs=SHOP,
        strangers=FORGED,
        own=_own,
        public=_join(_crowd, lambda: forged(1, 1_000)),
    ),
    Input(
        name="forged-widely",
        title="… and 40 networks' forged reports of a script and a picture",
        needs=SHOP,
        strangers=FORGED,
        own=_own,
        public=_join(_crowd, lambda: forged(40, 80)),
    ),
    Input(
        name="forged-massively",
        title="… and 400 networks' forged reports of both",
        needs=SHOP,
        strangers=FORGED,
        own=_own,
        public=_join(_crowd, lambda: forged(400, 800)),
    ),
    Input(
        name="claimed",
        title="… and 60 networks' forged claim that a policy with a script of theirs is enforced",
        needs=SHOP,
        strangers=FORGED,
        own=_own,
        public=_join(_crowd, lambda: claimed(60)),
    ),
    Input(name="unrehearsed", title="the honest traffic, and nobody rehearsed", needs=SHOP, public=_crowd),
    Input(
        name="noise",
        title="extensions, antivirus programs, translation, in-app browsers",
        needs=SHOP,
        strangers=INTRUDERS,
        own=_own,
        public=_join(lambda: visits(SHOP), noise),
    ),
    Input(
        name="batches",
        title="only `application/reports+json`",
        needs=SHOP,
        own=lambda: batches(SHOP, [("192.0.2.7", START - timedelta(hours=1))]),
        public=lambda: batches(SHOP, _daily()),
    ),
    Input(
        name="repeated",
        title="numbered hosts, names of releases in paths, an open CDN",
        needs=(*_REPEATED, *_TOMORROW),
        strangers=(Load(directive="script-src-elem", url=f"{_OPEN_CDN}/any-other-package@1.0.0/x.js"),),
        own=lambda: rehearsal(_REPEATED),
        public=lambda: visits(_REPEATED),
    ),
    Input(
        name="inline",
        title="inline code, `eval`, `data:`, `blob:`",
        needs=_INLINE,
        own=lambda: rehearsal(_INLINE),
        public=lambda: visits(_INLINE),
    ),
    Input(
        name="silence",
        title="observed under a policy that allows `'self'` in silence",
        needs=SHOP + _SILENT[-1:],
        policy=_HALF_OPEN,
        own=lambda: rehearsal(_LOUD, _HALF_OPEN),
        public=lambda: visits(_LOUD, policy=_HALF_OPEN),
    ),
    Input(
        name="old-browsers",
        title="policies in Firefox's words, browsers of CSP 1 and 2",
        needs=(*SHOP, _LONG_INLINE),
        policy=_SCHEMELESS,
        own=lambda: rehearsal(_OTHER_DAYS, _SCHEMELESS),
        public=_join(
            lambda: visits(_OTHER_DAYS, policy=_SCHEMELESS, body=_as_firefox_writes),
            _old_browsers,
        ),
    ),
)
