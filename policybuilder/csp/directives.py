"""Directive names: what each one governs, and which others stand in for it when it is absent.

https://w3c.github.io/webappsec-csp/#csp-directives
"""

from __future__ import annotations

FALLBACKS: dict[str, tuple[str, ...]] = {
    "default-src": ("default-src",),
    "child-src": ("child-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
    "fenced-frame-src": ("fenced-frame-src", "frame-src", "child-src", "default-src"),
    "font-src": ("font-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
    "img-src": ("img-src", "default-src"),
    "manifest-src": ("manifest-src", "default-src"),
    "media-src": ("media-src", "default-src"),
    "object-src": ("object-src", "default-src"),
    "script-src": ("script-src", "default-src"),
    "script-src-attr": ("script-src-attr", "script-src", "default-src"),
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "style-src": ("style-src", "default-src"),
    "style-src-attr": ("style-src-attr", "style-src", "default-src"),
    "style-src-elem": ("style-src-elem", "style-src", "default-src"),
    "worker-src": ("worker-src", "child-src", "script-src", "default-src"),
}
"""For each fetch directive, the directives that may govern it: the first one present does, alone.

https://w3c.github.io/webappsec-csp/#directive-fallback-list
"""

FETCH_DIRECTIVES = frozenset(FALLBACKS)

LIST_DIRECTIVES = frozenset({"base-uri", "form-action", "frame-ancestors"})
"""Directives with a source list and no fallback: absent, they restrict nothing."""

SOURCE_LIST_DIRECTIVES = FETCH_DIRECTIVES | LIST_DIRECTIVES

REPORTING_DIRECTIVES = frozenset({"report-uri", "report-to"})

OTHER_DIRECTIVES = frozenset(
    {"require-trusted-types-for", "sandbox", "trusted-types", "upgrade-insecure-requests", "webrtc"}
)

REMOVED_DIRECTIVES = frozenset(
    {
        "block-all-mixed-content",
        "disown-opener",
        "navigate-to",
        "plugin-types",
        "prefetch-src",
        "referrer",
        "reflected-xss",
        "require-sri-for",
    }
)
"""Once specified or tried; today's browsers ignore them."""

KNOWN_DIRECTIVES = SOURCE_LIST_DIRECTIVES | REPORTING_DIRECTIVES | OTHER_DIRECTIVES | REMOVED_DIRECTIVES

IGNORED_IN_META = frozenset({"frame-ancestors", "report-uri", "sandbox"})
"""https://w3c.github.io/webappsec-csp/#meta-element"""

# Differs from the spec: upgrade-insecure-requests is listed; because Chromium ignores it in report-only policies; see
# https://w3c.github.io/webappsec-upgrade-insecure-requests/#delivery, which does not say.
IGNORED_IN_REPORT_ONLY = frozenset({"sandbox", "upgrade-insecure-requests"})

NAVIGATION_DIRECTIVES = frozenset({"child-src", "fenced-frame-src", "form-action", "frame-ancestors", "frame-src"})
"""Directives about documents that are navigated to; `child-src` as old browsers name it."""

SCRIPT_DIRECTIVES = frozenset({"script-src", "script-src-attr", "script-src-elem"})
STYLE_DIRECTIVES = frozenset({"style-src", "style-src-attr", "style-src-elem"})
INLINE_DIRECTIVES = SCRIPT_DIRECTIVES | STYLE_DIRECTIVES | {"default-src"}
"""Directives whose lists may admit inline code."""
