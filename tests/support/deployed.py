"""A made-up site on loopback, over https and over plain http, and a fetcher for which it is shop.example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from policybuilder.scanner.connect_to import Detour, parse_detour
from policybuilder.scanner.fetching import Fetcher, FetchLimits
from tests.support.loopback import Certificate, Request, Response, run_openssl, serve

Answer = Callable[[Request], Response]

HURRY = FetchLimits(connect_seconds=2, read_seconds=1, total_seconds=3, max_bytes=200_000)


def moved(location: str, *headers: tuple[str, str]) -> Answer:
    """An answer that points elsewhere."""
    return lambda _: Response(301, (("Location", location), *headers))


def page(*headers: tuple[str, str], body: bytes = b"<p>here", status: int = 200) -> Answer:
    """A page of HTML."""
    return lambda _: Response(status, (("Content-Type", "text/html"), *headers), body)


@contextmanager
def deployed(
    *,
    https: Answer | int | None = None,
    http: Answer | int | None = None,
    certificate: Certificate | None = None,
    host: str = "shop.example",
) -> Iterator[list[Detour]]:
    """Detours to servers for the host; of a number that port is taken, of None nobody listens there."""
    with ExitStack() as stack:
        detours = []
        for port, answer, spoken in ((443, https, certificate), (80, http, None)):
            if answer is None:
                target = 1  # of loopback, where nobody listens
            elif isinstance(answer, int):
                target = answer
            else:
                target = stack.enter_context(serve(answer, certificate=spoken))
            detours.append(parse_detour(f"{host}:{port}:127.0.0.1:{target}"))
        yield detours


@contextmanager
def fetching(detours: list[Detour], *, is_insecure: bool = False, limits: FetchLimits = HURRY) -> Iterator[Fetcher]:
    """A fetcher that may go to loopback."""
    with Fetcher(limits, detours, allows_private=True, is_insecure=is_insecure) as fetcher:
        yield fetcher


def make_expired_certificate(directory: Path, *names: str) -> Certificate:
    """One that ended yesterday."""
    request, path = directory / "expired.request", directory / "expired.pem"
    alternatives = ",".join(f"DNS:{name}" for name in names)
    run_openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=expired"),
        *("-addext", f"subjectAltName={alternatives}", "-keyout", path, "-out", request),
    )
    signed = run_openssl("x509", "-req", "-in", request, "-signkey", path, "-days", "-1", "-copy_extensions", "copy")
    path.write_bytes(path.read_bytes() + signed)
    return Certificate(path, "")
