"""Dead sources: what stands in a list and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp import (
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    NonceSource,
    SchemeSource,
    SourceExpression,
)
from policybuilder.csp.directives import INLINE_DIRECTIVES, STYLE_DIRECTIVES
from policybuilder.csp.subsumption import expression_covers
from policybuilder.evaluation.draft import Draft, Rating, at_value, shown
from policybuilder.evaluation.editing import without
from policybuilder.evaluation.reading import (
    PlacedDirective,
    Reading,
    Token,
    counting_sources,
    first_of_each,
    swallowed_from,
    trusts_inserted_alone,
)
from policybuilder.evaluation.weakness import Certainty, Severity


def redundant_sources(reading: Reading) -> Iterator[Draft]:
    """Sources that another source of the same list covers, and repeated ones."""
    odd = {finding.start for finding in reading.findings}
    for policy in reading.policies:
        for placed in policy.directives.values():
            if len(placed.values) < 2:
                continue
            index = _Index(placed) if _has_wide(placed) else None
            # Of what belongs to another directive nothing is known until the semicolon stands.
            end = swallowed_from(reading, placed)
            for token in counting_sources(placed):
                alike = [each for each in placed.alike(token) if each.start < end]
                if token.start in odd or token.start >= end:
                    continue
                if index is not None and (wide := index.covering(token)) is not None:
                    message = f"{shown(token.text)} in {placed.name} adds nothing: {shown(wide.text)} covers it"
                elif len(alike) > 1:
                    token, alike = alike[1], alike[1:]  # noqa: PLW2901  (the repetition is what is told of)
                    message = f"{shown(token.text)} stands in {placed.name} more than once"
                else:
                    continue
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("redundant-source", Severity.INFO, Certainty.CERTAIN),
                    message,
                    change=partial(without, placed, alike),
                )


def _has_wide(placed: PlacedDirective) -> bool:
    """Whether one source of the list may cover another: one takes in many hosts, or two are of the same."""
    hosts: set[str] = set()
    for source in placed.places:
        if isinstance(source, SchemeSource):
            return True
        if isinstance(source, HostSource):
            if source.host_part.startswith("*") or source.host_part in hosts:
                return True
            hosts.add(source.host_part)
    return False


class _Index:
    """The sources of a list, such that those that may cover one are found without going through all."""

    def __init__(self, placed: PlacedDirective) -> None:
        self._wide: dict[_Key, list[Token]] = {}
        for source, (token, *_) in placed.places.items():
            if (key := _key(source)) is not None and len(self._wide.setdefault(key, [])) < _MAX_SPELLINGS:
                self._wide[key].append(token)

    def covering(self, token: Token) -> Token | None:
        """A source that covers the token's; of two that cover each other, the first."""
        source = token.source
        if not isinstance(source, HostSource | SchemeSource | KeywordSource):
            return None
        for key in _keys_above(source):
            for other in self._wide.get(key, ()):
                wide = other.source
                if wide is None or wide == source or not expression_covers(wide, source):
                    continue
                if other.start < token.start or not expression_covers(source, wide):
                    return other
        return None


_Key = tuple[str | None, str, str | None, str | None]
"""Scheme, host pattern, port and path."""

_MAX_SPELLINGS = 4
"""Of one path: escapes make many."""


def _key(source: SourceExpression) -> _Key | None:
    match source:
        case SchemeSource(scheme):
            return (scheme, "", None, None)
        case HostSource():
            return (source.scheme_part, source.host_part, source.port_part, source.decoded_path)
        case _:
            return None


def _scheme(source: SourceExpression) -> str | None:
    match source:
        case SchemeSource(scheme) | HostSource(scheme_part=str(scheme)):
            return scheme
        case _:
            return None


def _keys_above(source: HostSource | SchemeSource | KeywordSource) -> Iterator[_Key]:
    """The keys of what may cover a source; most of them stand in no list."""
    yield (None, "*", None, None)
    scheme = _scheme(source)
    schemes = dict.fromkeys((scheme, "http", "ws", None))
    for above in schemes:
        if above is not None:
            yield (above, "", None, None)
    if not isinstance(source, HostSource):
        return
    ports, paths = dict.fromkeys((source.port_part, "*")), list(_directories(source.decoded_path))
    for host in _patterns(source.host_part):
        for above in schemes:
            for port in ports:
                for path in paths:
                    yield (above, host, port, path)


_MAX_DIRECTORIES = 16
"""Of one path; who nests deeper is not told of everything."""


def _patterns(host: str) -> Iterator[str]:
    """The patterns that may cover a host pattern."""
    yield host
    if host == "*":
        return
    yield "*"
    _, dot, parent = host.removeprefix("*.").partition(".")
    for _ in range(_MAX_DIRECTORIES):
        if not dot:
            return
        yield f"*.{parent}"
        _, dot, parent = parent.partition(".")


def _directories(path: str | None) -> Iterator[str | None]:
    """The paths that may cover a path."""
    yield None
    if path is None:
        return
    yield path
    end = path.find("/")
    for _ in range(_MAX_DIRECTORIES):
        if end < 0 or end + 1 == len(path):
            return
        yield path[: end + 1]
        end = path.find("/", end + 1)


_FOR_CODE = frozenset(
    {
        *(Keyword.UNSAFE_INLINE, Keyword.UNSAFE_EVAL, Keyword.WASM_UNSAFE_EVAL, Keyword.UNSAFE_HASHES),
        *(Keyword.STRICT_DYNAMIC, Keyword.TRUSTED_TYPES_EVAL, Keyword.INLINE_SPECULATION_RULES),
    }
)
"""Keywords that say something of code, and nothing of what has an address."""

_INLINE_ONLY = frozenset({Keyword.UNSAFE_INLINE, Keyword.UNSAFE_HASHES})
_HEEDED = {
    **dict.fromkeys(("default-src", "script-src"), _FOR_CODE),
    "script-src-elem": _INLINE_ONLY | {Keyword.STRICT_DYNAMIC, Keyword.INLINE_SPECULATION_RULES},
    "script-src-attr": _INLINE_ONLY | {Keyword.STRICT_DYNAMIC},
    **dict.fromkeys(STYLE_DIRECTIVES, _INLINE_ONLY),
    # https://w3c.github.io/webappsec-csp/#worker-src-pre-request
    **dict.fromkeys(("worker-src", "child-src"), frozenset({Keyword.STRICT_DYNAMIC})),
}
"""Those of them that a directive looks at."""

_ATTRIBUTES = frozenset({"script-src-attr", "style-src-attr"})
"""Directives about what has no address."""


def sources_without_effect(reading: Reading) -> Iterator[Draft]:
    """Keywords, nonces and digests in lists that do not look at them."""
    for policy in reading.policies:
        for placed in policy.directives.values():
            for token in first_of_each(placed):
                if token.source is None or not (_is_idle(token.source, placed.name) or _lacks_digests(placed, token)):
                    continue
                message = f"{shown(token.text)} does nothing in {placed.name}"
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("source-without-effect", Severity.INFO, Certainty.CERTAIN),
                    message,
                    change=partial(without, placed, placed.alike(token)),
                )


def _lacks_digests(placed: PlacedDirective, token: Token) -> bool:
    """Whether `'unsafe-hashes'` stands in a list without any."""
    return token.source == KeywordSource(Keyword.UNSAFE_HASHES) and not placed.directive.sources.hashes


def _is_idle(source: SourceExpression, name: str) -> bool:
    match source:
        case KeywordSource(Keyword.SELF) | HostSource() | SchemeSource():
            return name in _ATTRIBUTES
        case KeywordSource(keyword):
            return keyword in _FOR_CODE and keyword not in _HEEDED.get(name, ())
        case NonceSource():
            return name not in INLINE_DIRECTIVES
        case HashSource():
            # https://w3c.github.io/webtransport/: the certificates that may be connected to.
            return name not in INLINE_DIRECTIVES and name != "connect-src"
        case _:
            return False


def hosts_beside_strict_dynamic(reading: Reading) -> Iterator[Draft]:
    """Hosts that `'strict-dynamic'` switches off.

    Bare schemes, `*`, `'self'` and `'unsafe-inline'` stand there on purpose: for browsers that do not know it.
    """
    for policy in reading.policies:
        for name in ("script-src", "script-src-elem"):
            placed = policy.directives.get(name)
            if placed is None or not trusts_inserted_alone(placed.directive):
                continue
            ignored = [t for t in placed.values if isinstance(t.source, HostSource) and t.source.host_part != "*"]
            if ignored:
                first = min(ignored, key=lambda token: token.text)
                beside = f" and {len(ignored) - 1} more" if len(ignored) > 1 else ""
                message = f"{shown(first.text)}{beside} in {name} does nothing beside 'strict-dynamic'"
                yield at_value(
                    policy,
                    placed,
                    first,
                    Rating("ignored-host", Severity.INFO, Certainty.CERTAIN),
                    message,
                    change=partial(without, placed, ignored),
                )
