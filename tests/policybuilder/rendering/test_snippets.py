"""Tests of snippets: what each platform reads out of its snippet, by its own rules of quoting, is what went in."""

from __future__ import annotations

import ast
import asyncio
import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.presets import PRESETS
from policybuilder.rendering.draws import divided
from policybuilder.rendering.snippets import DRAWING_FORMATS, SnippetFormat, render
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header, Stage, headers_for
from tests.support.header_values import policy_headers, refused

# ---- What each platform reads. Each reader answers name and value pairs, a fresh nonce written as {NONCE}, of a
# response that the draw picks, or of one that it does not. ----

Pairs = list[tuple[str, str]]


def read_header_lines(text: str, *, is_picked: bool = True) -> Pairs:
    assert is_picked, "a person draws"
    return [(name, value) for name, _, value in (line.partition(": ") for line in text.splitlines())]


def _nginx_tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Read as ngx_conf_read_token does: tokens, and whether each is a word rather than `;`, `{` or `}`."""
    position = 0
    while position < len(text):
        character = text[position]
        start = position
        position += 1
        if character.isspace():
            continue
        if character == "#":
            position = text.find("\n", position) + 1 or len(text)
        elif character in ";{}":
            yield character, False
        elif character == '"':
            word = ""
            while text[position] != '"':
                if text[position] == "\\":
                    following = text[position + 1]
                    word += {"t": "\t", "r": "\r", "n": "\n"}.get(
                        following, following if following in "\"'\\" else f"\\{following}"
                    )
                    position += 2
                else:
                    word += text[position]
                    position += 1
            position += 1
            assert position - start < 4096, "nginx: too long parameter"
            yield word, True
        else:
            match = re.compile(r"[^\s;{}\"]+").match(text, start)
            assert match is not None
            position = match.end()
            yield match[0], True


def read_nginx(text: str, *, is_picked: bool = True) -> Pairs:
    variables = {"request_id": "{NONCE}"}
    pairs: Pairs = []
    words: list[str] = []
    block: list[str] | None = None

    def value_of(parameter: str) -> str:
        assert "$" not in re.sub(r"\$\{\w+\}|\$\w+$", "", parameter), "nginx: a variable, or an invalid variable name"
        return re.sub(r"\$\{?(\w+)\}?", lambda match: variables[match[1]], parameter)

    for token, is_word in _nginx_tokens(text):
        if is_word:
            words.append(token)
        elif token == "{":
            block, words = words, []
        elif token == "}":
            block = None
        elif block is None:
            directive, name, value, always = words
            assert (directive, always) == ("add_header", "always")
            # An empty value is not sent.
            pairs += [(name, sent)] if (sent := value_of(value)) else []
            words = []
        else:
            match block:
                case ["geo", variable]:
                    assert words[0] == "default"
                    variables[variable[1:]] = words[1]
                case ["split_clients", "$request_id", variable]:
                    if words[0] != "*":
                        assert re.fullmatch(r"\d\d?\.\d\d%", words[0])
                        variables[variable[1:]] = words[1] if is_picked else ""
                    else:
                        assert words[1] == ""
                case ["map", source, variable]:
                    variables[variable[1:]] = value_of(words[1]) if value_of(source) == words[0] else ""
                case _:
                    raise AssertionError(block)
            words = []
    return pairs


def read_apache(text: str, *, is_picked: bool = True) -> Pairs:
    pairs: Pairs = []
    for line in text.splitlines():
        if not line.startswith("Header "):
            continue
        assert not re.search(r"\$\{.*\}", line.replace("${CSP_DOLLAR}", "")), "Apache: a variable"
        assert ("${" in line) <= ("Define CSP_DOLLAR $\n" in text)
        match = re.fullmatch(
            r'Header always (set|add) ([\w-]+) "((?:[^"\\]|\\.)*)"'
            r"""( "expr=md5\(reqenv\('UNIQUE_ID'\)\) < '[0-9a-f]{8}'")?""",
            line,
        )
        assert match is not None
        if match[4] and not is_picked:
            continue
        assert (match[1] == "add") == any(name == match[2] for name, _ in pairs)
        format_string = re.sub(r'\\([\\"])', r"\1", match[3].replace("${CSP_DOLLAR}", "$"))
        assert not format_string.lower().startswith("expr=")
        # mod_headers knows \\ and three letters; it copies any other backslash.
        pieces = re.findall(r"%\{CSP_NONCE\}e|%.|\\\\|\\.|[^%\\]+", format_string)
        assert "".join(pieces) == format_string
        known = {"%{CSP_NONCE}e": "{NONCE}", "%%": "%", r"\\": "\\"}
        assert all(piece in known or piece[0] not in "%\\" for piece in pieces)
        pairs.append((match[2], "".join(known.get(piece, piece) for piece in pieces)))
    return pairs


def read_caddy(text: str, *, is_picked: bool = True) -> Pairs:
    assert "{$" not in text, "Caddy: an environment variable"
    code = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    draw = re.search(r'^@csp_drawn expression `\{http\.request\.uuid\} < "[0-9a-f]{8}"`\n', code, re.MULTILINE)
    code = code.replace(draw[0], "") if draw else code
    pairs: Pairs = []
    blocks = re.findall(r"header (@csp_drawn )?\{\n((?:\t.*\n)*)\}\n", code)
    assert "".join(f"header {matcher}{{\n{lines}}}\n" for matcher, lines in blocks) == code
    assert len(blocks) == len({matcher for matcher, _ in blocks}), "Caddy: the later replaces the earlier"
    for matcher, lines in blocks:
        assert not matcher or draw
        for line in lines.splitlines() if is_picked or not matcher else []:
            match = re.fullmatch(r'\t([\w-]+) (?:`([^`]*)`|"((?:[^"\\]|\\.)*)")', line)
            assert match is not None
            value = match[2] if match[3] is None else re.sub(r"\\(.)", lambda m: '"' if m[1] == '"' else m[0], match[3])
            # Without an opening brace there is nothing to replace, and a backslash is one. With one, an escaped brace
            # is itself and any other opens a placeholder.
            if "{" in value:
                assert not re.search(r"(?<!\\)\{(?!http\.request\.uuid\})", value)
                value = re.sub(r"\\([{}])|\{http\.request\.uuid\}", lambda found: found[1] or "{NONCE}", value)
            pairs.append((match[1], value))
    return pairs


def read_cloudflare(text: str, *, is_picked: bool = True) -> Pairs:
    lists = {
        name: [tuple(json.loads(row.removesuffix(","))) for row in rows.splitlines()]
        for name, rows in re.findall(r"(?m)^const (\w+) = \[\n((?:  \[.*\],\n)*)\];$", text)
    }
    assert ('replaceAll("{NONCE}", nonce)' in text) == ("{NONCE}" in json.dumps(lists))
    choice = re.search(r"const sent = Math\.random\(\) < [0-9.]+ \? (.*) : (.*);\n    for \(.* of sent\)", text)
    if choice is None:
        assert "of HEADERS)" in text
    chosen = re.findall(r"[A-Z]+", choice[1 if is_picked else 2] if choice else "HEADERS")
    return [pair for name in chosen for pair in lists[name]]


def read_netlify(text: str, *, is_picked: bool = True) -> Pairs:
    assert is_picked, "nobody draws"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert lines[0] == "/*"
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]


def _javascript_texts(code: str) -> list[str]:
    """Read the elements of a JavaScript list: strings, sums of strings and the nonce, functions returning such."""
    texts = [""]
    position = 0
    while position < len(code):
        if code[position] == '"':
            text, position = json.JSONDecoder().raw_decode(code, position)
            texts[-1] += text
            continue
        match = re.compile(r"(?P<next>, )|(?P<nonce>res\.locals\.cspNonce)| \+ |\(req, res\) => ").match(code, position)
        assert match is not None, code[position:]
        if match["next"]:
            texts.append("")
        elif match["nonce"]:
            texts[-1] += "{NONCE}"
        position = match.end()
    return texts


def read_helmet(text: str, *, is_picked: bool = True) -> Pairs:
    pairs: Pairs = []
    for block in re.findall(r"(?s)helmet\.contentSecurityPolicy\(\{\n.*?\n  \}\),", text):
        directives = re.findall(r'(?m)^      "([a-z0-9-]+)": \[(.*)\],$', block)
        disabled = "dangerouslyDisableDefaultSrc" in block
        assert disabled == all(name != "default-src" for name, _ in directives), "helmet: needs a default-src"
        assert "useDefaults: false" in block
        for _, code in directives:
            assert not any(set(value) & set(";,") for value in _javascript_texts(code)), "helmet: invalid value"
        policy = ";".join(" ".join([name, *(_javascript_texts(code) if code else [])]) for name, code in directives)
        pairs.append((REPORT_ONLY if "reportOnly: true" in block else ENFORCED, policy))
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), "helmet: the later replaces the earlier"
    for draw, lines in re.findall(
        r"app\.use\(\(req, res, next\) => \{\n(  if \(Math\.random\(\) >= [0-9.]+\) return next\(\);\n)?"
        r"((?:  res\.append\(.*\);\n)+)  next\(\);\n\}\);",
        text,
    ):
        for code in re.findall(r"(?m)^  res\.append\((.*)\);$", lines) if is_picked or not draw else []:
            name, value = _javascript_texts(code)
            pairs.append((name, value))
    return pairs


def read_django(text: str, *, is_picked: bool = True) -> Pairs:
    pairs: Pairs = []
    lists: dict[str, Pairs] = {}
    settings = {"SECURE_CSP": ENFORCED, "SECURE_CSP_REPORT_ONLY": REPORT_ONLY}

    class Nonce(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            assert ast.unparse(node) == "CSP.NONCE"
            return ast.Constant("'nonce-{NONCE}'")

    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name = node.targets[0].id
        if name in settings:
            config = ast.literal_eval(Nonce().visit(node.value))
            # As django.utils.csp.build_policy does: True has no value, a list empty but for the nonce is dropped.
            assert all(values is True or set(values) - {"'nonce-{NONCE}'"} for values in config.values())
            policy = "; ".join(
                key if values is True else f"{key} {' '.join(values)}".rstrip() for key, values in config.items()
            )
            pairs.append((settings[name], policy))
        elif name in {"headers", "drawn"}:
            lists[name] = ast.literal_eval(node.value)
    sent = re.search(r"for name, value in (.*):\n", text)
    if sent is None:
        assert not lists
        return pairs
    choice = re.fullmatch(r"(.*) if random\.random\(\) < [0-9.]+ else (.*)", sent[1])
    chosen = re.findall(r"[a-z]+", choice[1 if is_picked else 2] if choice else sent[1])
    more = [pair for name in chosen for pair in lists[name]]
    assert ("get_nonce(request)" in text) == ("{NONCE}" in str(lists))
    return [*pairs, *more]


def read_fastapi(text: str, *, is_picked: bool = True) -> Pairs:
    sent: list[dict[str, Any]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - the signature of ASGI
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    namespace: dict[str, Any] = {"app": page}
    exec(text, namespace)  # noqa: S102 - it is made to be run
    namespace["random"] = SimpleNamespace(random=lambda: 0.0 if is_picked else math.nextafter(1, 0))
    scope: dict[str, Any] = {"type": "http"}
    asyncio.run(namespace["app"](scope, receive, send))
    own, *added = sent[0]["headers"]
    assert own == (b"x-own", b"1")
    nonce = scope.get("state", {}).get("csp_nonce")
    names = {name.lower(): name for name in (ENFORCED, REPORT_ONLY, "Reporting-Endpoints")}
    return [
        (names[name.decode()], value.decode().replace(nonce, "{NONCE}") if nonce else value.decode())
        for name, value in added
    ]


def read_meta(text: str, *, is_picked: bool = True) -> Pairs:
    assert is_picked, "nobody draws"
    pairs: Pairs = []

    class Elements(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag == "meta"
            found = dict(attrs)
            pairs.append((found["http-equiv"] or "", found["content"] or ""))

        def handle_data(self, data: str) -> None:
            assert not data.strip(), "text beside the elements"

    elements = Elements()
    elements.feed(text)
    elements.close()
    return pairs


def read_markdown(text: str, *, is_picked: bool = True) -> Pairs:
    assert is_picked, "a person draws"
    lines = text.splitlines()
    assert lines[0] == "```http"
    return read_header_lines("\n".join(lines[1 : next(i for i, line in enumerate(lines) if line == "```")]))


class Reader(Protocol):
    def __call__(self, text: str, *, is_picked: bool = True) -> Pairs: ...


READERS: dict[SnippetFormat, Reader] = {
    SnippetFormat.HEADER: read_header_lines,
    SnippetFormat.NGINX: read_nginx,
    SnippetFormat.APACHE: read_apache,
    SnippetFormat.CADDY: read_caddy,
    SnippetFormat.CLOUDFLARE: read_cloudflare,
    SnippetFormat.NETLIFY: read_netlify,
    SnippetFormat.HELMET: read_helmet,
    SnippetFormat.DJANGO: read_django,
    SnippetFormat.FASTAPI: read_fastapi,
    SnippetFormat.META: read_meta,
    SnippetFormat.MARKDOWN: read_markdown,
}
VERBATIM = [fmt for fmt in SnippetFormat if fmt not in {SnippetFormat.HELMET, SnippetFormat.DJANGO, SnippetFormat.META}]
"""Formats that send the value as it is; the others take a policy apart and put it together again."""


# ---- What must hold. ----


def fields(pairs: Pairs) -> dict[str, str]:
    """Join values of the same name by commas: https://www.rfc-editor.org/rfc/rfc9110#section-5.3 ."""
    return {name: ", ".join(value for other, value in pairs if other == name) for name, _ in pairs}


def meaning(pairs: Pairs) -> dict[str, object]:
    """Parse the policies; a policy header without any directive means nothing."""
    return {
        name: parsed
        for name, value in fields(pairs).items()
        if (parsed := policies(value) if name in {ENFORCED, REPORT_ONLY} else value)
    }


def policies(text: str) -> list[list[tuple[str, tuple[str, ...]]]]:
    return [
        [(directive.name, tuple(directive.values)) for directive in policy.directives]
        for policy in parse_serialized_policy_list(text).policies
    ]


def pairs_of(headers: list[Header]) -> Pairs:
    return [(header.name, header.value) for header in headers]


@pytest.mark.parametrize("fmt", VERBATIM)
@given(headers=policy_headers)
@example(headers=[Header(ENFORCED, "script-src 'nonce-{NONCE}' https://a.example/%3B$x\\\"y")])
@example(headers=[Header(ENFORCED, "img-src " + 'https://a.example/\\"' * 900)])
@example(headers=[Header(ENFORCED, "a" * 9000 + " 'nonce-{NONCE}'b{NONCE}" + "$" * 5000)])
def test_each_platform_sends_the_value_it_was_given(fmt: SnippetFormat, headers: list[Header]) -> None:
    assume(not refused(fmt, headers))
    assert fields(READERS[fmt](render(headers, fmt))) == fields(pairs_of(headers))


@pytest.mark.parametrize("fmt", [SnippetFormat.HELMET, SnippetFormat.DJANGO])
@given(headers=policy_headers)
def test_frameworks_send_the_policy_they_were_given(fmt: SnippetFormat, headers: list[Header]) -> None:
    try:
        text = render(headers, fmt)
    except ValueError as error:
        assert re.match(r"helmet refuses|Django puts a nonce", str(error))  # noqa: PT017 - most values raise nothing
        return
    assert meaning(READERS[fmt](text)) == meaning(pairs_of(headers))


# nginx draws in steps of a hundredth of a percent.
_SHARES = st.integers(1, 9_999).map(lambda parts: parts / 10_000)


@pytest.mark.parametrize("fmt", sorted(DRAWING_FORMATS))
@given(headers=policy_headers, share=_SHARES)
@example(headers=[Header(REPORT_ONLY, "a" * 9000 + " 'nonce-{NONCE}'b{NONCE}" + "$" * 5000)], share=0.29)
def test_a_response_gets_all_that_is_drawn_or_nothing_of_it(
    fmt: SnippetFormat, headers: list[Header], share: float
) -> None:
    try:
        text = render(headers, fmt, share)
    except ValueError:
        assume(False)  # noqa: FBT003 - as hypothesis has it
        raise
    always, drawn = divided(headers, share)
    read = meaning if fmt in {SnippetFormat.HELMET, SnippetFormat.DJANGO} else fields
    assert read(READERS[fmt](text, is_picked=True)) == read(pairs_of([*always, *drawn]))
    assert read(READERS[fmt](text, is_picked=False)) == read(pairs_of(always))


@pytest.mark.parametrize("fmt", sorted(set(SnippetFormat) - {SnippetFormat.MARKDOWN}))
def test_what_is_enforced_is_the_same_for_any_share(fmt: SnippetFormat) -> None:
    headers = [Header(ENFORCED, "default-src 'self'")]
    assert render(headers, fmt, 0.01) == render(headers, fmt)


@given(headers=policy_headers)
def test_meta_means_the_policy_without_what_meta_ignores(headers: list[Header]) -> None:
    assume(not refused(SnippetFormat.META, headers))
    ignored = {"frame-ancestors", "report-uri", "sandbox"}
    expected = [
        kept
        for header in headers
        if header.name == ENFORCED
        for policy in policies(header.value)
        if (kept := [(name, values) for name, values in policy if name not in ignored])
    ]
    read = [policy for _, content in read_meta(render(headers, SnippetFormat.META)) for policy in policies(content)]
    assert read == expected


@pytest.mark.parametrize("fmt", [fmt for fmt in SnippetFormat if fmt is not SnippetFormat.META])
def test_the_observe_headers_survive_everywhere(fmt: SnippetFormat) -> None:
    headers = list(headers_for(Stage.OBSERVE, report_url="https://csp.example/report/shop", sample=0.01))
    assert meaning(READERS[fmt](render(headers, fmt))) == meaning(pairs_of(headers))


@pytest.mark.parametrize("fmt", [fmt for fmt in SnippetFormat if fmt is not SnippetFormat.META])
@pytest.mark.parametrize("preset", ["api", "server-rendered", "spa"])
def test_presets_survive_everywhere(fmt: SnippetFormat, preset: str) -> None:
    policy = PRESETS[preset].policy
    headers = list(headers_for(Stage.ENFORCE, report_url="http://localhost:8000/report/default", policy=policy))
    assert meaning(READERS[fmt](render(headers, fmt))) == meaning(pairs_of(headers))


@pytest.mark.parametrize(
    "fmt", [fmt for fmt in SnippetFormat if fmt not in {SnippetFormat.META, SnippetFormat.NETLIFY}]
)
def test_a_nonce_is_made_where_the_platform_can(fmt: SnippetFormat) -> None:
    policy = PRESETS["strict"].policy
    headers = list(headers_for(Stage.ENFORCE, report_url="https://csp.example/report/shop", policy=policy))
    assert meaning(READERS[fmt](render(headers, fmt))) == meaning(pairs_of(headers))


@pytest.mark.parametrize("fmt", [SnippetFormat.META, SnippetFormat.NETLIFY])
def test_no_header_pretends_where_a_nonce_would_be_fixed(fmt: SnippetFormat) -> None:
    snippet = render([Header(ENFORCED, PRESETS["strict"].policy)], fmt)
    assert "nonce" in snippet
    assert "'nonce-" not in snippet
    comment = r"(?s)<!-- .* -->\n" if fmt is SnippetFormat.META else r"(?:# .*\n)+"
    assert re.fullmatch(comment, snippet)


@pytest.mark.parametrize("fmt", SnippetFormat)
def test_a_snippet_is_printable_lines(fmt: SnippetFormat) -> None:
    snippet = render([Header(ENFORCED, "default-src 'self'")], fmt)
    assert snippet.endswith("\n")
    assert all(re.fullmatch(r"\t?[ -~]*", line) for line in snippet.splitlines())


def test_the_readme_tells_each_format_and_whether_it_draws() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    rows = {
        name: [cell.strip() for cell in row.split("|")[1:-1]]
        for row in readme.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    drawing = {fmt: rows[fmt][-1] for fmt in SnippetFormat}
    assert {fmt for fmt, draws in drawing.items() if draws == "yes"} == DRAWING_FORMATS
    assert {fmt for fmt, draws in drawing.items() if draws == "no"} == {SnippetFormat.NETLIFY, SnippetFormat.META}
    nowhere = {fmt for fmt in SnippetFormat if rows[fmt][2].startswith("nowhere")}
    assert nowhere == {SnippetFormat.NETLIFY, SnippetFormat.META}
