"""Loads of the oracle: every way in which a page requests a URL, as a maker of cases."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from random import Random

from tests.oracle.cases import Case, Kind, Maker, Proof
from tests.oracle.policies import headers
from tests.oracle.sources import (
    NONCE,
    Target,
    code_expression,
    page_url,
    port_expression,
    port_urls,
    resource_url,
    url_expression,
)

HTTP = ("https", "https", "http")
_SOCKETS = ("wss", "ws")


@dataclass(frozen=True, slots=True)
class _Load:
    """A way to request a URL."""

    directive: str
    markup: str = ""
    """With `{url}`, `{plain}` (the URL without its query), `{id}` and `{nonce}`, an attribute."""

    do: str = "watch"
    serves: Kind = Kind.OTHER
    proof: Proof = Proof.REQUESTED
    schemes: tuple[str, ...] = HTTP
    same_origin: bool = False
    redirects: bool = True
    hint: str | None = None
    is_script: bool = False
    """Whether nonces, digests and `'strict-dynamic'` may count."""

    parser_inserted: bool = False
    is_secure: bool = False
    """Only pages over https can do it."""

    is_first_party: bool = False
    """No page can do it in a frame of another site."""

    mixes: bool = False
    """Whether secure pages ask for insecure URLs too: of pictures alone, which are upgraded."""

    is_silent: bool = False
    only_chromium: bool = False


LOADS = {
    "img": _Load("img-src", '<img src="{url}">', serves=Kind.IMAGE),
    "srcset": _Load("img-src", '<img srcset="{url} 1x">', serves=Kind.IMAGE),
    "image-input": _Load("img-src", '<input type="image" src="{url}">', serves=Kind.IMAGE),
    "svg-image": _Load("img-src", '<svg><image href="{url}"/></svg>', serves=Kind.IMAGE),
    "poster": _Load("img-src", '<video poster="{url}"></video>', serves=Kind.IMAGE),
    "background": _Load("img-src", do="background", serves=Kind.IMAGE),
    "written-img": _Load(
        "img-src", '<iframe name="{id}" srcdoc="&lt;img src=&quot;{url}&quot;&gt;"></iframe>', serves=Kind.IMAGE
    ),
    "mixed-img": _Load("img-src", '<img src="{url}">', serves=Kind.IMAGE, is_secure=True, mixes=True),
    "mixed-poster": _Load("img-src", '<video poster="{url}"></video>', serves=Kind.IMAGE, is_secure=True, mixes=True),
    "video": _Load("media-src", '<video preload="auto" src="{url}"></video>'),
    "audio": _Load("media-src", '<audio preload="auto"><source src="{url}"></audio>'),
    "track": _Load("media-src", '<video crossorigin="anonymous"><track default kind="subtitles" src="{url}"></video>'),
    "font": _Load("font-src", do="font"),
    "json-module": _Load("connect-src", do="json"),
    "ping": _Load("connect-src", '<a id="act" ping="{url}" href="#here">.</a>', do="click"),
    "fetch": _Load("connect-src", do="fetch"),
    "xhr": _Load("connect-src", do="xhr"),
    "beacon": _Load("connect-src", do="beacon"),
    "eventsource": _Load("connect-src", do="eventsource", serves=Kind.EVENTS),
    "websocket": _Load("connect-src", do="websocket", schemes=_SOCKETS, redirects=False),
    # Firefox tells no page of preloads that it blocks.
    "preload-image": _Load(
        "img-src", '<link rel="preload" as="image" href="{url}">', serves=Kind.IMAGE, is_silent=True
    ),
    "preload-font": _Load("font-src", '<link rel="preload" as="font" crossorigin href="{url}">', is_silent=True),
    "preload-fetch": _Load("connect-src", '<link rel="preload" as="fetch" crossorigin href="{url}">', is_silent=True),
    "preload-style": _Load(
        "style-src-elem",
        '<link rel="preload" as="style"{nonce} href="{url}">',
        serves=Kind.STYLE,
        is_script=True,
        is_silent=True,
    ),
    "preload-script": _Load(
        "script-src-elem",
        '<link rel="preload" as="script"{nonce} href="{url}">',
        serves=Kind.SCRIPT,
        is_script=True,
        parser_inserted=True,
        is_silent=True,
    ),
    "modulepreload": _Load(
        "script-src-elem",
        '<link rel="modulepreload"{nonce} href="{url}">',
        serves=Kind.SCRIPT,
        is_script=True,
        is_silent=True,
    ),
    "prefetch": _Load("default-src", '<link rel="prefetch"{nonce} href="{url}">', hint="prefetch", is_script=True),
    "object": _Load("object-src", '<object type="image/png" data="{url}"></object>', serves=Kind.IMAGE),
    "object-document": _Load("object-src", '<object type="text/html" data="{url}"></object>', serves=Kind.DOCUMENT),
    "embed": _Load("object-src", '<embed type="image/png" src="{url}">', serves=Kind.IMAGE),
    "embed-document": _Load("object-src", '<embed type="text/html" src="{url}">', serves=Kind.DOCUMENT),
    "frame": _Load("frame-src", '<iframe src="{url}"></iframe>', serves=Kind.DOCUMENT),
    # Chromium asks frame-src as well.
    "object-frame": _Load(
        "frame-src", '<object type="text/html" data="{url}"></object>', serves=Kind.DOCUMENT, only_chromium=True
    ),
    "worker": _Load("worker-src", do="worker", serves=Kind.WORKER, same_origin=True, redirects=False, is_script=True),
    "module-worker": _Load(
        "worker-src", do="moduleworker", serves=Kind.WORKER, same_origin=True, redirects=False, is_script=True
    ),
    "shared-worker": _Load(
        "worker-src",
        do="sharedworker",
        serves=Kind.SHARED_WORKER,
        same_origin=True,
        redirects=False,
        is_script=True,
        is_first_party=True,
    ),
    "service-worker": _Load(
        "worker-src",
        do="serviceworker",
        serves=Kind.WORKER,
        same_origin=True,
        redirects=False,
        is_script=True,
        is_secure=True,
        is_first_party=True,
    ),
    # Chromium tells the worklet, and not its page, of what it blocks.
    "audio-worklet": _Load(
        "script-src-elem", do="audioworklet", serves=Kind.SCRIPT, is_script=True, is_secure=True, is_silent=True
    ),
    "paint-worklet": _Load(
        "script-src-elem",
        do="paintworklet",
        serves=Kind.SCRIPT,
        is_script=True,
        is_secure=True,
        is_silent=True,
        only_chromium=True,
    ),
    "form": _Load(
        "form-action", '<form id="act" method="post" action="{url}"></form>', do="submit", serves=Kind.DOCUMENT
    ),
    # The query of the action gives way to that of the form.
    "form-get": _Load(
        "form-action",
        '<form id="act" action="{plain}"><input type="hidden" name="c" value="{id}"></form>',
        do="submit",
        serves=Kind.DOCUMENT,
    ),
    "formaction": _Load(
        "form-action",
        '<form method="post" action="/nowhere"><button id="act" formaction="{url}"></button></form>',
        do="click",
        serves=Kind.DOCUMENT,
    ),
}


def load(name: str) -> Maker:
    """Cases of the way called `name`."""
    way = LOADS[name]

    def make(random: Random, case_id: str) -> Case:
        page = _page(random, way)
        target = resource_url(random, page, schemes=way.schemes, mixes=way.mixes)
        if way.same_origin:
            target = Target(page.scheme, page.host, page.port, target.path)
        redirect = None
        if way.redirects and random.random() < 0.22:
            redirect = resource_url(random, page, schemes=("https", "http"), mixes=way.mixes)
        aims = [target] if redirect is None else [target, redirect, redirect]
        nonce = random.choice((NONCE, NONCE, "other")) if "{nonce}" in way.markup and random.random() < 0.35 else ""

        def draw() -> str:
            if nonce and random.random() < 0.3:
                return f"'nonce-{NONCE}'"
            if way.is_script and random.random() < 0.06:
                return "'strict-dynamic'"
            if random.random() < (0.15 if way.is_script else 0.04):
                return code_expression(random, "", target.spelt(), page)
            return url_expression(random, random.choice(aims), page)

        case = _case(
            way,
            case_id,
            page,
            [target] if redirect is None else [target, redirect],
            headers(random, way.directive, draw),
            nonce=nonce,
        )
        return replace(case, redirect_status=random.choice((301, 302, 303, 307, 308)))

    return make


def _page(random: Random, way: _Load) -> Target:
    page = page_url(random, is_secure=way.is_secure)
    # An address has no subdomain that would make a site with it.
    while way.is_first_party and page.host[0].isdigit():
        page = page_url(random, is_secure=way.is_secure)
    return page


def _case(
    way: _Load, case_id: str, page: Target, hops: list[Target], policies: tuple[str, ...], *, nonce: str = ""
) -> Case:
    target, *rest = hops
    redirect = rest[0] if rest else None
    url = target.spelt(f"c={case_id}")
    question: dict[str, object] = {"directive": way.directive, "blocked": target.spelt()}
    if redirect is not None:
        question |= {"blocked": redirect.spelt(), "via": target.spelt()}
    if way.hint:
        question["hint"] = way.hint
    if nonce:
        question["nonce"] = nonce
    if way.directive == "script-src-elem":
        question["parser_inserted"] = way.parser_inserted
    markup = way.markup.format(
        url=html.escape(url),
        plain=html.escape(target.spelt()),
        id=case_id,
        nonce=f' nonce="{nonce}"' if nonce else "",
    )
    return Case(
        id=case_id,
        headers=policies,
        page=page.spelt(),
        question=question,
        proof=way.proof,
        trial={"do": way.do, "url": url},
        markup=markup,
        serves=way.serves,
        redirect=None if redirect is None else redirect.spelt(f"c={case_id}&hop=1"),
        harness=f"{page.scheme}://harness.{page.host}" if way.is_first_party else None,
        is_silent=way.is_silent,
    )


# Loads whose verdict hangs on scheme and port, where Chromium has one rule for navigations and another for the rest

PORTS = ("img", "fetch", "websocket", "frame", "form")


def ported(name: str) -> Maker:
    """Cases of the way called `name` in which only schemes and ports vary."""
    way = LOADS[name]

    def make(random: Random, case_id: str) -> Case:
        page, target = port_urls(random, schemes=way.schemes)

        def draw() -> str:
            return port_expression(random, target, page)

        policies = (f"{way.directive} {' '.join(draw() for _ in range(random.choice((1, 1, 1, 2))))}",)
        return _case(way, case_id, page, [target], policies)

    return make


def ported_ancestor(random: Random, case_id: str) -> Case:
    """The same for the origin of a framing page."""
    ancestor, page = port_urls(random, schemes=HTTP)
    return framed(case_id, page, ancestor, (f"frame-ancestors {port_expression(random, ancestor, page)}",))


def framed(case_id: str, page: Target, ancestor: Target, policies: tuple[str, ...]) -> Case:
    """A page with `policies` in a page of `ancestor`."""
    return Case(
        id=case_id,
        # The framing page is told nothing.
        headers=tuple(f"report-uri /?report={case_id}; {text}" for text in policies),
        page=page.spelt(),
        question={"directive": "frame-ancestors", "blocked": f"{ancestor.origin}/"},
        proof=Proof.FRAMED,
        trial={"do": "watch"},
        harness=ancestor.origin,
    )
