"""Snippets for edge platforms: Cloudflare Workers and `_headers` files."""

from __future__ import annotations

import json
from collections.abc import Sequence

from policybuilder.csp import NONCE_PLACEHOLDER
from policybuilder.stages import Header

_WORKER = """\
const HEADERS = [
{rows}
];

export default {{
  async fetch(request) {{
    const answer = await fetch(request);
    const response = new Response(answer.body, answer);
    for (const [name, value] of HEADERS) response.headers.append(name, value);
    return response;
  }},
}};
"""

_NONCE_WORKER = """\
const HEADERS = [
{rows}
];

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
    for (const [name, value] of HEADERS) response.headers.append(name, value.replaceAll("{placeholder}", nonce));
    return response;
  }},
}};
"""

# https://developers.cloudflare.com/pages/configuration/headers/
_CLOUDFLARE_MAX_LINE = 2000


def cloudflare(headers: Sequence[Header]) -> str:
    """Return a Worker, a module that adds `headers` to every answer of the origin.

    https://developers.cloudflare.com/workers/examples/security-headers/
    """
    # JSON's strings are JavaScript's, and the value is ASCII.
    rows = "\n".join(f"  [{json.dumps(header.name)}, {json.dumps(header.value)}]," for header in headers)
    worker = _NONCE_WORKER if any(header.needs_nonce for header in headers) else _WORKER
    return worker.format(rows=rows, placeholder=NONCE_PLACEHOLDER)


def netlify(headers: Sequence[Header]) -> str:
    """Return a `_headers` file for every path, as Netlify and Cloudflare Pages read it.

    https://docs.netlify.com/manage/routing/headers/
    """
    if any(header.needs_nonce for header in headers):
        return (
            "# This policy needs a new nonce for each response, and a _headers file sends the same text every time:\n"
            "# a fixed nonce protects nothing, so no header is written here. Allow inline scripts by their hashes,\n"
            "# or let an edge function make the header and the tags.\n"
        )
    lines = [f"  {header.name}: {header.value}\n" for header in headers]
    longest = max(map(len, lines), default=0)
    note = f"# Too long for Cloudflare Pages, which reads {_CLOUDFLARE_MAX_LINE} characters a line.\n"
    return "".join([note if longest > _CLOUDFLARE_MAX_LINE else "", "/*\n", *lines])
