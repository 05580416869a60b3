"""Tests of where things are kept: cspbuild looks where the collector does."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.settings import load_settings
from policybuilder.errors import CspbuildError
from policybuilder.locations import DEFAULT_DATABASE_URL, data_directory, database_url

# (environment, csp.toml, database, data directory)
PLACES: list[tuple[dict[str, str], str | None, str, str]] = [
    ({}, None, DEFAULT_DATABASE_URL, "data"),
    ({}, "", DEFAULT_DATABASE_URL, "data"),
    ({}, 'database_url = "sqlite:///a.db"\nport = 8001\n', "sqlite:///a.db", "data"),
    ({}, 'data_dir = "/srv/csp"', DEFAULT_DATABASE_URL, "/srv/csp"),
    ({}, 'database_url = ""', DEFAULT_DATABASE_URL, "data"),
    ({"CSP_DATABASE_URL": "sqlite:///b.db"}, 'database_url = "sqlite:///a.db"', "sqlite:///b.db", "data"),
    ({"CSP_DATABASE_URL": ""}, 'database_url = "sqlite:///a.db"', DEFAULT_DATABASE_URL, "data"),
    ({"CSP_DATABASE_URL": "sqlite:///b.db"}, 'data_dir = "d"', "sqlite:///b.db", "d"),
    ({"CSP_DATA_DIR": "e"}, 'data_dir = "d"', DEFAULT_DATABASE_URL, "e"),
]


@pytest.mark.parametrize(("environment", "file", "database", "directory"), PLACES)
def test_the_environment_goes_before_the_file_before_the_default_as_for_the_collector(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], file: str | None, database: str, directory: str
) -> None:
    if file is not None:
        Path("csp.toml").write_text(file)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (database_url(), data_directory()) == (database, Path(directory))
    settings = load_settings()
    assert (settings.database_url, settings.data_dir) == (database, Path(directory))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"database_url = sqlite", "cannot read csp.toml: "),
        (b"\xff", "cannot read csp.toml: "),
        (b"database_url = 7", 'database_url in csp.toml is no text; write database_url = "sqlite:///data/csp.db"'),
        (b'database_url = ["a"]', "database_url in csp.toml is no text"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(content: bytes, says: str) -> None:
    Path("csp.toml").write_bytes(content)
    with pytest.raises(CspbuildError) as refused:
        database_url()
    assert str(refused.value).startswith(says)
    assert "\n" not in str(refused.value)


def test_what_is_wrong_in_the_file_does_not_matter_where_the_environment_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("csp.toml").write_text("database_url = 7")
    monkeypatch.setenv("CSP_DATABASE_URL", "sqlite:///b.db")
    assert database_url() == "sqlite:///b.db"
