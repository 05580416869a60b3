"""What an operator can set: flag before environment before file before default."""

from __future__ import annotations

import enum
import ipaddress
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from collector.logs import LogFormat, LogLevel
from policybuilder.errors import CspbuildError
from policybuilder.store.engine import DEFAULT_DATABASE_URL, shown_url

SETTINGS_FILE = Path("csp.toml")

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Shed(enum.StrEnum):
    """What a report gets that is not stored because there is too much to do."""

    REFUSE = "refuse"
    """429 or 503, so that the browser may try again."""

    ACCEPT = "accept"
    """204 all the same: a refused Chromium sends everything again, with the next reports on top."""


def _split(value: Any) -> Any:
    """Lists are written with commas in the environment and on the command line, as arrays in the file."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[tuple[IPNetwork, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The collector's settings, from flags, `CSP_…` variables and `csp.toml`."""

    model_config = SettingsConfigDict(env_prefix="CSP_", extra="forbid", frozen=True)

    database_url: str = Field(
        default=DEFAULT_DATABASE_URL, description="where evidence is kept: sqlite:///FILE or postgresql://…"
    )
    data_dir: Path = Field(default=Path("data"), description="directory of the rehearsal key, kept for reprinting")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on")
    workers: int = Field(
        default=1,
        ge=1,
        le=128,
        description="processes that answer, with one that writes for all; rates, queues and connections are of each",
    )
    tls_certificate: Path | None = Field(
        default=None, description="file of the certificate to speak https with, and its chain, in PEM; none: http"
    )
    tls_key: Path | None = Field(default=None, description="file of the certificate's key, in PEM")
    unix_socket: Path | None = Field(
        default=None, description="socket file to listen on for a reverse proxy, in place of host and port"
    )
    unix_socket_mode: str = Field(
        default="660", pattern=r"^0?[0-7]{3}$", description="who may connect to the socket file, as for chmod"
    )
    review: bool = Field(default=True, description="serve the review pages; --no-review for ingest alone")
    admin_token: SecretStr | None = Field(
        default=None, min_length=16, description="token of the review pages; without it a one-time link is printed"
    )
    allowed_hosts: Names = Field(
        default=(), description="Host names of the review pages; none: loopback names and the bound address"
    )
    ingest_hosts: Names = Field(default=(), description="Host names reports may be posted to; none: any")
    trusted_proxies: Networks = Field(
        default=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")),
        description="networks whose X-Forwarded-For is believed",
    )
    client_header: str = Field(
        default="", pattern=r"^[A-Za-z0-9-]*$", description="header of a trusted proxy that names the client"
    )
    rate_per_client: float = Field(
        default=200.0, ge=0, description="reports a second from one client network (burst: ten seconds' worth); 0: any"
    )
    rate_per_site: float = Field(default=0.0, ge=0, description="reports a second to one site; 0: any")
    shed: Shed = Field(default=Shed.REFUSE, description="what an overload answers: refuse (429, 503) or accept (204)")
    queue_reports: int = Field(
        default=20_000, ge=1, description="reports waiting for the database before the answer is 503"
    )
    queue_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1,
        description="bytes of reports that wait for the database, or for their rest, before the answer is 503",
    )
    header_seconds: float = Field(
        default=5.0,
        ge=0,
        allow_inf_nan=False,
        description="seconds a client has to send a request's headers, and its first byte; 0: any",
    )
    body_seconds: float = Field(
        default=10.0,
        ge=0,
        allow_inf_nan=False,
        description="seconds it has to send the body then, or to take an answer; 0: any",
    )
    keep_alive_seconds: float = Field(
        default=5.0,
        ge=0,
        allow_inf_nan=False,
        description="seconds a connection stays open for the next request; 0: any",
    )
    max_connections: int = Field(
        default=4096, ge=0, description="connections open at once; 0: as many as the system grants files"
    )
    max_connections_per_client: int = Field(
        default=128, ge=0, description="connections open at once from one client network, trusted proxies aside; 0: any"
    )
    rules: Path | None = Field(
        default=None, description="file of classification rules tried before the built-in ones; none: those alone"
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="port for /metrics alone, without a token; 0: only with the admin token"
    )

    log_format: LogFormat = Field(
        default=LogFormat.TEXT, description="how events are logged on standard error, a line each: text or json"
    )
    log_level: LogLevel = Field(
        default=LogLevel.WARNING, description="the least of what is logged: error, warning or info"
    )

    @field_validator("database_url")
    @classmethod
    def _has_a_database(cls, value: str) -> str:
        return value or DEFAULT_DATABASE_URL

    @field_validator("rules", "tls_certificate", "tls_key", "unix_socket", mode="before")
    @classmethod
    def _names_a_file(cls, value: Any) -> Any:
        return value or None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the signature is the library's)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the same)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, SETTINGS_FILE)

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only programs of this machine can connect; behind a socket file there is a proxy, for others."""
        if self.unix_socket:
            return False
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def base_url(self) -> str:
        """How a browser on this machine reaches the service; through a socket file's proxy, as far as we know."""
        if self.unix_socket:
            names = [name for name in self.allowed_hosts if "*" not in name]
            return f"https://{names[0]}" if names else "http://localhost"
        scheme = "https" if self.tls_certificate else "http"
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  (compared, not bound)
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"


def load_settings(**flags: Any) -> Settings:
    """Settings with the flags that were given (None: not given).

    Raises CspbuildError naming the first setting that is wrong, and what is wrong with it.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        if first["type"] == "extra_forbidden":
            raise CspbuildError(f"{name!r} in {SETTINGS_FILE} is no setting; see  csp-collector config") from None
        raise CspbuildError(
            f"setting {name} (CSP_{name.upper()}): {first['msg'].lower()}; see  csp-collector config"
        ) from None
    except (OSError, ValueError) as error:
        raise CspbuildError(f"cannot read {SETTINGS_FILE}: {error}") from None


@dataclass(frozen=True, slots=True)
class DescribedSetting:
    """A setting as `csp-collector config` shows it."""

    name: str
    value: str
    origin: str
    """`environment`, `csp.toml` or `default`."""

    meaning: str


def describe_settings(settings: Settings) -> tuple[DescribedSetting, ...]:
    """Every setting with its value and where that comes from; secrets and passwords are not shown."""
    try:
        in_file = set(tomllib.loads(SETTINGS_FILE.read_text(encoding="utf-8")))
    except OSError:
        in_file = set()
    return tuple(
        DescribedSetting(
            name=name,
            value=_shown(name, getattr(settings, name)),
            origin=_origin(name, in_file),
            meaning=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    )


SECRET_SETTINGS = frozenset({"admin_token"})


def shown_default(name: str) -> str:
    """A setting's default, as it would be typed."""
    return _shown(name, Settings.model_fields[name].default)


def _origin(name: str, in_file: set[str]) -> str:
    if any(variable.upper() == f"CSP_{name.upper()}" for variable in os.environ):
        return f"environment (CSP_{name.upper()})"
    return str(SETTINGS_FILE) if name in in_file else "default"


def _shown(name: str, value: Any) -> str:
    if name == "database_url":
        return shown_url(str(value))
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value.value) if isinstance(value, enum.Enum) else "(none)" if value in {None, ""} else str(value)
