"""Deploying: what a person may record of what a site serves, checked before it is kept."""

from __future__ import annotations

from datetime import datetime

from policybuilder.csp import PolicyList, parse_serialized_policy_list
from policybuilder.errors import CspbuildError
from policybuilder.times import isoformat, parse_instant

MAX_NOTE_CHARACTERS = 500
MAX_VIEWS_PER_DAY = 10**12


def check_note(note: str) -> None:
    """Raises CspbuildError for a note that is too long, or that no database keeps."""
    if len(note) > MAX_NOTE_CHARACTERS:
        raise CspbuildError(f"the note has {len(note):,} characters; write at most {MAX_NOTE_CHARACTERS}")
    if "\0" in note:
        raise CspbuildError("the note has a NUL character in it, which no database keeps")


def check_policies(policies: PolicyList) -> None:
    """Raises CspbuildError where there is no policy; mistakes in one are findings."""
    if not policies.policies:
        raise CspbuildError("an empty policy is none; give the one that is served, as text, @FILE, or -")


def parse_served(text: str) -> PolicyList:
    """The policies of a text that somebody copied from a server, with or without the header's name before it."""
    name, separator, value = text.partition(":")
    is_line = separator and name.strip().lower() in _HEADER_NAMES
    return parse_serialized_policy_list(value if is_line else text)


_HEADER_NAMES = frozenset({"content-security-policy", "content-security-policy-report-only"})


def parse_views(text: str) -> int | None:
    """Page views a day; None for an empty text. Raises CspbuildError for what is no such number."""
    text = text.strip()
    if not text:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_VIEWS_PER_DAY))
    if not is_number or not 1 <= int(text) <= MAX_VIEWS_PER_DAY:
        raise CspbuildError(f"{text!r} is no number of page views a day; write a whole number from 1")
    return int(text)


def serving_since(at: str | None, now: datetime) -> datetime:
    """Since when a policy is served: now, unless `at` says. Raises CspbuildError for no time, and one to come."""
    if at is None:
        # As much as is stored, so that what is shown is what is kept.
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
    try:
        instant = parse_instant(at)
    except ValueError as error:
        raise CspbuildError(str(error)) from None
    if instant > now:
        raise CspbuildError(f"{isoformat(instant)} is yet to come; record a policy once it is served")
    return instant
