"""Where the service listens: a port, a socket file, or what systemd hands over; with TLS or without.

And what it tells systemd of it.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

from collector.settings import Settings
from policybuilder.errors import CspbuildError, EnvironmentFailedError

logger = logging.getLogger(__name__)

_FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START"""

_Scope = MutableMapping[str, Any]
_Application = Callable[[_Scope, Any, Any], Awaitable[None]]


def listen(settings: Settings) -> tuple[list[socket.socket], Settings]:
    """Listening sockets, and the settings with the place where they are.

    Whoever connects from now on waits until the service takes them, and is not refused. What systemd hands over goes
    before a socket file before host and port. Raises CspbuildError or EnvironmentFailedError saying what is in the way.
    """
    if inherited := _inherited_sockets():
        return inherited, settings.model_copy(update=_place_of(inherited))
    if settings.unix_socket:
        return [_listen_on_file(settings.unix_socket, int(settings.unix_socket_mode, 8))], settings
    listener = _listen_on_port(settings.host, settings.port)
    return [listener], settings.model_copy(update={"port": listener.getsockname()[1]})


def _listen_on_port(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        raise EnvironmentFailedError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --host or --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def _listen_on_file(path: Path, mode: int) -> socket.socket:
    _remove_what_nobody_listens_on(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Made for nobody else, so that at no time more may connect than `mode` says.
        usual = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(usual)
        path.chmod(mode)
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise EnvironmentFailedError(f"cannot listen on {path}: {reason}; choose another with --unix-socket") from None
    return listener


def _remove_what_nobody_listens_on(path: Path) -> None:
    """A socket file stays when its process ends. Raises CspbuildError for a file of another kind, and one in use."""
    if not os.path.lexists(path):
        return
    if not path.is_socket():
        raise CspbuildError(f"{path} is there and is no socket; choose another with --unix-socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise EnvironmentFailedError(
                f"cannot tell whether {path} is in use: {error.strerror}; choose another with --unix-socket"
            ) from None
    raise EnvironmentFailedError(f"somebody listens on {path} already; end them, or choose another with --unix-socket")


def _inherited_sockets() -> list[socket.socket]:
    """The sockets of the service's .socket unit, if there is one.

    https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
    """
    # Taken away, since they are for this process alone and not for those that it starts.
    pid, number, _ = (os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not number.isdecimal():
        return []
    return [_inherited(descriptor) for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(number))]


def _inherited(descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
        if found.type is socket.SOCK_STREAM and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.set_inheritable(False)
            return found
    except OSError:
        pass
    raise CspbuildError(
        f"descriptor {descriptor} of systemd is no socket that listens; say ListenStream= and Accept=no in the unit"
    )


def _place_of(sockets: list[socket.socket]) -> dict[str, Any]:
    """The settings that name where these listen: of several, what most can reach, since trust depends on that."""
    addresses = [listener.getsockname() for listener in sockets if listener.family != socket.AF_UNIX]
    if not addresses:
        return {"unix_socket": Path(os.fsdecode(sockets[0].getsockname()))}
    host, port, *_ = min(addresses, key=lambda address: ipaddress.ip_address(address[0].partition("%")[0]).is_loopback)
    return {"host": host, "port": port, "unix_socket": None}


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The service's certificate and key; None for plain HTTP. Raises CspbuildError for what cannot be used."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        there, missing = ("tls_key", "tls_certificate") if key else ("tls_certificate", "tls_key")
        raise CspbuildError(f"{there} is set and {missing} is not; set both, or none for plain HTTP")
    for name, path in (("tls_certificate", certificate), ("tls_key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise CspbuildError(f"cannot read {path}: {error.strerror}; set {name} to a file of PEM") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Nobody is there to be asked for a password.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CspbuildError(f"{key} is not the key of {certificate}; set tls_key to the one that is") from None
        raise CspbuildError(
            f"{certificate} and {key} are no certificate and its key ({error.reason or error}); give both in PEM,"
            " the key without a password"
        ) from None
    return context


class AnnouncedServer(uvicorn.Server):
    """A server that tells systemd when it listens, and when it stops."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        await super().shutdown(sockets=sockets)


class LocalPeers:
    """An application to which whoever comes through a socket file is at loopback, as a proxy of this machine is."""

    def __init__(self, app: _Application) -> None:
        self._app = app

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        await self._app(with_local_peer(scope), receive, send)


def with_local_peer(scope: _Scope) -> _Scope:
    """The scope, as from loopback where it came through a socket file."""
    server = scope.get("server")
    # Only a socket file has no port.
    return {**scope, "client": ("127.0.0.1", 0)} if server is not None and server[1] is None else scope


def notify(state: str) -> None:
    """Tell systemd `READY=1` or `STOPPING=1`, where it asked to be told. What it does not hear is not our failure.

    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # Linux' abstract names are written with a zero byte.
    place = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(state.encode(), place)
        except OSError as error:
            logger.warning("systemd was not told %(state)s: %(reason)s", {"state": state, "reason": error.strerror})
