"""Permissions-Policy: which of the browser's features the page and its frames may use.

https://w3c.github.io/webappsec-permissions-policy/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named
from policybuilder.structured_fields import Member, is_token, read_dictionary

_HEADER = "Permissions-Policy"
_FIX = "Permissions-Policy: camera=(), microphone=(), geolocation=(), display-capture=(), usb=(), payment=()"

POWERFUL_FEATURES = frozenset(
    {
        *("bluetooth", "camera", "clipboard-read", "display-capture", "geolocation", "hid", "idle-detection"),
        *("local-fonts", "local-network-access", "microphone", "midi", "otp-credentials", "payment", "serial"),
        *("storage-access", "usb", "window-management", "xr-spatial-tracking"),
    }
)
"""Those for which a browser asks the visitor, in the site's name."""

# https://github.com/w3c/webappsec-permissions-policy/blob/main/features.md, read 2026-11, with what Chromium knows.
KNOWN_FEATURES = POWERFUL_FEATURES | {
    *("accelerometer", "all-screens-capture", "ambient-light-sensor", "aria-notify", "attribution-reporting"),
    *("autofill", "autoplay", "battery", "browsing-topics", "captured-surface-control", "clipboard-write"),
    *("compute-pressure", "controlled-frame", "cross-origin-isolated", "deferred-fetch", "deferred-fetch-minimal"),
    *("device-attributes", "digital-credentials-create", "digital-credentials-get", "direct-sockets"),
    *("direct-sockets-private", "encrypted-media", "execution-while-not-rendered"),
    *("execution-while-out-of-viewport", "focus-without-user-activation", "fullscreen", "gamepad", "gyroscope"),
    *("identity-credentials-get", "join-ad-interest-group", "keyboard-map", "language-detector", "language-model"),
    *("local-network", "loopback-network", "magnetometer", "manual-text", "mediasession", "monetization"),
    *("navigation-override", "on-device-speech-recognition", "picture-in-picture", "private-aggregation"),
    *("private-state-token-issuance", "private-state-token-redemption", "proofreader"),
    *("publickey-credentials-create", "publickey-credentials-get", "rewriter", "run-ad-auction"),
    *("screen-wake-lock", "shared-storage", "shared-storage-select-url", "smart-card", "speaker-selection"),
    *("summarizer", "sync-xhr", "translator", "unload", "usb-unrestricted", "vertical-scroll", "web-share"),
    *("web-app-installation", "writer"),
    *("ch-dpr", "ch-device-memory", "ch-downlink", "ch-ect", "ch-prefers-color-scheme", "ch-prefers-reduced-motion"),
    *("ch-prefers-reduced-transparency", "ch-rtt", "ch-save-data", "ch-ua", "ch-ua-arch", "ch-ua-bitness"),
    *("ch-ua-form-factors", "ch-ua-full-version", "ch-ua-full-version-list", "ch-ua-high-entropy-values"),
    *("ch-ua-mobile", "ch-ua-model", "ch-ua-platform", "ch-ua-platform-version", "ch-ua-wow64"),
    *("ch-viewport-height", "ch-viewport-width", "ch-width"),
}

REMOVED_FEATURES = frozenset(
    {
        *("conversion-measurement", "document-access", "document-domain", "document-write", "font-display-late-swap"),
        *("image-compression", "interest-cohort", "layout-animations", "legacy-image-formats", "lazyload"),
        *("oversized-images", "push", "notifications", "speaker", "sync-script", "trust-token-redemption"),
        *("unoptimized-images", "unoptimized-lossless-images", "unoptimized-lossy-images", "unsized-media", "vibrate"),
        *("vr", "wake-lock", "window-placement"),
    }
)
"""Once tried or specified, and harmless to name."""


class _Said(Protocol):
    def __call__(self, result: str, message: str, fix: str | None = None) -> Judgement: ...


def judge_permissions_policy(answer: Answer) -> Iterator[Judgement]:
    """Which features are taken away; nothing for an answer that is no page."""
    if not answer.is_document:
        return
    value = answer.joined(_HEADER)

    def said(result: str, message: str, fix: str | None = None) -> Judgement:
        return judged("permissions-policy", result, message, header=_HEADER, value=value, fix=fix)

    if value is None:
        message = "The page, and any script in it, may ask the visitor for camera, microphone, location and the like."
        yield said("missing", message, _FIX)
        return
    members = read_dictionary(value)
    if members is None:
        is_old = "'none'" in value or "'self'" in value or ";" in value
        why = " It is written like the older Feature-Policy." if is_old else ""
        message = f"The header has a mistake in it, for which browsers ignore all of it.{why}"
        yield said("invalid", message, "Write features as camera=(), microphone=(self), with commas between.")
        return
    yield from _of_features(members, said)


def _of_features(members: Mapping[str, Member], said: _Said) -> Iterator[Judgement]:
    to_all = sorted(name for name in members.keys() & POWERFUL_FEATURES if _is_open(members[name]))
    restricted = sorted(members.keys() & POWERFUL_FEATURES - {*to_all})
    removed = sorted(members.keys() & REMOVED_FEATURES)
    unknown = [name for name in members if name not in KNOWN_FEATURES and name not in REMOVED_FEATURES]
    if to_all:
        message = f"Every frame on the page may ask for {named(to_all)}, in the site's name, if its tag says so."
        yield said("open-to-all", message, "Name the origins that need it, or nobody: ().")
    elif not restricted:
        yield said("restricts-nothing", "Of camera, microphone, location and the like it takes nothing away.", _FIX)
    else:
        nobody = [name for name in restricted if members[name].value == ()]
        some = [name for name in restricted if name not in nobody]
        parts = [f"nobody may use {named(nobody)}"] if nobody else []
        parts += [f"only listed origins may use {named(some)}"] if some else []
        old = f" Browsers know {named(removed)} no more." if removed else ""
        text = "; ".join(parts)
        yield said("restricted", f"{text[0].upper()}{text[1:]}.{old}")
    if unknown:
        message = f"Browsers know no feature {named(unknown)}, and ignore it."
        yield said("unknown-feature", message, "See whether it is misspelt.")


def _is_open(member: Member) -> bool:
    """https://w3c.github.io/webappsec-permissions-policy/#algo-construct-policy"""
    values = member.value if isinstance(member.value, tuple) else (member.value,)
    return any(is_token(value, "*") for value in values)
