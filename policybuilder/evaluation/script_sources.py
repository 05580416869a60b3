"""Script sources: who can put a script at the URLs that a policy lets scripts come from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp import HostSource, SchemeSource, SourceExpression
from policybuilder.evaluation.draft import Draft, Rating, at_directive, at_script_source, at_value, shown
from policybuilder.evaluation.editing import without
from policybuilder.evaluation.gadgets import GadgetKind
from policybuilder.evaluation.holding import admits_eval, urls_stand
from policybuilder.evaluation.hosts import facts_of, redirects_anywhere
from policybuilder.evaluation.reading import (
    PlacedDirective,
    PlacedPolicy,
    Reading,
    Token,
    first_of_each,
    is_any_host,
    trusts_inserted_alone,
)
from policybuilder.evaluation.weakness import Certainty, Severity


def wide_script_sources(reading: Reading) -> Iterator[Draft]:
    """Sources under which strangers' scripts are found, too."""
    for policy, placed in _governing_scripts(reading):
        for token in first_of_each(placed):
            found = _judged(token.source)
            if found is not None and _stands(reading, policy, token):
                rating, words = found
                message = f"{placed.name} lets scripts come from {shown(token.text)}, {words}"
                gone = placed.alike(token)
                yield at_script_source(policy, placed, token, rating, message, text=reading.text, gone=gone)


def script_allowlists(reading: Reading) -> Iterator[Draft]:
    """Lists that trust scripts by their hosts, be they as narrow as they may."""
    for policy, placed in _governing_scripts(reading):
        wide = [token for token in first_of_each(placed) if is_any_host(token.source)]
        hosts = (token for token in first_of_each(placed) if isinstance(token.source, HostSource))
        if any(_stands(reading, policy, token) for token in wide) or not any(
            _stands(reading, policy, token) for token in hosts
        ):
            continue
        beside = " beside its nonces" if placed.directive.sources.nonces else ""
        yield at_directive(
            policy,
            placed,
            Rating("script-allowlist", Severity.LOW, Certainty.POSSIBLE),
            f"{placed.name} trusts scripts by their hosts{beside}, so every file on them counts as the site's own",
            advice="put a nonce on the page's own script tags and send 'nonce-{NONCE}' 'strict-dynamic' in place of"
            " hosts; `cspbuild suggest --target strict` leads there",
        )


_GADGETS = {
    GadgetKind.JSONP: (
        Rating("script-jsonp", Severity.HIGH, Certainty.LIKELY),
        "a function of the attacker's choice",
    ),
    GadgetKind.FRAMEWORK: (
        Rating("script-framework", Severity.HIGH, Certainty.LIKELY),
        "what stands in injected markup",
    ),
    GadgetKind.TAG_MANAGER: (
        Rating("script-tag-manager", Severity.MEDIUM, Certainty.LIKELY),
        "the tags of somebody else's container",
    ),
}


def gadgets(reading: Reading) -> Iterator[Draft]:
    """Sources of scripts that can be made to act for whoever writes the address or the markup."""
    has_eval = all(admits_eval(policy.policy) for policy in reading.policies)
    for policy, placed in _governing_scripts(reading):
        for token in first_of_each(placed):
            known = facts_of(token.source).gadgets if isinstance(token.source, HostSource) else ()
            if not known or not _stands(reading, policy, token):
                continue
            told: set[Rating] = set()
            for gadget in known:
                rating, what = _GADGETS.get(gadget.kind, (None, ""))
                if rating is None or rating in told or (gadget.needs_eval and not has_eval):
                    continue
                told.add(rating)
                message = f"{placed.name} allows {shown(token.text)}, which can run {what}: this host {gadget.reason}"
                yield at_script_source(
                    policy,
                    placed,
                    token,
                    rating,
                    message,
                    text=reading.text,
                    gone=placed.alike(token),
                    advice=f"see {gadget.source}",
                )


def paths_beside_redirectors(reading: Reading) -> Iterator[Draft]:
    """Paths of scripts that do not count, because another host of the list leads anywhere.

    https://w3c.github.io/webappsec-csp/#source-list-paths-and-redirects
    """
    for policy, placed in _governing_scripts(reading):
        leading = [token for token in first_of_each(placed) if _leads_on(token) and _stands(reading, policy, token)]
        if not leading:
            continue
        first = min(leading, key=lambda token: token.text)
        gone = [other for token in leading for other in placed.alike(token)]
        for token in first_of_each(placed):
            has_path = isinstance(token.source, HostSource) and token.source.path_part not in {None, "/"}
            if has_path and token not in leading and _stands(reading, policy, token):
                message = (
                    f"the path of {shown(token.text)} does not count after a redirect, and {shown(first.text)}, which "
                    f"{placed.name} allows too, leads anywhere"
                )
                rating = Rating("script-redirector", Severity.MEDIUM, Certainty.LIKELY)
                yield at_script_source(policy, placed, token, rating, message, text=reading.text, gone=gone)


_LOCAL_SCHEMES = frozenset({"data", "blob", "filesystem"})


def local_workers(reading: Reading) -> Iterator[Draft]:
    """Workers from addresses that scripts make themselves, where scripts may not come from there."""
    for policy in reading.policies if reading.runs_scripts else ():
        placed = policy.governing("worker-src")
        if placed is None or placed is policy.governing("script-src-elem") or trusts_inserted_alone(placed.directive):
            continue
        for token in first_of_each(placed):
            source = token.source
            if (
                isinstance(source, SchemeSource)
                and source.scheme in _LOCAL_SCHEMES
                and urls_stand(reading, policy, "worker-src", source)
            ):
                yield at_value(
                    policy,
                    placed,
                    token,
                    Rating("worker-local-url", Severity.LOW, Certainty.POSSIBLE),
                    f"{placed.name} lets workers come from {token.text}, so strings run as code there",
                    change=partial(without, placed, placed.alike(token)),
                )


def _governing_scripts(reading: Reading) -> Iterator[tuple[PlacedPolicy, PlacedDirective]]:
    """The directives that decide about script elements by their URLs."""
    for policy in reading.policies if reading.runs_scripts else ():
        placed = policy.governing("script-src-elem")
        if placed is not None and not trusts_inserted_alone(placed.directive):
            yield policy, placed


def _stands(reading: Reading, policy: PlacedPolicy, token: Token) -> bool:
    """Whether no other policy closes the source."""
    return token.source is not None and urls_stand(reading, policy, "script-src-elem", token.source)


def _leads_on(token: Token) -> bool:
    return isinstance(token.source, HostSource) and redirects_anywhere(token.source)


_Judged = tuple[Rating, str]
"""What a source is, and what to say of it."""


def _judged(source: SourceExpression | None) -> _Judged | None:
    if is_any_host(source):
        return Rating("script-any-host", Severity.HIGH, Certainty.CERTAIN), "which is every host"
    match source:
        case SchemeSource("data"):
            words = "so whoever writes the address writes the script"
            return Rating("script-data", Severity.HIGH, Certainty.CERTAIN), words
        case SchemeSource("blob" | "filesystem"):
            words = "which is whatever the page's own scripts put together"
            return Rating("script-blob", Severity.MEDIUM, Certainty.POSSIBLE), words
        case HostSource():
            return _judged_host(source)
        case _:
            return None


def _judged_host(source: HostSource) -> _Judged | None:
    facts = facts_of(source)
    if facts.is_registry_wildcard:
        words = f"which is whoever has a name under {source.host_part.removeprefix('*.')}"
        certainty = Certainty.LIKELY if facts.is_of_company else Certainty.CERTAIN
        return Rating("script-registry-wildcard", Severity.HIGH, certainty), words
    if facts.hosting is not None:
        some = "and some host of it " if facts.is_wildcard else "which "
        return Rating("script-open-hosting", Severity.HIGH, Certainty.LIKELY), f"{some}{facts.hosting.reason}"
    if facts.is_wildcard:
        words = "which is every host below it, those included that are forgotten or taken over"
        return Rating("script-wildcard-host", Severity.LOW, Certainty.POSSIBLE), words
    return None
