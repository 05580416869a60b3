"""Trusted Types: which policy names the page may create, and whether its sinks are locked.

https://w3c.github.io/trusted-types/dist/spec/
"""

from __future__ import annotations

from policybuilder.csp.policy import Directive, Policy
from policybuilder.csp.question import Question
from policybuilder.csp.verdict import Decision, Verdict, ungoverned, unrestricted
from policybuilder.csp.violation import SampleExtent


def judge_name(policy: Policy, question: Question) -> Decision:
    """Whether a Trusted Types policy of the name in `question` may be created.

    https://w3c.github.io/trusted-types/dist/spec/#should-block-create-policy
    """
    directive = policy.directive("trusted-types")
    if directive is None:
        return ungoverned("trusted-types")
    keywords = {value.lower() for value in directive.values if value.startswith("'")}
    names = [value for value in directive.values if not value.startswith("'")]
    if not names:
        return Decision(Verdict.BLOCK, directive.name, None, "trusted-types names no policy")
    if question.name_taken is not False and "'allow-duplicates'" not in keywords:
        verdict = Verdict.BLOCK if question.name_taken else Verdict.UNKNOWN
        return Decision(verdict, directive.name, None, "a taken name needs 'allow-duplicates'")
    if "*" in names:
        return Decision(Verdict.ALLOW, directive.name, "*", "it allows any name")
    return _judge_listed(directive, names, question)


def _judge_listed(directive: Directive, names: list[str], question: Question) -> Decision:
    name, extent = question.sample, question.sample_extent
    if name is None or extent is SampleExtent.NONE:
        return Decision(Verdict.UNKNOWN, directive.name, None, "the name of the policy is not reported")
    if extent is SampleExtent.PREFIX and any(listed.startswith(name) for listed in names):
        return Decision(Verdict.UNKNOWN, directive.name, None, "the report cuts the name of the policy")
    if extent is not SampleExtent.PREFIX and name in names:
        return Decision(Verdict.ALLOW, directive.name, name, "the name is listed")
    return Decision(Verdict.BLOCK, directive.name, None, "the name is not listed")


def judge_sink(policy: Policy) -> Decision:
    """Whether a string may reach a sink such as `innerHTML`.

    https://w3c.github.io/trusted-types/dist/spec/#should-block-sink-type-mismatch
    """
    directive = policy.directive("require-trusted-types-for")
    if directive is None:
        return ungoverned("require-trusted-types-for")
    if locks_sinks(policy):
        reason = "sinks are locked, unless a default policy of the page converts the string"
        return Decision(Verdict.BLOCK, directive.name, None, reason)
    return unrestricted(directive.name, "only the value 'script' locks sinks")


def locks_sinks(policy: Policy) -> bool:
    """Whether the policy requires Trusted Types for scripts, by that exact token."""
    directive = policy.directive("require-trusted-types-for")
    return directive is not None and "'script'" in directive.values
