"""Normalisation: any browser's report becomes one `Violation`, without what is personal.

Browsers' quirks stand here, each with its source: [C] Chromium 156 and [F] Firefox 153, captured; [O] old browsers,
from public reports.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import ada_url
import msgspec

from policybuilder.csp import (
    BLANK_NONCE,
    Directive,
    HostSource,
    Policy,
    canonical,
    parse_serialized_policy,
    parse_source_expression,
)
from policybuilder.csp.directives import KNOWN_DIRECTIVES, SOURCE_LIST_DIRECTIVES
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS, Disposition, SampleExtent, Violation
from policybuilder.reports.redaction import cut_sample, redact_path
from policybuilder.reports.wire import Reason, RejectedReportError, ReportKind, WireReport, text_of

MAX_URL_CHARACTERS = 2_048
MAX_POLICY_CHARACTERS = 8_192
"""Servers and proxies keep all response headers in as much, so no real policy is longer."""

MAX_SAMPLE_CHARACTERS = 256
MAX_USER_AGENT_CHARACTERS = 512
MAX_AGE_MS = 7 * 24 * 3_600_000
"""A browser that held a report longer has a wrong clock, or is none."""

INVALID = "(invalid)"
"""Stands for a URL that no browser would send."""

_CUT_UNITS = 40
_CUT_MARK = "…"

# Both are parts of database keys, and PostgreSQL fails a whole commit for one that is too long.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_MAX_AUTHORITY_CHARACTERS = 260  # a DNS name has at most 253, and a port six

# https://w3c.github.io/webappsec-csp/#grammardef-nonce-source
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]{1,256}={0,2})'", re.IGNORECASE)

_DIRECTIVE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_HASH = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/_=-]{1,172}")
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_DISPOSITIONS = {member.value: member for member in Disposition}
_NETWORK_SCHEMES = frozenset({"http", "https", "ws", "wss"})


class BrowserFamily(enum.StrEnum):
    """As much of a user agent as decides how to read a report; nothing of it is stored."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"
    SAFARI = "safari"
    OTHER = "other"


class NormalizedViolation(msgspec.Struct, frozen=True, gc=False):
    """A violation, and what its page's query may tell a classifier before it is forgotten.

    A struct, since one is made for each report.
    """

    violation: Violation
    document_query: str
    """Of the page's URL, undecoded; used to classify, never stored."""

    user_agent: str = ""
    """Of the envelope, else of the request; used to classify, never stored."""

    nonces: tuple[int, ...] = ()
    """What tells the nonces of the policy from others, as `nonce_marks` gives it."""


@dataclass(frozen=True, slots=True)
class NormalizedHash:
    """A `csp-hash` report. https://w3c.github.io/webappsec-csp/#csp-hash-report"""

    document_uri: str
    script_url: str
    hash: str
    destination: str
    age_ms: int


def browser_family(user_agent: str) -> BrowserFamily:
    """Which engine a user agent names."""
    if "Firefox/" in user_agent:
        return BrowserFamily.FIREFOX
    if "Chrome/" in user_agent or "Chromium/" in user_agent:
        return BrowserFamily.CHROMIUM
    return BrowserFamily.SAFARI if "Safari/" in user_agent else BrowserFamily.OTHER


def normalize(report: WireReport, user_agent: str = "") -> NormalizedViolation | NormalizedHash:
    """The report's meaning. Raises RejectedReportError when it lacks what gives it one."""
    if report.kind is ReportKind.HASH:
        return _normalize_hash(report)
    members = report.members
    directive = _directive(members)
    document = text_of(members, "document-uri", "documentURL", "documentURI") or report.envelope_url
    if not document:
        raise RejectedReportError(Reason.MISSING_DOCUMENT)
    user_agent = report.user_agent or user_agent
    blocked = _blocked_uri(members)
    sample, extent = _sample(members, blocked, user_agent)
    policy = text_of(members, "original-policy", "originalPolicy")
    return NormalizedViolation(
        Violation(
            document_uri=clean_url(document),
            effective_directive=directive,
            blocked_uri=blocked,
            disposition=_disposition(members),
            original_policy=clean_policy(policy),
            sample=sample,
            sample_extent=extent,
            source_file=clean_url(text_of(members, "source-file", "sourceFile")),
            line_number=_position(members, "line-number", "lineNumber"),
            column_number=_position(members, "column-number", "columnNumber"),
            referrer=clean_url(text_of(members, "referrer")),
            status_code=_number(members, "status-code", "statusCode"),
            age_ms=min(report.age_ms, MAX_AGE_MS),
        ),
        document_query=document.partition("?")[2].partition("#")[0][:MAX_URL_CHARACTERS],
        user_agent=user_agent[:MAX_USER_AGENT_CHARACTERS],
        nonces=nonce_marks(policy),
    )


def clean_url(text: str) -> str:
    """A URL without query, fragment, userinfo, e-mail addresses and tokens; of one off the network, its scheme.

    An origin stays an origin, without the slash that would make it a path: that is how browsers write what they cut.
    Bare schemes, with or without a colon, come back bare. What is none of these becomes `(invalid)`, and an empty
    text stays empty.
    """
    # Cut before it is looked up, so that neither a query nor a giant makes the cache useless.
    if "?" in text or "#" in text:
        text = text.partition("#")[0].partition("?")[0]
    return _clean_url(text.strip()[: 2 * MAX_URL_CHARACTERS])


@lru_cache(maxsize=4096)
def _clean_url(text: str) -> str:
    if not text:
        return ""
    try:
        # Taken apart here, since each of a URL's parts costs as much to ask for as all of them together.
        scheme, _, rest = ada_url.normalize_url(text).partition(":")
    except ValueError:
        return _bare_scheme(text)
    if scheme not in _NETWORK_SCHEMES:
        return scheme if _SCHEME.fullmatch(scheme) else INVALID
    authority, _, path = rest.removeprefix("//").partition("/")
    host = authority.rpartition("@")[2]
    if not host or "%" in host or len(host) > _MAX_AUTHORITY_CHARACTERS:
        return INVALID
    origin = f"{scheme}://{host}"
    after_scheme = text.partition("//")[2]
    is_origin_only = not path and "/" not in after_scheme and "\\" not in after_scheme
    cleaned = origin if is_origin_only else origin + redact_path(f"/{path}")
    return _storable(cleaned if len(cleaned) <= MAX_URL_CHARACTERS else origin)


def _bare_scheme(text: str) -> str:
    bare = text.lower().removesuffix("://").removesuffix(":")
    return bare if _SCHEME.fullmatch(bare) and "." not in bare else INVALID


def clean_policy(text: str) -> str:
    """A policy's canonical text: without its reporting directives, nonces blanked, nothing that a URL's query held.

    Paths of its sources are kept as those of URLs are, so that a source still matches the URLs it matched.
    Empty for one longer than any server sends: cut, it would be another policy.
    """
    return _clean_policy(text) if len(text) <= MAX_POLICY_CHARACTERS else ""


def nonce_marks(policy: str) -> tuple[int, ...]:
    """Of each nonce in a policy as it was sent, 64 bits of a digest, signed as SQL integers are; most have one or none.

    A nonce is to be another one in each response, so that two reports with the same one are of the same page as it was
    sent: to one visitor, or, where it was stored or is written once for all, to many.
    """
    if "nonce-" not in policy or len(policy) > MAX_POLICY_CHARACTERS:
        return ()
    found = dict.fromkeys(nonce for nonce in _NONCE.findall(policy) if nonce != BLANK_NONCE)
    return tuple(_mark(nonce) for nonce in list(found)[:_MAX_NONCES])


def _mark(nonce: str) -> int:
    return int.from_bytes(hashlib.blake2b(nonce.encode(), digest_size=8).digest(), "big", signed=True)


_MAX_NONCES = 2
"""Looked at in one policy: a server has one for a response, or one for scripts and one for styles."""


@lru_cache(maxsize=1024)
def _clean_policy(text: str) -> str:
    redacted = canonical(redact_policy(canonical(parse_serialized_policy(text))))
    return _storable(re.sub(r"[?#][^\s;,]*", "", str(redacted)))


def redact_policy(policy: Policy) -> Policy:
    """The policy as spelt, but for what is personal in paths, which are kept as those of URLs are."""
    return replace(policy, directives=tuple(map(_redact_directive, policy.directives)))


def _redact_directive(directive: Directive) -> Directive:
    if directive.name not in SOURCE_LIST_DIRECTIVES:
        return directive
    return Directive(directive.name, tuple(map(_redact_source, directive.values)))


def _redact_source(text: str) -> str:
    source = parse_source_expression(text)
    if not isinstance(source, HostSource) or source.path_part is None:
        return text
    return str(replace(source, path_part=redact_path(source.path_part)))


def _normalize_hash(report: WireReport) -> NormalizedHash:
    members = report.members
    script_url = clean_url(text_of(members, "subresourceURL", "subresource_url"))
    digest = _base64_digest(text_of(members, "hash"))
    if not script_url.startswith(("https://", "http://")) or (digest and not _HASH.fullmatch(digest)):
        raise RejectedReportError(Reason.MALFORMED_HASH)
    return NormalizedHash(
        document_uri=clean_url(text_of(members, "documentURL", "document_url") or report.envelope_url),
        script_url=script_url,
        hash=digest,
        destination=_storable(text_of(members, "destination"))[:32],
        age_ms=min(report.age_ms, MAX_AGE_MS),
    )


def _base64_digest(text: str) -> str:
    """[O] The specification's example has hexadecimal digits, a policy takes base64 alone; [C] sends that."""
    algorithm, _, digits = text.partition("-")
    if len(digits) != _HEX_DIGITS.get(algorithm):
        return text
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return text
    return f"{algorithm}-{base64.b64encode(raw).decode()}"


def _directive(members: Mapping[str, Any]) -> str:
    """[O] Firefox of 2019 and before send only violated-directive, CSP2 browsers with the whole directive in it."""
    text = text_of(members, "effective-directive", "effectiveDirective") or text_of(
        members, "violated-directive", "violatedDirective"
    )
    if text in KNOWN_DIRECTIVES:
        return text
    words = text.split(None, 1)
    if not words:
        raise RejectedReportError(Reason.MISSING_DIRECTIVE)
    name = words[0].lower()
    return name if _DIRECTIVE.fullmatch(name) else INVALID


def _blocked_uri(members: Mapping[str, Any]) -> str:
    """[C] leaves blockedURL out for a frame at a data: URL; [O] sends `self` or nothing for inline code and eval.

    [O] Keywords come in quotes or with a colon from browsers and relays that take them for sources or schemes.
    """
    text = text_of(members, "blocked-uri", "blockedURL", "blockedURI")
    word = text.strip().lower().strip("'").removesuffix("://").removesuffix(":")
    is_keyword = word in KEYWORD_BLOCKED_URIS and (word or not text.strip(" '"))
    return word if is_keyword else clean_url(text)


def _disposition(members: Mapping[str, Any]) -> Disposition:
    return _DISPOSITIONS.get(text_of(members, "disposition").lower(), Disposition.UNKNOWN)


def _sample(members: Mapping[str, Any], blocked: str, user_agent: str) -> tuple[str, SampleExtent]:
    """The sample, and how much of the code it is.

    [F] keeps the text as it is and marks a cut with `…`. [C] trims white space on both ends and marks nothing, so 40
    units may be the whole or the beginning. Names of Trusted Types policies and sinks are never cut short of meaning.
    What is personal cuts it: what stands before that is a true beginning of the code, and all that is kept.
    """
    sent = _storable(text_of(members, "script-sample", "scriptSample", "sample")[:MAX_SAMPLE_CHARACTERS])
    if not sent:
        return "", SampleExtent.NONE
    sample, extent = _sample_as_sent(sent, blocked, browser_family(user_agent))
    kept = _cut_sample(sample, is_cut=extent is SampleExtent.PREFIX)
    if kept == sample:
        return sample, extent
    return (kept, SampleExtent.PREFIX) if kept else ("", SampleExtent.NONE)


_cut_sample = lru_cache(maxsize=1024)(cut_sample)


def _sample_as_sent(sample: str, blocked: str, family: BrowserFamily) -> tuple[str, SampleExtent]:
    if blocked.startswith("trusted-types"):
        return sample, SampleExtent.WHOLE if blocked == "trusted-types-policy" else SampleExtent.PREFIX
    units = len(sample.encode("utf-16-le", "surrogatepass")) // 2
    if family is BrowserFamily.FIREFOX:
        if sample.endswith(_CUT_MARK) and units > _CUT_UNITS:
            return sample.removesuffix(_CUT_MARK), SampleExtent.PREFIX
        return sample, SampleExtent.WHOLE
    if units > _CUT_UNITS and sample.endswith(_CUT_MARK):
        return sample.removesuffix(_CUT_MARK), SampleExtent.PREFIX
    return sample, SampleExtent.TRIMMED if units < _CUT_UNITS else SampleExtent.PREFIX


def _number(members: Mapping[str, Any], *names: str) -> int | None:
    """[O] sends numbers as strings."""
    for name in names:
        value = members.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
    return None


def _position(members: Mapping[str, Any], *names: str) -> int | None:
    """Zero means unknown: [F] gives 0 where [C] leaves the member out."""
    return _number(members, *names) or None


def _storable(text: str) -> str:
    """Text that both databases take: no NUL (PostgreSQL refuses it), no lone surrogate (UTF-8 has none)."""
    if "\0" in text:
        text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
