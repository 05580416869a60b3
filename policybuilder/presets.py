"""Presets: sound starting policies for common kinds of sites, each directive explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ExplainedDirective:
    """One directive of a preset."""

    name: str
    value: str
    reason: str
    """One sentence for the person who pastes it."""

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


@dataclass(frozen=True, slots=True)
class Preset:
    """A starting policy: a first answer to be corrected by reports, never the last word."""

    name: str
    audience: str
    """One sentence saying for which sites it is."""

    directives: tuple[ExplainedDirective, ...]

    @property
    def policy(self) -> str:
        """The serialized policy."""
        return "; ".join(map(str, self.directives))


_NOTHING_ELSE = ExplainedDirective("default-src", "'none'", "What no other directive names is not loaded at all.")
_NO_PLUGINS = ExplainedDirective(
    "object-src", "'none'", "No plugins, and it stays so if default-src is loosened one day."
)
_NO_BASE = ExplainedDirective(
    "base-uri", "'none'", "An injected <base> cannot point relative script addresses at another host."
)
_OWN_FORMS = ExplainedDirective("form-action", "'self'", "Forms send what people type to this site only.")
_OWN_FRAMES = ExplainedDirective(
    "frame-ancestors", "'self'", "Only this site may show the pages in a frame, which stops clickjacking."
)
_OWN_CONNECTIONS = ExplainedDirective(
    "connect-src", "'self'", "fetch, XMLHttpRequest and WebSocket reach this origin only; add an API's origin here."
)
_OWN_FONTS = ExplainedDirective("font-src", "'self'", "Fonts come from this origin.")
_OWN_MANIFEST = ExplainedDirective("manifest-src", "'self'", "The web app manifest comes from this origin.")
_OWN_MEDIA = ExplainedDirective("media-src", "'self'", "Sound and video come from this origin.")

_API = Preset(
    "api",
    "For a service that answers with data: should a browser ever show an answer as a page, nothing in it can act.",
    (
        ExplainedDirective("default-src", "'none'", "A page made of an answer loads nothing and runs nothing."),
        _NO_BASE,
        ExplainedDirective("form-action", "'none'", "A form smuggled into an answer can be sent nowhere."),
        ExplainedDirective("frame-ancestors", "'none'", "No site may show an answer in a frame and read it by tricks."),
        _NO_PLUGINS,
    ),
)

_SERVER_RENDERED = Preset(
    "server-rendered",
    "For pages made on the server whose scripts and styles are files of the same origin, with nothing inline.",
    (
        _NOTHING_ELSE,
        ExplainedDirective(
            "script-src", "'self'", "Scripts are files of this origin; inline scripts and event handlers do not run."
        ),
        ExplainedDirective(
            "style-src", "'self'", "Style sheets are files of this origin; style elements and attributes do not apply."
        ),
        _NO_BASE,
        _OWN_CONNECTIONS,
        _OWN_FONTS,
        _OWN_FORMS,
        _OWN_FRAMES,
        ExplainedDirective("img-src", "'self' data:", "Images come from this origin or are embedded in its pages."),
        _OWN_MANIFEST,
        _OWN_MEDIA,
        _NO_PLUGINS,
    ),
)

_SPA = Preset(
    "spa",
    "For a single-page application built into files of one origin, talking to an API of that origin.",
    (
        _NOTHING_ELSE,
        ExplainedDirective("script-src", "'self'", "Only the built files run: no inline script, no eval."),
        ExplainedDirective(
            "style-src",
            "'self' 'unsafe-inline'",
            "Component frameworks add style elements as they run; drop 'unsafe-inline' if yours writes files.",
        ),
        ExplainedDirective(
            "base-uri", "'self'", "Routers write <base href> of this origin; another host's is refused."
        ),
        _OWN_CONNECTIONS,
        _OWN_FONTS,
        _OWN_FORMS,
        ExplainedDirective(
            "frame-ancestors", "'self'", "Only this site may frame the application, as a silent sign-in renewal does."
        ),
        ExplainedDirective(
            "img-src",
            "'self' data: blob:",
            "Images come from this origin, are embedded in it, or are made by the application itself.",
        ),
        _OWN_MANIFEST,
        _OWN_MEDIA,
        _NO_PLUGINS,
        ExplainedDirective("worker-src", "'self'", "Workers and the service worker are files of this origin."),
    ),
)

# https://w3c.github.io/webappsec-csp/#strict-csp
_STRICT = Preset(
    "strict",
    "For pages whose server can write a fresh nonce into every script tag: the strongest protection against script "
    "injection, with images, styles and connections left open.",
    (
        ExplainedDirective(
            "script-src",
            "'nonce-{NONCE}' 'strict-dynamic'",
            "Only script tags with this response's nonce run, and what they load in turn; replace {NONCE} by a new "
            "unguessable value for each response.",
        ),
        _NO_BASE,
        _OWN_FORMS,
        ExplainedDirective(
            "frame-ancestors", "'none'", "No site may show the pages in a frame; write 'self' if your own pages do."
        ),
        ExplainedDirective("object-src", "'none'", "No plugins, which could run script without a nonce."),
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {preset.name: preset for preset in (_API, _SERVER_RENDERED, _SPA, _STRICT)}
)
"""Every preset by its name, in the order to list them."""
