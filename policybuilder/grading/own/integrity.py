"""Integrity: whether the scripts and styles of other sites are checked against a digest.

https://w3c.github.io/webappsec-subresource-integrity/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from policybuilder.csp.sources import decoded_base64, standard_base64
from policybuilder.csp.urls import URL, parse_url
from policybuilder.domains import registrable_domain
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named, untested
from policybuilder.markup import ExternalKind, ExternalPlace, Markup, ScriptKind
from policybuilder.structured_fields import is_token, read_dictionary

_NAME = "subresource-integrity"
_POLICY = "Integrity-Policy"
_FIX = "Add integrity and crossorigin where the file has a fixed version, or serve it yourself."

# https://w3c.github.io/webappsec-subresource-integrity/#the-integrity-attribute
_METADATA = re.compile(r"(sha256|sha384|sha512)-([A-Za-z0-9+/_=-]+)(?:\?[!-~]*)?", re.IGNORECASE)
_DIGEST_SIZES = {name: hashlib.new(name).digest_size for name in ("sha256", "sha384", "sha512")}


def judge_integrity(answer: Answer) -> Iterator[Judgement]:
    """What the page loads from other sites; nothing for an answer that is no page."""
    if not answer.is_document:
        return
    if answer.markup is None:
        yield untested(_NAME, "The page was not read.")
    else:
        yield from _of_places(answer, [place for place in _places(answer.markup) if not place.is_in_template])
    yield from _integrity_policy(answer)


def _places(markup: Markup) -> Iterator[ExternalPlace]:
    yield from markup.external
    for framed in markup.framed:
        yield from _places(framed)


def _of_places(answer: Answer, places: Sequence[ExternalPlace]) -> Iterator[Judgement]:
    foreign = [(place, url) for place in places if (url := _foreign_url(place, answer.url)) is not None]
    insecure = [place for place, url in foreign if url.scheme == "http" and not url.is_loopback]
    if insecure:
        whose = "Browsers refuse to load" if answer.is_secure else "Anybody on the way can replace"
        yield _said(
            "insecure", f"{whose} {_hosts(insecure)}: it is named with plain http.", insecure, "Name it with https."
        )
    checked = [place for place, _ in foreign if place.integrity is not None]
    unreadable = [place for place in checked if not _metadata(place)]
    if unreadable:
        message = (
            f"Browsers find no digest in the integrity of what comes from {_hosts(unreadable)}, and check nothing."
        )
        yield _said("unreadable", message, unreadable, "Write it as sha384-, and the digest in base64.")
    broken = [place for place in checked if place not in unreadable and (why := _why_refused(place, answer.url))]
    if broken:
        why = _why_refused(broken[0], answer.url) or ""
        yield _said("never-loads", f"Browsers refuse what comes from {_hosts(broken)}: {why}.", broken, _FIX)
    bare = [place for place, _ in foreign if place.integrity is None and place not in insecure]
    scripts = [place for place in bare if place.kind is ExternalKind.SCRIPT]
    styles = [place for place in bare if place.kind is ExternalKind.STYLESHEET]
    if scripts:
        message = (
            f"Who controls {_hosts(scripts)} can run any code on this page: nothing checks the scripts from there."
        )
        yield _said("unchecked-script", message, scripts, _FIX)
    if styles:
        message = f"Who controls {_hosts(styles)} can redraw this page: nothing checks the styles from there."
        yield _said("unchecked-style", message, styles, _FIX)
    if not foreign:
        yield judged(_NAME, "nothing-foreign", "The page names no scripts or styles of other sites.")
    elif not (insecure or unreadable or broken or bare):
        message = f"Only the files that were meant run from {_hosts([place for place, _ in foreign])}."
        yield _said("checked", message, [place for place, _ in foreign], None)


def _said(result: str, message: str, places: Sequence[ExternalPlace], fix: str | None) -> Judgement:
    first = places[0]
    value = first.url if first.integrity is None else f"{first.url} ({first.integrity})"
    return judged(_NAME, result, message, value=value, fix=fix)


def _hosts(places: Sequence[ExternalPlace]) -> str:
    return named([url.host for place in places if (url := parse_url(place.url or "")) is not None])


def _foreign_url(place: ExternalPlace, page: URL | None) -> URL | None:
    """Where it comes from, if that is another party's."""
    url = parse_url(place.url) if place.url is not None else None
    if url is None or not url.is_network or page is None:
        return None
    if url.host == page.host:
        # The same server, but named so that anybody on the way stands in for it.
        return url if url.scheme == "http" and page.scheme == "https" else None
    site = registrable_domain(url.host)
    return None if site is not None and site == registrable_domain(page.host) else url


def _metadata(place: ExternalPlace) -> list[tuple[str, str]]:
    """The digests that browsers see in the attribute, by algorithm."""
    matches = (_METADATA.fullmatch(token) for token in (place.integrity or "").split())
    return [(match[1].lower(), match[2]) for match in matches if match is not None]


def _why_refused(place: ExternalPlace, page: URL | None) -> str | None:
    """Why no file at all would pass; None where the right one would."""
    url = parse_url(place.url or "")
    is_other = url is not None and page is not None and url.origin != page.origin
    if is_other and place.crossorigin is None and place.script_kind is not ScriptKind.MODULE:
        return "without crossorigin they may not look into it"
    # Of several algorithms the strongest counts.
    metadata = _metadata(place)
    strongest = max(name for name, _ in metadata)
    digests = [decoded_base64(standard_base64(value)) for name, value in metadata if name == strongest]
    if all(digest is None or len(digest) != _DIGEST_SIZES[strongest] for digest in digests):
        return "its digest is none that a file could have"
    return None


def _integrity_policy(answer: Answer) -> Iterator[Judgement]:
    for header in (_POLICY, f"{_POLICY}-Report-Only"):
        value = answer.joined(header)
        if value is None:
            continue
        members = read_dictionary(value)
        blocked = None if members is None else members.get("blocked-destinations")
        destinations = blocked.value if blocked is not None and isinstance(blocked.value, tuple) else ()
        known = [name for name in ("script", "style") if any(is_token(each, name) for each in destinations)]
        if not known:
            message = "Browsers read no destination out of it, so it blocks nothing."
            yield judged(
                "integrity-policy",
                "invalid",
                message,
                header=header,
                value=value,
                fix=f"{header}: blocked-destinations=(script)",
            )
        elif header == _POLICY:
            message = f"No {' or '.join(known)} loads without a digest to check it against."
            yield judged("integrity-policy", "required", message, header=header, value=value)
        else:
            message = f"Each {' or '.join(known)} without a digest is reported, and loads all the same."
            yield judged("integrity-policy", "report-only", message, header=header, value=value)
