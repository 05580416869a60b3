"""The effective policy: what is left of the lists for scripts once newer expressions have switched older ones off."""

from __future__ import annotations

from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy
from policybuilder.evaluation.csp_evaluator.values import SourceList, Value


def effective_policy(policy: PeerPolicy) -> PeerPolicy:
    """`policy` as a browser of CSP3 applies it, to the peer.

    Where default-src stands in for script-src, it is cut down for everything else that it governs, too.
    """
    changed: dict[str, SourceList] = {}
    for name in policy.script_directives:
        values = policy.values(name)
        is_strict = "'strict-dynamic'" in values
        drops_inline = is_strict or ("'unsafe-inline'" in values and (policy.has_nonce(name) or policy.has_hash(name)))
        if drops_inline:
            changed[name] = {
                text: value for text, value in values.items() if not _is_ignored(value, is_strict=is_strict)
            }
    return PeerPolicy({**policy.directives, **changed}, policy.repeated) if changed else policy


def _is_ignored(value: Value, *, is_strict: bool) -> bool:
    if value.text == "'unsafe-inline'":
        return True
    return is_strict and (not value.is_quoted or value.text == "'self'")
