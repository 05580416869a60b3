"""Access logs: which lines are page views, of which page, on which day.

Read are the common and combined formats of Apache and nginx, with or without the virtual host in front, and JSON lines
with the names that Caddy, nginx, Traefik and CloudFront use. Of a line only its page and its day are kept.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from policybuilder.csp.violation import Violation
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.normalization import INVALID, clean_url
from policybuilder.reports.predicates import Context
from policybuilder.reports.rules import built_in_rules
from policybuilder.store.clock import DAY_MS, to_ms

_MIN_YEAR = 2000
_MAX_AHEAD = timedelta(days=1)
"""Clocks differ, and so do people's ideas of a time zone; a year that is yet to come is no time of a view."""

_MAX_USER_AGENT_CHARACTERS = 512
_MAX_DEPTH_OF_NAMES = 2

_PLAIN = re.compile(
    r'(?P<before>[^\[]{1,1024})\[(?P<time>[^\]]{1,40})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) \S+'
    r'(?: "(?:[^"\\]|\\.)*" "(?P<agent>(?:[^"\\]|\\.)*)")?(?: .*)?'
)
_CLOCK = re.compile(r"(\d{1,2})/([A-Z][a-z]{2})/(\d{4}):(\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")

_METHODS = frozenset({"GET", "HEAD"})
_ASSETS = frozenset(
    {
        *("js", "mjs", "cjs", "map", "css", "json", "xml", "txt", "webmanifest", "wasm", "rss", "atom"),
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "tif", "tiff", "heic", "cur"),
        *("woff", "woff2", "ttf", "otf", "eot"),
        *("mp3", "mp4", "m4a", "m4v", "m3u8", "mpd", "ts", "webm", "ogg", "oga", "ogv", "wav", "flac", "avi", "mov"),
        *("pdf", "zip", "gz", "tgz", "bz2", "xz", "7z", "rar", "tar", "exe", "dmg", "deb", "rpm", "apk", "iso", "msi"),
        *("csv", "xls", "xlsx", "doc", "docx", "ppt", "pptx", "odt", "ods", "ics", "vcf", "epub", "bin", "swf"),
    }
)
_OWN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/report"})
_DOCUMENT_TYPES = frozenset({"text/html", "application/xhtml+xml"})

# CUBOT makes phones.
_BOT_WORDS = re.compile(
    r"(?<!cu)bot\b|bot[/;-]|crawl|spider|slurp|monitor|preview|scan|fetch|archiv|\+https?:|headless|lighthouse",
    re.IGNORECASE,
)
_BROWSER_BEGINNINGS = ("Mozilla/", "Opera/")


class NotCounted(enum.StrEnum):
    """Why a line is no page view."""

    METHOD = "other-method"
    STATUS = "other-status"
    ASSET = "asset"
    OWN_PATH = "collector"
    """A page or check of the collector's own."""

    BOT = "bot"
    HOST = "another-host"
    NO_LINE = "not-a-log-line"
    NO_TIME = "no-time"
    PATH = "unreadable-path"
    TOO_LONG = "line-too-long"


REJECTED = frozenset({NotCounted.NO_LINE, NotCounted.NO_TIME, NotCounted.PATH, NotCounted.TOO_LONG})
"""Reasons that say something is wrong with a line; the others say that it is about something else."""


@dataclass(frozen=True, slots=True)
class PageView:
    """One view."""

    page: str
    """Cleaned as the URL of a document that reports."""

    day: int
    """Since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What a line says, in whichever format."""

    method: str
    target: str
    """A path with its query, or a whole URL."""

    status: int
    at: datetime | None
    host: str = ""
    """Empty where the line does not say."""

    user_agent: str = ""
    content_type: str = ""


def page_view(content: bytes, origin: str, now: datetime) -> PageView | NotCounted:
    """The page view that a line records, of a site whose pages are on `origin` (`https://shop.example`); or why not."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    request = _of_json(text) if text.startswith("{") else _of_plain(text)
    if request is None:
        return NotCounted.NO_LINE
    if request.method.upper() not in _METHODS:
        return NotCounted.METHOD
    if not (200 <= request.status < 300 or request.status == 304):
        return NotCounted.STATUS
    if request.at is None or not _is_plausible(request.at, now):
        return NotCounted.NO_TIME
    host, path = _target_of(request)
    if host and host != urlsplit(origin).hostname:
        return NotCounted.HOST
    if not path.startswith("/"):
        return NotCounted.PATH
    if (reason := _other_than_a_document(path, request)) is not None:
        return reason
    page = clean_url(origin + path)
    return NotCounted.PATH if page == INVALID else PageView(page, to_ms(request.at) // DAY_MS)


def _is_plausible(at: datetime, now: datetime) -> bool:
    return at.year >= _MIN_YEAR and at <= now + _MAX_AHEAD


def _target_of(request: _Request) -> tuple[str, str]:
    """Host without port, lower case, empty where nothing says; and path, without query."""
    target = request.target
    host = request.host
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in {"http", "https"}:
        # The absolute form, as proxies write it.
        authority, slash, path = rest.partition("/")
        host, target = authority.rpartition("@")[2], slash + path or "/"
    name, _, port = host.rpartition(":")
    host = name if name and port.isdigit() else host
    return host.lower().strip("[]").rstrip("."), target.partition("?")[0].partition("#")[0]


def _other_than_a_document(path: str, request: _Request) -> NotCounted | None:
    essence = request.content_type.partition(";")[0].strip().lower()
    name = path.rpartition("/")[2]
    if (essence and essence not in _DOCUMENT_TYPES) or (name.rpartition(".")[2].lower() in _ASSETS and "." in name):
        return NotCounted.ASSET
    if path in _OWN_PATHS or path.startswith("/report/"):
        return NotCounted.OWN_PATH
    if request.user_agent and is_bot(request.user_agent[:_MAX_USER_AGENT_CHARACTERS]):
        return NotCounted.BOT
    return None


@lru_cache(maxsize=4096)
def is_bot(user_agent: str) -> bool:
    """Whether a user agent is a program's that no person browses with.

    More is a bot here than in reports: a view too few makes a share of views too large, which is the cautious side.
    """
    if not user_agent.startswith(_BROWSER_BEGINNINGS) or _BOT_WORDS.search(user_agent):
        return True
    context = Context(
        violation=Violation(document_uri="", effective_directive="", blocked_uri=""),
        document_query="",
        user_agent=user_agent,
        site_hosts=(),
    )
    rules = built_in_rules().rules
    return any(rule.evidence_class is EvidenceClass.BOT and rule.applies(context) for rule in rules)


def _of_plain(text: str) -> _Request | None:
    """A line of the common or combined format.

    https://httpd.apache.org/docs/2.4/logs.html#accesslog
    """
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    method, _, rest = _unescaped(found["request"]).partition(" ")
    target = rest.rpartition(" ")[0] if re.search(r" HTTP/\d(?:\.\d)?$", rest) else rest
    words = found["before"].split()
    # client identity user; the identity is a hyphen nearly everywhere, and a virtual host stands before the client.
    is_behind_host = len(words) >= 4 and words[1] != "-"
    agent = found["agent"] or ""
    return _Request(
        method=method,
        target=target,
        status=int(found["status"]),
        at=_clock(found["time"]),
        host=words[0] if is_behind_host else "",
        user_agent="" if agent == "-" else agent,
    )


def _unescaped(text: str) -> str:
    r"""Apache and nginx write what could end the field as `\"` or `\x22`; a URL says the same as `%22`."""
    return _ESCAPE.sub(lambda found: f"%{found[1]}" if found[1] else f"%{ord(found[2]) & 0xFF:02X}", text)


@lru_cache(maxsize=1024)
def _clock(text: str) -> datetime | None:
    """`10/Oct/2026:13:55:36 -0700`, whatever the locale of this machine."""
    found = _CLOCK.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        return _instant(text)
    offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
    try:
        zone = timezone(-offset if found[7] == "-" else offset)
        month = _MONTHS.index(found[2]) + 1
        return datetime(int(found[3]), month, int(found[1]), int(found[4]), int(found[5]), int(found[6]), tzinfo=zone)
    except ValueError:
        return None


def _of_json(text: str) -> _Request | None:
    """A line of JSON, by the usual names."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    names: dict[str, Any] = {}
    _collect(value, "", names, 0)
    method, target = _text(names, _METHOD_NAMES), _text(names, _TARGET_NAMES)
    line = _text(names, ("request",))
    if line and not (method and target):
        method, _, rest = line.partition(" ")
        target = rest.rpartition(" ")[0] or rest
    status = _status(names)
    if not method or not target or status is None:
        return None
    agent = _text(names, _AGENT_NAMES)
    # CloudFront writes user agents percent-encoded.
    agent = unquote(agent) if "%20" in agent else agent
    return _Request(
        method=method,
        target=target,
        status=status,
        at=_json_time(names),
        host=_text(names, _HOST_NAMES),
        user_agent="" if agent == "-" else agent,
        content_type=_text(names, _TYPE_NAMES).removeprefix("-"),
    )


_METHOD_NAMES = ("method", "request_method", "requestmethod", "cs_method", "http_method", "verb")
_TARGET_NAMES = (
    *("uri", "request_uri", "requestpath", "cs_uri_stem", "path", "request_path", "url", "request_url", "target"),
)
_STATUS_NAMES = ("status", "status_code", "statuscode", "downstreamstatus", "sc_status", "response_status", "response")
_AGENT_NAMES = ("user_agent", "http_user_agent", "useragent", "request_user_agent", "cs_user_agent", "agent")
_HOST_NAMES = (
    *("x_host_header", "requesthost", "host", "http_host", "vhost", "virtual_host", "server_name", "cs_host"),
)
_TYPE_NAMES = ("resp_content_type", "content_type", "sent_http_content_type", "sc_content_type")
_TIME_NAMES = (
    *("time_iso8601", "ts", "timestamp", "_timestamp", "startutc", "time_local", "msec", "datetime", "time", "start"),
)


def _collect(value: Mapping[str, Any], prefix: str, names: dict[str, Any], depth: int) -> None:
    """Members by name in one spelling; those of `request`, `headers` and the like stand beside those of the top."""
    for name, member in list(value.items())[:200]:
        key = prefix + re.sub(r"[^a-z0-9]+", "_", name.lower()).rstrip("_")
        if isinstance(member, dict):
            if depth < _MAX_DEPTH_OF_NAMES:
                # Headers of the answer must not be taken for the request's.
                _collect(member, "resp_" if key.startswith("resp") else "", names, depth + 1)
            continue
        if isinstance(member, list):
            member = member[0] if member else ""  # noqa: PLW2901  (Caddy writes a header as the list of its values)
        if key == "content_type" and depth:
            # Of the request: it says nothing about what was served.
            continue
        names.setdefault(key, member)


def _text(names: Mapping[str, Any], of: tuple[str, ...]) -> str:
    return next((names[name] for name in of if isinstance(names.get(name), str) and names[name]), "")


def _status(names: Mapping[str, Any]) -> int | None:
    for name in _STATUS_NAMES:
        value = names.get(name)
        if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value):
            return int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 100 <= value < 1_000:
            return int(value)
    return None


def _json_time(names: Mapping[str, Any]) -> datetime | None:
    """The first member that says when; CloudFront writes date and time apart."""
    day, clock = names.get("date"), names.get("time")
    if isinstance(day, str) and isinstance(clock, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        return _instant(f"{day}T{clock}Z")
    for name in _TIME_NAMES:
        value = names.get(name)
        if isinstance(value, str) and (found := _clock(value)) is not None:
            return found
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _of_number(value)
    return None


def _of_number(value: float) -> datetime | None:
    """Seconds since 1970; or milli-, micro- or nanoseconds, where seconds would be ages away."""
    try:
        for unit in (1.0, 1e3, 1e6, 1e9):
            if 0 <= value / unit < 1e11:
                return datetime.fromtimestamp(value / unit, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _instant(text: str) -> datetime | None:
    """ISO 8601, or seconds since 1970 as text; UTC where it names no zone."""
    if re.fullmatch(r"\d{9,19}(?:\.\d{1,9})?", text):
        return _of_number(float(text))
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
