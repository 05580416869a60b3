"""The peer's findings: its types and severities, with what they mean in our words."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class PeerSeverity(enum.IntEnum):
    """The peer's own scale; the lower the worse. Its NONE is left out, which nothing but IGNORED has."""

    HIGH = 10
    SYNTAX = 20
    MEDIUM = 30
    HIGH_MAYBE = 40
    STRICT_CSP = 45
    MEDIUM_MAYBE = 50
    INFO = 60


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that the peer finds, whichever directive and value it finds it in."""

    code: str
    """What the peer calls the type."""

    severity: PeerSeverity
    message: str
    """One sentence; `{directive}` and `{value}` stand for where it is."""

    fix: str
    """What to do, in words."""


class PeerFinding(NamedTuple):
    """One finding; a tuple, since thousands are made in a second."""

    flaw: Flaw
    directive: str
    value: str | None = None
    """As the peer has read it: keywords and schemes in lower case, everything else as spelt. None where a directive is
    missing, or all of it is meant."""

    @property
    def code(self) -> str:
        return self.flaw.code

    @property
    def severity(self) -> PeerSeverity:
        return self.flaw.severity

    @property
    def message(self) -> str:
        return self._filled(self.flaw.message)

    @property
    def fix(self) -> str:
        return self._filled(self.flaw.fix)

    @property
    def identity(self) -> tuple[str, PeerSeverity, str, str | None]:
        """What two findings must have in common to be the same, whatever their words."""
        return (self.flaw.code, self.flaw.severity, self.directive, self.value)

    def _filled(self, template: str) -> str:
        return template.format(directive=shortened(self.directive), value=shortened(self.value or ""))

    def document(self) -> dict[str, object]:
        """The finding as JSON has it."""
        return {
            "code": self.code,
            "severity": self.severity.name,
            "severity_number": int(self.severity),
            "directive": self.directive,
            "value": self.value,
            "message": self.message,
            "fix": self.fix,
        }


_MOST_CHARACTERS = 80


def shortened(text: str) -> str:
    """`text` as a sentence can have it."""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


# --- How scripts get in -----------------------------------------------------------------------------------------------

SCRIPT_UNSAFE_INLINE = Flaw(
    "SCRIPT_UNSAFE_INLINE",
    PeerSeverity.HIGH,
    "{directive} runs every inline script and event handler, those of an attacker's markup as well",
    "give inline scripts a nonce or a hash, and take {value} out",
)
SCRIPT_UNSAFE_HASHES = Flaw(
    "SCRIPT_UNSAFE_HASHES",
    PeerSeverity.MEDIUM_MAYBE,
    "{directive} lets event handlers run whose hash is listed, on whatever element an attacker puts them",
    "attach the handlers in a script, and take {value} out",
)
SCRIPT_UNSAFE_EVAL = Flaw(
    "SCRIPT_UNSAFE_EVAL",
    PeerSeverity.MEDIUM_MAYBE,
    "{directive} lets text become code, in eval() and its like",
    "replace what compiles text, and take {value} out",
)
PLAIN_URL_SCHEMES = Flaw(
    "PLAIN_URL_SCHEMES",
    PeerSeverity.HIGH,
    "{directive} takes anything that a {value} URL can name, so an attacker's script too",
    "name the hosts that are needed instead of {value}, or use a nonce",
)
LOCAL_URL_SCHEMES = Flaw(
    "PLAIN_URL_SCHEMES",
    PeerSeverity.MEDIUM_MAYBE,
    "{directive} runs {value} URLs, which hold whatever the page was made to put into them",
    "load scripts from files, and take {value} out",
)
PLAIN_WILDCARD = Flaw(
    "PLAIN_WILDCARD",
    PeerSeverity.HIGH,
    "{directive} takes anything of any host",
    "name the hosts that are needed instead of {value}, or use a nonce",
)
ANY_TRUSTED_TYPES_POLICY = Flaw(
    "PLAIN_WILDCARD",
    PeerSeverity.INFO,
    "{directive} lets a Trusted Types policy of any name be made, so that no review knows them all",
    "list the names of the policies that are needed instead of {value}",
)
STRICT_DYNAMIC = Flaw(
    "STRICT_DYNAMIC",
    PeerSeverity.STRICT_CSP,
    "{directive} lists hosts, and few lists hold no host with a way around the policy",
    "give scripts a nonce or a hash, and let 'strict-dynamic' stand for what they load",
)

# --- Hosts ------------------------------------------------------------------------------------------------------------

SCRIPT_FROM_SELF = Flaw(
    "SCRIPT_ALLOWLIST_BYPASS",
    PeerSeverity.MEDIUM_MAYBE,
    "{directive} allows the site's own origin, which helps little where it serves uploads, JSONP or AngularJS",
    "make sure that the site serves none of these, or use a nonce",
)
SCRIPT_FROM_HOST = Flaw(
    "SCRIPT_ALLOWLIST_BYPASS",
    PeerSeverity.MEDIUM_MAYBE,
    "{value} is not in the lists of hosts with JSONP or AngularJS, which does not mean that it has neither",
    "look at what {value} serves, or use a nonce",
)
SCRIPT_FROM_KNOWN_HOST = Flaw(
    "SCRIPT_ALLOWLIST_BYPASS",
    PeerSeverity.HIGH,
    "{value} covers a host known for JSONP or AngularJS, with which an attacker's code runs under this policy",
    "take {value} out, or use a nonce with 'strict-dynamic'",
)
OBJECT_FROM_HOST = Flaw(
    "OBJECT_ALLOWLIST_BYPASS",
    PeerSeverity.MEDIUM_MAYBE,
    "{directive} lets plugins in, of which hardly a site has any left",
    "set {directive} to 'none'",
)
OBJECT_FROM_KNOWN_HOST = Flaw(
    "OBJECT_ALLOWLIST_BYPASS",
    PeerSeverity.HIGH,
    "{value} covers a host known for Flash files that run an attacker's code",
    "set object-src to 'none'",
)
IP_SOURCE = Flaw(
    "IP_SOURCE",
    PeerSeverity.INFO,
    "{directive} names an IP address, which browsers need not match: {value}",
    "use a host name instead of {value}",
)
LOOPBACK_SOURCE = Flaw(
    "IP_SOURCE",
    PeerSeverity.INFO,
    "{directive} allows the visitor's own machine: {value}",
    "take {value} out where the policy is for visitors",
)
SRC_HTTP = Flaw(
    "SRC_HTTP",
    PeerSeverity.MEDIUM,
    "{directive} allows a host without encryption, where anybody on the way can answer for it: {value}",
    "write https:// instead of http://",
)
REPORTS_OVER_HTTP = Flaw(
    "SRC_HTTP",
    PeerSeverity.MEDIUM,
    "reports go to {value} without encryption, where anybody on the way can read them",
    "send reports over https",
)

# --- What is missing --------------------------------------------------------------------------------------------------

MISSING_OBJECT_SRC = Flaw(
    "MISSING_DIRECTIVES",
    PeerSeverity.HIGH,
    "neither object-src nor default-src restricts plugins",
    "add object-src 'none'",
)
MISSING_SCRIPT_SRC = Flaw(
    "MISSING_DIRECTIVES",
    PeerSeverity.HIGH,
    "neither script-src nor default-src restricts scripts",
    "add script-src with a nonce, or with the hosts that are needed",
)
MISSING_SCRIPT_SRC_BESIDE_ITS_PARTS = Flaw(
    "MISSING_DIRECTIVES",
    PeerSeverity.HIGH,
    "script-src-elem and script-src-attr restrict scripts in the page, but without script-src or default-src nothing"
    " restricts eval() and workers",
    "add script-src, which governs eval() and workers too",
)
MISSING_BASE_URI = Flaw(
    "MISSING_DIRECTIVES",
    PeerSeverity.HIGH,
    "no base-uri: an injected <base> makes trusted script tags load an attacker's files",
    "add base-uri 'none'",
)
REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS = Flaw(
    "REQUIRE_TRUSTED_TYPES_FOR_SCRIPTS",
    PeerSeverity.INFO,
    "text may reach places of the DOM that make code of it, since Trusted Types are not required",
    "add require-trusted-types-for 'script', in a report-only policy first",
)
STRICT_DYNAMIC_NOT_STANDALONE = Flaw(
    "STRICT_DYNAMIC_NOT_STANDALONE",
    PeerSeverity.INFO,
    "{directive} has 'strict-dynamic' and neither nonce nor hash, so that no script runs at all",
    "add a nonce or a hash",
)
UNSAFE_INLINE_FALLBACK = Flaw(
    "UNSAFE_INLINE_FALLBACK",
    PeerSeverity.STRICT_CSP,
    "{directive} blocks all inline scripts in browsers that know neither nonces nor hashes",
    "add 'unsafe-inline' for these browsers; all others ignore it here",
)
ALLOWLIST_FALLBACK = Flaw(
    "ALLOWLIST_FALLBACK",
    PeerSeverity.STRICT_CSP,
    "{directive} blocks script files in browsers that do not know 'strict-dynamic'",
    "add https: and http: for these browsers; all others ignore them here",
)

# --- How it is written ------------------------------------------------------------------------------------------------

DEPRECATED_DIRECTIVE = Flaw(
    "DEPRECATED_DIRECTIVE",
    PeerSeverity.INFO,
    "{directive} was given up, and browsers ignore it",
    "take {directive} out",
)
UNKNOWN_DIRECTIVE = Flaw(
    "UNKNOWN_DIRECTIVE",
    PeerSeverity.SYNTAX,
    "there is no directive {directive}",
    "correct its name, or take it out",
)
DIRECTIVE_WITH_COLON = Flaw(
    "UNKNOWN_DIRECTIVE",
    PeerSeverity.SYNTAX,
    "{directive} ends in a colon, which no directive does",
    "take the colon out, or, if it is meant as a source, put a directive before it",
)
MISSING_SEMICOLON = Flaw(
    "MISSING_SEMICOLON",
    PeerSeverity.SYNTAX,
    "{value} is the name of a directive, and stands among the values of {directive}",
    "put a semicolon before {value}",
)
UNQUOTED_KEYWORD = Flaw(
    "INVALID_KEYWORD",
    PeerSeverity.SYNTAX,
    "{value} in {directive} is taken for a host, since it has no quotes",
    "write '{value}'",
)
INVALID_KEYWORD = Flaw(
    "INVALID_KEYWORD",
    PeerSeverity.SYNTAX,
    "{directive} has {value}, which is neither a keyword, nor a nonce, nor a hash",
    "correct it, or take it out",
)
IDLE_NONE = Flaw(
    "INVALID_KEYWORD",
    PeerSeverity.SYNTAX,
    "browsers ignore {value} in {directive}, since other values stand beside it",
    "take out either {value} or everything else",
)
IDLE_HASH = Flaw(
    "INVALID_KEYWORD",
    PeerSeverity.SYNTAX,
    "{directive} has {value}, which is not as long as its digests are, and matches nothing",
    "take the hash again, or take it out",
)
NONCE_LENGTH = Flaw(
    "NONCE_LENGTH",
    PeerSeverity.MEDIUM,
    "{directive} has a nonce of fewer than eight characters, which can be guessed: {value}",
    "make nonces of at least 128 random bits, anew for each response",
)
NONCE_CHARSET = Flaw(
    "NONCE_CHARSET",
    PeerSeverity.INFO,
    "{directive} has a nonce with characters that base64 has not: {value}",
    "write nonces in base64",
)
