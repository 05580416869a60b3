"""Content types: what the answer says that it is, and whether browsers may take it for something else.

https://mimesniff.spec.whatwg.org/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, shown
from policybuilder.markup import charset_of

# https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding
_PRESCANNED = 1024
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset", re.IGNORECASE)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")

_WITHOUT_CONTENT = frozenset({204, 205, 304})
"""Statuses of answers that need no type."""


def judge_content_type_options(answer: Answer) -> Iterator[Judgement]:
    """Whether browsers may guess.

    https://fetch.spec.whatwg.org/#determine-nosniff
    """
    header = "X-Content-Type-Options"
    value = answer.joined(header)

    def said(
        result: str, message: str, fix: str | None = f"{header}: nosniff", outcome: str | None = None
    ) -> Judgement:
        return judged("x-content-type-options", result, message, header=header, value=value, fix=fix, outcome=outcome)

    if value is None:
        message = "Browsers may take a file for a script or a style that was not meant to be one."
        yield said("missing", message, outcome=None if answer.is_document else "missing-on-data")
    # Of several the first counts.
    elif value.split(",", 1)[0].strip(" \t").lower() == "nosniff":
        yield said("nosniff", "Browsers take scripts and styles for such only if their type says so.", None)
    else:
        yield said("invalid", f"Browsers know no value but nosniff, and ignore {shown(value)}.")


def judge_content_type(answer: Answer) -> Iterator[Judgement]:
    """Whether the answer says what it is and, being HTML, in which letters."""
    header = "Content-Type"
    value = answer.joined(header)
    response = answer.response
    if response.status in _WITHOUT_CONTENT or (value is None and not response.body):
        return
    if not answer.media_type:
        yield judged(
            "content-type",
            "missing",
            "The answer does not say what it is, so browsers guess by its first bytes.",
            header=header,
            value=value,
            fix=f"Name the type; a page has {header}: text/html; charset=utf-8.",
        )
    elif answer.media_type == "text/html" and charset_of(value or "") is None and not _names_charset(response.body):
        yield judged(
            "content-type",
            "no-charset",
            "Neither header nor page names the charset, so browsers guess it from what stands on the page.",
            header=header,
            value=value,
            fix=f"{header}: text/html; charset=utf-8",
        )
    else:
        yield judged(
            "content-type",
            "named",
            f"Browsers take the answer for {shown(answer.media_type)}.",
            header=header,
            value=value,
        )


def _names_charset(body: bytes) -> bool:
    """Whether the page's beginning does; so it is taken of a body that was not recorded."""
    head = body[:_PRESCANNED]
    return not head or head.startswith(_BYTE_ORDER_MARKS) or _META_CHARSET.search(head) is not None
