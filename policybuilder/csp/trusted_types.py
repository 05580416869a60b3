"""Trusted Types: which policy names the page may create, and whether its sinks are locked.

https://w3c.github.io/trusted-types/dist/spec/
"""

from __future__ import annotations

from policybuilder.csp.grammar import TRUSTED_TYPE_NAME
from policybuilder.csp.policy import Directive, Policy
from policybuilder.csp.question import Browser, Question
from policybuilder.csp.verdict import Decision, Verdict, refused, ungoverned, unrestricted
from policybuilder.csp.violation import SampleExtent


def judge_name(policy: Policy, question: Question, browser: Browser) -> Decision:
    """Whether a Trusted Types policy of the name in `question` may be created.

    https://w3c.github.io/trusted-types/dist/spec/#should-block-create-policy
    """
    directive = policy.directive("trusted-types")
    if directive is None:
        return ungoverned("trusted-types")
    names = listed_names(directive)
    if not names:
        return refused(directive, "trusted-types names no policy")
    if question.name_taken is not False and all(value.lower() != "'allow-duplicates'" for value in directive.values):
        verdict = Verdict.BLOCK if question.name_taken else Verdict.UNKNOWN
        return Decision(verdict, directive.name, None, "a taken name needs 'allow-duplicates'")
    if "*" not in names:
        return _judge_listed(directive, names, question)
    # Differs from the spec: `*` allows names of the grammar alone; because Chromium looks at them first; see
    # https://source.chromium.org/chromium/chromium/src/+/main:third_party/blink/renderer/core/frame/csp/
    if question.sample and browser is Browser.CHROMIUM and TRUSTED_TYPE_NAME.fullmatch(question.sample) is None:
        return refused(directive, "the name has a character that no name may have")
    return Decision(Verdict.ALLOW, directive.name, "*", "it allows any name")


def listed_names(directive: Directive) -> list[str]:
    """The names that `trusted-types` allows, and `*`; without what is no name."""
    return [value for value in directive.values if value == "*" or TRUSTED_TYPE_NAME.fullmatch(value)]


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
    if policy.setting.locks_sinks:
        reason = "sinks are locked, unless a default policy of the page converts the string"
        return Decision(Verdict.BLOCK, directive.name, None, reason)
    return unrestricted(directive.name, "only the value 'script' locks sinks")
