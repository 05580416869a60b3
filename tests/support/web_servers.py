"""nginx, Apache and Caddy in processes of their own, on loopback, each configured by a snippet as a person pastes it.

Each serves the files of a directory, and passes requests for `/proxied` on to an application.
"""

from __future__ import annotations

import enum
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import free_port

_START_SECONDS = 30

_APACHE_MODULES = Path("/usr/lib/apache2/modules")

CSP_SECRET = "6f1c7d0e2b9a48d3a5e4c8b7f0123456"
"""What the operator of Apache makes nonces of."""


class WebServer(enum.StrEnum):
    """Servers that Debian has as packages."""

    NGINX = "nginx"
    APACHE = "apache"
    CADDY = "caddy"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire."""

    status: int
    headers: tuple[tuple[str, bytes], ...]
    """Names in lower case, values byte for byte, in order."""

    body: bytes

    def values(self, name: str) -> list[bytes]:
        return [value for given, value in self.headers if given == name.lower()]


def ask(port: int, path: str = "/") -> Answer:
    """What the server at `port` answers, read without a library that could tidy it up."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        # By HTTP/1.0 no answer comes in chunks.
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = (line.partition(b": ") for line in lines)
    return Answer(int(status.split()[1]), tuple((name.decode().lower(), value) for name, _, value in pairs), body)


@contextmanager
def run_web_server(
    server: WebServer,
    directory: Path,
    snippet: str = "",
    *,
    pages: Mapping[str, str],
    application_port: int,
    follow_advice: bool = False,
) -> Iterator[int]:
    """Run `server` with `snippet` until the end of the block, and give its port.

    With `follow_advice` the directives that the comments of the snippet show, indented, are put where they belong.
    """
    # Started by root, Apache serves as somebody else, who must be able to read this.
    site = directory / "site"
    site.mkdir(mode=0o755)
    for name, text in pages.items():
        (site / name).write_text(text)
    advice = re.findall(r"(?m)^#     (\S.*)$", snippet) if follow_advice else []
    port = free_port()
    configure = {WebServer.NGINX: _nginx, WebServer.APACHE: _apache, WebServer.CADDY: _caddy}[server]
    command = configure(_Task(directory, site, port, snippet, advice, application_port))
    with (directory / "log").open("wb") as log:
        environment = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_open(process, port, directory / "log")
        yield port
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


@dataclass(frozen=True, slots=True)
class _Task:
    """What a server is to be configured for."""

    directory: Path
    site: Path
    port: int
    snippet: str
    advice: Sequence[str]
    """Directives from the comments of the snippet."""

    application_port: int


def _wait_until_open(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the server did not start: {log.read_text()}")


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if found is None:
        raise RuntimeError(f"no {name} here; as root run  apt-get install {package}")
    return found


def _nginx(task: _Task) -> list[str]:
    http_level, server_level = "", task.snippet
    if task.snippet.startswith("# In the http block:\n"):
        http_level, _, server_level = task.snippet.partition("\n\n")
    temporary = "".join(
        f"    {kind}_temp_path {task.directory};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for_proxy = [line for line in task.advice if line.startswith("proxy_")]
    for_site = [line for line in task.advice if line not in for_proxy]
    (task.directory / "nginx.conf").write_text(f"""
daemon off;
master_process off;
pid {task.directory}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    types {{ text/html html; }}
{temporary}
{http_level}
    server {{
        listen 127.0.0.1:{task.port};
        root {task.site};
        {" ".join(for_site)}
{server_level}
        location /proxied {{
            proxy_pass http://127.0.0.1:{task.application_port};
            {" ".join(for_proxy)}
        }}
    }}
}}
""")
    return [_program("nginx", "nginx-light"), "-e", "stderr", "-c", f"{task.directory}/nginx.conf"]


def _apache(task: _Task) -> list[str]:
    modules = [
        *("mpm_event", "authz_core", "dir", "env", "headers", "include", "mime", "proxy", "proxy_http", "setenvif"),
        "unique_id",
    ]
    loaded = "\n".join(f"LoadModule {name}_module {_APACHE_MODULES}/mod_{name}.so" for name in modules)
    secret = [line for line in task.advice if line.startswith("Define ")]
    others = "\n".join(line for line in task.advice if line not in secret)
    # Switching to another user is for root alone, and Apache serves nothing as root.
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    (task.directory / "apache.conf").write_text(f"""
ServerRoot {task.directory}
PidFile {task.directory}/pid
ServerName 127.0.0.1
Listen 127.0.0.1:{task.port}
ErrorLog {task.directory}/log
{loaded}
{user}
TypesConfig /dev/null
AddType text/html .html
DocumentRoot {task.site}
ErrorDocument 404 /lost.html
ProxyPass /proxied http://127.0.0.1:{task.application_port}/proxied
{"".join(secret).replace("THE-SECRET", CSP_SECRET)}
{task.snippet}
{others}
""")
    return [_program("apache2", "apache2"), "-f", f"{task.directory}/apache.conf", "-DFOREGROUND"]


def _caddy(task: _Task) -> list[str]:
    for_proxy = [line for line in task.advice if line.startswith("header_")]
    for_site = [line for line in task.advice if line not in for_proxy]
    newline = "\n"
    (task.directory / "Caddyfile").write_text(f"""
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{task.port} {{
    root * {task.site}
{task.snippet}
{newline.join(for_site)}
    reverse_proxy /proxied* 127.0.0.1:{task.application_port} {{
        {newline.join(for_proxy)}
    }}
    file_server
}}
""")
    return [_program("caddy", "caddy"), "run", "--config", f"{task.directory}/Caddyfile", "--adapter", "caddyfile"]
