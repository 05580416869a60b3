"""The step of matching that decided about one report: its policy, the directive that governed, every source in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from policybuilder.csp import (
    Browser,
    Decision,
    Disposition,
    Policy,
    Question,
    decide,
    parse_serialized_policy,
    question_of,
)
from policybuilder.csp.directives import FALLBACKS
from policybuilder.csp.examination import SPECIFICATION, Examined, examine, examined_directive
from policybuilder.csp.violation import Violation
from policybuilder.reports.normalization import MAX_POLICY_CHARACTERS, BrowserFamily, browser_family, redact_policy
from policybuilder.reports.wire import WireReport, text_of


@dataclass(frozen=True, slots=True)
class Step:
    """The step of matching that decided."""

    directive: str | None
    """The directive that governed; None where the report's policy has none, or is not told."""

    fallbacks: tuple[str, ...]
    """The directives that were looked for, in their order: the first one present governs."""

    policy: Policy | None
    """As the report has it, paths without what is personal; None where it has none."""

    decision: Decision | None
    """What the policy does to what was blocked, by the engine; None without a policy."""

    sources: tuple[Examined, ...]
    specification: str = f"{SPECIFICATION}#directive-fallback-list"


_BROWSERS = {BrowserFamily.CHROMIUM: Browser.CHROMIUM, BrowserFamily.FIREFOX: Browser.FIREFOX}


def likeliest_question(violation: Violation, user_agent: str) -> Question:
    """What the report most likely means. It was blocked, so no nonce, digest, inserter or upgrade spoke for it."""
    likeliest = question_of(replace(violation, original_policy=""))
    browser = likeliest.browser or _BROWSERS.get(browser_family(user_agent))
    if likeliest.hint is not None and likeliest.alternatives and browser is not Browser.CHROMIUM:
        # Only Chromium names default-src for hints; others, and old ones, name it where it stood in for something.
        likeliest = likeliest.alternatives[0]
    return likeliest._replace(
        nonce="",
        integrity="",
        parser_inserted=True,
        is_upgradeable=False,
        browser=browser,
        alternatives=(),
    )


def reported_policy(item: WireReport, violation: Violation) -> Policy | None:
    """The report's policy as it was spelt; None where the report has none that a server could send."""
    text = text_of(item.members, "original-policy", "originalPolicy")
    if len(text) > MAX_POLICY_CHARACTERS:
        return None
    is_report_only = violation.disposition is Disposition.REPORT
    disposition = Disposition.REPORT if is_report_only else Disposition.ENFORCE
    policy = redact_policy(parse_serialized_policy(text, disposition=disposition))
    return policy if policy.directives else None


def step_of(policy: Policy | None, question: Question) -> Step:
    asked = "script-src" if question.blocked in {"eval", "wasm-eval"} else question.directive
    fallbacks = FALLBACKS.get(asked, (asked,))
    if policy is None:
        return Step(None, fallbacks, None, None, ())
    directive = examined_directive(policy, question)
    return Step(
        directive.name if directive else None,
        fallbacks,
        policy,
        decide(policy, question),
        examine(policy, question),
    )
