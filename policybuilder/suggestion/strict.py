"""Strict: six rungs from what can be enforced today to a policy that trusts nonces or digests, and Trusted Types.

Lists of hosts are a stage: most of them hold one that serves a way around them. A strict policy trusts what the page
itself names by a nonce or digest, and whatever that loads. https://web.dev/articles/strict-csp
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from policybuilder.csp import Directive, HashSource, Policy, parse_source_expression, parse_source_list
from policybuilder.csp.directives import LIST_DIRECTIVES
from policybuilder.evidence import EvidenceClass, ViolationGroup
from policybuilder.suggestion.assembly import directive_order
from policybuilder.suggestion.candidates import JAVASCRIPT_URL, NONCE
from policybuilder.suggestion.drafting import UNSAFE_HASHES, UNSAFE_INLINE
from policybuilder.suggestion.exposure import Exposure
from policybuilder.suggestion.sorting import REDIRECTED
from policybuilder.suggestion.values import HeldSource, Suggestion, UnresolvedGroup

# https://w3c.github.io/trusted-types/dist/spec/#trusted-types-csp-directive: tt-policy-name
_TYPES_NAME = re.compile(r"[A-Za-z0-9\-#=_/@.%]{1,40}")
_STRICT_DYNAMIC = "'strict-dynamic'"
_UNSAFE_EVAL = "'unsafe-eval'"
_COMPILING = frozenset({_UNSAFE_EVAL, "'wasm-unsafe-eval'", "'trusted-types-eval'"})
"""What no nonce, digest or 'strict-dynamic' stands in for."""
_SINKS = "'script'"


class Credential(enum.StrEnum):
    """What the page's own scripts are known by."""

    NONCE = "nonce"
    """A new one for each response, on every script element."""

    HASH = "hash"
    """The digests of inline scripts, for pages that are stored or the same for everybody."""


class BlockerKind(enum.StrEnum):
    """What stands in the way of a rung."""

    UNPROBED = "unprobed"
    HELD = "held"
    REDIRECT = "redirect"
    INLINE = "inline"
    HANDLER = "handler"
    JAVASCRIPT_URL = "javascript-url"
    EVAL = "eval"
    TAG = "tag-without-nonce"
    SINK = "sink"
    TYPES_POLICY = "trusted-types-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One thing to do before a rung."""

    kind: BlockerKind
    directive: str
    what: str
    where: str
    """A page, or empty."""

    reports: int
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A step on the way."""

    number: int
    name: str
    enforced: Policy | None
    """None where nothing can be enforced yet."""

    report_only: Policy | None
    """What to try beside it, for the next rung."""

    blockers: tuple[Blocker, ...]
    """Of this rung; those below have their own."""

    only_a_probe_tells: str = ""
    """What reports so far cannot show, and how it would be shown."""

    is_reached: bool = False
    """Whether nothing blocks it nor any rung below, and nothing is left that only a probe tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """The whole way."""

    credential: Credential
    rungs: tuple[Rung, ...]

    @property
    def standing(self) -> Rung | None:
        """The highest rung that is reached."""
        return next((rung for rung in reversed(self.rungs) if rung.is_reached), None)


def climb(
    suggestion: Suggestion,
    groups: Sequence[ViolationGroup],
    exposures: Sequence[Exposure] = (),
    credential: Credential | None = None,
) -> Climb:
    """The rungs for a suggestion that was made of `groups`.

    By nonces, unless all inline scripts are known by their digests and none has a nonce; then by digests.
    """
    lists = {} if suggestion.policy is None else {each.name: each.values for each in suggestion.policy.directives}
    scripts = lists.get("script-src", ())
    chosen = credential or _credential(scripts)
    inline, handlers, evals = _inline_blockers(suggestion), _handler_blockers(suggestion), _eval_blockers(suggestion)
    strict = (*_credentials(chosen, scripts), _STRICT_DYNAMIC)
    tags = tuple(_refused_tags(groups))
    probe = next((each for each in exposures if _is_strict(each.policy)), None)
    names = tuple(sorted({group.sample for group in groups if _is_types_policy(group)}))

    def policy(replaced: dict[str, tuple[str, ...]], *, of: Iterable[str] | None = None) -> Policy | None:
        merged = {**lists, **replaced}
        chosen_names = merged if of is None else [name for name in of if name in merged]
        found = [Directive(name, merged[name]) for name in sorted(chosen_names, key=directive_order)]
        return Policy(tuple(found)) if found else None

    open_lists = _with_inline(lists, inline, handlers, evals)
    strict_lists = {"script-src": (*strict, *(value for value in scripts if value in _COMPILING))}
    legacy = {"script-src": (*strict_lists["script-src"], "https:", UNSAFE_INLINE)}
    locked = {"require-trusted-types-for": (_SINKS,), **({"trusted-types": names} if names else {})}
    rungs = [
        Rung(
            number=0,
            name="quick wins: what needs no knowledge of what the pages load",
            enforced=policy({}, of=("object-src", *sorted(LIST_DIRECTIVES))),
            report_only=policy(open_lists),
            blockers=tuple(_unprobed(suggestion)),
        ),
        Rung(
            number=1,
            name="an allowlist" + ("; inline code stays open until rung 2" if inline or handlers else ""),
            enforced=policy(open_lists),
            report_only=policy({}),
            blockers=tuple(_held_blockers(suggestion)),
        ),
        Rung(
            number=2,
            name="inline code by nonce or digest",
            enforced=policy({}),
            report_only=policy(legacy, of=("script-src",)),
            blockers=(*inline, *handlers),
        ),
        Rung(
            number=3,
            name="'strict-dynamic', report-only beside it",
            enforced=policy({}),
            report_only=policy(legacy, of=("script-src",)),
            blockers=(*_javascript_urls(suggestion), *evals, *_without_nonce(suggestion, chosen)),
        ),
        Rung(
            number=4,
            name="'strict-dynamic' enforced, hosts gone",
            enforced=policy(strict_lists),
            report_only=policy(locked, of=tuple(locked)),
            blockers=tags,
            only_a_probe_tells="" if probe is not None and probe.lacks is None else _tells(probe),
        ),
        Rung(
            number=5,
            name="Trusted Types",
            enforced=policy({**strict_lists, **locked}),
            report_only=None,
            blockers=tuple(_sink_blockers(suggestion)),
            only_a_probe_tells="" if _has_probed_sinks(suggestion, exposures) else _SINKS_UNSEEN,
        ),
    ]
    return Climb(credential=chosen, rungs=tuple(_reached(rungs)))


_SINKS_UNSEEN = (
    "which sinks get text shows only a report-only policy with require-trusted-types-for 'script'; none is recorded"
)


def _tells(probe: Exposure | None) -> str:
    needs = "which script tags the parser inserts without a nonce shows only the report-only policy of rung 3"
    return f"{needs}; none is recorded" if probe is None else f"{needs}; {probe.lacks}"


def _reached(rungs: Iterable[Rung]) -> Iterator[Rung]:
    is_open = True
    for rung in rungs:
        is_open = is_open and rung.enforced is not None and not rung.blockers and not rung.only_a_probe_tells
        yield Rung(
            number=rung.number,
            name=rung.name,
            enforced=rung.enforced,
            report_only=rung.report_only,
            blockers=rung.blockers,
            only_a_probe_tells=rung.only_a_probe_tells,
            is_reached=is_open,
        )


def _credential(scripts: Sequence[str]) -> Credential:
    found = parse_source_list(scripts)
    return Credential.HASH if found.hashes and not found.nonces else Credential.NONCE


def _credentials(credential: Credential, scripts: Sequence[str]) -> tuple[str, ...]:
    digests = tuple(value for value in scripts if isinstance(parse_source_expression(value), HashSource))
    is_url_listed = UNSAFE_HASHES in scripts
    kept = (*((UNSAFE_HASHES,) if is_url_listed and digests else ()), *digests)
    return kept if credential is Credential.HASH else (NONCE, *kept)


def _with_inline(
    lists: dict[str, tuple[str, ...]], inline: Sequence[Blocker], handlers: Sequence[Blocker], evals: Sequence[Blocker]
) -> dict[str, tuple[str, ...]]:
    """The lists with what has to stay open until the next rungs, so that nothing breaks before."""
    result: dict[str, tuple[str, ...]] = {}
    scripts = tuple(value for value in lists.get("script-src", ()) if value != "'none'")
    if inline:
        # A nonce or digest would switch it off.
        urls = [value for value in scripts if not value.startswith(("'nonce-", "'sha"))]
        scripts = (*(value for value in urls if value != UNSAFE_HASHES), UNSAFE_INLINE)
    if evals:
        scripts = (*scripts, _UNSAFE_EVAL)
    if inline or evals:
        result["script-src"] = scripts
    if handlers or (inline and "script-src-attr" in lists):
        result["script-src-attr"] = (UNSAFE_INLINE,) if handlers else lists["script-src-attr"]
    return result


def _unprobed(suggestion: Suggestion) -> Iterator[Blocker]:
    for finding in suggestion.findings:
        if finding.code == "unprobed" and finding.directive in LIST_DIRECTIVES:
            yield Blocker(
                kind=BlockerKind.UNPROBED,
                directive=finding.directive,
                what=finding.message,
                where="",
                reports=0,
                todo=finding.fix,
            )


def _held_blockers(suggestion: Suggestion) -> Iterator[Blocker]:
    for held in suggestion.held:
        if held.is_believed and held.source not in {UNSAFE_INLINE, _UNSAFE_EVAL}:
            yield _of_held(BlockerKind.HELD, held)
    for unresolved in suggestion.unresolved:
        if unresolved.why == REDIRECTED:
            yield _of_unresolved(BlockerKind.REDIRECT, unresolved)


def _inline_blockers(suggestion: Suggestion) -> tuple[Blocker, ...]:
    return tuple(
        _of_held(BlockerKind.INLINE, held)
        for held in suggestion.held
        if held.is_believed and held.source == UNSAFE_INLINE and held.directive == "script-src"
    )


def _handler_blockers(suggestion: Suggestion) -> tuple[Blocker, ...]:
    return tuple(
        _of_held(BlockerKind.HANDLER, held)
        for held in suggestion.held
        if held.is_believed and held.source == UNSAFE_INLINE and held.directive == "script-src-attr"
    )


def _eval_blockers(suggestion: Suggestion) -> tuple[Blocker, ...]:
    return tuple(
        _of_held(BlockerKind.EVAL, held) for held in suggestion.held if held.is_believed and held.source == _UNSAFE_EVAL
    )


def _javascript_urls(suggestion: Suggestion) -> Iterator[Blocker]:
    for directive in suggestion.directives:
        for source in directive.sources:
            if source.rule == JAVASCRIPT_URL:
                yield Blocker(
                    kind=BlockerKind.JAVASCRIPT_URL,
                    directive=directive.name,
                    what=", ".join(source.evidence.examples),
                    where=", ".join(source.evidence.pages[:1]),
                    reports=source.evidence.reports,
                    todo="put a handler in a file in the place of the javascript: URL",
                )


def _without_nonce(suggestion: Suggestion, credential: Credential) -> Iterator[Blocker]:
    """Inline scripts that need a nonce, as the page's source shows where they are."""
    if credential is Credential.NONCE:
        for unresolved in suggestion.unresolved:
            if unresolved.blocked == "inline" and unresolved.directive == "script-src-elem":
                yield _of_unresolved(BlockerKind.INLINE, unresolved)


def _sink_blockers(suggestion: Suggestion) -> Iterator[Blocker]:
    for unresolved in suggestion.unresolved:
        if unresolved.directive == "require-trusted-types-for":
            yield _of_unresolved(BlockerKind.SINK, unresolved)
        elif unresolved.directive == "trusted-types":
            yield _of_unresolved(BlockerKind.TYPES_POLICY, unresolved)


def _refused_tags(groups: Iterable[ViolationGroup]) -> Iterator[Blocker]:
    """Scripts that a page was served with under 'strict-dynamic', and that it refused: tags without a nonce."""
    reports: dict[str, int] = defaultdict(int)
    pages: dict[str, str] = {}
    for group in groups:
        is_script = group.directive in {"script-src-elem", "script-src"} and "://" in group.blocked
        if group.evidence_class is not EvidenceClass.GENUINE or not is_script:
            continue
        if any(_STRICT_DYNAMIC in count.policy for count in group.policies):
            reports[group.blocked] += group.reports
            pages.setdefault(group.blocked, group.pages[0].url if group.pages else "")
    for url in sorted(reports, key=lambda url: (-reports[url], url)):
        yield Blocker(
            kind=BlockerKind.TAG,
            directive="script-src-elem",
            what=url,
            where=pages[url],
            reports=reports[url],
            todo="give its tag the nonce, or let a script that has one load it",
        )


def _is_strict(policy: Policy) -> bool:
    governing = policy.governing("script-src-elem")
    return governing is not None and any(value.lower() == _STRICT_DYNAMIC for value in governing.values)


def _is_types_policy(group: ViolationGroup) -> bool:
    is_genuine = group.blocked == "trusted-types-policy" and group.evidence_class is EvidenceClass.GENUINE
    return is_genuine and bool(group.trusted_reports and _TYPES_NAME.fullmatch(group.sample))


def _has_probed_sinks(suggestion: Suggestion, exposures: Sequence[Exposure]) -> bool:
    observed = "require-trusted-types-for"
    return any(each.policy.directive(observed) is not None and each.lacks is None for each in exposures) or any(
        observed in policy for policy in suggestion.observed_policies
    )


def _of_held(kind: BlockerKind, held: HeldSource) -> Blocker:
    return Blocker(
        kind=kind,
        directive=held.directive,
        what=f"{held.source}: {held.why}",
        where=", ".join(held.evidence.pages[:1]),
        reports=held.evidence.reports,
        todo=held.needs,
    )


def _of_unresolved(kind: BlockerKind, unresolved: UnresolvedGroup) -> Blocker:
    return Blocker(
        kind=kind,
        directive=unresolved.directive,
        what=unresolved.why,
        where="",
        reports=unresolved.reports,
        todo=unresolved.todo,
    )
