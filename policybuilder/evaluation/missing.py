"""Missing directives: what a policy leaves open by not naming it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp import Delivery
from policybuilder.evaluation.breadth import base_moves_scripts, severity_of
from policybuilder.evaluation.draft import Draft, Rating, listed, of_policy
from policybuilder.evaluation.editing import added
from policybuilder.evaluation.reading import Reading
from policybuilder.evaluation.weakness import Certainty, Severity


def no_base_uri(reading: Reading) -> Iterator[Draft]:
    """https://w3c.github.io/webappsec-csp/#directive-base-uri"""
    if _is_missing(reading, "base-uri"):
        moves = base_moves_scripts(reading)
        consequence = (
            "can have scripts that a nonce or digest vouches for loaded from elsewhere"
            if moves
            else "moves every relative address"
        )
        yield of_policy(
            reading.policies[0],
            Rating(
                "base-uri-missing", severity_of(reading, "base-uri"), Certainty.CERTAIN if moves else Certainty.POSSIBLE
            ),
            f"base-uri is missing: an injected <base> {consequence}",
            change=partial(added, reading.text, reading.policies[0], "base-uri 'none'"),
            directive="base-uri",
        )


def no_object_src(reading: Reading) -> Iterator[Draft]:
    """Neither object-src nor default-src. Plugins are gone from browsers; what is embedded is a document today."""
    if _is_missing(reading, "object-src"):
        yield of_policy(
            reading.policies[0],
            Rating("object-src-missing", Severity.LOW, Certainty.CERTAIN),
            "object-src is missing: <object> and <embed> may show anything",
            change=partial(added, reading.text, reading.policies[0], "object-src 'none'"),
            directive="object-src",
        )


def no_form_action(reading: Reading) -> Iterator[Draft]:
    """default-src does not stand in for form-action."""
    if reading.sends_forms and _is_missing(reading, "form-action"):
        yield of_policy(
            reading.policies[0],
            Rating("form-action-missing", severity_of(reading, "form-action"), Certainty.POSSIBLE),
            "form-action is missing: an injected form sends what people type to any host",
            change=partial(added, reading.text, reading.policies[0], "form-action 'self'"),
            directive="form-action",
        )


def no_frame_ancestors(reading: Reading) -> Iterator[Draft]:
    """default-src does not stand in for frame-ancestors, and a document cannot give it itself."""
    if not _is_missing(reading, "frame-ancestors"):
        return
    is_meta = reading.delivery is Delivery.META
    advice = (
        "a <meta> element cannot say it: send a Content-Security-Policy header with frame-ancestors"
        if is_meta
        else ("an X-Frame-Options header does the same in part, if one is sent")
    )
    yield of_policy(
        reading.policies[0],
        Rating("frame-ancestors-missing", Severity.LOW, Certainty.POSSIBLE),
        "frame-ancestors is missing: any site may show the page in a frame and have people click on it",
        change=None if is_meta else partial(added, reading.text, reading.policies[0], "frame-ancestors 'self'"),
        advice=advice,
        directive="frame-ancestors",
    )


_FETCHING = {
    "connect-src": "connections",
    "frame-src": "frames",
    "img-src": "images",
    "style-src-elem": "style sheets",
    "font-src": "fonts",
    "media-src": "audio and video",
    "manifest-src": "manifests",
}


def no_default_src(reading: Reading) -> Iterator[Draft]:
    """Kinds of loads that no directive governs; scripts and objects are told of apart."""
    if not reading.policies:
        return
    open_kinds = [name for name in _FETCHING if not reading.is_named_somewhere(name)]
    if not open_kinds:
        return
    severity = severity_of(reading, "connect-src") if "connect-src" in open_kinds else Severity.LOW
    yield of_policy(
        reading.policies[0],
        Rating("fetch-unrestricted", severity, Certainty.CERTAIN),
        f"default-src is missing: {listed([_FETCHING[name] for name in open_kinds])} may come from and go to any host",
        change=partial(added, reading.text, reading.policies[0], "default-src 'self'"),
        directive="default-src",
    )


def _is_missing(reading: Reading, name: str) -> bool:
    return bool(reading.policies) and not reading.is_named_somewhere(name)
