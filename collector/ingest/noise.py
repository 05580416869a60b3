"""Noise: which reports no visit to the site caused, by which rule.

Rules are tried in order and the first that applies decides. Each reads the report alone, so that the class of a report
never depends on what came before it. Nothing is dropped: noise is stored under its rule, to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_plus

from collector.ingest.normalization import INVALID, NormalizedViolation
from policybuilder.csp import Verdict, decide, parse_serialized_policy, question_of
from policybuilder.csp.violation import Violation
from policybuilder.evidence import EvidenceClass

# Schemes browsers give to code and pages of extensions, bare or with a whole URL behind them.
EXTENSION_SCHEMES = frozenset(
    {
        "chrome-extension",
        "moz-extension",
        "safari-extension",
        "safari-web-extension",
        "ms-browser-extension",
        "webkit-masked-url",  # Safari's name for an extension's script
        "se-extension",  # Sogou
        "mxaddon-pkg",  # Maxthon
        "user-script",
    }
)

# Schemes of the browser itself, and of the bridges in-app browsers build into pages.
INTERNAL_SCHEMES = frozenset(
    {
        *("chrome", "res", "jar", "opera", "mx", "mxjscall", "safari-resource", "view-source", "none"),
        *("chromenull", "chromeinvoke", "chromeinvokeimmediate"),
        *("webviewprogress", "webviewprogressproxy", "android-webview", "gsa", "ms-appx", "ms-appx-web", "mbinit"),
        *("wvjbscheme", "nativebaiduhd", "bdvideo", "sinaweibo", "sraf", "symres", "tmtbff"),
    }
)

# Hosts of products that rewrite pages on their way: the product's own domain, never one that a site may depend on.
INJECTING_HOSTS = (
    "*.kaspersky-labs.com",
    "injections.adguard.com",
    "gateway.zscaler.net",
    "gateway.zscalertwo.net",
    "*.superfish.com",
    "*.tlscdn.com",
    "*.metrext.com",
    "nikkomsgchannel",
)

# Hosts that show other people's pages as their own.
TRANSLATING_HOSTS = ("*.translate.goog", "translate.googleusercontent.com", "webcache.googleusercontent.com")

_MIN_REFLECTED_CHARACTERS = 8

# The check costs by the sources of a policy and by what a report may have meant, and anybody may ask for it. Real
# policies are shorter; reports against these parents may mean any of a dozen directives, and add nothing anyway.
_MAX_CHECKED_POLICY = 4_096
_PARENTS_OF_MANY = frozenset({"default-src", "child-src"})


@dataclass(frozen=True, slots=True)
class Classification:
    """A report's class, and the id of the rule that chose it."""

    evidence_class: EvidenceClass
    rule: str


GENUINE = Classification(EvidenceClass.GENUINE, "no-noise-rule")


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may look at."""

    violation: Violation
    document_query: str
    """Decoded."""

    site_hosts: Sequence[str]
    """Document hosts of the site, `*.` allowed; none: any."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason why a report is not plain evidence."""

    rule_id: str
    evidence_class: EvidenceClass
    applies: Callable[[Context], bool]
    reason: str
    """For people: what such a report is."""


def classify(normalized: NormalizedViolation, site_hosts: Sequence[str] = ()) -> Classification:
    """The class of a report to a site whose documents live on `site_hosts`."""
    context = Context(normalized.violation, unquote_plus(normalized.document_query), site_hosts)
    for rule in RULES:
        if rule.applies(context):
            return Classification(rule.evidence_class, rule.rule_id)
    return GENUINE


def host_matches(pattern: str, authority: str) -> bool:
    """Whether a document's host (with its port, if it is not the default one) is `pattern`, or below its `*.`."""
    host = authority if ":" in pattern else _without_port(authority)
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _is_malformed(context: Context) -> bool:
    violation = context.violation
    return INVALID in {violation.effective_directive, violation.blocked_uri, violation.document_uri}


def _names_an_extension(context: Context) -> bool:
    violation = context.violation
    return violation.blocked_uri in EXTENSION_SCHEMES or violation.source_file in EXTENSION_SCHEMES


def _style_refers_to_an_extension(context: Context) -> bool:
    return "-extension://" in context.violation.sample


def _names_a_browser_internal(context: Context) -> bool:
    violation = context.violation
    return violation.blocked_uri in INTERNAL_SCHEMES or violation.source_file in INTERNAL_SCHEMES


def _names_an_injecting_host(context: Context) -> bool:
    violation = context.violation
    return _any_host(INJECTING_HOSTS, (violation.blocked_uri, violation.source_file))


def _is_a_translated_copy(context: Context) -> bool:
    return _any_host(TRANSLATING_HOSTS, (context.violation.document_uri,))


def _is_a_foreign_document(context: Context) -> bool:
    """Documents without a host (srcdoc, workers at blob:) belong to whichever page made them: not foreign by this."""
    host = _host_of(context.violation.document_uri)
    if not context.site_hosts or host is None:
        return False
    return not any(host_matches(pattern, host) for pattern in context.site_hosts)


def _is_a_saved_page(context: Context) -> bool:
    return context.violation.document_uri in {"file", "data", "chrome-error"}


def _blocks_about(context: Context) -> bool:
    """Old Firefox reports base-uri against about:blank; no site loads from `about`."""
    return context.violation.blocked_uri in {"about", "view-source"}


def _is_reflected(context: Context) -> bool:
    """The page's own address carries markup that names what was blocked: somebody tried an injection.

    The strongest sign of an attack that a single report can hold. Ordinary pages do have URLs in their query (a
    redirect target, a search), but not inside a tag.
    """
    query = context.document_query.lower()
    if "<" not in query and "javascript:" not in query:
        return False
    violation = context.violation
    host = _host_of(violation.blocked_uri)
    if host is not None:
        return host in query and host != _host_of(violation.document_uri)
    sample = violation.sample.strip().lower()
    if len(sample) >= _MIN_REFLECTED_CHARACTERS:
        return sample in query
    return violation.blocked_uri == "data" and "data:" in query


@lru_cache(maxsize=2048)
def _own_policy_allows(policy: str, violation: Violation) -> bool:
    return decide(parse_serialized_policy(policy), question_of(violation)).verdict is Verdict.ALLOW


def _is_a_contradiction(context: Context) -> bool:
    """The reported policy allows the reported resource: the block came after a redirect, or the report is forged."""
    violation = context.violation
    policy = violation.original_policy
    if not policy or len(policy) > _MAX_CHECKED_POLICY or violation.effective_directive in _PARENTS_OF_MANY:
        return False
    return _own_policy_allows(
        violation.original_policy,
        Violation(
            document_uri=violation.document_uri,
            effective_directive=violation.effective_directive,
            blocked_uri=violation.blocked_uri,
            sample=violation.sample,
            sample_extent=violation.sample_extent,
        ),
    )


RULES: tuple[Rule, ...] = (
    Rule("malformed-value", EvidenceClass.MALFORMED, _is_malformed, "a directive or URL that no browser writes"),
    Rule("extension-scheme", EvidenceClass.EXTENSION, _names_an_extension, "a browser extension's doing"),
    Rule(
        "extension-in-style", EvidenceClass.EXTENSION, _style_refers_to_an_extension, "a style that loads an extension"
    ),
    Rule("saved-page", EvidenceClass.FOREIGN_HOST, _is_a_saved_page, "a copy of a page outside the site"),
    Rule("translated-copy", EvidenceClass.INJECTED, _is_a_translated_copy, "a copy on a translator's host"),
    Rule(
        "foreign-document", EvidenceClass.FOREIGN_HOST, _is_a_foreign_document, "a document host the site does not name"
    ),
    Rule("browser-internal", EvidenceClass.INJECTED, _names_a_browser_internal, "the browser's or app's own code"),
    Rule("injecting-host", EvidenceClass.INJECTED, _names_an_injecting_host, "a product that rewrites pages"),
    Rule("about-blocked", EvidenceClass.INJECTED, _blocks_about, "a browser's own empty page"),
    Rule(
        "reflected-in-query", EvidenceClass.ATTACK_LIKE, _is_reflected, "the page's address carries the blocked markup"
    ),
    Rule("own-policy-allows", EvidenceClass.CONTRADICTION, _is_a_contradiction, "the report's own policy allows it"),
)


def _any_host(patterns: Iterable[str], urls: Iterable[str]) -> bool:
    hosts = [host for host in map(_host_of, urls) if host is not None]
    return any(host_matches(pattern, host) for host in hosts for pattern in patterns)


def _host_of(url: str) -> str | None:
    """Host and port of a cleaned network URL; None for anything else."""
    _, separator, rest = url.partition("://")
    return rest.partition("/")[0] if separator else None


def _without_port(authority: str) -> str:
    host, separator, port = authority.rpartition(":")
    return host if separator and port.isdigit() else authority
