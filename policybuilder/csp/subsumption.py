"""Subsumption: whether one source expression admits everything another does."""

from __future__ import annotations

from policybuilder.csp.sources import HostSource, Keyword, KeywordSource, SchemeSource, SourceExpression

_SECURE_UPGRADES = {"http": "https", "ws": "wss"}
_NETWORK_SCHEMES = frozenset({"http", "https", "ws", "wss"})


def expression_covers(wide: SourceExpression, narrow: SourceExpression) -> bool:
    """Whether `wide` admits every URL that `narrow` admits, on any page of the network.

    Sound, not complete: False may also mean that it depends on the page. Nonces, hashes and keywords cover themselves
    alone.
    """
    if wide == narrow:
        return True
    match wide, narrow:
        case HostSource() as host, _ if host.is_star:
            return _star_covers(narrow)
        case _, HostSource() as host if host.is_star:
            # It takes every network scheme, which no other expression does.
            return False
        case SchemeSource(scheme), SchemeSource(other):
            return _scheme_covers(scheme, other)
        case SchemeSource(scheme), HostSource(scheme_part=str(other)):
            return _scheme_covers(scheme, other)
        case HostSource() as outer, HostSource() as inner:
            return (
                _host_scheme_covers(outer.scheme_part, inner.scheme_part)
                and host_part_covers(outer.host_part, inner.host_part)
                and _port_covers(outer, inner)
                and _path_covers(outer.path_part, inner.path_part)
            )
        case _:
            return False


def host_part_covers(wide: str, narrow: str) -> bool:
    """Whether every host that the pattern `narrow` matches is matched by the pattern `wide`."""
    if wide in {"*", narrow}:
        return True
    return wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:])


def _star_covers(narrow: SourceExpression) -> bool:
    match narrow:
        case HostSource(scheme_part=scheme):
            return scheme is None or scheme in _NETWORK_SCHEMES
        case SchemeSource(scheme):
            return scheme in _NETWORK_SCHEMES
        case KeywordSource(keyword):
            return keyword is Keyword.SELF
        case _:
            return False


def _scheme_covers(wide: str, narrow: str) -> bool:
    return wide == narrow or _SECURE_UPGRADES.get(wide) == narrow


def _host_scheme_covers(wide: str | None, narrow: str | None) -> bool:
    """Without a scheme an expression takes the page's and its upgrade: `https` always, `http` only on some pages."""
    if wide is None:
        return narrow is None or narrow == "https"
    if narrow is None:
        return wide == "http"
    return _scheme_covers(wide, narrow)


def _port_covers(wide: HostSource, narrow: HostSource) -> bool:
    """A given port admits no upgrade but that of 80 to 443, so it covers the same port under the same scheme only."""
    if wide.port_part in {None, "*"}:
        return wide.port_part in {"*", narrow.port_part}
    return wide.port_part == narrow.port_part and wide.scheme_part == narrow.scheme_part


def _path_covers(wide: str | None, narrow: str | None) -> bool:
    if wide is None or wide == narrow:
        return True
    return narrow is not None and wide.endswith("/") and narrow.startswith(wide)
