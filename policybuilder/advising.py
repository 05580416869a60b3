"""Advice: whether a change to a policy should be made, and what it would open besides."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from policybuilder.csp import HostSource, Keyword, SchemeSource, Violation, parse_source_expression
from policybuilder.csp.urls import parse_page
from policybuilder.hosting import hosting_of
from policybuilder.smallest_change import SmallestChange
from policybuilder.suggestion.candidates import PARENTS, SCRIPT_LIKE

_RUNS_CODE = frozenset({"script-src", "worker-src", "object-src", "frame-src", "base-uri"})
_PASSIVE = frozenset({"img-src", "media-src", "font-src"})


class Allow(enum.StrEnum):
    """Whether to allow it."""

    YES = "yes"
    NO = "no"
    DECIDE = "decide"
    """A person who knows the site has to say."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether what was blocked should be allowed, and why."""

    allow: Allow
    why: str
    warnings: tuple[str, ...] = ()
    """What else the change would let in, or cost."""


def advise(violation: Violation, change: SmallestChange) -> Advice:
    """Whether the change that allows what a genuine report names should be made."""
    directive = PARENTS.get(change.directive, change.directive)
    if not change.sources:
        if change.nonce is not None:
            return Advice(Allow.YES, "if the code is yours; an injected script does not know the nonce")
        if directive == "require-trusted-types-for":
            return Advice(
                Allow.NO, "what is locked against this text is locked against an attacker's: rewrite the code"
            )
        return Advice(Allow.DECIDE, "no source expression answers it")
    warnings = tuple(warning for source in change.sources for warning in _warnings(source, directive, violation))
    first = change.sources[0]
    if directive == "trusted-types":
        why = "review what that policy lets through first: whatever it returns is trusted"
        return Advice(Allow.DECIDE, why, warnings)
    match parse_source_expression(first):
        case HostSource():
            return Advice(*_of_host(directive), warnings)
        case SchemeSource(scheme):
            if scheme in {"data", "blob"} and directive in _PASSIVE:
                return Advice(Allow.YES, "pictures, fonts and media run no code", warnings)
            is_code = directive in SCRIPT_LIKE
            why = "any injected markup could bring its own code along" if is_code else "content no server of yours saw"
            return Advice(Allow.NO if is_code else Allow.DECIDE, why, warnings)
        case _:
            return Advice(*_of_keyword(first, directive, change), warnings)


def _of_host(directive: str) -> tuple[Allow, str]:
    if directive in {"script-src", "object-src", "worker-src", "base-uri"}:
        return Allow.DECIDE, "whoever controls that host runs code in your pages: allow it only if the site needs it"
    if directive in {"form-action", "connect-src", "frame-src"}:
        return Allow.DECIDE, "data of the page can go there: allow it only if the site needs it"
    return Allow.YES, "if you know the host; nothing there runs as code of your pages"


def _of_keyword(source: str, directive: str, change: SmallestChange) -> tuple[Allow, str]:
    if change.nonce is not None:
        return Allow.YES, "if the code is yours; an injected script does not know the nonce"
    match source:
        case Keyword.SELF:
            return Allow.YES, "it is the page's own origin"
        case Keyword.UNSAFE_EVAL:
            return Allow.NO, "code that makes code from text does so for attackers, too: rewrite it without eval"
        case Keyword.WASM_UNSAFE_EVAL:
            return Allow.DECIDE, "if a script that you trust compiles WebAssembly; it allows no eval of text"
        case Keyword.UNSAFE_INLINE if directive == "style-src":
            return Allow.DECIDE, "inline styles are a small risk; a stylesheet, a nonce or a digest is none"
        case Keyword.UNSAFE_INLINE:
            return Allow.NO, "it admits every injected script: move the code into a file, or use a nonce or a digest"
    return Allow.YES, "if the code is yours; a digest admits this very code and no other"


def _warnings(source: str, directive: str, violation: Violation) -> Iterator[str]:
    expression = parse_source_expression(source)
    if source == Keyword.UNSAFE_HASHES:
        yield "'unsafe-hashes' lets an attacker use the listed code in handlers of their own choice"
    if source == Keyword.UNSAFE_INLINE and directive != "style-src":
        yield "'unsafe-inline' takes away what a policy is for"
    if source == Keyword.UNSAFE_EVAL:
        yield "'unsafe-eval' opens eval to whatever text reaches it"
    if isinstance(expression, SchemeSource) and directive in _RUNS_CODE:
        yield f"{source} under {directive} is as good as 'unsafe-inline' to an attacker"
    if isinstance(expression, HostSource) and directive != "trusted-types":
        yield from _warnings_of_host(expression, directive, violation)


def _warnings_of_host(source: HostSource, directive: str, violation: Violation) -> Iterator[str]:
    hosting = hosting_of(source.host_part)
    if hosting is not None:
        yield f"{source.host_part} {hosting.reason}"
    page = parse_page(violation.document_uri)
    if source.scheme_part in {"http", "ws"} and page is not None and page.scheme == "https":
        secure = "https" if source.scheme_part == "http" else "wss"
        yield f"it is asked for over {source.scheme_part}: on an https page; have the page ask over {secure}:"
    if source.path_part and directive == "script-src":
        yield "a path does not count after a redirect, and a new file name needs a new source"
