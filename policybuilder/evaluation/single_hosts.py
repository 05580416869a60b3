"""Single hosts: addresses, ports, insecure schemes and names that look like others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from policybuilder.csp import HostSource, SchemeSource, SourceExpression
from policybuilder.evaluation.draft import Draft, Rating, at_value, shown
from policybuilder.evaluation.editing import Change, Edit, without
from policybuilder.evaluation.hosts import facts_of
from policybuilder.evaluation.reading import (
    PlacedDirective,
    PlacedPolicy,
    Reading,
    Token,
    counting_sources,
    first_of_each,
    kinds_governed,
    trusts_inserted_alone,
)
from policybuilder.evaluation.weakness import Certainty, Severity
from policybuilder.reports.lookalikes import looks_like_one_of

_SECURE = {"http": "https", "ws": "wss"}
_ACTIVE = frozenset(
    {
        *("script-src-elem", "style-src-elem", "object-src", "frame-src", "worker-src", "connect-src"),
        *("form-action", "base-uri"),
    }
)
_WITHOUT_ADDRESS = frozenset({"script-src-attr", "style-src-attr"})
_OF_FRAMING = frozenset({"frame-ancestors"})

_IN_THE_CLEAR = {
    "base-uri": "lets relative addresses lead to where nothing is encrypted",
    "form-action": "lets forms be sent without encryption, and read on their way",
    "frame-ancestors": "lets pages that come without encryption, and may be changed on their way, frame this one",
}
_FETCHED = "may be fetched without encryption, and changed on its way"


def insecure_schemes(reading: Reading) -> Iterator[Draft]:
    """Sources that may be loaded in the clear, where whoever is on the way changes them."""
    for policy in reading.policies:
        for name, kinds in kinds_governed(policy).items():
            placed = policy.directives[name]
            for token in first_of_each(placed):
                scheme = _insecure_scheme(token.source)
                if scheme is None:
                    continue
                asked = _looked_up(placed, kinds, upgrades=reading.upgrades)
                if not asked:
                    continue
                severity = Severity.LOW if asked.isdisjoint(_ACTIVE) else Severity.MEDIUM
                message = f"{shown(token.text)} in {name} {_IN_THE_CLEAR.get(name, _FETCHED)}"
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("insecure-scheme", severity, Certainty.LIKELY),
                    message,
                    change=partial(_secured, placed, token, scheme),
                )


def _insecure_scheme(source: SourceExpression | None) -> str | None:
    """The scheme of a source that says one in the clear; what stays on the visitor's machine is on no way."""
    match source:
        case SchemeSource(scheme):
            return scheme if scheme in _SECURE else None
        case HostSource(scheme_part=str(scheme)) if scheme in _SECURE and not facts_of(source).is_loopback:
            return scheme
        case _:
            return None


def _looked_up(placed: PlacedDirective, kinds: Sequence[str], *, upgrades: bool) -> set[str]:
    """The kinds of things for which browsers look for an address in the list.

    Where requests are upgraded, a page that frames this one still comes by whatever it came by.
    """
    asked = set(kinds) - _WITHOUT_ADDRESS
    if trusts_inserted_alone(placed.directive):
        asked -= _BY_TRUST
    return asked & _OF_FRAMING if upgrades else asked


_BY_TRUST = frozenset({"script-src-elem", "worker-src"})
"""What `'strict-dynamic'` lets pass by other things than addresses."""


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
    """Of two that look alike, the one that stands in fewer lists, or else that is spelt more oddly."""
    found = {}
    order = sorted(hosts, key=lambda host: (host not in own, -hosts[host], _oddness(host), host))
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


def _oddness(host: str) -> int:
    """How much of a name is no plain letter, as in `examp1e` and `xn--exmple-cua`."""
    return sum(not (each.isascii() and (each.isalpha() or each == ".")) for each in host)


def _name_of(token: Token) -> str | None:
    source = token.source
    if not isinstance(source, HostSource) or source.host_part == "*":
        return None
    host = source.host_part.removeprefix("*.").removesuffix(".")
    is_name = "." in host and len(host) <= _MAX_NAME_LENGTH and not facts_of(source).is_address
    return host if is_name else None


def _told_once(reading: Reading) -> Iterator[tuple[PlacedPolicy, PlacedDirective, Token]]:
    """Every source of every list in which an address counts, equal ones of one list once."""
    for policy in reading.policies:
        for name, kinds in kinds_governed(policy).items():
            placed = policy.directives[name]
            for token in counting_sources(placed) if not _WITHOUT_ADDRESS.issuperset(kinds) else ():
                yield policy, placed, token
