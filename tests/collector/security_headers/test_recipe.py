"""The README's recipe, run as it stands there, and its table against what is sent."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import collector.security_headers
from collector.security_headers import HEALTH_PATHS, HeaderChanges, Hsts, SecurityHeadersMiddleware
from tests.collector.security_headers.exchange import Exchange, answering, make_scope
from tests.support.postgres import free_port

README = (Path(__file__).parents[3] / "README.md").read_text()
SECTION = README.partition("### Security headers for your own application\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def test_the_recipe_has_five_lines() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line]) == 5
    assert len(BLOCKS) == 2


@contextmanager
def run_uvicorn(directory: Path, code: str, **environment: str) -> Iterator[str]:
    """`uvicorn main:app`, as one would type it beside a main.py of this code."""
    (directory / "main.py").write_text(code)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "warning"],
        cwd=directory,
        env={**os.environ, **environment},
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            assert server.poll() is None, "uvicorn ended"
            assert time.monotonic() < deadline
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def ask(base_url: str, path: str, host: str) -> tuple[int, http.client.HTTPMessage, str]:
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    # As from a proxy on this machine that ends TLS, which uvicorn believes unless told otherwise.
    connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers, body


def test_the_recipe_hardens_an_application(tmp_path: Path) -> None:
    with run_uvicorn(tmp_path, BLOCKS[0], ALLOWED_HOSTS="shop.example") as base_url:
        for path, host, status in (
            ("/docs", "shop.example", 200),
            ("/missing", "shop.example", 404),
            ("/missing", "localhost", 400),
            ("/healthz", "10.0.0.1", 404),
        ):
            got, headers, _ = ask(base_url, path, host)
            assert got == status
            for name in ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Cache-Control"):
                assert len(headers.get_all(name, [])) == 1
            assert headers["Strict-Transport-Security"] == (None if host == "localhost" else "max-age=31536000")


def test_without_its_variable_the_recipe_answers_this_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALLOWED_HOSTS", raising=False)
    with run_uvicorn(tmp_path, BLOCKS[0]) as base_url:
        assert ask(base_url, "/missing", "localhost")[0] == 404
        assert ask(base_url, "/missing", "shop.example")[0] == 400


def test_the_longer_example_says_what_it_says(tmp_path: Path) -> None:
    with run_uvicorn(tmp_path, BLOCKS[1], ALLOWED_HOSTS="shop.example,*.shop.example") as base_url:
        status, headers, body = ask(base_url, "/widget", "www.shop.example")
        assert status == 200
        nonce = body.partition('nonce="')[2].partition('"')[0]
        assert f"script-src 'nonce-{nonce}'" in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].endswith("; frame-ancestors https://partner.example")
        assert "X-Frame-Options" not in headers
        assert headers["Reporting-Endpoints"] == 'csp="https://csp.example.com/report/shop"'
        assert headers["Strict-Transport-Security"] == Hsts.FIVE_MINUTES
        for path, coop, corp, cached in (
            ("/sign-in", "same-origin-allow-popups", "same-origin", "no-store"),
            ("/sign-in/done", "unsafe-none", "same-origin", "no-store"),
            ("/pictures/a.png", "same-origin", "cross-origin", "no-store"),
            ("/static/a.css", "same-origin", "same-origin", None),
        ):
            _, headers, _ = ask(base_url, path, "shop.example")
            assert headers["Cross-Origin-Opener-Policy"] == coop
            assert headers["Cross-Origin-Resource-Policy"] == corp
            assert headers["Cache-Control"] == cached


def test_the_directory_works_where_it_is_copied_to(tmp_path: Path) -> None:
    """Under another name, and by a Python that has nothing installed."""
    copied = Path(collector.security_headers.__file__).parent
    shutil.copytree(copied, tmp_path / "shop_headers", ignore=shutil.ignore_patterns("__pycache__"))
    code = "import shop_headers; print(shop_headers.SecurityHeadersMiddleware(print).headers_of((), hsts=False)[0][0])"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    finished = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (finished.stdout, finished.stderr) == ("b'content-security-policy'\n", "")


def table_rows() -> list[tuple[str, str, str]]:
    rows = [[cell.strip() for cell in line.split(" | ")] for line in SECTION.splitlines() if line.startswith("| `")]
    return [(row[0].lstrip("| "), row[1].strip("`"), row[2]) for row in rows]


def test_the_table_shows_every_setting_with_its_default() -> None:
    exchange = Exchange(SecurityHeadersMiddleware(answering()), make_scope(scheme="https"))
    rows = table_rows()
    settings = {setting for _, setting, _ in rows}
    assert settings == {*HeaderChanges.__annotations__, "cacheable"} - {"hsts_over_http", "override"}
    for names, setting, default in rows:
        if setting in {"frame", "permissions_policy", "cacheable"}:
            continue  # in words
        name = names.strip("`").lower()
        sent = exchange.get(name)
        shown = None if default == "not sent" else default.strip("`")
        assert (sent or "").partition("; frame-ancestors")[0] == (shown or ""), name


def test_the_paths_and_steps_of_the_text_are_there() -> None:
    assert all(f"`{path}`" in SECTION for path in HEALTH_PATHS)
    assert all(step.name in SECTION for step in Hsts if step is not Hsts.ONE_YEAR)
