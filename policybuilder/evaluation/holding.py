"""Holding: whether a weakness of one policy stands, or another policy of the same text closes it.

A page may do only what every one of its policies allows.

https://w3c.github.io/webappsec-csp/#should-block-request
"""

from __future__ import annotations

from collections.abc import Iterable

from policybuilder.csp import HostSource, Keyword, Policy, SchemeSource, SourceExpression
from policybuilder.csp.inline_matching import blanket_keyword
from policybuilder.csp.question import Browser, InlineType
from policybuilder.csp.subsumption import host_part_covers
from policybuilder.evaluation.reading import PlacedPolicy, Reading, is_any_host, trusts_inserted_alone


def urls_stand(reading: Reading, placed: PlacedPolicy, name: str, source: SourceExpression) -> bool:
    """Whether the other policies let the URLs of `source` pass under the effective directive `name`, too."""
    return all(_admits_urls(other.policy, name, source) for other in reading.others(placed))


def unsafe_inline(
    reading: Reading, placed: PlacedPolicy, kinds: Iterable[tuple[str, InlineType, str]]
) -> dict[str, list[str]]:
    """By directive that lets all inline code of some kinds pass by `'unsafe-inline'`, what is said of these.

    A kind is the effective directive, the type of the code, and a word for it. What another policy stops is left out.
    """
    found: dict[str, list[str]] = {}
    for name, inline_type, word in kinds:
        governing = placed.policy.governing(name)
        if (
            governing is not None
            and blanket_keyword(governing, inline_type, Browser.CHROMIUM) is Keyword.UNSAFE_INLINE
            and all(_admits_inline(other.policy, name, inline_type) for other in reading.others(placed))
        ):
            found.setdefault(governing.name, []).append(word)
    return found


def eval_stands(reading: Reading, placed: PlacedPolicy) -> bool:
    """Whether the other policies let strings run as code, too."""
    return all(admits_eval(other.policy) for other in reading.others(placed))


def _admits_inline(policy: Policy, name: str, inline_type: InlineType) -> bool:
    """Whether a policy lets any inline code of the type pass."""
    directive = policy.governing(name)
    return directive is None or blanket_keyword(directive, inline_type, Browser.CHROMIUM) is not None


def admits_eval(policy: Policy) -> bool:
    """Whether a policy lets strings run as code."""
    directive = policy.governing("script-src")
    return directive is None or Keyword.UNSAFE_EVAL in directive.sources


def _admits_urls(policy: Policy, name: str, source: SourceExpression) -> bool:
    """Whether one expression of the policy covers all the hosts of `source`.

    What is narrower leaves to strangers only what is said of it where it stands; and `'self'` is no stranger's.
    """
    directive = policy.governing(name)
    if directive is None:
        return True
    if name == "script-src-elem" and trusts_inserted_alone(directive):
        return False
    sources = directive.sources
    host = source.host_part if isinstance(source, HostSource) else ""
    # What covers a host below the wildcard covers the wildcard.
    candidates = sources.of_host(f"_{host[1:]}" if host.startswith("*") else host)
    return any(_covers(other, source) for _, other in candidates)


def _covers(wide: SourceExpression, narrow: SourceExpression) -> bool:
    if wide == narrow or (is_any_host(wide) and _is_of_network(narrow)):
        return True
    if not (isinstance(wide, HostSource) and isinstance(narrow, HostSource)):
        return False
    is_path_covered = wide.path_part in {None, narrow.path_part} or (
        narrow.path_part is not None
        and (wide.path_part or "").endswith("/")
        and narrow.path_part.startswith(wide.path_part or "")
    )
    return is_path_covered and host_part_covers(wide.host_part, narrow.host_part)


def _is_of_network(source: SourceExpression) -> bool:
    return isinstance(source, HostSource) or (
        isinstance(source, SchemeSource) and source.scheme in {"http", "https", "ws", "wss"}
    )
