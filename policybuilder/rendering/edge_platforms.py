"""Snippets for edge platforms: Cloudflare Workers and `_headers` files."""

from __future__ import annotations

import json
from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER
from policybuilder.rendering.draws import divided, percent, written
from policybuilder.rendering.limits import CLOUDFLARE_PAGES, CLOUDFLARE_WORKERS, size_notes
from policybuilder.stages import Header

_WORKER = """\
{notes}{lists}
export default {{
  async fetch(request) {{
    const answer = await fetch(request);
    const response = new Response(answer.body, answer);
{choose}    for (const [name, value] of {sent}) response.headers.append(name, value);
    return response;
  }},
}};
"""

_NONCE_WORKER = """\
{notes}{lists}
// The pages carry nonce="SECRET" in their script tags, where SECRET is the Worker's secret CSP_NONCE_MARK, long and
// random: whoever can inject markup and knows it can run scripts. The Worker puts a new nonce in its place.
// Origins may cache these pages; nothing in front of the Worker may.
export default {{
  async fetch(request, env) {{
    if (!/^[A-Za-z0-9]{{20,}}$/.test(env.CSP_NONCE_MARK)) throw new Error("set the secret CSP_NONCE_MARK");
    const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
    const answer = await fetch(request);
    let response = new Response(answer.body, answer);
    if (answer.headers.get("content-type")?.startsWith("text/html")) {{
      response = new HTMLRewriter()
        .on(`[nonce="${{env.CSP_NONCE_MARK}}"]`, {{ element: (tag) => tag.setAttribute("nonce", nonce) }})
        .transform(response);
    }}
{choose}    for (const [name, value] of {sent}) response.headers.append(name, value.replaceAll("{placeholder}", nonce));
    return response;
  }},
}};
"""

_DRAW_NOTE = """\
// One draw for each response, {percent} of them as r= in the report URL says. The Worker draws behind no cache but the
// browser's; a CDN in front of it would hand out copies with their draw.
"""


def cloudflare(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return a Worker, a module that adds `headers` to every answer of the origin.

    https://developers.cloudflare.com/workers/examples/security-headers/
    """
    always, drawn = divided(headers, share)
    lists, choose = _list("HEADERS", always) if always or not drawn else "", ""
    if drawn:
        lists += _DRAW_NOTE.format(percent=percent(share)) + _list("DRAWN", drawn)
        both, one = ("[...HEADERS, ...DRAWN]", "HEADERS") if always else ("DRAWN", "[]")
        choose = f"    const sent = Math.random() < {written(share)} ? {both} : {one};\n"
    worker = _NONCE_WORKER if any(header.needs_nonce for header in headers) else _WORKER
    return worker.format(
        notes=size_notes(headers, [CLOUDFLARE_WORKERS], mark="//"),
        lists=lists,
        choose=choose,
        sent="sent" if drawn else "HEADERS",
        placeholder=NONCE_PLACEHOLDER,
    )


def netlify(headers: Sequence[Header], share: float = 1.0) -> str:
    """Return a `_headers` file for every path, as Netlify and Cloudflare Pages read it.

    https://docs.netlify.com/manage/routing/headers/

    Raises ValueError for headers that only a share of the responses is to have.
    """
    if divided(headers, share)[1]:
        raise ValueError("a _headers file sends the same with every response and cannot draw lots")
    if any(header.needs_nonce for header in headers):
        return (
            "# This policy needs a new nonce for each response, and a _headers file sends the same text every time:\n"
            "# a fixed nonce protects nothing, so no header is written here. Allow inline scripts by their hashes,\n"
            "# or let an edge function make the header and the tags.\n"
        )
    lines = [f"  {header.name}: {header.value}\n" for header in headers]
    return "".join([size_notes(headers, [CLOUDFLARE_PAGES], mark="#"), "/*\n", *lines])


def _list(name: str, headers: Sequence[Header]) -> str:
    # JSON's strings are JavaScript's, and the value is ASCII.
    rows = "".join(f"  [{json.dumps(header.name)}, {json.dumps(header.value)}],\n" for header in headers)
    return f"const {name} = [\n{rows}];\n" if rows else f"const {name} = [];\n"
