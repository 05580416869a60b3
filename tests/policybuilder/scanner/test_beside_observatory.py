"""Retrieval beside Observatory's own: the same sites visited by its npm package and by us, and the same results.

What each makes of one material is compared elsewhere; here it is whether both come to the same material.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from policybuilder.grading.observatory import grade
from policybuilder.scanner.connect_to import parse_detour
from policybuilder.scanner.fetching import Fetcher
from policybuilder.scanner.retrieving import retrieve
from tests.support.loopback import Request, Response, make_certificate, serve

PEERS = Path(__file__).parents[2] / "peers"

Headers = tuple[tuple[str, str], ...]

# By the name of the package's function.
NAMES = {
    "contentSecurityPolicyTest": "content-security-policy",
    "cookiesTest": "cookies",
    "crossOriginResourceSharingTest": "cross-origin-resource-sharing",
    "redirectionTest": "redirection",
    "referrerPolicyTest": "referrer-policy",
    "strictTransportSecurityTest": "strict-transport-security",
    "subresourceIntegrityTest": "subresource-integrity",
    "xContentTypeOptionsTest": "x-content-type-options",
    "xFrameOptionsTest": "x-frame-options",
    "crossOriginResourcePolicyTest": "cross-origin-resource-policy",
}


@dataclass(frozen=True)
class Site:
    """What a server answers."""

    headers: Headers = ()
    robots: Headers = ()
    preflight: Headers = ()
    """`ORIGIN` in it is whatever was asked from."""

    http: str = "redirects"
    """`redirects`, `redirects twice`, `answers`, `leads elsewhere` or `fails`."""

    body: bytes = b"<script src=https://cdn.example/x.js></script>"
    status: int = 200

    def secure(self, request: Request) -> Response:
        if request.path == "/robots.txt":
            return Response(200, (("Content-Type", "text/plain"), *self.robots))
        if request.method == "OPTIONS":
            origin = request.header("origin") or ""
            return Response(200, tuple((name, value.replace("ORIGIN", origin)) for name, value in self.preflight))
        return Response(self.status, (("Content-Type", "text/html"), *self.headers), self.body)

    def plain(self, request: Request, port: int) -> Response:
        match self.http:
            case "redirects":
                return Response(301, (("Location", f"https://localhost:{port}{request.path}"),))
            case "redirects twice":
                there = f"https://localhost:{port}/" if request.path == "/there" else "/there"
                return Response(302, (("Location", there),))
            case "leads elsewhere":
                return Response(302, (("Location", f"https://127.0.0.1:{port}/"),))
            case "fails":
                return Response(500)
            case _:
                return self.secure(request)


STRICT = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
SITES = {
    "nothing": Site(),
    "headers": Site((STRICT, ("Strict-Transport-Security", "max-age=63072000"), ("Referrer-Policy", "no-referrer"))),
    "two policies": Site((STRICT, ("Content-Security-Policy", "script-src 'self'"), ("X-Frame-Options", "DENY"))),
    "cookies": Site((("Set-Cookie", "session=1; Secure; HttpOnly"), ("Set-Cookie", "b=2; Secure; SameSite=Lax"))),
    "public": Site(preflight=(("Access-Control-Allow-Origin", "*"),)),
    "no redirect": Site(http="answers"),
    "late redirect": Site(http="redirects twice"),
    "other host": Site(http="leads elsewhere"),
    "broken http": Site(http="fails"),
    "meta": Site(
        body=b"<meta http-equiv=content-security-policy content=\"default-src 'self'\"><script src=/x.js></script>"
    ),
    "not found": Site((STRICT,), status=404),
    # Beyond here the package's retrieval parts from what its tests look for.
    "cookie of robots": Site(robots=(("Set-Cookie", "login=1"),)),
    "reflected": Site(
        preflight=(("Access-Control-Allow-Origin", "ORIGIN"), ("Access-Control-Allow-Credentials", "true"))
    ),
}

# (site, test): what the package's retrieval loses on the way, which its own tests ask for.
INTENDED = {
    ("cookie of robots", "cookies"): "it keeps no cookie of robots.txt where the certificate holds",
    ("reflected", "cross-origin-resource-sharing"): "it forgets which origin it asked from",
}


def ask_package(ports: Sequence[tuple[int, int]], certificate: Path) -> list[Mapping[str, str]]:
    lines = "".join(
        f"{json.dumps({'host': 'localhost', 'httpPort': http, 'httpsPort': https})}\n" for http, https in ports
    )
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    believed = {"NODE_EXTRA_CA_CERTS": str(certificate), "NODE_OPTIONS": "--dns-result-order=ipv4first"}
    ran = subprocess.run(
        ["node", "observatory_visit.mjs"],
        input=lines,
        capture_output=True,
        cwd=PEERS,
        env={**kept, **believed},
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return [{NAMES[name]: result for name, result in each.items()} for each in found]


def test_the_same_sites_come_to_the_same_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path, days=300)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with ExitStack() as stack:
        ports = []
        for site in SITES.values():
            https = stack.enter_context(serve(site.secure, certificate=certificate))
            http = stack.enter_context(serve(partial(site.plain, port=https)))
            ports.append((http, https))
        theirs = dict(zip(SITES, ask_package(ports, certificate.path), strict=True))
        ours = {name: visit(*pair) for name, pair in zip(SITES, ports, strict=True)}
    assert set(theirs["nothing"]) == set(NAMES.values())
    different = {
        (site, test): (result, ours[site][test])
        for site, results in theirs.items()
        for test, result in results.items()
        if result != ours[site][test]
    }
    assert different.keys() == INTENDED.keys(), different


def visit(http: int, https: int) -> Mapping[str, str]:
    detours = [parse_detour(f"localhost:443:127.0.0.1:{https}"), parse_detour(f"localhost:80:127.0.0.1:{http}")]
    with Fetcher(connect_to=detours, allows_private=True) as fetcher:
        graded = grade(retrieve(fetcher, "https://localhost/"))
    return {name: each.result for name, each in graded.tests.items()}
