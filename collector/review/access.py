"""Access: who may see the review pages, by session, one-time link, or admin token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import HTTPException, Request, Response

from collector.review.keys import Keys, Session
from collector.review.throttle import FailureThrottle
from collector.security_headers import canonical_host

LOGIN_LINK_SECONDS = 10 * 60
SESSION_SECONDS = 12 * 60 * 60

SECURE_COOKIE = "__Host-csp_session"
LOOPBACK_COOKIE = "csp_session"
"""Browsers refuse the `__Host-` prefix without https, so plain http on this machine needs another name."""

NO_STORE = {"Cache-Control": "no-store"}

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks: a browser with a session, or a script that sent the admin token."""

    session: Session | None


def _digest(secret: str) -> bytes:
    """What is kept of a secret. Ours are random and the admin token is long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _peer_of(request: Request) -> str:
    return request.client.host if request.client else ""


class Access:
    """The keys of the review side, and the dependencies that ask for them.

        access = Access(MemoryKeys(), admin_token=None)
        print(access.new_login_link("http://127.0.0.1:8000"))

        @router.get("/metrics", dependencies=[Depends(access.require_bearer)])

    Secrets are kept as digests: how long it takes to look one up tells nothing about those that exist. `keys` keeps
    sessions and links, where every process of the service finds them. Wrong answers are counted by each process.

    `client_network` names the network that wrong answers count against. A right one always passes, however many wrong
    ones came before it: whoever shares a network with others cannot be locked out by them.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        admin_token: str | None = None,
        client_network: Callable[[Request], str] = _peer_of,
        throttle: FailureThrottle | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._admin_digest = _digest(admin_token) if admin_token else None
        self._client_network = client_network
        self._throttle = throttle or FailureThrottle()
        self._clock = clock
        self._keys = keys

    @property
    def has_admin_token(self) -> bool:
        return self._admin_digest is not None

    def new_login_link(self, base_url: str) -> str:
        """A link that logs one browser in, once, within ten minutes.

        The token travels in the query. A fragment would stay out of logs, but only a script could read it, and these
        pages work without one. So the link alone does nothing: its page has a button that posts the token. Link
        previews and prefetching cannot use it up, `Referrer-Policy: no-referrer` keeps it from other servers, and
        once posted, whoever reads it in a log or a history finds it spent.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._clock()
        self._keys.add_link(_digest(token), now + LOGIN_LINK_SECONDS, now)
        return f"{base_url.rstrip('/')}/login?token={token}"

    def redeem_login_token(self, token: str) -> bool:
        """Whether `token` is that of a login link, which is then used up."""
        return self._keys.take_link(_digest(token), self._clock())

    def is_admin_token(self, token: str) -> bool:
        """Whether `token` is the admin token; it takes as long for every answer."""
        return self._admin_digest is not None and hmac.compare_digest(_digest(token), self._admin_digest)

    def open_session(self, request: Request, response: Response) -> Session:
        """Logs the browser in, under a new id whatever it sent before.

        Raises RuntimeError where `cookie_name` has none to give.
        """
        name = cookie_name(request)
        if name is None:
            raise RuntimeError("a session cookie needs https, or a loopback host")
        self._forget(request)
        now = self._clock()
        session_id = secrets.token_urlsafe(_TOKEN_BYTES)
        session = Session(csrf_token=secrets.token_urlsafe(_TOKEN_BYTES), expires_at=now + SESSION_SECONDS)
        self._keys.add_session(_digest(session_id), session, now)
        # Strict: no other site's link or form carries the session. A link typed or clicked in a terminal still does.
        response.set_cookie(name, session_id, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="strict")
        return session

    def session(self, request: Request) -> Session | None:
        """The browser's session, if it has one that has not ended."""
        session_id = _session_id(request)
        return None if session_id is None else self._keys.session(_digest(session_id), self._clock())

    def close_session(self, request: Request, response: Response) -> None:
        """Ends the browser's session, if it has one, and takes its cookie back."""
        self._forget(request)
        name = cookie_name(request)
        if name is not None:
            response.delete_cookie(name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="strict")

    def _forget(self, request: Request) -> None:
        session_id = _session_id(request)
        if session_id is not None:
            self._keys.drop_session(_digest(session_id), self._clock())

    def retry_after(self, request: Request) -> int:
        """Seconds until this client's network may give a wrong token again; 0 when it may now."""
        return self._throttle.retry_after(self._client_network(request))

    def record_failure(self, request: Request) -> None:
        """Counts a wrong token against the client's network."""
        self._throttle.record_failure(self._client_network(request))

    async def require_bearer(self, request: Request) -> Login:
        """Dependency: the admin token as `Authorization: Bearer …`, for scripts; raises 401, or 429 after guessing."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_admin_token(token.strip()):
            return Login(session=None)
        if wait := self.retry_after(request):
            raise HTTPException(429, "too many wrong tokens", {"Retry-After": str(wait), **NO_STORE})
        if scheme:
            self.record_failure(request)
        # https://www.rfc-editor.org/rfc/rfc6750#section-3
        challenge = 'Bearer realm="csp-collector"' + (', error="invalid_token"' if scheme else "")
        raise HTTPException(401, "send Authorization: Bearer TOKEN", {"WWW-Authenticate": challenge, **NO_STORE})

    async def require_key(self, request: Request) -> Login:
        """Dependency: a session, or the admin token; raises 401, or 429, whatever the client would like to be shown."""
        if "authorization" not in request.headers and _session_id(request):
            session = await asyncio.to_thread(self.session, request)
            if session is not None:
                return Login(session=session)
        return await self.require_bearer(request)

    async def require_login(self, request: Request) -> Login:
        """Dependency: the same of pages; raises 303 to the login page where a browser has no session that lasts."""
        try:
            return await self.require_key(request)
        except HTTPException:
            is_browsing = request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("accept", "")
            if "authorization" in request.headers or not is_browsing:
                raise
            raise HTTPException(303, "log in first", {"Location": local_path(request, "/login"), **NO_STORE}) from None


def cookie_name(request: Request) -> str | None:
    """The session cookie's name where a cookie may be set at all: over https, or over http on this machine."""
    if request.url.scheme == "https":
        return SECURE_COOKIE
    return LOOPBACK_COOKIE if is_loopback_host(request.headers.get("host", "")) else None


def _session_id(request: Request) -> str | None:
    name = cookie_name(request)
    return request.cookies.get(name) if name else None


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine: `localhost`, names below it, 127.0.0.0/8 or ::1.

    https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
    """
    name = canonical_host(host)
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def local_path(request: Request, path: str) -> str:
    """`path` as a browser has to ask for it, below the prefix a proxy may have put before it."""
    return f"{request.scope.get('root_path', '').rstrip('/')}{path}"


async def require_same_origin(request: Request) -> None:
    """Dependency of every form post: it must come from a page of this very origin; raises 403.

    `Sec-Fetch-Site` where the browser sends it (https and loopback), since `Origin` is `null` for pages that send no
    referrer, as ours; otherwise `Origin`. No page can set either; what sends neither is no browser of today.

    https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header
    https://fetch.spec.whatwg.org/#append-a-request-origin-header
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}".lower()
    is_same = site == "same-origin" and origin in {None, "null", own} if site else origin == own
    if not is_same:
        raise HTTPException(403, "this form was not sent from a page of this address", NO_STORE)
