"""Fetching a page of a stranger: bounded in time, bytes and redirects, and never from a network of our own unasked.

Proxies that the environment names are not used: they would resolve names again, out of our sight.

The client is httpcore2, on which httpx2 stands, and not httpx2 itself (2026-11): what we need is its documented seam
for the network, and neither cookies nor decoders for every encoding, nested at a server's pleasure. Of httpx and
httpcore, from which both come, nothing has been released for two years.
"""

from __future__ import annotations

import errno
import socket
import ssl
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple, Self

import ada_url
import httpcore2

from policybuilder.csp.url_matching import host_part_matches
from policybuilder.rendering.text_safety import visible
from policybuilder.scanner.body import Body
from policybuilder.scanner.connect_to import Detour
from policybuilder.scanner.network import Network, Resolver, TooManyBytesError, over_budget, resolve
from policybuilder.scanner.pages import (
    Budget,
    FetchError,
    FetchLimits,
    FetchReason,
    Headers,
    Question,
    Redirect,
    Response,
    Tls,
    header_values,
)

__all__ = [
    "Budget",
    "FetchError",
    "FetchLimits",
    "FetchReason",
    "Fetcher",
    "Question",
    "Redirect",
    "Response",
    "Tls",
]

_DEFAULT_PORTS = {"http:": 80, "https:": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_HEADERS = 200
_MAX_HEADER_BYTES = 64 * 1024
_MAX_ANSWER_BYTES = 64 * 1024
"""Of the body that comes back when a question is put."""


class Fetcher:
    """Fetches pages, one after another; for one thread.

    `connect_to` sends connections elsewhere, and `is_insecure` believes any certificate. `allows_private` lets
    addresses be of any network and ports be any; without it, a URL's port is 80, 443 or one of `ports`, and every
    address is public. A target that `connect_to` names is no exception: with nothing before it but `::`, every redirect
    of a stranger leads there.
    """

    def __init__(
        self,
        limits: FetchLimits | None = None,
        connect_to: Sequence[Detour] = (),
        *,
        is_insecure: bool = False,
        allows_private: bool = False,
        ports: Collection[int] = (),
        resolver: Resolver = resolve,
    ) -> None:
        self._limits = limits or FetchLimits()
        self._is_insecure = is_insecure
        self._pools: dict[bool, httpcore2.ConnectionPool] = {}
        """By whether they believe any certificate."""

        self._ports = None if allows_private else frozenset({*_DEFAULT_PORTS.values(), *ports})
        self._network = Network(self._limits, tuple(connect_to), allows_private=allows_private, resolver=resolver)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what connections took; fetching goes on to work."""
        while self._pools:
            _, pool = self._pools.popitem()
            pool.close()

    def _pool(self, *, is_lenient: bool) -> httpcore2.ConnectionPool:
        """Made for the first page, since it takes a moment to load the certificates that this system believes."""
        pool = self._pools.get(is_lenient)
        if pool is None:
            context = ssl.create_default_context()
            if is_lenient:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            # No connection is kept: one page is to have no bearing on the next.
            pool = httpcore2.ConnectionPool(context, max_keepalive_connections=0, network_backend=self._network)
            self._pools[is_lenient] = pool
        return pool

    @contextmanager
    def within(self, budget: Budget) -> Iterator[None]:
        """What is fetched inside costs no more than that in all; then FetchErrors say so."""
        with self._network.within(budget):
            yield

    def fetch(
        self,
        url: str,
        *,
        same_origin_hosts: Collection[str] | None = None,
        believes_any_certificate: bool = False,
        needs_body: bool = True,
        max_bytes: int | None = None,
    ) -> Response:
        """The answer at `url`, after redirects; with `same_origin_hosts`, of these hosts alone (`*.` allowed).

        `believes_any_certificate` is for this one page, `max_bytes` for less of its body than the limits grant; of one
        that `needs_body` not, what cannot be unpacked is left out. Any answer is one, whatever its status. Raises
        FetchError.
        """
        self._network.begin()
        redirects: list[Redirect] = []
        manner = _Manner(
            is_lenient=believes_any_certificate,
            needs_body=needs_body,
            max_bytes=self._limits.max_bytes if max_bytes is None else max_bytes,
        )
        try:
            return self._fetch(url, same_origin_hosts, redirects, manner)
        except FetchError as error:
            error.redirects = tuple(redirects)
            raise

    def _fetch(self, url: str, hosts: Collection[str] | None, redirects: list[Redirect], manner: _Manner) -> Response:
        target = self.parse(url)
        while True:
            _check_host(target, hosts)
            answer = self._send(target, Question(url=url), manner)
            redirect = _redirect(target, answer)
            if redirect is None:
                return _response(target, answer, tuple(redirects))
            redirects.append(redirect)
            if len(redirects) > self._limits.max_redirects:
                raise FetchError(
                    FetchReason.TOO_MANY_REDIRECTS,
                    f"{visible(url[:200])} redirects more than {self._limits.max_redirects} times; "
                    "give the URL that is meant",
                )
            target = self._follow(target, redirect)

    def ask(
        self, question: Question, *, believes_any_certificate: bool = False, max_bytes: int = _MAX_ANSWER_BYTES
    ) -> Response:
        """The answer to one request; a redirect is an answer, and not followed. Raises FetchError."""
        self._network.begin()
        target = self.parse(question.url)
        manner = _Manner(is_lenient=believes_any_certificate, needs_body=False, max_bytes=max_bytes)
        try:
            answer = self._send(target, question, manner)
        except FetchError as error:
            # Then it is not the server that was too slow.
            if error.reason is FetchReason.TIMEOUT and self._network.is_spent:
                raise over_budget("seconds") from None
            raise
        return _response(target, answer, ())

    def parse(self, text: str, base: str | None = None) -> ada_url.URL:
        """The URL of a page that may be fetched, as far as its text tells. Raises FetchError."""
        shown = visible(text[:200])
        try:
            url = ada_url.URL(text, base)
        except ValueError:
            raise FetchError(
                FetchReason.BAD_URL, f"no URL: {shown}; give all of it, such as https://shop.example/"
            ) from None
        if url.protocol not in _DEFAULT_PORTS:
            raise FetchError(FetchReason.BAD_URL, f"no page on the web: {shown}; give an http or https URL")
        if url.username or url.password:
            raise FetchError(FetchReason.BAD_URL, f"a URL at {url.host} holds a user name; give it without")
        port = int(url.port) if url.port else _DEFAULT_PORTS[url.protocol]
        if self._ports is not None and port not in self._ports:
            raise FetchError(
                FetchReason.ODD_PORT, f"port {port} of {url.hostname} may be no web server's; add --allow-private"
            )
        return url

    def _follow(self, source: ada_url.URL, redirect: Redirect) -> ada_url.URL:
        try:
            # Servers write UTF-8 here where they should escape it, and browsers read it so.
            location = redirect.location.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            location = redirect.location
        try:
            return self.parse(location, source.href)
        except FetchError as error:
            reason = FetchReason.BAD_REDIRECT if error.reason is FetchReason.BAD_URL else error.reason
            raise FetchError(reason, f"{source.host} redirects too far: {error}") from None

    def _send(self, url: ada_url.URL, question: Question, manner: _Manner) -> _Answer:
        headers: dict[bytes | str, bytes | str] = {
            "Host": question.host or url.host,
            "User-Agent": f"cspbuild/{version('cspbuild')}",
            "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
            "Accept-Encoding": "gzip",
            **dict(question.headers),
        }
        if question.body:
            headers["Content-Length"] = str(len(question.body))
        request = httpcore2.Request(
            question.method,
            # No fragment: it is never sent.
            httpcore2.URL(
                scheme=url.protocol.removesuffix(":"),
                host=url.hostname,
                port=int(url.port) if url.port else None,
                target=url.pathname + url.search,
            ),
            headers=headers,
            content=question.body or None,
            extensions={
                "timeout": {
                    "connect": self._limits.connect_seconds,
                    "read": self._limits.read_seconds,
                    "write": self._limits.read_seconds,
                }
            },
        )
        try:
            answered = self._pool(is_lenient=manner.is_lenient or self._is_insecure).handle_request(request)
            try:
                return self._read(answered, manner)
            finally:
                answered.close()
        except (
            _UnusableError,
            httpcore2.TimeoutException,
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
        ) as error:
            raise _failure(error, url.host) from None

    def _read(self, answered: httpcore2.Response, manner: _Manner) -> _Answer:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answered.headers)
        if len(headers) > _MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > _MAX_HEADER_BYTES:
            raise _UnusableError(f"with more than {_MAX_HEADERS} headers or {_MAX_HEADER_BYTES // 1024} KiB of them")
        # Before the body, at whose end the connection is closed.
        connection = answered.extensions["network_stream"].get_extra_info("socket")
        tls, address = _tls(connection), self._network.address
        # What a redirect says besides is of no use.
        if answered.status in _REDIRECTS:
            body, is_cut = b"", False
        else:
            body, is_cut = _read_body(answered, headers, manner)
        return _Answer(
            status=answered.status,
            headers=headers,
            body=body,
            is_cut=is_cut,
            http_version=answered.extensions["http_version"].decode("latin-1"),
            tls=tls,
            address=address,
        )


class _Manner(NamedTuple):
    """How an answer is taken."""

    is_lenient: bool
    """Whether any certificate is believed."""

    needs_body: bool
    """Whether one that cannot be read makes the answer unusable."""

    max_bytes: int


class _Answer(NamedTuple):
    """What one request brought."""

    status: int
    headers: Headers
    body: bytes
    is_cut: bool
    http_version: str
    tls: Tls | None
    address: str


class _UnusableError(Exception):
    """An answer that is HTTP, and not what any browser would take."""


def _read_body(answered: httpcore2.Response, headers: Headers, manner: _Manner) -> tuple[bytes, bool]:
    """The body as far as it is wanted, and whether it goes on."""
    if not manner.needs_body and not _is_packed_as_we_take_it(headers):
        return b"", True
    body = Body(manner.max_bytes, is_gzipped=_is_gzipped(headers))
    try:
        for chunk in answered.iter_stream():
            if not body.add(chunk):
                break
    except httpcore2.RemoteProtocolError:
        return body.data, True
    except (httpcore2.TimeoutException, httpcore2.NetworkError):
        if manner.needs_body:
            raise
        return body.data, True
    except zlib.error:
        if manner.needs_body:
            raise _UnusableError("with a body that is not the gzip it is called") from None
        return b"", True
    return body.data, body.is_cut


def _check_host(url: ada_url.URL, hosts: Collection[str] | None) -> None:
    if hosts is not None and not any(host_part_matches(host.lower(), url.hostname) for host in hosts):
        allowed = ", ".join(sorted(hosts)) or "none"
        raise FetchError(FetchReason.OTHER_HOST, f"{_without_fragment(url)} is on no host of the site: {allowed}")


def _redirect(url: ada_url.URL, answer: _Answer) -> Redirect | None:
    locations = header_values(answer.headers, "location")
    if answer.status not in _REDIRECTS or not locations:
        return None
    return Redirect(url=_without_fragment(url), status=answer.status, location=locations[0], headers=answer.headers)


def _response(url: ada_url.URL, answer: _Answer, redirects: tuple[Redirect, ...]) -> Response:
    return Response(url=_without_fragment(url), redirects=redirects, **answer._asdict())


def _without_fragment(url: ada_url.URL) -> str:
    return url.href.partition("#")[0]


def _encodings(headers: Headers) -> str:
    return ",".join(header_values(headers, "content-encoding")).strip().lower()


def _is_packed_as_we_take_it(headers: Headers) -> bool:
    return _encodings(headers) in {"", "identity", "gzip", "x-gzip"}


def _is_gzipped(headers: Headers) -> bool:
    encodings = _encodings(headers)
    if not _is_packed_as_we_take_it(headers):
        raise _UnusableError(f"with a body encoded as {visible(encodings[:100])}, though we take gzip or none")
    return encodings.endswith("gzip")


def _tls(connection: socket.socket) -> Tls | None:
    if not isinstance(connection, ssl.SSLSocket):
        return None
    cipher = connection.cipher()
    certificate: dict[str, Any] = connection.getpeercert() or {}
    expires = certificate.get("notAfter")
    return Tls(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        subject=_distinguished_name(certificate.get("subject", ())),
        issuer=_distinguished_name(certificate.get("issuer", ())),
        expires_at=datetime.fromtimestamp(ssl.cert_time_to_seconds(expires), UTC) if expires else None,
    )


def _distinguished_name(name: Sequence[Sequence[tuple[str, str]]]) -> str | None:
    return ", ".join(f"{key}={value}" for part in name for key, value in part) or None


def _failure(error: Exception, place: str) -> FetchError:
    """An operator's line for what happened at `place`."""
    # The pool cuts the chain of causes, and the context stays.
    cause = error.__cause__ or error.__context__
    match error:
        case httpcore2.TimeoutException():
            reason, message = FetchReason.TIMEOUT, "does not answer in time; see whether a browser fares better"
        case httpcore2.ConnectError() if isinstance(cause, ssl.SSLCertVerificationError):
            # OpenSSL ends some of its sentences, and others not.
            why = visible(cause.verify_message).rstrip(".")
            reason, message = (
                FetchReason.TLS,
                f"has a certificate that does not hold: {why}; mend it, or add --insecure",
            )
        case httpcore2.ConnectError() if isinstance(cause, ssl.SSLError):
            why = visible(cause.reason or str(cause))
            reason, message = FetchReason.TLS, f"speaks no TLS that we speak: {why}; is it there that https is served?"
        case httpcore2.ConnectError() if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            reason, message = FetchReason.UNREACHABLE, "refuses connections; is a web server running there?"
        case httpcore2.ConnectError():
            reason, message = FetchReason.UNREACHABLE, "cannot be reached from here; is this machine online?"
        case TooManyBytesError():
            reason, message = FetchReason.BAD_RESPONSE, "sends far more than a page takes; see what it does"
        case httpcore2.NetworkError():
            reason, message = FetchReason.BROKEN_OFF, "breaks off the connection; try again"
        case _:
            why = visible(str(error)[:200])
            reason, message = FetchReason.BAD_RESPONSE, f"answers as no web server should: {why}"
    return FetchError(reason, f"{place} {message}")
