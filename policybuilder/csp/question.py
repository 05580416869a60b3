"""A question to a policy: one load, one piece of inline code or one call, with what is known about it."""

from __future__ import annotations

import enum
from typing import NamedTuple

from policybuilder.csp.violation import SampleExtent


class Browser(enum.StrEnum):
    """Engines that read some policies differently."""

    CHROMIUM = "chromium"
    FIREFOX = "firefox"


class InlineType(enum.StrEnum):
    """https://w3c.github.io/webappsec-csp/#should-block-inline"""

    SCRIPT = "script"
    SCRIPT_ATTRIBUTE = "script attribute"
    NAVIGATION = "navigation"
    """A `javascript:` URL."""

    SPECULATION_RULES = "speculation rules"
    """https://wicg.github.io/nav-speculation/speculation-rules.html#content-security-policy"""

    STYLE = "style"
    STYLE_ATTRIBUTE = "style attribute"


class Hint(enum.StrEnum):
    """Resource hints, which name no destination.

    https://w3c.github.io/webappsec-csp/#does-resource-hint-violate-policy
    """

    PREFETCH = "prefetch"
    PRERENDER = "prerender"


class Question(NamedTuple):
    """Would a policy let this happen? What is not known is None, and makes the answer `unknown` where it matters.

    A tuple, since replays make several for each recorded group, and frozen dataclasses take four times as long.
    """

    page: str | None
    """URL of the document whose policy is asked; its origin is what `'self'` means."""

    directive: str
    """The effective directive."""

    blocked: str | None
    """The URL in any spelling, a bare scheme (`data`) or a keyword (`inline`, `eval`, …); None when no report says."""

    origin_only: bool = False
    """The URLs are cut to their origin: their path is not known."""

    sample: str | None = None
    """The inline code, or the name of a Trusted Types policy."""

    sample_extent: SampleExtent = SampleExtent.NONE
    """How much of it `sample` is."""

    nonce: str | None = None
    """Of the element, without white space around it; empty when it is known to have none."""

    integrity: str | None = None
    """The attribute of the element; empty when it is known to have none."""

    parser_inserted: bool | None = None
    """Whether the parser put the script there, not another script."""

    inline_type: InlineType | None = None
    """None means what the directive suggests."""

    hint: Hint | None = None

    redirected: bool = False
    """Whether `blocked` was reached by a redirect, so that paths do not count."""

    via: str | None = None
    """The URL first requested, when `blocked` is where a redirect led."""

    is_upgradeable: bool = True
    """Whether an insecure picture on a secure page would be upgraded before it is checked: not one from `srcset`."""

    reaches_sink: bool = False
    """Whether a string is compiled for which no Trusted Type stands, so that locked sinks stop it too."""

    name_taken: bool | None = False
    """Whether a Trusted Types policy of that name exists already."""

    browser: Browser | None = None
    """None asks for both, which must agree."""

    alternatives: tuple[Question, ...] = ()
    """What else the report may have meant; all must get the same answer."""
