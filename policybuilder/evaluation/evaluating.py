"""Evaluating: every weakness of a policy's text, the worst first, each with the text that would be better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from policybuilder.csp import Delivery
from policybuilder.csp.violation import Disposition
from policybuilder.evaluation import (
    breadth,
    credentials,
    dead,
    missing,
    oddities,
    reporting,
    script_sources,
    scripts,
    single_hosts,
    slips,
    trusted_types,
    whole,
)
from policybuilder.evaluation.codes import CODES
from policybuilder.evaluation.draft import Check, Draft
from policybuilder.evaluation.editing import Change, apply
from policybuilder.evaluation.reading import read
from policybuilder.evaluation.weakness import Severity, Weakness

CHECKS: tuple[Check, ...] = (
    scripts.unrestricted_scripts,
    scripts.unsafe_inline_scripts,
    scripts.unsafe_eval,
    scripts.unsafe_hashes,
    scripts.lonely_strict_dynamic,
    script_sources.wide_script_sources,
    script_sources.script_allowlists,
    script_sources.gadgets,
    script_sources.paths_beside_redirectors,
    script_sources.local_workers,
    breadth.wide_sources,
    breadth.open_hosts,
    breadth.recorders,
    breadth.unsafe_inline_styles,
    missing.no_base_uri,
    missing.no_object_src,
    missing.no_form_action,
    missing.no_frame_ancestors,
    missing.no_default_src,
    credentials.short_nonces,
    credentials.repeated_nonces,
    credentials.dead_digests,
    credentials.tried_out_digests,
    single_hosts.insecure_schemes,
    single_hosts.open_ports,
    single_hosts.addresses,
    single_hosts.lookalikes,
    slips.slips,
    trusted_types.not_required,
    trusted_types.any_name,
    trusted_types.odd_values,
    reporting.reports_nowhere,
    reporting.undefined_endpoints,
    reporting.insecure_endpoints,
    dead.redundant_sources,
    dead.sources_without_effect,
    dead.hosts_beside_strict_dynamic,
    oddities.oddities,
    whole.several_policies,
    whole.size,
    whole.unknown_flags,
)
"""One for each weakness, or for those that one look at the text finds.

Left out on purpose: `'unsafe-inline'` and hosts for browsers that know no nonces and no `'strict-dynamic'`, of which
there are none any more; `'self'`, whose scripts are the site's own; and a policy without reporting, which protects as
well as one that reports, unless it does nothing else.
"""

_MAX_FIX_CHARACTERS = 4 * 1024 * 1024
"""Of all better texts together; a text of thousands of weaknesses would be written thousands of times."""

_MAX_LOOKED_AT_CHARACTERS = 128 * 1024
"""Of all texts that are evaluated themselves, to see that nothing worse awakens in them."""

MAX_CHARACTERS = 256 * 1024
"""Of a text that is looked at: Chromium takes no more for all headers of a response.

https://source.chromium.org/chromium/chromium/src/+/main:net/http/http_stream_parser.h
"""

_OF_ANY_LIST = frozenset(
    {
        *(
            "nonce-short",
            "nonce-repeated",
            "dead-hash",
            "insecure-scheme",
            "any-port",
            "lookalike-host",
            "loopback-host",
        ),
        *("address-host", "invalid-source", "directive-as-source", "unquoted-keyword", "none-ignored", "query-ignored"),
        *("scheme-without-colon", "star-in-path"),
    }
)
"""What is said of a source in every list that has it."""

_LATER = "put right what stands before it first"

_ORDER = {severity: number for number, severity in enumerate(Severity)}


class Circumstances(NamedTuple):
    """What is known of a policy beside its text."""

    delivery: Delivery = Delivery.HEADER
    disposition: Disposition = Disposition.ENFORCE
    first_party: tuple[str, ...] = ()
    """Hosts of the site, without ports."""

    reporting_endpoints: str | None = None
    """The header of that name in the same response; None where it is not known."""

    earlier: tuple[str, ...] = ()
    """The texts of other responses of the site."""

    reused: tuple[str, ...] = ()
    """Canonical policies under which, as reports say, many visitors met one and the same nonce."""


def evaluate(
    text: str,
    *,
    delivery: Delivery = Delivery.HEADER,
    disposition: Disposition = Disposition.ENFORCE,
    first_party: Sequence[str] = (),
    reporting_endpoints: str | None = None,
    earlier: Sequence[str] = (),
) -> tuple[Weakness, ...]:
    """The weaknesses of a header's value or a `content` attribute, worst first, then by position; never raises.

    What holds is what all policies of the text allow together: a weakness of one that another closes is none. Policies
    that only report are judged as if they were enforced. The other arguments are told of at `Circumstances`.
    """
    hosts = tuple(map(str.lower, first_party))
    return evaluate_in(Circumstances(delivery, disposition, hosts, reporting_endpoints, tuple(earlier)), text)


def evaluate_in(circumstances: Circumstances, text: str) -> tuple[Weakness, ...]:
    """The same, for several texts of the same circumstances."""
    drafts = _find(text, circumstances)
    before = Counter(draft.rating.severity for draft in drafts)
    has_faulty_default = any(each.directive == "default-src" and each.rating.code in _OF_ANY_LIST for each in drafts)
    weaknesses = []
    budget, looks = _MAX_FIX_CHARACTERS, _MAX_LOOKED_AT_CHARACTERS
    for draft in drafts:
        mend, advice = draft.change, draft.advice
        if budget < len(text) and mend is not None:
            mend, advice = None, advice or _LATER
        change = None if mend is None else mend()
        if change is not None and (draft.may_awaken or (draft.copies and has_faulty_default)):
            better = _find(apply(text, change), circumstances) if looks >= len(text) else None
            looks -= len(text)
            if better is None or not _is_no_worse(draft, before, better):
                change = (draft.otherwise() if draft.otherwise else None) or (change if draft.copies else None)
        weaknesses.append(_finished(draft, text, change, advice))
        budget -= 0 if change is None else len(text)
    return tuple(weaknesses)


def _find(text: str, known: Circumstances) -> list[Draft]:
    if len(text) > MAX_CHARACTERS:
        return list(whole.beyond_all_limits(text, known.delivery))
    reading = read(text, delivery=known.delivery, disposition=known.disposition)
    if known.first_party or known.reporting_endpoints is not None or known.earlier or known.reused:
        reading = replace(
            reading,
            first_party=known.first_party,
            reporting_endpoints=known.reporting_endpoints,
            earlier=known.earlier,
            reused=known.reused,
        )
    drafts = [draft for check in CHECKS for draft in check(reading)]
    drafts.sort(key=_order)
    return drafts


def _order(draft: Draft) -> tuple[int, int, int, str]:
    return _ORDER[draft.rating.severity], draft.start, draft.end, draft.rating.code


def _is_no_worse(draft: Draft, before: Counter[Severity], found: Sequence[Draft]) -> bool:
    """Whether a change rids the text of the weakness, and of no worse kind there are more than before."""
    after = Counter(each.rating.severity for each in found)
    worse = [severity for severity in Severity if _ORDER[severity] < _ORDER[draft.rating.severity]]
    return all(after[severity] <= before[severity] for severity in worse) and all(
        each.name != draft.name for each in found
    )


def _finished(draft: Draft, text: str, change: Change | None, advice: str | None) -> Weakness:
    return Weakness(
        code=draft.rating.code,
        severity=draft.rating.severity,
        certainty=draft.rating.certainty,
        message=draft.message,
        why=CODES[draft.rating.code].why,
        start=draft.start,
        end=draft.end,
        directive=draft.directive,
        value=draft.value,
        fix=None if change is None else apply(text, change),
        advice=advice,
        policy=draft.policy,
    )
