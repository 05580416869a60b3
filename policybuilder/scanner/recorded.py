"""Recorded responses: what `curl -i` prints, or `curl -sD-`, read as the answer that it was.

https://www.rfc-editor.org/rfc/rfc9112#name-message-format
"""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass

import ada_url

from policybuilder.errors import CspbuildError
from policybuilder.grading.material import Material, Visit
from policybuilder.rendering.text_safety import visible
from policybuilder.scanner.body import Body
from policybuilder.scanner.pages import Headers, Redirect, Response, header_values
from policybuilder.scanner.retrieving import cookies_of, markup_of

DEFAULT_URL = "https://site.invalid/"
"""What a response is taken to come from when nobody says."""

MAX_BYTES = 8 * 1024 * 1024
"""Of a recording that is read; what follows is taken for the rest of a body."""

_MAX_BODY_BYTES = 5 * 1024 * 1024
_MAX_HEAD_BYTES = 256 * 1024
_MAX_RESPONSES = 50

_STATUS_LINE = re.compile(rb"(HTTP/[0-9](?:\.[0-9])?)[ \t]+([1-5][0-9]{2})(?:[ \t][^\r\n]*)?\r?")
# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\r\n]*)\r?")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASKS_FOR_CREDENTIALS = frozenset({401, 407})
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class _Head:
    version: str
    status: int
    headers: Headers

    @property
    def location(self) -> str | None:
        """Where the answer points to, if it is a redirect."""
        return next(iter(header_values(self.headers, "location")), None) if self.status in _REDIRECTS else None

    @property
    def is_before_another(self) -> bool:
        """Whether curl goes on after it, and prints another answer, rather than its body."""
        if self.status < 200 or self.status in _REDIRECTS | _ASKS_FOR_CREDENTIALS:
            return True
        # A proxy's answer to CONNECT has no body, and says nothing of one. Any other body may look like a response.
        names = {name.lower() for name, _ in self.headers}
        return self.status == 200 and not names & {"content-type", "content-length", "transfer-encoding"}


def read_response(data: bytes, url: str | None = None) -> Material:
    """What the recording of one page shows; several responses in it are the way to the last.

    Judged as if the certificate held and the host were not preloaded; all that one recording cannot show is missing.
    `url` is where the first one came from. Raises CspbuildError for what is no response, and no URL.
    """
    place = _place(DEFAULT_URL if url is None else url)
    first = place.href.partition("#")[0]
    heads, body, is_cut = _split(_as_curl_wrote_it(data))
    redirects = []
    for head in heads[:-1]:
        if (location := head.location) is not None:
            at = place.href.partition("#")[0]
            redirects.append(Redirect(url=at, status=head.status, location=location, headers=head.headers))
            place = _follow(place, location)
    last = heads[-1]
    body, is_cut = _decoded(last.headers, body, is_cut=is_cut)
    response = Response(
        url=place.href.partition("#")[0],
        status=last.status,
        headers=last.headers,
        body=body,
        is_cut=is_cut,
        http_version=last.version,
        redirects=tuple(redirects),
        tls=None,
        address="",
    )
    page = Visit(url=first, response=response)
    is_secure = first.startswith("https:")
    return Material(
        url=first,
        page=page,
        https=page if is_secure else None,
        http=None if is_secure else page,
        cookies=tuple(cookies_of(response)),
        markup=markup_of(response),
        is_whole=False,
    )


def _place(text: str) -> ada_url.URL:
    shown = visible(text[:200])
    try:
        url = ada_url.URL(text)
    except ValueError:
        raise CspbuildError(f"no URL: {shown}; give all of it, such as https://shop.example/") from None
    if url.protocol not in {"http:", "https:"}:
        raise CspbuildError(f"no page on the web: {shown}; give an http or https URL")
    return url


def _follow(place: ada_url.URL, location: str) -> ada_url.URL:
    """Where the next response came from; a place that is none tells nothing, so it stays."""
    try:
        found = ada_url.URL(location, place.href)
    except ValueError:
        return place
    return found if found.protocol in {"http:", "https:"} else place


def _as_curl_wrote_it(data: bytes) -> bytes:
    """Without what editors and shells put in front; PowerShell redirects output as UTF-16."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            data = data.decode(encoding, "replace").encode("utf-8", "replace")
    return data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n \t")


def _split(data: bytes) -> tuple[list[_Head], bytes, bool]:
    """The heads, the body of the last response, and whether the body goes on."""
    if not _STATUS_LINE.match(data):
        raise CspbuildError(f"no HTTP response: {_guess(data)}; give what  curl -i URL  prints")
    heads: list[_Head] = []
    position = 0
    while _STATUS_LINE.match(data, position) and (not heads or heads[-1].is_before_another):
        if len(heads) == _MAX_RESPONSES:
            raise CspbuildError(f"more than {_MAX_RESPONSES} responses follow each other; give those of one page")
        head, position = _read_head(data, position)
        heads.append(head)
    if heads[-1].status < 200:
        raise CspbuildError(f"the recording ends with an interim answer ({heads[-1].status}); give the whole of it")
    body = data[position:]
    return heads, body[:_MAX_BODY_BYTES], len(body) > _MAX_BODY_BYTES


def _guess(data: bytes) -> str:
    """What it looks like instead."""
    if not data.strip():
        return "nothing is there"
    line = visible(data[:80].partition(b"\n")[0].decode("latin-1").strip())
    if data.startswith((b"*", b"> ", b"< ")):
        return "this looks like the log of  curl -v"
    if _FIELD.match(data):
        return f"it begins with the header '{line}', and not with a line such as HTTP/1.1 200 OK"
    return f"it begins with '{line}'"


def _read_head(data: bytes, position: int) -> tuple[_Head, int]:
    """The head that begins there, and where it ends; the empty line behind it may be missing at the end of the data."""
    begin = position
    status_line = _STATUS_LINE.match(data, position)
    if status_line is None:
        raise CspbuildError("no HTTP response; give what  curl -i URL  prints")
    fields: list[tuple[str, list[str]]] = []
    position = _after_line(data, status_line.end())
    while position < len(data):
        end = data.find(b"\n", position)
        line = data[position : len(data) if end < 0 else end].removesuffix(b"\r")
        position = len(data) if end < 0 else end + 1
        if not line:
            break
        if position - begin > _MAX_HEAD_BYTES:
            raise CspbuildError(f"its headers have more than {_MAX_HEAD_BYTES // 1024} KiB; no browser reads so many")
        if line[:1] in {b" ", b"\t"} and fields:
            # https://www.rfc-editor.org/rfc/rfc9112#name-obsolete-line-folding
            fields[-1][1].append(line.strip(b" \t").decode("latin-1"))
        elif (field := _FIELD.fullmatch(line)) is not None:
            fields.append((field[1].decode("latin-1"), [field[2].strip(b" \t").decode("latin-1")]))
        else:
            number = data.count(b"\n", 0, position - 1) + 1
            shown = visible(line[:80].decode("latin-1"))
            raise CspbuildError(f"line {number} is no header: '{shown}'; give what  curl -i URL  prints")
    headers = tuple((name, " ".join(filter(None, parts))) for name, parts in fields)
    return _Head(status_line[1].decode(), int(status_line[2]), headers), position


def _after_line(data: bytes, position: int) -> int:
    end = data.find(b"\n", position)
    return len(data) if end < 0 else end + 1


def _decoded(headers: Headers, body: bytes, *, is_cut: bool) -> tuple[bytes, bool]:
    """The body as a page has it: curl unpacks it with --compressed alone, and leaves the header as it was."""
    encodings = ",".join(header_values(headers, "content-encoding")).strip().lower()
    if encodings not in {"gzip", "x-gzip"} or not body.startswith(_GZIP_MAGIC):
        return body, is_cut
    unpacked = Body(_MAX_BODY_BYTES, is_gzipped=True)
    try:
        unpacked.add(body)
    except zlib.error:
        return unpacked.data, True
    return unpacked.data, unpacked.is_cut
