"""Checks of hosts: what the peer's lists know of them."""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.evaluation.csp_evaluator import findings
from policybuilder.evaluation.csp_evaluator.findings import PeerFinding
from policybuilder.evaluation.csp_evaluator.hosts import host_facts
from policybuilder.evaluation.csp_evaluator.reading import PeerPolicy
from policybuilder.evaluation.csp_evaluator.values import SourceList, Value

_FLASH = "application/x-shockwave-flash"


def check_script_hosts(effective: PeerPolicy) -> Iterator[PeerFinding]:
    for directive in script_list_directives(effective):
        values = effective.values(directive)
        if "'none'" not in values:
            yield from script_hosts(directive, values)


def script_list_directives(effective: PeerPolicy) -> tuple[str, ...]:
    """Those that say where script files may come from, each of them once."""
    return tuple(dict.fromkeys((effective.governing("script-src"), effective.governing("script-src-elem"))))


def script_hosts(directive: str, values: SourceList) -> Iterator[PeerFinding]:
    """What hosts in a list for scripts serve, whether or not `'none'` stands beside them."""
    allows_eval = "'unsafe-eval'" in values
    for text, value in values.items():
        if text == "'self'":
            yield PeerFinding(findings.SCRIPT_FROM_SELF, directive, text)
        elif value.is_dotted_host:
            is_known = _is_known_for_scripts(value, allows_eval=allows_eval)
            yield PeerFinding(
                findings.SCRIPT_FROM_KNOWN_HOST if is_known else findings.SCRIPT_FROM_HOST, directive, text
            )


def _is_known_for_scripts(value: Value, *, allows_eval: bool) -> bool:
    if value.location is None:
        return False
    facts = host_facts()
    if facts.angular.first_match(value.location) is not None:
        return True
    # Of several endpoints, the first alone decides whether eval is needed.
    endpoint = facts.jsonp.first_match(value.location)
    return endpoint is not None and (allows_eval or endpoint.host not in facts.needs_unsafe_eval)


def check_object_hosts(effective: PeerPolicy) -> Iterator[PeerFinding]:
    if "'none'" not in effective.values(effective.governing("object-src")):
        yield from object_hosts(effective)


def object_hosts(effective: PeerPolicy) -> Iterator[PeerFinding]:
    """What plugins the list for them lets in, whether or not `'none'` stands beside others in it."""
    if "plugin-types" in effective.directives and _FLASH not in effective.values("plugin-types"):
        return
    directive = effective.governing("object-src")
    for text, value in effective.values(directive).items():
        if value.location is not None and host_facts().flash.first_match(value.location) is not None:
            yield PeerFinding(findings.OBJECT_FROM_KNOWN_HOST, directive, text)
        elif directive == "object-src":
            yield PeerFinding(findings.OBJECT_FROM_HOST, directive, text)
