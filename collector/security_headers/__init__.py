"""Security headers for any FastAPI or Starlette application, put around it so that no answer goes without them.

    from fastapi import FastAPI
    from collector.security_headers import harden, hosts_from_environment

    app = FastAPI()
    harden(app, hosts=hosts_from_environment("ALLOWED_HOSTS"), policy="default-src 'none'; img-src 'self'")

Other ASGI applications are wrapped by hand, in this order:

    app = SecurityHeadersMiddleware(NoStoreMiddleware(TrustedHosts(app, hosts=["shop.example"])))

Only the standard library is used, and nothing outside of this directory: it may be copied into other projects.
"""

from __future__ import annotations

from .caching import NoStoreMiddleware
from .framing import Frame
from .hardening import harden
from .hosts import (
    HEALTH_PATHS,
    LOOPBACK_HOSTS,
    TrustedHosts,
    canonical_host,
    hosts_from_environment,
    is_for_loopback,
)
from .middleware import SecurityHeadersMiddleware
from .settings import (
    DENY_ALL_FEATURES,
    DENY_POWERFUL_FEATURES,
    STRICT_POLICY,
    HeaderChanges,
    Hsts,
    SecurityHeaders,
    with_headers,
)

__all__ = [
    "DENY_ALL_FEATURES",
    "DENY_POWERFUL_FEATURES",
    "HEALTH_PATHS",
    "LOOPBACK_HOSTS",
    "STRICT_POLICY",
    "Frame",
    "HeaderChanges",
    "Hsts",
    "NoStoreMiddleware",
    "SecurityHeaders",
    "SecurityHeadersMiddleware",
    "TrustedHosts",
    "canonical_host",
    "harden",
    "hosts_from_environment",
    "is_for_loopback",
    "with_headers",
]
