"""Single hosts: addresses, ports, insecure schemes and names that look like others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial

from policybuilder.csp import HostSource, SchemeSource
from policybuilder.evaluation.draft import Draft, Rating, at_value, shown
from policybuilder.evaluation.editing import Change, Edit, without
from policybuilder.evaluation.hosts import facts_of
from policybuilder.evaluation.reading import PlacedDirective, PlacedPolicy, Reading, Token, counting_sources
from policybuilder.evaluation.weakness import Certainty, Severity
from policybuilder.reports.lookalikes import looks_like_one_of

_SECURE = {"http": "https", "ws": "wss"}
_ACTIVE = frozenset(
    {
        *("default-src", "script-src", "script-src-elem", "script-src-attr", "style-src", "style-src-elem"),
        *("object-src", "frame-src", "child-src", "worker-src", "connect-src", "form-action", "base-uri"),
    }
)


def insecure_schemes(reading: Reading) -> Iterator[Draft]:
    """Sources that may be loaded in the clear, where whoever is on the way changes them."""
    for policy, placed, token in _told_once(reading):
        source = token.source
        if reading.upgrades or not isinstance(source, HostSource | SchemeSource):
            continue
        scheme = source.scheme_part if isinstance(source, HostSource) else source.scheme
        if scheme not in _SECURE:
            continue
        severity = Severity.MEDIUM if placed.name in _ACTIVE else Severity.LOW
        message = f"{shown(token.text)} in {placed.name} may be fetched without encryption, and changed on its way"
        yield at_value(
            policy,
            placed,
            token,
            Rating("insecure-scheme", severity, Certainty.LIKELY),
            message,
            change=partial(_secured, placed, token, scheme),
        )


def _secured(placed: PlacedDirective, token: Token, scheme: str) -> Change:
    edits = []
    for other in placed.alike(token):
        secure = f"{_SECURE[scheme]}{other.text[len(scheme) :]}"
        if isinstance(other.source, HostSource) and other.source.port_part == "80":
            secure = secure.replace(":80", "", 1)
        edits.append(Edit(other.start, other.end, secure))
    return tuple(edits)


def open_ports(reading: Reading) -> Iterator[Draft]:
    """Hosts on all their ports."""
    for policy, placed, token in _told_once(reading):
        source = token.source
        if not isinstance(source, HostSource) or source.port_part != "*" or source.host_part == "*":
            continue
        severity = Severity.LOW if placed is policy.governing("script-src-elem") else Severity.INFO
        message = f"{shown(token.text)} in {placed.name} takes in every port of the host, whoever serves there"
        yield at_value(
            policy,
            placed,
            token,
            Rating("any-port", severity, Certainty.POSSIBLE),
            message,
            change=partial(_on_default_port, placed, token),
        )


def _on_default_port(placed: PlacedDirective, token: Token) -> Change:
    return tuple(Edit(other.start, other.end, other.text.replace(":*", "", 1)) for other in placed.alike(token))


def addresses(reading: Reading) -> Iterator[Draft]:
    """IP addresses in place of names, and the visitor's own machine."""
    for policy, placed, token in _told_once(reading):
        source = token.source
        if not isinstance(source, HostSource):
            continue
        facts = facts_of(source)
        if not (facts.is_address or facts.is_loopback):
            continue
        if facts.is_loopback:
            code, words = "loopback-host", "is the visitor's own machine: is it left over from development?"
        else:
            code, words = (
                "address-host",
                "is an address, which no certificate ties to anybody and which may change hands",
            )
        message = f"{shown(token.text)} in {placed.name} {words}"
        severity = Severity.LOW if placed is policy.governing("script-src-elem") else Severity.INFO
        yield at_value(
            policy,
            placed,
            token,
            Rating(code, severity, Certainty.LIKELY),
            message,
            change=partial(without, placed, placed.alike(token)),
        )


_MAX_NAME_LENGTH = 253

_MAX_COMPARED = 60
"""Names of one text that are compared with each other; a list of more is nobody's handiwork."""


def lookalikes(reading: Reading) -> Iterator[Draft]:
    """Hosts that a reader takes for one of the site's own, or for another one that the text allows."""
    hosts = Counter(host for _, _, token in _told_once(reading) if (host := _name_of(token)) is not None)
    if not hosts:
        return
    own = reading.first_party
    false_names: dict[str, tuple[str, Severity, Certainty]] = {}
    for host in hosts:
        if own and looks_like_one_of(host, own):
            meant = next((each for each in own if looks_like_one_of(host, (each,))), own[0])
            false_names[host] = (f"{meant}, which is the site's own, and is another's", Severity.HIGH, Certainty.LIKELY)
    if len(hosts) <= _MAX_COMPARED:
        false_names |= _false_among(hosts, own, false_names)
    for policy, placed, token in _told_once(reading) if false_names else ():
        host = _name_of(token)
        if host is None or host not in false_names:
            continue
        meant, severity, certainty = false_names[host]
        message = f"{shown(token.text)} in {placed.name} looks like {meant}"
        yield at_value(
            policy,
            placed,
            token,
            Rating("lookalike-host", severity, certainty),
            message,
            change=partial(without, placed, placed.alike(token)),
        )


def _false_among(
    hosts: Mapping[str, int], own: tuple[str, ...], known: Mapping[str, object]
) -> dict[str, tuple[str, Severity, Certainty]]:
    """Of two that look alike, the one that stands in fewer lists."""
    found = {}
    order = sorted(hosts, key=lambda host: (host not in own, -hosts[host], host))
    for number, host in enumerate(order):
        if host in known or host in own:
            continue
        before = tuple(order[:number])
        if before and looks_like_one_of(host, before):
            meant = next((each for each in before if looks_like_one_of(host, (each,))), before[0])
            found[host] = (
                f"{meant}, which is allowed too: is one of them a slip?",
                Severity.MEDIUM,
                Certainty.POSSIBLE,
            )
    return found


def _name_of(token: Token) -> str | None:
    source = token.source
    if not isinstance(source, HostSource) or source.host_part == "*":
        return None
    host = source.host_part.removeprefix("*.").removesuffix(".")
    is_name = "." in host and len(host) <= _MAX_NAME_LENGTH and not facts_of(source).is_address
    return host if is_name else None


def _told_once(reading: Reading) -> Iterator[tuple[PlacedPolicy, PlacedDirective, Token]]:
    """Every source of every list, equal ones of one list once."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in counting_sources(placed):
                yield policy, placed, token
