"""Caching: whether a cache that visitors share may keep a page made for one of them.

https://www.rfc-editor.org/rfc/rfc9111#section-3
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.cookies import is_session_like
from policybuilder.grading.own.judging import judged
from policybuilder.grading.own.set_cookie import Cookie, read_cookie

_HEADER = "Cache-Control"
_DIRECTIVE = re.compile(r'([^\s,="]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,"]*)))?')
_MAX_LENGTH = 8192


def judge_caching(answer: Answer) -> Iterator[Judgement]:
    """Whether shared caches keep the page; nothing where nothing on it is one visitor's."""
    reason = _why_personal(answer)
    if reason is None:
        return
    value = answer.joined(_HEADER)
    directives = _directives(value or "")

    def said(result: str, message: str, fix: str | None = None) -> Judgement:
        return judged("caching", result, message, header=_HEADER, value=value, fix=fix)

    fix = f"{_HEADER}: no-store"
    if directives.keys() & {"no-store", "private"}:
        yield said("kept-out", f"The page {reason}, and no shared cache keeps it.")
    elif "no-cache" in directives or _is_stale_at_once(directives):
        yield said("revalidated", f"The page {reason}; a shared cache asks the server before it hands it out again.")
    elif directives.keys() & {"public", "s-maxage", "max-age"}:
        message = f"The page {reason}, and shared caches may keep it and hand it to other visitors."
        yield said("stored", message, fix)
    else:
        yield said("unsaid", f"The page {reason}, and nothing tells shared caches not to keep it.", fix)


def _why_personal(answer: Answer) -> str | None:
    """Completes the sentence "the page …"."""
    own = (read_cookie(text, answer.response.url) for text in answer.values("Set-Cookie"))
    if any(isinstance(cookie, Cookie) and is_session_like(cookie) for cookie in own):
        return "hands out a session"
    if answer.is_document and answer.markup is not None and answer.markup.asks_password:
        return "asks for a password"
    return None


def _directives(value: str) -> Mapping[str, str | None]:
    """By lower-case name; the first one counts.

    https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1
    """
    found: dict[str, str | None] = {}
    for match in _DIRECTIVE.finditer(value[:_MAX_LENGTH]):
        found.setdefault(match[1].lower(), match[2] if match[2] is not None else match[3])
    return found


def _is_stale_at_once(directives: Mapping[str, str | None]) -> bool:
    """For a shared cache, to which s-maxage is worth more."""
    age = directives.get("s-maxage", directives.get("max-age"))
    return age is not None and age.strip("0") == "" and age != ""
