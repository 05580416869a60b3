"""Settings: flag before environment before file before default, and a mistake is one line that says what to do."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

from collector.settings import SECRET_SETTINGS, Settings, Shed, describe_settings, load_settings
from policybuilder.errors import CspbuildError, ExitCode


def in_file(text: str) -> None:
    Path("csp.toml").write_text(text, encoding="utf-8")


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().port == 8000
    in_file("port = 8001")
    assert load_settings().port == 8001
    monkeypatch.setenv("CSP_PORT", "8002")
    assert load_settings().port == 8002
    assert load_settings(port=8003).port == 8003


def test_each_setting_is_looked_up_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    in_file('host = "192.0.2.1"\nshed = "accept"')
    monkeypatch.setenv("CSP_HOST", "192.0.2.2")
    settings = load_settings(review=False)
    assert (settings.host, settings.shed, settings.review, settings.port) == ("192.0.2.2", Shed.ACCEPT, False, 8000)


def test_a_flag_that_is_not_given_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_REVIEW", "false")
    assert load_settings(review=None, port=None).review is False


# (setting, text in the environment, line in csp.toml, value)
SPELLINGS = [
    (
        "allowed_hosts",
        "a.example, b.example,",
        'allowed_hosts = ["a.example", "b.example"]',
        ("a.example", "b.example"),
    ),
    ("ingest_hosts", "a.example", 'ingest_hosts = "a.example"', ("a.example",)),
    ("ingest_hosts", "", "ingest_hosts = []", ()),
    (
        "trusted_proxies",
        "10.0.0.0/8,2001:db8::/32",
        'trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]',
        (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")),
    ),
    ("trusted_proxies", "", "trusted_proxies = []", ()),
    ("trusted_proxies", "192.0.2.7", 'trusted_proxies = ["192.0.2.7"]', (ipaddress.ip_network("192.0.2.7/32"),)),
    ("rate_per_client", "0.5", "rate_per_client = 0.5", 0.5),
    ("rate_per_site", "0", "rate_per_site = 0", 0.0),
    ("header_seconds", "0.5", "header_seconds = 0.5", 0.5),
    ("max_connections", "0", "max_connections = 0", 0),
    ("shed", "accept", 'shed = "accept"', Shed.ACCEPT),
    ("review", "false", "review = false", False),
    ("client_header", "CF-Connecting-IP", 'client_header = "CF-Connecting-IP"', "CF-Connecting-IP"),
    ("data_dir", "/var/lib/csp", 'data_dir = "/var/lib/csp"', Path("/var/lib/csp")),
    ("database_url", "", 'database_url = ""', "sqlite:///data/csp.db"),
]


@pytest.mark.parametrize(("name", "variable", "line", "value"), SPELLINGS)
def test_environment_and_file_say_the_same_in_their_own_way(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str, line: str, value: Any
) -> None:
    in_file(line)
    assert getattr(load_settings(), name) == value
    Path("csp.toml").unlink()
    monkeypatch.setenv(f"CSP_{name.upper()}", variable)
    assert getattr(load_settings(), name) == value


MISTAKES = [
    ("port", "80a"),
    ("port", "65536"),
    ("port", "-1"),
    ("trusted_proxies", "10.0.0.1/8"),
    ("trusted_proxies", "localhost"),
    ("client_header", "X Forwarded"),
    ("client_header", "X-Forwarded-For: x"),
    ("rate_per_client", "-1"),
    ("rate_per_site", "fast"),
    ("shed", "sometimes"),
    ("queue_reports", "0"),
    ("header_seconds", "-1"),
    ("body_seconds", "soon"),
    ("body_seconds", "inf"),
    ("keep_alive_seconds", "nan"),
    ("max_connections", "-1"),
    ("max_connections_per_client", "1.5"),
    ("metrics_port", "70000"),
    ("log_format", "xml"),
    ("log_level", "loud"),
    ("review", "perhaps"),
    ("admin_token", "short"),
]


@pytest.mark.parametrize(("name", "value"), MISTAKES)
def test_a_bad_value_is_one_line_that_names_the_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CSP_{name.upper()}", value)
    with pytest.raises(CspbuildError) as caught:
        load_settings()
    message = str(caught.value)
    assert f"CSP_{name.upper()}" in message
    assert "csp-collector config" in message
    assert "\n" not in message
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_bad_admin_token_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_ADMIN_TOKEN", "hunter2")
    with pytest.raises(CspbuildError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [("prot = 8001", "prot"), ("[server]\nport = 1", "server"), ("port = ", "csp.toml"), ("\udcff", "csp.toml")],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(text: str, named: str) -> None:
    Path("csp.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CspbuildError) as caught:
        load_settings()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_do_not_change_while_the_service_runs() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


@pytest.mark.parametrize(
    ("host", "is_loopback", "base_url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:8000"),
        ("127.9.9.9", True, "http://127.9.9.9:8000"),
        ("localhost", True, "http://localhost:8000"),
        ("::1", True, "http://[::1]:8000"),
        ("0.0.0.0", False, "http://127.0.0.1:8000"),  # noqa: S104  (nothing is bound)
        ("::", False, "http://127.0.0.1:8000"),
        ("192.0.2.1", False, "http://192.0.2.1:8000"),
        ("csp.example", False, "http://csp.example:8000"),
        ("localhost.example", False, "http://localhost.example:8000"),
    ],
)
def test_the_address_listened_on_says_who_can_connect(host: str, is_loopback: bool, base_url: str) -> None:  # noqa: FBT001  (a column of the table)
    settings = load_settings(host=host)
    assert settings.listens_on_loopback is is_loopback
    assert settings.base_url == base_url


def test_every_setting_is_described_with_its_value_and_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    in_file('port = 8001\nhost = "192.0.2.1"')
    monkeypatch.setenv("CSP_HOST", "192.0.2.2")
    described = {line.name: line for line in describe_settings(load_settings())}
    assert described.keys() == Settings.model_fields.keys()
    assert all(line.meaning for line in described.values())
    assert (described["host"].value, described["host"].origin) == ("192.0.2.2", "environment (CSP_HOST)")
    assert (described["port"].value, described["port"].origin) == ("8001", "csp.toml")
    assert (described["shed"].value, described["shed"].origin) == ("refuse", "default")
    assert described["ingest_hosts"].value == "(none)"


def test_secrets_are_not_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_ADMIN_TOKEN", "correct-horse-battery-staple")
    monkeypatch.setenv("CSP_DATABASE_URL", "postgresql://csp:tr0ub4dor@db.example/csp")
    described = {line.name: line.value for line in describe_settings(load_settings())}
    assert not any("correct-horse" in value or "tr0ub4dor" in value for value in described.values())
    assert "db.example" in described["database_url"]
    assert "admin_token" in SECRET_SETTINGS
