"""Candidates: what one violation group asks of a policy."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from policybuilder.csp import (
    NONCE_PLACEHOLDER,
    URL,
    SampleExtent,
    hash_source,
    is_csp_host,
    is_valid_source_expression,
    origin_of,
    parse_url,
)
from policybuilder.csp.urls import parse_blocked
from policybuilder.evidence import OTHER, ViolationGroup

PARENTS = {
    "script-src-elem": "script-src",
    "script-src-attr": "script-src",
    "style-src-elem": "style-src",
    "style-src-attr": "style-src",
}
"""Directives that stay apart in evidence and are printed as one."""

SCRIPT_LIKE = frozenset(
    {"script-src", "script-src-attr", "worker-src", "object-src", "frame-src", "form-action", "base-uri"}
)
"""Where a forged source would cost the most."""

NONCE = f"'nonce-{NONCE_PLACEHOLDER}'"
"""Stands for a nonce that is made for each response."""

OTHER_ORIGIN = "other-origin"
"""Rule of what another origin serves, which may be named more narrowly."""

JAVASCRIPT_URL = "inline-javascript-url"
"""Rule of the only digests that `'unsafe-hashes'` must stand beside in a list for elements."""

LISTABLE = SCRIPT_LIKE | {"style-src", "img-src", "font-src", "connect-src", "media-src", "manifest-src"}

_PASSIVE = frozenset({"img-src", "media-src"})
"""What browsers load, or upgrade, over plain http on an https page."""

_NEEDS_A_PERSON = "a person decides"


@dataclass(frozen=True, slots=True)
class Admit:
    """A source expression answers the group."""

    directive: str
    source: str
    rule: str
    reason: str
    is_forgeable: bool = False
    """Enough strangers could have brought it about, although it is where code or data go: they choose what a trusted
    initiator is said to load."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A source expression would answer the group, at a price that evidence alone does not pay."""

    directive: str
    source: str
    why: str
    needs: str = _NEEDS_A_PERSON


@dataclass(frozen=True, slots=True)
class Exclude:
    """No site asks for this."""

    rule: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No source expression answers the group."""

    directive: str
    why: str
    todo: str


Outcome = Admit | Hold | Exclude | Unresolved


def candidate(group: ViolationGroup, document_origins: Collection[str]) -> Outcome:
    """What `group` asks for, on a site whose documents have these origins; whether to believe it is not asked here."""
    directive = PARENTS.get(group.directive, group.directive)
    return _without_a_list(group, directive) or _listed(group, directive, document_origins)


def _without_a_list(group: ViolationGroup, directive: str) -> Outcome | None:
    """What no source list answers."""
    if OTHER in (group.blocked, group.directive):
        return Unresolved(
            group.directive,
            "more was new in an hour than the site's budget lets in, and this stands for the rest",
            "look whether somebody floods the site; else raise it:  cspbuild site set NAME --new-groups-per-hour N",
        )
    match directive:
        case "frame-ancestors":
            return Unresolved(
                directive,
                "browsers do not say which site framed the page",
                "list the sites that may frame it, or set frame-ancestors 'none' or 'self'",
            )
        case "require-trusted-types-for" | "trusted-types":
            return _trusted_types(group, directive)
        case "default-src" | "child-src" | "fenced-frame-src" | "prefetch-src":
            return Unresolved(
                directive,
                f"a report against {directive} does not say what kind of resource it was",
                "look at the page, and allow it under the directive of its kind",
            )
        case _ if directive not in LISTABLE:
            return Unresolved(directive, f"{directive} has no source list", "look at the report")
    return None


def _listed(group: ViolationGroup, directive: str, document_origins: Collection[str]) -> Outcome:
    match group.blocked:
        case "eval" | "wasm-eval" if directive != "script-src":
            return Unresolved(directive, "only script-src governs eval", "look at the report")
        case "eval":
            place = f" at {group.source_file}:{group.line_number or '?'}" if group.source_file else ""
            return Hold(
                directive, "'unsafe-eval'", f"code makes code out of text{place}; allowing it helps attackers too"
            )
        case "wasm-eval":
            return _wasm(group, directive)
        case "inline" | "self" | "":
            return _inline(group, directive)
        case _:
            return _resource(group, directive, document_origins)


class Candidates:
    """What groups ask for, on a site of these origins. Thousands ask for the same, and each is thought about once."""

    def __init__(self, document_origins: Collection[str]) -> None:
        self._origins = document_origins
        self._found: dict[tuple[str, str, str], Outcome] = {}

    def of(self, group: ViolationGroup) -> Outcome:
        """What `candidate` says."""
        blocked = group.blocked
        path = blocked.find("/", blocked.find("://") + 3)
        origin = blocked if path < 0 else blocked[:path]
        key = group.directive, origin, group.document_origin
        outcome = self._found.get(key)
        if outcome is None:
            outcome = candidate(group, self._origins)
            if _is_plain(origin):
                self._found[key] = outcome
        return outcome


def _trusted_types(group: ViolationGroup, directive: str) -> Unresolved:
    if group.blocked == "trusted-types-policy":
        return Unresolved(
            directive,
            f"the code creates a Trusted Types policy named {group.sample!r}",
            "review it, then name it in trusted-types",
        )
    sink = group.sample.partition("|")[0] or "a sink"
    return Unresolved(
        directive,
        f"text is assigned to {sink}",
        "rewrite the code, or give it a Trusted Types policy, before require-trusted-types-for 'script'",
    )


def _wasm(group: ViolationGroup, directive: str) -> Outcome:
    source = "'wasm-unsafe-eval'"
    if origin_of(group.source_file) == group.document_origin:
        return Admit(directive, source, "wasm-first-party", "the site's own script compiles WebAssembly")
    return Hold(directive, source, "a third party's script compiles WebAssembly")


def _inline(group: ViolationGroup, directive: str) -> Outcome:
    if directive not in {"script-src", "style-src"}:
        return Unresolved(
            directive, "the report does not say what was loaded", "look at the page; it may be a frame at a data: URL"
        )
    is_attribute = group.directive.endswith("-attr")
    if group.varies and not (is_attribute or _is_javascript_url(group)):
        return Admit(directive, NONCE, "inline-varies", "its text is another one each time, so only a nonce admits it")
    if not group.varies and group.sample_extent in {SampleExtent.WHOLE, SampleExtent.TRIMMED} and group.sample:
        return _hashed(group, directive)
    listed = f"{directive}-attr" if is_attribute else directive
    if directive == "style-src":
        return Hold(
            listed,
            "'unsafe-inline'",
            "style attributes in the markup" if is_attribute else "inline <style> in the markup",
            "it is in a stylesheet, or has a nonce or hash (--fetch reads the pages for it); or a person decides: "
            "inline style is a small risk",
        )
    is_handler = is_attribute or _is_javascript_url(group)
    return Hold(
        listed,
        "'unsafe-inline'",
        "inline event handlers or javascript: URLs" if is_handler else "inline <script> in the markup",
        "it is in a file, or has a nonce or hash (--fetch reads the pages for it): 'unsafe-inline' would admit every "
        "injected script too",
    )


def _hashed(group: ViolationGroup, directive: str) -> Admit:
    """By the digest of the whole text, which admits nothing else.

    https://w3c.github.io/webappsec-csp/#match-element-to-source-list
    """
    source = hash_source(group.sample)
    if group.directive.endswith("-attr"):
        # Apart from the elements: there a handler's text would be a script's, and here a script's a handler's.
        return Admit(group.directive, source, "inline-attribute", "the attribute's whole text")
    if _is_javascript_url(group):
        return Admit(directive, source, JAVASCRIPT_URL, "the whole javascript: URL; a handler in a file would be safer")
    if group.sample_extent is SampleExtent.TRIMMED:
        reason = "the element's text, unless white space surrounds it, which this browser does not report"
        return Admit(directive, source, "inline-trimmed", reason)
    return Admit(directive, source, "inline-hash", "the element's whole text")


def _is_javascript_url(group: ViolationGroup) -> bool:
    return group.sample.lower().startswith("javascript:")


def _resource(group: ViolationGroup, directive: str, document_origins: Collection[str]) -> Outcome:
    """https://w3c.github.io/webappsec-csp/#match-url-to-source-expression, read backwards."""
    origin = plain_origin(group.blocked)
    if origin is None:
        return _of_url(parse_blocked(group.blocked), group.document_origin, directive, document_origins)
    return _of_url(parse_blocked(origin), group.document_origin, directive, document_origins)


@lru_cache(maxsize=8192)
def _is_plain(origin: str) -> bool:
    return _PLAIN_ORIGIN.fullmatch(origin) is not None


_PLAIN_ORIGIN = re.compile(r"(?:https?|wss?)://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?")


def plain_origin(blocked: str) -> str | None:
    """The beginning of a URL that asks for what the whole asks for; None for what is not known to have one."""
    path = blocked.find("/", blocked.find("://") + 3)
    origin = blocked if path < 0 else blocked[:path]
    return origin if _is_plain(origin) else None


def _of_url(url: URL | None, document_origin: str, directive: str, document_origins: Collection[str]) -> Outcome:
    """What a URL asks for on the documents of `document_origin`; its path does not count."""
    if url is None:
        return Unresolved(directive, "the blocked URL cannot be read", "look at the page")
    if url.scheme in {"data", "blob"}:
        return _local_scheme(directive, url.scheme)
    if not url.is_network:
        if url.scheme == "mediastream" and directive == "media-src":
            return Hold(directive, "mediastream:", "a camera, microphone or screen is shown")
        return Exclude("scheme-never-emitted")
    if _is_self(url, document_origin, document_origins):
        return Admit(directive, "'self'", "same-origin", "loaded from the page's own origin")
    return _other_origin(url, document_origin, directive)


def _local_scheme(directive: str, scheme: str) -> Outcome:
    source = f"{scheme}:"
    if directive in _PASSIVE:
        return Admit(directive, source, f"{scheme}-passive", f"{scheme}: pictures and media run no code")
    dangers = {
        ("script-src", "data"): "any injected tag could carry its own script",
        ("script-src", "blob"): "code that can make a blob can make a script",
        ("worker-src", "blob"): "code that can make a blob can make a worker",
    }
    danger = dangers.get((directive, scheme), f"{source} takes content that no server of yours has seen")
    return Hold(directive, source, danger)


def _is_self(url: URL, document_origin: str, document_origins: Collection[str]) -> bool:
    """Whether 'self' admits the URL on documents of an origin.

    Documents without an origin of their own (srcdoc frames) take it from the page that made them, which is one of the
    site's.
    """
    document = parse_url(document_origin) if "://" in document_origin else None
    origins = [document.origin] if document is not None else sorted(document_origins)
    for origin in origins:
        own = parse_url(origin)
        if own is None or own.host != url.host:
            continue
        same_port = own.port == url.port or (own.has_default_port and url.has_default_port)
        if same_port and (url.scheme in {own.scheme, "https", "wss"} or own.scheme == "http"):
            return True
    return False


def _other_origin(url: URL, document_origin: str, directive: str) -> Outcome:
    if not is_csp_host(url.host):
        return Unresolved(
            directive, f"no source expression can name the host {url.host!r}", "serve it from a host with a plain name"
        )
    source = url.origin
    if not is_valid_source_expression(source):
        return Unresolved(directive, "the origin is no valid source expression", "look at the report")
    on_secure_page = document_origin.startswith("https:")
    if on_secure_page and url.scheme in {"http", "ws"}:
        secure = source.replace("http://", "https://", 1).replace("ws://", "wss://", 1)
        if directive in _PASSIVE:
            return Admit(
                directive, source, "insecure-origin", f"loaded over plain http on an https page; serve it as {secure}"
            )
        return Hold(
            directive,
            secure,
            f"asked for as {source} on an https page, which browsers block whatever the policy says",
            f"the page asks for it over {'wss' if url.scheme == 'ws' else 'https'}",
        )
    if directive == "base-uri":
        return Hold(directive, source, "a <base> of another origin sends every relative URL there")
    return Admit(directive, source, OTHER_ORIGIN, "loaded from another origin")
