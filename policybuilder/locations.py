"""Where an operator keeps things: the environment before csp.toml before the default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from policybuilder.errors import CspbuildError

DEFAULT_DATABASE_URL = "sqlite:///data/csp.db"
_DEFAULT_DATA_DIRECTORY = "data"

_SETTINGS_FILE = Path("csp.toml")
"""Of the collector, in the working directory; its other settings are the collector's alone."""


def database_url() -> str:
    """Where the evidence is. Raises CspbuildError for a settings file that does not say it in TOML."""
    return _configured("database_url", DEFAULT_DATABASE_URL)


def data_directory() -> Path:
    """Where the service keeps what is not in the database. Raises CspbuildError as `database_url` does."""
    return Path(_configured("data_dir", _DEFAULT_DATA_DIRECTORY))


def _configured(name: str, default: str) -> str:
    """The value of a setting; an empty one is the default, and an empty variable hides the file, as for the service."""
    value = os.environ.get(f"CSP_{name.upper()}")
    if value is None:
        value = _read_settings_file().get(name, "")
        if not isinstance(value, str):
            raise CspbuildError(f'{name} in {_SETTINGS_FILE} is no text; write {name} = "{default}"')
    return value or default


def _read_settings_file() -> dict[str, Any]:
    if not _SETTINGS_FILE.is_file():
        return {}
    import tomllib  # noqa: PLC0415  (start-up: most directories have no such file)

    try:
        return tomllib.loads(_SETTINGS_FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CspbuildError(f"cannot read {_SETTINGS_FILE}: {error}; put it right, or move it away") from None
