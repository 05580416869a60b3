"""Findings: what is odd in the text of a policy, and where."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FindingCode(enum.StrEnum):
    """What a browser does with the text that its author may not have meant."""

    COMMA = "comma"
    """A comma inside one policy: in a header it would begin the next one."""

    DIRECTIVE_AS_SOURCE = "directive-as-source"
    """A directive name among the values of another: a forgotten semicolon."""

    DUPLICATE_DIRECTIVE = "duplicate-directive"
    IGNORED_IN_META = "ignored-in-meta"
    IGNORED_IN_REPORT_ONLY = "ignored-in-report-only"
    INVALID_SOURCE = "invalid-source"
    NON_ASCII = "non-ascii"
    NONE_IGNORED = "none-ignored"
    """`'none'` beside other sources."""

    QUERY_IGNORED = "query-ignored"
    """A query or fragment in a path."""

    REMOVED_DIRECTIVE = "removed-directive"
    REPORT_URI_IGNORED = "report-uri-ignored"
    """Beside `report-to`, browsers that know it do not look at `report-uri`."""

    UNEXPECTED_VALUE = "unexpected-value"
    UNKNOWN_DIRECTIVE = "unknown-directive"
    UNQUOTED_KEYWORD = "unquoted-keyword"
    """A host by grammar, a keyword, nonce or digest by intent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One oddity in the text of a policy."""

    code: FindingCode
    message: str
    """One sentence for people; names the token where it is short enough."""

    start: int
    """Where it begins in the text, in characters from 0."""

    end: int
    directive: str | None = None
    """Lower-case name of the directive it stands in."""

    value: str | None = None
    """The token, as spelt."""
