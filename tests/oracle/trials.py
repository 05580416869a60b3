"""Trials of the oracle: every way in which a page tries a resource, as a maker of cases."""

from __future__ import annotations

import html
import json
from random import Random

from tests.oracle.cases import Case, Kind, Maker, Proof
from tests.oracle.loads import HTTP, LOADS, PORTS, framed, load, ported, ported_ancestor
from tests.oracle.policies import Draw, headers, policy
from tests.oracle.sources import (
    NONCE,
    PAGES,
    Target,
    code_expression,
    digest_of,
    extended_expression,
    odd_expression,
    page_url,
    resource_url,
    url_expression,
)

_SCRIPT_BODY = "window.ran=1"
_STYLE_BODY = "#probe{color:rgb(1,2,3)}"
_PROBE = '<p id="probe">.</p>'


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


# Chromium alone trims them.
_NONCES = (*[NONCE] * 6, "other", f"{NONCE}=", NONCE.lower(), "", f" {NONCE} ", f"\t{NONCE}\n", f"{NONCE}\x0b")


def _element_attributes(random: Random, body: str, *, is_script: bool) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if random.random() < 0.4:
        attributes["nonce"] = random.choice(_NONCES)
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
        target = resource_url(random, page, schemes=HTTP)
        body = _SCRIPT_BODY if is_script else _STYLE_BODY
        redirect = resource_url(random, page, schemes=("https", "http")) if random.random() < 0.15 else None
        aim = redirect or target

        def draw() -> str:
            if random.random() < 0.55:
                return url_expression(random, random.choice((target, aim)), page)
            return code_expression(random, body, target.spelt(), page)

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


# None of them parses: of that alone does the browser give a sign.
_RULES = ('{"prefetch":[}', ' {"prefetch":[\n', '{"prefetch":[}// é')


def _inline(name: str) -> Maker:
    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)
        markup = _PROBE
        nonce: str | None = None
        trial: dict[str, object] = {"do": "watch"}
        question: dict[str, object] = {"blocked": "inline"}
        if name.startswith(("inline-", "speculation-rules")) and random.random() < 0.4:
            question["nonce"] = nonce = random.choice(_NONCES)
        given = "" if nonce is None else f' nonce="{nonce}"'
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
                    "attributes": {} if nonce is None else {"nonce": nonce},
                    "text": code,
                }
            case "inline-module":
                code = random.choice(("window.ran=1", " window.ran = 1;\n"))
                question |= {"directive": "script-src-elem", "parser_inserted": True}
                markup += f'<script type="module"{given}>{code}</script>'
            case "speculation-rules":
                code = random.choice(_RULES)
                question |= {"directive": "script-src-elem", "parser_inserted": True}
                question["inline_type"] = "speculation rules"
                markup += f'<script type="speculationrules"{given}>{code}</script>'
            case "speculation-rules-inserted":
                code = random.choice(_RULES)
                question |= {"directive": "script-src-elem", "parser_inserted": False}
                question["inline_type"] = "speculation rules"
                attributes = {"type": "speculationrules"} | ({} if nonce is None else {"nonce": nonce})
                trial = {"do": "insert", "name": "script", "attributes": attributes, "text": code}
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
            if name.startswith("speculation-rules") and random.random() < 0.25:
                return "'inline-speculation-rules'"
            return code_expression(random, hashed)

        return Case(
            id=case_id,
            headers=headers(random, str(question["directive"]), draw),
            page=page.spelt(),
            question=question,
            proof=Proof.THREW if name.startswith("speculation-rules") else Proof.RAN,
            trial=trial,
            markup=markup,
        )

    return make


def _tried_by_code(name: str) -> Maker:
    """What inline code loads: every list admits that code, by nonce or digest, and differs in what it may load."""
    is_script = name != "css-import"
    directive = "script-src-elem" if is_script else "style-src-elem"

    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)
        target = resource_url(random, page, schemes=HTTP)
        url = json.dumps(target.spelt(f"c={case_id}"), ensure_ascii=False)
        code, tag, kind = {
            "css-import": (f"@import {url};", "style", ""),
            "static-import": (f"import {url}", "script", ' type="module"'),
            "inline-import": (f"import({url})", "script", random.choice(("", ' type="module"'))),
        }[name]
        # A script hands its nonce down, a style does not; nor does a digest count for what the code loads.
        nonce = NONCE if random.random() < 0.5 else None
        admission = f"'nonce-{nonce}'" if nonce else f"'sha256-{digest_of(code, 'sha256')}'"

        def draw() -> str:
            roll = random.random()
            if roll < 0.15 and is_script:
                return f"{admission} 'strict-dynamic'"
            if roll < 0.3:
                return f"{admission} {code_expression(random, '', target.spelt(), page)}"
            return f"{admission} {url_expression(random, target, page)}"

        question: dict[str, object] = {"directive": directive, "blocked": target.spelt()}
        if is_script:
            question |= {"parser_inserted": True} | ({"nonce": nonce} if nonce else {})
        given = f' nonce="{nonce}"' if nonce else ""
        return Case(
            id=case_id,
            headers=headers(random, directive, draw),
            page=page.spelt(),
            question=question,
            proof=Proof.REQUESTED_AND_RAN,
            trial={"do": "watch"},
            markup=f"{_PROBE}<{tag}{kind}{given}>{code}</{tag}>",
            serves=Kind.SCRIPT if is_script else Kind.STYLE,
        )

    return make


# Code from strings


def _compiled(name: str) -> Maker:
    def make(random: Random, case_id: str) -> Case:
        page = page_url(random)

        def draw() -> str:
            keywords = ("'unsafe-eval'", "'wasm-unsafe-eval'", "'UNSAFE-EVAL'", "'wasm-eval'", "unsafe-eval")
            if random.random() < 0.06:
                return f"'unsafe-eval' {extended_expression(random, 'ran=1', '', page)}"
            return random.choice(keywords) if random.random() < 0.55 else code_expression(random, "ran=1")

        policies = headers(random, "script-src", draw)
        # Where sinks are locked, setTimeout takes no string, and Chromium's eval leaves the Trusted Type as it is.
        is_locked = name in {"eval", "function"} and random.random() < 0.35
        if is_locked:
            policies = _locked(random, draw)
        blocked = "wasm-eval" if name == "wasm" else "eval"
        return Case(
            id=case_id,
            headers=policies,
            page=page.spelt(),
            question={"directive": "script-src", "blocked": blocked, "sample": "ran=1"},
            proof=Proof.RAN,
            trial={"do": name, "text": "ran=1", "isTrusted": is_locked and name == "function"},
        )

    return make


def _locked(random: Random, draw: Draw) -> tuple[str, ...]:
    """Policies of which one locks the sinks, and one, the same or another, says 'trusted-types-eval'."""
    lists = [f"script-src {draw()}" for _ in range(random.choice((0, 0, 1, 1, 2)))]
    keyword = random.choice(("'trusted-types-eval'", "'trusted-types-eval'", "'TRUSTED-types-eval'", draw()))
    lists.append(f"{random.choice(('script-src', 'script-src', 'default-src'))} {keyword}")
    random.shuffle(lists)
    value = random.choice(("'script'", "'script'", "'script'", "'script'", "script", "'SCRIPT'"))
    lock = f"require-trusted-types-for {value}" + random.choice(("", "; trusted-types *", "; trusted-types oracle"))
    if random.random() < 0.25:
        return (*lists, lock)
    place = random.randrange(len(lists))
    return tuple(f"{text}; {lock}" if index == place else text for index, text in enumerate(lists))


def _trusted_type(random: Random, case_id: str) -> Case:
    page = page_url(random)
    # Some are outside the grammar: no policy can list them, but `*` may let them be.
    name = random.choice(("app", "App", "a-b#c", "app/1", "default", "app", "a!b", "a:b", "a*", "a b", "é", ""))
    is_twice = name != "default" and random.random() < 0.35
    names = ("app", "App", name, name, name, "*", "'none'", "'allow-duplicates'", "'ALLOW-DUPLICATES'", "other", "ap*")
    values = random.sample(names, random.randint(0, 4))
    if is_twice and random.random() < 0.5:
        values.append("'allow-duplicates'")
    text = f"trusted-types {' '.join(values)}"
    if random.random() < 0.2:
        text += "; require-trusted-types-for 'script'"
    more = () if random.random() < 0.85 else (f"trusted-types {random.choice(names)}",)
    return Case(
        id=case_id,
        headers=(*headers(random, "img-src", lambda: "*")[:1], text, *more),
        page=page.spelt(),
        question={
            "directive": "trusted-types",
            "blocked": "trusted-types-policy",
            "sample": name,
            **({"name_taken": True} if is_twice else {}),
        },
        proof=Proof.RAN,
        trial={"do": "trustedtypes", "names": [name] * (2 if is_twice else 1)},
    )


def _sink(random: Random, case_id: str) -> Case:
    page = page_url(random)
    values = (
        "'script'",
        "'SCRIPT'",
        "script",
        "'script' 'script'",
        "'none'",
        "",
        "'style'",
        "'script' foo",
        "foo 'script'",
    )
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
    target = resource_url(random, page, schemes=HTTP)
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

    count = random.choice((1, 1, 1, 1, 2))
    return framed(case_id, page, ancestor, tuple(policy(random, "frame-ancestors", draw) for _ in range(count)))


MAKERS: dict[str, tuple[Maker, int]] = {
    **{
        name: (load(name), 3 if name in {"img", "fetch", "websocket", "frame", "form", "prefetch", "worker"} else 1)
        for name in LOADS
    },
    **{f"ports-{name}": (ported(name), 3) for name in PORTS},
    "ports-frame-ancestors": (ported_ancestor, 3),
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
    "css-import": (_tried_by_code("css-import"), 1),
    "static-import": (_tried_by_code("static-import"), 1),
    "inline-import": (_tried_by_code("inline-import"), 2),
    "speculation-rules": (_inline("speculation-rules"), 4),
    "speculation-rules-inserted": (_inline("speculation-rules-inserted"), 2),
    "inline-style": (_inline("inline-style"), 3),
    "style-attribute": (_inline("style-attribute"), 3),
    "handler": (_inline("handler"), 3),
    "javascript": (_inline("javascript"), 3),
    "eval": (_compiled("eval"), 4),
    "function": (_compiled("function"), 2),
    "timeout": (_compiled("timeout"), 1),
    "wasm": (_compiled("wasm"), 2),
    "trusted-types": (_trusted_type, 3),
    "trusted-types-sink": (_sink, 1),
    "base": (_base, 3),
    "frame-ancestors": (_ancestor, 4),
}
"""By name, how to make such a case, and how often compared with others."""


_ONLY_CHROMIUM = {name for name, way in LOADS.items() if way.only_chromium} | {
    "speculation-rules",
    "speculation-rules-inserted",
}


def make_cases(seed: int, count: int, browser: str = "chromium") -> list[Case]:
    """Of `count` cases, spread over all makers, those that mean something to `browser`; the same for the same seed."""
    names = [name for name, (_, weight) in MAKERS.items() for _ in range(weight)]
    Random(seed).shuffle(names)  # noqa: S311  (nothing secret)
    cases = []
    for index in range(count):
        name = names[index % len(names)]
        maker, _ = MAKERS[name]
        if browser == "chromium" or name not in _ONLY_CHROMIUM:
            cases.append(maker(Random(f"{seed}/{index}"), f"{name}-{seed}-{index}"))  # noqa: S311  (nothing secret)
    return cases
