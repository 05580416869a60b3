"""Tests of snippets for frameworks; that their values survive quoting is tested with all snippets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from policybuilder.rendering.frameworks import django, fastapi, helmet
from policybuilder.stages import ENFORCED, REPORT_ONLY, Header

PLAIN = Header(ENFORCED, "default-src 'self'")
NONCE = Header(ENFORCED, "script-src 'nonce-{NONCE}' 'strict-dynamic'")
OBSERVE = [
    Header(REPORT_ONLY, "default-src 'none'; report-uri https://csp.example/r"),
    Header(REPORT_ONLY, "form-action 'none'; report-to csp-endpoint"),
    Header("Reporting-Endpoints", 'csp-endpoint="https://csp.example/r"'),
]


def test_helmet_uses_no_defaults_of_its_own() -> None:
    snippet = helmet([PLAIN])
    assert "useDefaults: false" in snippet
    assert "reportOnly" not in snippet
    assert "dangerouslyDisableDefaultSrc" not in snippet


def test_helmet_is_told_that_default_src_is_missing_on_purpose() -> None:
    assert "dangerouslyDisableDefaultSrc" in helmet([Header(ENFORCED, "img-src 'self'")])


def test_helmet_takes_the_nonce_from_the_response() -> None:
    snippet = helmet([NONCE])
    assert """(req, res) => "'nonce-" + res.locals.cspNonce + "'", "'strict-dynamic'\"""" in snippet
    assert snippet.index("res.locals.cspNonce = randomBytes(16)") < snippet.index("helmet.contentSecurityPolicy")


def test_helmet_appends_the_second_policy_after_the_first() -> None:
    snippet = helmet(OBSERVE)
    assert snippet.index("reportOnly: true") < snippet.index('res.append("Content-Security-Policy-Report-Only"')


def test_express_needs_no_helmet_for_other_headers() -> None:
    assert helmet(OBSERVE[2:]).startswith("app.use((req, res, next) => {\n  res.append(")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("script_src 'self'", "helmet refuses the directive name 'script_src'"),
        ("script-src self", "helmet refuses 'self' in script-src"),
        ("script-src sha256-abc", "helmet refuses 'sha256-abc' in script-src"),
    ],
)
def test_what_helmet_would_refuse_at_start_is_refused_here(policy: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        helmet([Header(ENFORCED, policy)])


def test_django_keeps_a_directive_without_values() -> None:
    assert '"upgrade-insecure-requests": True,' in django([Header(ENFORCED, "upgrade-insecure-requests")])


def test_django_keeps_a_directive_whose_nonce_a_page_does_not_use() -> None:
    assert '"script-src": [CSP.NONCE, ""],' in django([Header(ENFORCED, "script-src 'nonce-{NONCE}'")])


def test_django_makes_the_nonce_itself() -> None:
    snippet = django([NONCE])
    assert "from django.utils.csp import CSP\n" in snippet
    assert '"script-src": [CSP.NONCE, "\'strict-dynamic\'"],' in snippet
    assert "django.template.context_processors.csp" in snippet


def test_django_refuses_a_nonce_inside_a_source() -> None:
    with pytest.raises(ValueError, match="whole source"):
        django([Header(ENFORCED, "script-src https://a.example/{NONCE}")])


def test_django_without_policies_has_no_settings() -> None:
    assert "settings.py" not in django(OBSERVE[2:])


def test_the_django_middleware_adds_to_what_the_settings_sent() -> None:
    namespace: dict[str, Any] = {}
    exec(django(OBSERVE), namespace)  # noqa: S102 - it is made to be run
    response = SimpleNamespace(headers={REPORT_ONLY: "default-src 'none'"})
    answer = namespace["more_security_headers"](lambda _request: response)(object())
    assert answer.headers == {
        REPORT_ONLY: "default-src 'none', form-action 'none'; report-to csp-endpoint",
        "Reporting-Endpoints": 'csp-endpoint="https://csp.example/r"',
    }


def test_the_django_middleware_writes_the_nonce_where_a_second_policy_has_one() -> None:
    snippet = django([PLAIN, NONCE])
    assert "from django.middleware.csp import get_nonce\n" in snippet
    assert 'value.replace("{NONCE}", str(get_nonce(request) or secrets.token_urlsafe(16)))' in snippet


def _nonce_of(request: Request) -> Response:
    return PlainTextResponse(request.state.csp_nonce)


def _fail(_request: Request) -> Response:
    raise RuntimeError("on purpose")


def _client(headers: list[Header]) -> TestClient:
    namespace: dict[str, Any] = {"app": Starlette(routes=[Route("/nonce", _nonce_of), Route("/fail", _fail)])}
    exec(fastapi(headers), namespace)  # noqa: S102 - it is made to be run
    return TestClient(namespace["app"], raise_server_exceptions=False)


def test_an_asgi_application_sends_a_new_nonce_each_time_and_knows_it() -> None:
    client = _client([NONCE])
    nonces = set()
    for _ in range(3):
        answer = client.get("/nonce")
        assert answer.headers[ENFORCED] == f"script-src 'nonce-{answer.text}' 'strict-dynamic'"
        nonces.add(answer.text)
    assert len(nonces) == 3


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/fail", 500)])
def test_an_asgi_application_sends_the_headers_with_errors_too(path: str, status: int) -> None:
    answer = _client(OBSERVE).get(path)
    assert answer.status_code == status
    assert [pair for pair in answer.headers.multi_items() if "content-" not in pair[0] or "policy" in pair[0]] == [
        (header.name.lower(), header.value) for header in OBSERVE
    ]


def test_asgi_start_and_stop_pass_through() -> None:
    with _client([PLAIN]) as client:
        assert client.get("/missing").headers[ENFORCED] == PLAIN.value
