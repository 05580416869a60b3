"""A Django project around a pasted snippet: asks itself for pages, and prints their headers as JSON.

Run as  python django_site.py PATH COUNT  beside `pasted.py`.
"""

# ruff: noqa: E402 - Django takes its settings before the rest of it is imported.

from __future__ import annotations

import json
import sys
from pathlib import Path

import django
from django.conf import settings

sys.path.insert(0, str(Path.cwd()))
# Read before the settings are there, as a module of settings is.
import pasted  # type: ignore[import-not-found]

HAS_POLICY_SETTINGS = django.VERSION >= (6,)

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        *(["pasted.more_security_headers"] if hasattr(pasted, "more_security_headers") else []),
        *(["django.middleware.csp.ContentSecurityPolicyMiddleware"] if HAS_POLICY_SETTINGS else []),
    ],
    SECURE_CSP=getattr(pasted, "SECURE_CSP", {}),
    SECURE_CSP_REPORT_ONLY=getattr(pasted, "SECURE_CSP_REPORT_ONLY", {}),
    LOGGING_CONFIG=None,
)
django.setup()

from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

if HAS_POLICY_SETTINGS:
    from django.middleware.csp import get_nonce
else:

    def get_nonce(_request: HttpRequest) -> str:
        return ""


def _fail(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


urlpatterns = [
    path("", lambda request: HttpResponse(str(get_nonce(request)))),
    path("plain", lambda _request: HttpResponse("no nonce here")),
    path("fail", _fail),
]

client = Client(raise_request_exception=False)
answers = [client.get(sys.argv[1]) for _ in range(int(sys.argv[2]))]
json.dump([[answer.status_code, dict(answer.headers), answer.content.decode()] for answer in answers], sys.stdout)
