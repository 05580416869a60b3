"""Rules: what a policy asks of each kind of thing a page may do, as the ways in which it passes.

Whatever the directive, a thing passes in one of three ways: a keyword lets everything of its kind pass, it presents a
credential that is listed (a nonce, a digest, a name, a flag), or its URL is covered. Rules say which ways there are;
they are what two policies are compared by.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from policybuilder.csp.decision import HINT_DIRECTIVES, decide
from policybuilder.csp.directives import FETCH_DIRECTIVES, NAVIGATION_DIRECTIVES
from policybuilder.csp.inline_matching import ELEMENTS, blanket_keyword
from policybuilder.csp.policy import Directive, Policy, PolicyList, Setting, setting_of
from policybuilder.csp.question import Browser, InlineType, Question
from policybuilder.csp.representatives import Reading
from policybuilder.csp.request_matching import trusts_workers
from policybuilder.csp.source_list import SourceList
from policybuilder.csp.sources import HashSource, HostSource, Keyword, NonceSource, SchemeSource
from policybuilder.csp.trusted_types import listed_names
from policybuilder.csp.verdict import Verdict

_NO_SOURCES = SourceList(())

Credentials = frozenset[str]
"""What something presents beside its URL, in the words of a policy: `'nonce-abc'`, `'sha256-…'`, `allow-forms`;
`'strict-dynamic'` is presented by what another script inserts."""

INSERTED = Keyword.STRICT_DYNAMIC.value


@dataclass(frozen=True, slots=True)
class Rule:
    """What one policy asks of one kind of thing."""

    directive: Directive
    """The directive that governs."""

    sources: SourceList = _NO_SOURCES
    """Whose URLs pass; empty where URLs do not count."""

    credentials: Credentials = frozenset()
    blanket: str | None = None
    """The keyword that lets everything of the kind pass, if one does."""

    upgrades: bool = False
    navigates: bool = False
    submits: bool = False

    def passes(self, presented: Credentials) -> bool:
        """Whether something passes whatever its URL."""
        return self.blanket is not None or not self.credentials.isdisjoint(presented)

    @property
    def reading(self) -> Reading:
        """How URLs are matched."""
        return Reading(self.sources, self.upgrades, self.navigates, self.submits)


Ask = Callable[[Policy, Setting], Rule | None]
"""What a policy asks, among those of a page that have the effects of the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of thing that pages do and policies ask about."""

    directive: str
    """The effective directive."""

    subject: str
    """What it is called, in the plural: `images`."""

    ask: Ask
    """The policy's rule; None when it restricts nothing."""

    preposition: str = "from"
    """Between the subject and a URL."""

    presenting: str = "with"
    """Between the subject and a credential."""

    is_requested: bool = True
    """Whether a request is made: it may be upgraded and redirected."""

    has_path: bool = True
    is_code: bool = False
    """Inline code has a digest of each algorithm at once; an integrity attribute has each of its digests checked."""

    implied_by: str | None = None
    """The subject beside which this one need not be named, where the same happens to both."""

    echoes: frozenset[str] = frozenset()
    """Directives whose differences need not be told again for this one."""


def rules_of(kind: Kind, policies: PolicyList) -> list[Rule]:
    """The rules for `kind`, all of which must let a thing pass; none when nothing restricts it."""
    if not policies.policies:
        return []
    setting = setting_of(policies.policies)
    upgrades = kind.is_requested and setting.upgrades_requests
    navigates, submits = kind.directive in NAVIGATION_DIRECTIVES, kind.directive == "form-action"
    asked = (kind.ask(policy, setting) for policy in policies.policies)
    return [
        replace(rule, upgrades=upgrades, navigates=navigates, submits=submits) for rule in asked if rule is not None
    ]


# Fetch directives


def _urls_of(sources: SourceList, *, navigates: bool = False) -> SourceList:
    """The list without what says nothing of URLs; nothing changes but that equal lists become equal."""
    if "url" in sources.extended_hashes and not navigates:
        return _NO_SOURCES
    return SourceList(
        tuple(
            (str(source), source)
            for _, source in sources.expressions
            if isinstance(source, HostSource | SchemeSource) or str(source) == Keyword.SELF
        )
    )


def _nonces(sources: SourceList) -> Iterable[str]:
    return (str(NonceSource(value)) for value in sources.nonces)


def _digests(sources: SourceList) -> Iterable[str]:
    # Chromium compares the bytes, however they are spelt.
    read = (source for _, source in sources.hashes if source.refused_by is not Browser.CHROMIUM)
    return (str(HashSource(s.algorithm, base64.b64encode(s.digest).decode())) for s in read)


def _asks_request(name: str) -> Ask:
    def ask(policy: Policy, _setting: Setting) -> Rule | None:
        """https://w3c.github.io/webappsec-csp/#directives-fetch"""
        directive = policy.governing(name)
        if directive is None:
            return None
        sources = directive.sources
        is_strict = Keyword.STRICT_DYNAMIC in sources
        urls = _urls_of(sources, navigates=name in NAVIGATION_DIRECTIVES)
        if name == "script-src-elem":
            inserted = {INSERTED} if is_strict else set()
            credentials = frozenset({*_nonces(sources), *_digests(sources), *inserted})
            return Rule(directive, _NO_SOURCES if is_strict else urls, credentials)
        if name == "style-src-elem":
            return Rule(directive, urls, frozenset(_nonces(sources)))
        if name == "worker-src" and trusts_workers(directive):
            # A script makes every worker.
            return Rule(directive, blanket=INSERTED)
        return Rule(directive, urls)

    return ask


def _asks_inline(name: str, inline_type: InlineType) -> Ask:
    def ask(policy: Policy, _setting: Setting) -> Rule | None:
        """https://w3c.github.io/webappsec-csp/#match-element-to-source-list"""
        directive = policy.governing(name)
        if directive is None:
            return None
        if keyword := blanket_keyword(directive, inline_type, Browser.CHROMIUM):
            return Rule(directive, blanket=keyword.value)
        sources = directive.sources
        credentials = set(_nonces(sources)) if inline_type in ELEMENTS else set()
        if inline_type in ELEMENTS or Keyword.UNSAFE_HASHES in sources:
            credentials.update(digest for digest in _digests(sources) if not digest.startswith("'ed"))
        if inline_type in {InlineType.SCRIPT, InlineType.SPECULATION_RULES} and Keyword.STRICT_DYNAMIC in sources:
            credentials.add(INSERTED)
        return Rule(directive, credentials=frozenset(credentials))

    return ask


def _ask_hint(policy: Policy, _setting: Setting) -> Rule | None:
    """https://w3c.github.io/webappsec-csp/#does-resource-hint-violate-policy"""
    default = policy.directive("default-src")
    if default is None:
        return None
    workers = policy.governing("worker-src")
    if workers is not None and trusts_workers(workers):
        return Rule(workers, blanket=INSERTED)
    fetching = (_urls_of(d.sources).expressions for d in policy.directives if d.name in HINT_DIRECTIVES)
    return Rule(default, SourceList(tuple(dict.fromkeys(itertools.chain.from_iterable(fetching)))))


# Directives without fallback


def _asks_urls(name: str) -> Ask:
    def ask(policy: Policy, _setting: Setting) -> Rule | None:
        directive = policy.directive(name)
        urls = None if directive is None else _urls_of(directive.sources, navigates=name in NAVIGATION_DIRECTIVES)
        return None if directive is None or urls is None else Rule(directive, urls)

    return ask


def _asks_yes_or_no(name: str, blocked: str = "") -> Ask:
    question = Question(page=None, directive=name, blocked=blocked, browser=Browser.CHROMIUM)

    def ask(policy: Policy, setting: Setting) -> Rule | None:
        decision = decide(policy, question, setting)
        directive = policy.governing(name)
        if decision.verdict is Verdict.ALLOW and decision.matched_by is None:
            return None
        blanket = None if decision.matched_by is None else decision.matched_by.lower()
        return None if directive is None else Rule(directive, blanket=blanket)

    return ask


# https://html.spec.whatwg.org/multipage/browsers.html#parse-a-sandboxing-directive
SANDBOX_FLAGS = frozenset(
    {
        "allow-downloads",
        "allow-forms",
        "allow-modals",
        "allow-orientation-lock",
        "allow-pointer-lock",
        "allow-popups",
        "allow-popups-to-escape-sandbox",
        "allow-presentation",
        "allow-same-origin",
        "allow-scripts",
        "allow-storage-access-by-user-activation",
        "allow-top-navigation",
        "allow-top-navigation-by-user-activation",
        "allow-top-navigation-to-custom-protocols",
    }
)
_IMPLIED_FLAGS = {
    "allow-popups": {"allow-top-navigation-to-custom-protocols"},
    "allow-top-navigation": {"allow-top-navigation-by-user-activation", "allow-top-navigation-to-custom-protocols"},
}


def _ask_sandbox(policy: Policy, _setting: Setting) -> Rule | None:
    """https://w3c.github.io/webappsec-csp/#directive-sandbox"""
    directive = policy.directive("sandbox")
    if directive is None:
        return None
    flags = SANDBOX_FLAGS.intersection(value.lower() for value in directive.values)
    return Rule(directive, credentials=flags.union(*(_IMPLIED_FLAGS.get(flag, ()) for flag in flags)))


def _asks_names(*, taken: bool) -> Ask:
    def ask(policy: Policy, _setting: Setting) -> Rule | None:
        """https://w3c.github.io/trusted-types/dist/spec/#should-block-create-policy"""
        directive = policy.directive("trusted-types")
        if directive is None:
            return None
        names = frozenset(listed_names(directive))
        if taken and all(value.lower() != "'allow-duplicates'" for value in directive.values):
            names = frozenset()
        return Rule(directive, credentials=names - {"*"}, blanket="*" if "*" in names else None)

    return ask


def _loads(name: str, subject: str, preposition: str = "from", echoes: Iterable[str] = ()) -> Kind:
    return Kind(
        directive=name, subject=subject, preposition=preposition, ask=_asks_request(name), echoes=frozenset(echoes)
    )


def _code(name: str, subject: str, inline_type: InlineType, implied_by: str | None = None) -> Kind:
    ask = _asks_inline(name, inline_type)
    return Kind(directive=name, subject=subject, ask=ask, is_code=True, implied_by=implied_by)


KINDS = (
    _loads("script-src-elem", "scripts"),
    _code("script-src-elem", "inline scripts", InlineType.SCRIPT),
    _code("script-src-elem", "inline speculation rules", InlineType.SPECULATION_RULES, "inline scripts"),
    _code("script-src-elem", "javascript: URLs", InlineType.NAVIGATION),
    _code("script-src-attr", "event handlers in attributes", InlineType.SCRIPT_ATTRIBUTE),
    Kind(directive="script-src", subject="strings run as code", ask=_asks_yes_or_no("script-src", "eval")),
    Kind(directive="script-src", subject="WebAssembly modules", ask=_asks_yes_or_no("script-src", "wasm-eval")),
    _loads("style-src-elem", "style sheets"),
    _code("style-src-elem", "inline style sheets", InlineType.STYLE),
    _code("style-src-attr", "style attributes", InlineType.STYLE_ATTRIBUTE),
    _loads("img-src", "images"),
    _loads("font-src", "fonts"),
    _loads("media-src", "audio and video"),
    _loads("connect-src", "connections", "to"),
    _loads("frame-src", "frames"),
    _loads("worker-src", "workers"),
    _loads("manifest-src", "manifests"),
    _loads("object-src", "plugins"),
    _loads("fenced-frame-src", "fenced frames", echoes=["frame-src"]),
    Kind(directive="default-src", subject="prefetches", ask=_ask_hint, echoes=FETCH_DIRECTIVES),
    Kind(directive="base-uri", subject="base URLs", preposition="at", ask=_asks_urls("base-uri"), is_requested=False),
    Kind(directive="form-action", subject="form submissions", preposition="to", ask=_asks_urls("form-action")),
    Kind(
        directive="frame-ancestors",
        subject="framing pages",
        ask=_asks_urls("frame-ancestors"),
        is_requested=False,
        has_path=False,
    ),
    Kind(directive="sandbox", subject="capabilities of the page", presenting="under", ask=_ask_sandbox),
    Kind(directive="trusted-types", subject="Trusted Types policies", presenting="named", ask=_asks_names(taken=False)),
    Kind(
        directive="trusted-types",
        subject="second Trusted Types policies",
        presenting="named",
        ask=_asks_names(taken=True),
        echoes=frozenset({"trusted-types"}),
    ),
    Kind(
        directive="require-trusted-types-for",
        subject="strings in sinks such as innerHTML",
        ask=_asks_yes_or_no("require-trusted-types-for"),
    ),
    Kind(directive="webrtc", subject="WebRTC connections", ask=_asks_yes_or_no("webrtc")),
)
"""All that policies decide about, in the order in which differences are told.

Parents that nothing asks about any more (`style-src`, `child-src`) count only where they govern one of these.
"""
