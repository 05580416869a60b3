"""Trials of the oracle: every way in which a page tries a resource, as a maker of cases."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.oracle.cases import Case, Kind, Proof
from tests.oracle.policies import headers, policy
from tests.oracle.sources import (
    NONCE,
    PAGES,
    Target,
    code_expression,
    digest_of,
    odd_expression,
    page_url,
    resource_url,
    url_expression,
)

_HTTP = ("https", "https", "http")
_SOCKETS = ("wss", "ws")
_SCRIPT_BODY = "window.ran=1"
_STYLE_BODY = "#probe{color:rgb(1,2,3)}"
_PROBE = '<p id="probe">.</p>'

Maker = Callable[[Random, str], Case]


@dataclass(frozen=True, slots=True)
class _Fetch:
    """A way to request a URL."""

    directive: str
    markup: str = ""
    """With `{url}` and, for scripts and styles, `{more}`; empty when `do` requests it."""

    do: str = "watch"
    serves: Kind = Kind.OTHER
    proof: Proof = Proof.REQUESTED
    schemes: tuple[str, ...] = _HTTP
    same_origin: bool = False
    redirects: bool = True
    hint: str | None = None
    mixed: bool = False
    """Whether an insecure URL on a secure page is upgraded instead of refused."""


_FETCHES = {
    "img": _Fetch("img-src", '<img src="{url}">', serves=Kind.IMAGE),
    "image-input": _Fetch("img-src", '<input type="image" src="{url}">', serves=Kind.IMAGE),
    "svg-image": _Fetch("img-src", '<svg><image href="{url}"/></svg>', serves=Kind.IMAGE),
    "video": _Fetch("media-src", '<video preload="auto" src="{url}"></video>'),
    "audio": _Fetch("media-src", '<audio preload="auto"><source src="{url}"></audio>'),
    "track": _Fetch("media-src", '<video crossorigin="anonymous"><track default kind="subtitles" src="{url}"></video>'),
    "font": _Fetch("font-src", do="font"),
    "json-module": _Fetch("connect-src", do="json"),
    "ping": _Fetch("connect-src", '<a id="act" ping="{url}" href="#here">.</a>', do="click"),
    "fetch": _Fetch("connect-src", do="fetch"),
    "xhr": _Fetch("connect-src", do="xhr"),
    "beacon": _Fetch("connect-src", do="beacon"),
    "eventsource": _Fetch("connect-src", do="eventsource", serves=Kind.EVENTS),
    "websocket": _Fetch("connect-src", do="websocket", schemes=_SOCKETS, redirects=False),
    "preload-image": _Fetch("img-src", '<link rel="preload" as="image" href="{url}">', serves=Kind.IMAGE),
    "preload-font": _Fetch("font-src", '<link rel="preload" as="font" crossorigin href="{url}">'),
    "preload-style": _Fetch("style-src-elem", '<link rel="preload" as="style" href="{url}">', serves=Kind.STYLE),
    "prefetch": _Fetch("default-src", '<link rel="prefetch" href="{url}">', hint="prefetch"),
    "object": _Fetch("object-src", '<object type="image/png" data="{url}"></object>', serves=Kind.IMAGE),
    "embed": _Fetch("object-src", '<embed type="image/png" src="{url}">', serves=Kind.IMAGE),
    "frame": _Fetch("frame-src", '<iframe src="{url}"></iframe>', serves=Kind.DOCUMENT),
    "worker": _Fetch("worker-src", do="worker", serves=Kind.WORKER, same_origin=True, redirects=False),
    "form": _Fetch("form-action", do="submit", serves=Kind.DOCUMENT),
}


def _fetch(name: str) -> Maker:
    way = _FETCHES[name]

    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)
        target = _target(random, page, way)
        first, redirect = target, None
        if way.redirects and random.random() < 0.22:
            redirect = resource_url(random, page, schemes=("https", "http"))
        aims = [target] if redirect is None else [target, redirect, redirect]

        def draw() -> str:
            if random.random() < (0.2 if name == "worker" else 0.04):
                return code_expression(random, "")
            return url_expression(random, random.choice(aims), page)

        policies = headers(random, way.directive, draw)
        url = first.spelt(f"c={case_id}")
        trial: dict[str, object] = {"do": way.do, "url": url}
        markup = way.markup.format(url=html.escape(url))
        if way.do == "submit":
            markup = f'<form id="act" method="post" action="{html.escape(url)}"></form>'
        question: dict[str, object] = {"directive": way.directive, "blocked": target.spelt()}
        if redirect is not None:
            question |= {"blocked": redirect.spelt(), "via": target.spelt()}
        if way.hint:
            question["hint"] = way.hint
        return Case(
            id=case_id,
            headers=policies,
            page=page.spelt(),
            question=question,
            proof=way.proof,
            trial=trial,
            markup=markup,
            serves=way.serves,
            redirect=None if redirect is None else redirect.spelt(f"c={case_id}&hop=1"),
            redirect_status=random.choice((301, 302, 303, 307, 308)),
        )

    return make


def _target(random: Random, page: Target, way: _Fetch) -> Target:
    target = resource_url(random, page, schemes=way.schemes)
    if way.same_origin:
        return Target(page.scheme, page.host, page.port, target.path)
    return target


# Resources that are their own URL

_LOCAL = {
    "img": ("img-src", "img", "src", "image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg"/>', Proof.LOADED),
    "frame": ("frame-src", "iframe", "src", "text/html", "<!doctype html>", Proof.ARRIVED),
    "script": ("script-src-elem", "script", "src", "text/javascript", _SCRIPT_BODY, Proof.RAN),
    "style": ("style-src-elem", "link", "href", "text/css", _STYLE_BODY, Proof.RAN),
    "worker": ("worker-src", "", "", "text/javascript", "self.postMessage(1)", Proof.RAN),
}


def _local(name: str, scheme: str) -> Maker:
    directive, element, attribute, content_type, body, proof = _LOCAL[name]

    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)
        # No white space and no `#`, so that the URL is what it says.
        data = f"data:{content_type}," + body.replace(" ", "%20").replace("#", "%23").replace('"', "%22")

        def draw() -> str:
            roll = random.random()
            if roll < 0.4:
                return f"{scheme}:" if random.random() < 0.9 else f"{scheme.upper()}:"
            if roll < 0.75:
                return random.choice(
                    ("*", "'self'", "https:", "http:", "'unsafe-inline'", "data:", "blob:", "filesystem:")
                )
            if roll < 0.8 and name == "worker":
                return "'strict-dynamic'"
            if roll < 0.88 and name in {"script", "style", "worker"}:
                return code_expression(random, body)
            return odd_expression(random, page.host, page)

        attributes: dict[str, str] = {"rel": "stylesheet"} if name == "style" else {}
        if name == "frame":
            attributes["name"] = case_id
        blocked = "blob" if scheme == "blob" else "data"
        question: dict[str, object] = {"directive": directive, "blocked": blocked}
        if name in {"script", "style"} and random.random() < 0.3:
            attributes["nonce"] = question["nonce"] = NONCE
        if name == "script":
            question["parser_inserted"] = False
        trial: dict[str, object] = {"text": body, "type": content_type}
        if not element:
            trial |= {"do": name} | ({"url": data} if scheme == "data" else {})
        elif scheme == "blob":
            trial |= {"do": "blob", "name": element, "attribute": attribute, "attributes": attributes}
        else:
            trial = {"do": "insert", "name": element, "attributes": attributes | {attribute: data}}
        if scheme == "blob" and random.random() < 0.5:
            question["blocked"] = f"blob:{page.origin}/4b1c8a52-0d0e-4d5d-9f43-0f6a1a9f8d11"
        return Case(
            id=case_id,
            headers=headers(random, directive, draw, upgrades=False),
            page=page.spelt(),
            question=question,
            proof=proof,
            trial=trial,
            markup=_PROBE,
        )

    return make


# Scripts and styles


def _element_attributes(random: Random, body: str, *, is_script: bool) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if random.random() < 0.4:
        attributes["nonce"] = random.choice((NONCE, NONCE, NONCE, "other", NONCE + "="))
    if is_script and random.random() < 0.3:
        algorithm = random.choice(("sha256", "sha384", "sha512"))
        tokens = [f"{algorithm}-{digest_of(body, algorithm)}"]
        if random.random() < 0.2:
            tokens.append(f"sha512-{digest_of(body, 'sha512')}")
        attributes |= {"integrity": random.choice((" ", " ", "  ")).join(tokens), "crossorigin": "anonymous"}
    return attributes


def _external(name: str, *, by_script: bool, call: str | None = None) -> Maker:
    """Scripts and styles of a URL, by markup, or by another script: as an element or by a `call`."""
    is_script = name != "style"

    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)
        target = resource_url(random, page, schemes=_HTTP)
        body = _SCRIPT_BODY if is_script else _STYLE_BODY
        redirect = resource_url(random, page, schemes=("https", "http")) if random.random() < 0.15 else None
        aim = redirect or target

        def draw() -> str:
            if random.random() < 0.55:
                return url_expression(random, random.choice((target, aim)), page)
            return code_expression(random, body)

        directive = "script-src-elem" if is_script else "style-src-elem"
        attributes = {} if call else _element_attributes(random, body, is_script=is_script)
        question: dict[str, object] = {"directive": directive, "blocked": target.spelt()}
        if redirect is not None:
            question |= {"blocked": redirect.spelt(), "via": target.spelt()}
        question |= {key: value for key, value in attributes.items() if key in {"nonce", "integrity"}}
        if is_script:
            question["parser_inserted"] = not by_script
        url = target.spelt(f"c={case_id}")
        attributes |= {"src": url} if is_script else {"rel": "stylesheet", "href": url}
        if name == "module":
            attributes["type"] = "module"
        element = "script" if is_script else "link"
        written = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
        markup = f"<{element} {written}>" + ("</script>" if is_script else "")
        insert = {"do": call, "url": url} if call else {"do": "insert", "name": element, "attributes": attributes}
        return Case(
            id=case_id,
            headers=headers(random, directive, draw),
            page=page.spelt(),
            question=question,
            proof=Proof.REQUESTED if call else Proof.REQUESTED_AND_RAN,
            trial=insert if by_script else {"do": "watch"},
            markup=_PROBE if by_script else _PROBE + markup,
            serves=Kind.SCRIPT if is_script else Kind.STYLE,
            redirect=None if redirect is None else redirect.spelt(f"c={case_id}&hop=1"),
        )

    return make


_CODES = ("ran=1", " ran=1 ", "ran=1 // é", "\n  ran = 1;\n", "ran=1/*" + "x" * 60 + "*/", "ran=1 // <b>&amp;")
_STYLES = ("#probe{color:rgb(1,2,3)}", " #probe { color: rgb(1,2,3) }\n", "#probe{color:rgb(1,2,3)}/* é */")


def _inline(name: str) -> Maker:
    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)
        markup, nonce = _PROBE, ""
        trial: dict[str, object] = {"do": "watch"}
        question: dict[str, object] = {"blocked": "inline"}
        if name.startswith("inline-") and random.random() < 0.4:
            nonce = random.choice((NONCE, NONCE, NONCE, "other", NONCE + "=", NONCE.lower()))
            question["nonce"] = nonce
        given = f' nonce="{nonce}"' if nonce else ""
        code = random.choice(_STYLES if "style" in name else _CODES)
        match name:
            case "inline-script":
                question |= {"directive": "script-src-elem", "parser_inserted": True}
                markup += f"<script{given}>{code}</script>"
            case "inline-script-inserted":
                question |= {"directive": "script-src-elem", "parser_inserted": False}
                trial = {
                    "do": "insert",
                    "name": "script",
                    "attributes": {"nonce": nonce} if nonce else {},
                    "text": code,
                }
            case "inline-module":
                code = random.choice(("window.ran=1", " window.ran = 1;\n"))
                question |= {"directive": "script-src-elem", "parser_inserted": True}
                markup += f'<script type="module"{given}>{code}</script>'
            case "inline-style":
                question |= {"directive": "style-src-elem"}
                markup += f"<style{given}>{code}</style>"
            case "style-attribute":
                code = random.choice(("color:rgb(1,2,3)", " color: rgb(1, 2, 3); ", "color:rgb(1,2,3);/*é*/"))
                question |= {"directive": "style-src-attr"}
                markup = f'<p id="probe" style="{code}">.</p>'
            case "handler":
                question |= {"directive": "script-src-attr"}
                markup += f'<button id="act" onclick="{html.escape(code)}"></button>'
                trial = {"do": "click"}
            case _:
                code = "javascript:" + random.choice(("ran=1", "void(ran=1)", "ran=1;void 0", "ran=1/*x*/"))
                question = {"directive": "script-src-elem", "blocked": random.choice(("inline", code))}
                question["inline_type"] = "navigation"
                markup += f'<a id="act" href="{html.escape(code)}">.</a>'
                trial = {"do": "click"}
        hashed = code
        question["sample"] = code
        if name == "javascript" and random.random() < 0.15:
            hashed = code.removeprefix("javascript:")

        def draw() -> str:
            if random.random() < 0.12:
                # One without the other does nothing for attributes, and chance seldom brings both.
                return f"'unsafe-hashes' 'sha256-{digest_of(hashed, 'sha256')}'"
            return code_expression(random, hashed)

        return Case(
            id=case_id,
            headers=headers(random, str(question["directive"]), draw),
            page=page.spelt(),
            question=question,
            proof=Proof.RAN,
            trial=trial,
            markup=markup,
        )

    return make


# Code from strings


def _compiled(name: str) -> Maker:
    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)

        def draw() -> str:
            keywords = ("'unsafe-eval'", "'wasm-unsafe-eval'", "'UNSAFE-EVAL'", "'wasm-eval'", "unsafe-eval")
            return random.choice(keywords) if random.random() < 0.55 else code_expression(random, "ran=1")

        policies = headers(random, "script-src", draw)
        if name != "wasm" and random.random() < 0.12:
            locks = random.choice(("require-trusted-types-for 'script'", "require-trusted-types-for script"))
            tail = random.choice(("", "; trusted-types *"))
            keyword = random.choice(("'trusted-types-eval'", draw()))
            policies = (*policies, f"{locks}{tail}; script-src {keyword}")
        blocked = "wasm-eval" if name == "wasm" else "eval"
        return Case(
            id=case_id,
            headers=policies,
            page=page.spelt(),
            question={"directive": "script-src", "blocked": blocked, "sample": "ran=1"},
            proof=Proof.RAN,
            trial={"do": name, "text": "ran=1"},
        )

    return make


def _trusted_type(random: Random, case_id: str) -> Case:
    page = page_url(random)
    name = random.choice(("app", "App", "a-b#c", "app/1", "default"))
    names = ("app", "App", name, name, name, "*", "'none'", "'allow-duplicates'", "'ALLOW-DUPLICATES'", "other", "ap*")
    values = " ".join(random.sample(names, random.randint(0, 4)))
    return Case(
        id=case_id,
        headers=(*headers(random, "img-src", lambda: "*")[:1], f"trusted-types {values}"),
        page=page.spelt(),
        question={"directive": "trusted-types", "blocked": "trusted-types-policy", "sample": name},
        proof=Proof.RAN,
        trial={"do": "trustedtypes", "names": [name]},
    )


def _sink(random: Random, case_id: str) -> Case:
    page = page_url(random)
    values = ("'script'", "'SCRIPT'", "script", "'script' 'script'", "'none'", "", "'style'", "'script' foo")
    text = f"require-trusted-types-for {random.choice(values)}"
    if random.random() < 0.5:
        names = random.choice(("*", "'none'", "app"))
        text += f"; trusted-types {names}"
    return Case(
        id=case_id,
        headers=(text,),
        page=page.spelt(),
        question={
            "directive": "require-trusted-types-for",
            "blocked": "trusted-types-sink",
            "sample": "Element innerHTML|<b></b>",
        },
        proof=Proof.RAN,
        trial={"do": "sink"},
    )


# Documents


def _base(random: Random, case_id: str) -> Case:
    page = page_url(random)
    target = resource_url(random, page, schemes=_HTTP)
    return Case(
        id=case_id,
        headers=headers(random, "base-uri", lambda: url_expression(random, target, page)),
        page=page.spelt(),
        question={"directive": "base-uri", "blocked": target.spelt()},
        proof=Proof.BASE,
        trial={"do": "watch"},
        markup=f'<base href="{html.escape(target.spelt())}">',
    )


def _ancestor(random: Random, case_id: str) -> Case:
    harness = random.choice(sorted(set(PAGES)))
    scheme, _, rest = harness.partition("://")
    host, _, port = rest.partition(":")
    ancestor = Target(scheme, host, port or None, "/")
    page = page_url(random)
    while ancestor.scheme == "https" and page.scheme == "http":
        page = page_url(random)

    def draw() -> str:
        return random.choice(("'unsafe-inline'", "https:", "*")) if random.random() < 0.1 else aimed()

    def aimed() -> str:
        return url_expression(random, ancestor, page)

    report = f"report-uri /?report={case_id}"
    policies = tuple(
        f"{report}; {policy(random, 'frame-ancestors', draw)}" for _ in range(random.choice((1, 1, 1, 1, 2)))
    )
    return Case(
        id=case_id,
        headers=policies,
        page=page.spelt(),
        question={"directive": "frame-ancestors", "blocked": ancestor.spelt()},
        proof=Proof.FRAMED,
        trial={"do": "watch"},
        harness=harness,
    )


MAKERS: dict[str, tuple[Maker, int]] = {
    **{
        name: (_fetch(name), 3 if name in {"img", "fetch", "websocket", "frame", "form", "prefetch", "worker"} else 1)
        for name in _FETCHES
    },
    **{f"data-{name}": (_local(name, "data"), 2 if name == "worker" else 1) for name in _LOCAL},
    **{f"blob-{name}": (_local(name, "blob"), 2 if name == "worker" else 1) for name in _LOCAL},
    "script": (_external("script", by_script=False), 5),
    "script-inserted": (_external("script", by_script=True), 4),
    "module": (_external("module", by_script=False), 2),
    "import": (_external("module", by_script=True, call="import"), 1),
    "style": (_external("style", by_script=False), 3),
    "style-inserted": (_external("style", by_script=True), 1),
    "inline-script": (_inline("inline-script"), 5),
    "inline-script-inserted": (_inline("inline-script-inserted"), 3),
    "inline-module": (_inline("inline-module"), 1),
    "inline-style": (_inline("inline-style"), 3),
    "style-attribute": (_inline("style-attribute"), 3),
    "handler": (_inline("handler"), 3),
    "javascript": (_inline("javascript"), 3),
    "eval": (_compiled("eval"), 2),
    "function": (_compiled("function"), 1),
    "timeout": (_compiled("timeout"), 1),
    "wasm": (_compiled("wasm"), 2),
    "trusted-types": (_trusted_type, 1),
    "trusted-types-sink": (_sink, 1),
    "base": (_base, 3),
    "frame-ancestors": (_ancestor, 4),
}
"""By name, how to make such a case, and how often compared with others."""


def make_cases(seed: int, count: int) -> list[Case]:
    """`count` cases, spread over all makers; the same for the same seed."""
    names = [name for name, (_, weight) in MAKERS.items() for _ in range(weight)]
    Random(seed).shuffle(names)  # noqa: S311  (nothing secret)
    cases = []
    for index in range(count):
        name = names[index % len(names)]
        maker, _ = MAKERS[name]
        cases.append(maker(Random(f"{seed}/{index}"), f"{name}-{seed}-{index}"))  # noqa: S311  (nothing secret)
    return cases
