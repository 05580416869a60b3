"""Wording: what a group of violations is, in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from policybuilder.csp import Disposition, SampleExtent
from policybuilder.evidence import OTHER, ViolationGroup
from policybuilder.suggestion.candidates import PARENTS

_KINDS = {
    "script-src": "a script",
    "style-src": "a stylesheet",
    "img-src": "a picture",
    "font-src": "a font",
    "media-src": "sound or video",
    "connect-src": "data",
    "frame-src": "a frame",
    "child-src": "a frame or a worker",
    "object-src": "a plug-in’s content",
    "manifest-src": "a web app manifest",
    "worker-src": "a worker",
    "prefetch-src": "something in advance",
    "fenced-frame-src": "a fenced frame",
}

_INLINE = {
    "script-src-attr": "runs an event handler written into its markup",
    "style-src-attr": "has a style written into an attribute",
    "script-src": "runs a script written into its markup",
    "style-src": "has a stylesheet written into its markup",
}

_OTHERS = {
    "base-uri": "sets the base of its addresses to",
    "form-action": "sends a form to",
    "frame-ancestors": "is shown in a frame of another site",
    "navigate-to": "leads to",
}


def what_happened(group: ViolationGroup) -> str:
    """What a page did; of the resource the address is said beside it."""
    directive = PARENTS.get(group.directive, group.directive)
    match group.blocked:
        case "eval":
            return "A page makes code out of text, by eval or something like it."
        case "wasm-eval":
            return "A page compiles WebAssembly."
        case "trusted-types-sink":
            return "A page’s code writes text where only a trusted value may go."
        case "trusted-types-policy":
            return "A page’s code makes a Trusted Types policy that the site’s policy does not name."
        case "inline" | "self" | "":
            inline = _INLINE.get(group.directive) or _INLINE.get(directive)
            return f"A page {inline}." if inline else "A page does something that its policy does not allow."
        case _ if OTHER in (group.blocked, group.directive):
            return "This stands for all that was new beyond the site’s hourly budget."
        case _ if directive in _OTHERS:
            return f"A page {_OTHERS[directive]} this address."
        case _:
            return f"A page loads {_KINDS.get(directive, 'something')} from this address."


def what_became_of_it(group: ViolationGroup) -> str:
    """Whether the browser let it happen."""
    match group.disposition:
        case Disposition.ENFORCE:
            return "The browser blocked it."
        case Disposition.REPORT:
            return "The browser let it happen: the policy only reports."
        case _:
            return "The report does not say whether it was blocked."


def which_browsers(extents: Iterable[SampleExtent]) -> str:
    """Whose reports they are, as far as their samples tell.

    No user agent is kept. Only Firefox marks where it cuts a sample, so that one without the mark is known to be whole.
    """
    seen = set(extents)
    told = [name for extent, name in _BROWSERS.items() if extent in seen]
    return " and ".join(told) if told else "not told: its reports hold no code, and no user agent is kept"


_BROWSERS = {SampleExtent.WHOLE: "Firefox", SampleExtent.TRIMMED: "Chromium or Safari"}
