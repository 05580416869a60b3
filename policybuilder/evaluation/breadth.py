"""Breadth: who else than the site its styles, plugins, frames, requests and forms may come from and go to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from policybuilder.csp import HostSource, Keyword, SchemeSource, SourceExpression
from policybuilder.csp.inline_matching import blanket_keyword
from policybuilder.csp.question import Browser, InlineType
from policybuilder.evaluation.draft import Draft, Rating, at_value, listed, shown
from policybuilder.evaluation.editing import Change, narrowing, without
from policybuilder.evaluation.gadgets import GadgetKind
from policybuilder.evaluation.holding import unsafe_inline, urls_stand
from policybuilder.evaluation.hosts import facts_of
from policybuilder.evaluation.reading import (
    PlacedDirective,
    PlacedPolicy,
    Reading,
    Token,
    first_of_each,
    is_any_host,
    kinds_governed,
)
from policybuilder.evaluation.weakness import Certainty, Severity
from policybuilder.hosting import HostingKind


class _Subject(NamedTuple):
    """Things that are alike in what a stranger gets out of them."""

    code: str
    kinds: tuple[str, ...]
    what: str
    """What a source lets happen, before whom it stands for; empty where that is by the kinds."""


_SENDING = {
    "connect-src": "connections",
    "form-action": "forms",
    "frame-src": "frames",
    "img-src": "images",
}
_SUBJECTS = (
    _Subject("exfiltration-any-host", tuple(_SENDING), ""),
    _Subject("style-any-host", ("style-src-elem",), "style sheets come from"),
    _Subject("object-any-source", ("object-src",), "embedded objects come from"),
    _Subject("base-uri-any-host", ("base-uri",), "an injected <base> point at"),
    _Subject("frame-ancestors-any-host", ("frame-ancestors",), "the page be framed by"),
)


def wide_sources(reading: Reading) -> Iterator[Draft]:
    """Sources that stand for every host."""
    for policy in reading.policies:
        governed = kinds_governed(policy)
        for name, placed in policy.directives.items():
            kinds = governed.get(name, ())
            for subject in _SUBJECTS:
                asked = [
                    kind for kind in subject.kinds if kind in kinds and (kind != "form-action" or reading.sends_forms)
                ]
                if asked:
                    yield from _of_subject(reading, policy, placed, subject, asked)


def _of_subject(
    reading: Reading, policy: PlacedPolicy, placed: PlacedDirective, subject: _Subject, asked: list[str]
) -> Iterator[Draft]:
    wide: list[Token] = []
    kinds: set[str] = set()
    for token in first_of_each(placed):
        source = token.source
        if source is None:
            continue
        open_to = [k for k in asked if _is_anybodys(source, k) and urls_stand(reading, policy, k, source)]
        kinds.update(open_to)
        wide.extend([token] if open_to else [])
    if not wide:
        return
    severity = max((severity_of(reading, kind) for kind in kinds), key=_weight)
    certainty = Certainty.LIKELY if all(map(_is_of_company, wide)) else Certainty.CERTAIN
    what = subject.what or f"{listed([_SENDING[kind] for kind in asked if kind in kinds])} go to"
    lets = "lets" if len(wide) == 1 else "let"
    message = f"{_named(wide)} in {placed.name} {lets} {what} {_who(wide)}"
    change = partial(_narrowing, placed, wide)
    yield at_value(policy, placed, wide[0], Rating(subject.code, severity, certainty), message, change=change)


def _narrowing(placed: PlacedDirective, wide: Sequence[Token]) -> Change:
    return narrowing(placed, [each for token in wide for each in placed.alike(token)])


_MAX_NAMED = 3


def _named(wide: list[Token]) -> str:
    named = [shown(token.text) for token in wide[:_MAX_NAMED]]
    return listed([*named, *([f"{len(wide) - len(named)} more"] if len(wide) > len(named) else [])])


def _who(wide: list[Token]) -> str:
    """Whom the sources stand for."""
    hosts = [token.source for token in wide if isinstance(token.source, HostSource)]
    if len(hosts) < len(wide) or any(map(is_any_host, hosts)):
        return "anybody"
    return f"whoever has a name under {listed([host.host_part.removeprefix('*.') for host in hosts[:_MAX_NAMED]])}"


def _is_of_company(token: Token) -> bool:
    return isinstance(token.source, HostSource) and facts_of(token.source).is_of_company


def _is_anybodys(source: SourceExpression, kind: str) -> bool:
    """Whether whoever wants to can be at a URL that the source covers."""
    if is_any_host(source):
        return True
    match source:
        case SchemeSource("ws" | "wss") | HostSource(host_part="*", scheme_part="ws" | "wss"):
            return kind == "connect-src"
        case SchemeSource("data" | "blob" | "filesystem"):
            return kind == "object-src"
        case HostSource():
            return facts_of(source).is_registry_wildcard
        case _:
            return False


def severity_of(reading: Reading, kind: str) -> Severity:
    """How bad it is that anybody may be behind a kind of thing."""
    if kind == "base-uri":
        return Severity.HIGH if base_moves_scripts(reading) else Severity.LOW
    if kind == "form-action":
        return Severity.MEDIUM
    if kind == "connect-src":
        # Only scripts make connections: where none of a stranger's runs, nothing is sent.
        return Severity.LOW if not reading.runs_scripts or _runs_only_vouched(reading) else Severity.MEDIUM
    return Severity.LOW


def base_moves_scripts(reading: Reading) -> bool:
    """Whether scripts of a relative address run wherever they come from, because their tags have a nonce or a digest.

    https://w3c.github.io/webappsec-csp/#security-base-uri
    """
    if not reading.runs_scripts or not reading.policies:
        return False
    for policy in reading.policies:
        governing = policy.policy.governing("script-src-elem")
        if governing is None:
            continue
        sources = governing.sources
        vouches = bool(sources.nonces) or (bool(sources.hashes) and Keyword.STRICT_DYNAMIC in sources)
        if not vouches:
            return False
    return reading.is_named_somewhere("script-src-elem")


def _runs_only_vouched(reading: Reading) -> bool:
    """Whether some policy lets scripts run by nonce or digest alone, or none at all."""
    for policy in reading.policies:
        governing = policy.policy.governing("script-src-elem")
        if governing is None:
            continue
        sources = governing.sources
        if blanket_keyword(governing, InlineType.SCRIPT, Browser.CHROMIUM) is not None:
            continue
        if Keyword.STRICT_DYNAMIC in sources or not sources.url_sources:
            return True
    return False


def _weight(severity: Severity) -> int:
    return -list(Severity).index(severity)


# Hosts of others


_HOSTED = {
    "style-src-elem": "style sheets",
    "frame-src": "frames",
    "connect-src": "connections",
    "form-action": "forms",
    "object-src": "embedded objects",
    "base-uri": "base addresses",
    "frame-ancestors": "framing pages",
}


_RECEIVING = frozenset({"connect-src", "form-action"})
_RECEIVERS = frozenset({HostingKind.OBJECT_STORAGE, HostingKind.PAGE_HOSTING, HostingKind.PRIVATE_SUFFIX})
"""Where strangers do not only publish, but also find out who asked for it and with what."""


def open_hosts(reading: Reading) -> Iterator[Draft]:
    """Hosts on which anybody can publish or receive, where no scripts are meant."""
    for policy in reading.policies:
        governed = kinds_governed(policy)
        for name, placed in policy.directives.items():
            asked = [kind for kind in governed.get(name, ()) if kind in _HOSTED]
            if asked and not (name == "default-src" and "script-src-elem" in governed[name]):
                yield from _open_hosts_in(reading, policy, placed, asked)


def _open_hosts_in(
    reading: Reading, policy: PlacedPolicy, placed: PlacedDirective, asked: list[str]
) -> Iterator[Draft]:
    for token in first_of_each(placed):
        source = token.source
        if not isinstance(source, HostSource):
            continue
        facts = facts_of(source)
        if facts.hosting is None or facts.is_registry_wildcard:
            continue
        kinds = [
            kind
            for kind in asked
            if (kind not in _RECEIVING or facts.hosting.kind in _RECEIVERS)
            and urls_stand(reading, policy, kind, source)
        ]
        if not kinds:
            continue
        some = "some host of it" if facts.is_wildcard else "this host"
        words = listed([_HOSTED[kind] for kind in kinds])
        message = f"{placed.name} trusts {shown(token.text)} with {words}, and {some} {facts.hosting.reason}"
        yield at_value(
            policy,
            placed,
            token,
            Rating("open-hosting", Severity.LOW, Certainty.LIKELY),
            message,
            change=partial(without, placed, placed.alike(token)),
        )


def recorders(reading: Reading) -> Iterator[Draft]:
    """Hosts that keep what is sent to them for whatever account the request names."""
    for policy in reading.policies:
        governed = kinds_governed(policy)
        for name, placed in policy.directives.items():
            asked = [kind for kind in governed.get(name, ()) if kind in {"connect-src", "img-src"}]
            for token in first_of_each(placed) if asked else ():
                source = token.source
                if not isinstance(source, HostSource):
                    continue
                found = [each for each in facts_of(source).gadgets if each.kind is GadgetKind.RECORDER]
                if not found or not any(urls_stand(reading, policy, kind, source) for kind in asked):
                    continue
                message = f"{placed.name} lets data go to {shown(token.text)}: this host {found[0].reason}"
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("exfiltration-recorder", Severity.LOW, Certainty.LIKELY),
                    message,
                    change=partial(without, placed, placed.alike(token)),
                    advice=f"see {found[0].source}",
                )


# Styles


_STYLES = (
    ("style-src-elem", InlineType.STYLE, "style element"),
    ("style-src-attr", InlineType.STYLE_ATTRIBUTE, "style attribute"),
)


def unsafe_inline_styles(reading: Reading) -> Iterator[Draft]:
    """`'unsafe-inline'` for styles."""
    for policy in reading.policies:
        for name, kinds in unsafe_inline(reading, policy, _STYLES).items():
            placed = policy.directives[name]
            tokens = placed.of_keyword(Keyword.UNSAFE_INLINE)
            message = f"{tokens[0].text} in {name} lets every {' and '.join(kinds)} apply"
            yield at_value(
                policy,
                placed,
                tokens[0],
                Rating("style-unsafe-inline", Severity.LOW, Certainty.CERTAIN),
                message,
                change=partial(without, placed, tokens),
            )
