"""The Content-Security-Policy: what all policies of the page together keep out, by what an attacker would use.

https://w3c.github.io/webappsec-csp/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from policybuilder.csp.parsing import parse_serialized_policy_list
from policybuilder.csp.policy import Directive, Policy
from policybuilder.csp.sources import SELF, Keyword
from policybuilder.csp.trusted_types import listed_names
from policybuilder.evaluation.weakness import Certainty, Severity, Weakness
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.catalogue import OWN_TESTS
from policybuilder.grading.own.judging import judged, named, shown
from policybuilder.grading.own.policies import (
    ENFORCED,
    REPORT_ONLY,
    STRANGER,
    OpenWeakness,
    SentPolicy,
    inline_question,
    is_stopped,
    open_weaknesses,
    reported_policies,
    url_question,
)
from policybuilder.grading.own.surfaces import SURFACES, TEXT, surface_of
from policybuilder.plurals import plural

_START = (
    "Content-Security-Policy: default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; send it as"
    " Content-Security-Policy-Report-Only first, and see what the site would miss"
)

_MOST_NAMED = 4
"""Weaknesses of one surface that are worded; the others are for `cspbuild evaluate`."""


def judge_policies(answer: Answer, sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    """What the enforced policies `sent` keep out together; nothing for an answer that is no page."""
    if not answer.is_document:
        return
    page = answer.response.url
    policies = [each.policy for each in sent]
    if all(policy.governing("script-src-elem") is None for policy in policies):
        yield _without_scripts(answer, sent)
        yield from _of_text(open_weaknesses(sent, page))
        return
    found = open_weaknesses(sent, page)
    yield from _of_scripts(found, sent, page)
    for surface in SURFACES[1:]:
        yield from _of_surface(surface, found, sent)
    yield from _of_text(found)
    yield from _trusted_types(sent)


def _without_scripts(answer: Answer, sent: Sequence[SentPolicy]) -> Judgement:
    """Where no policy says anything of scripts."""
    if sent:
        return judged(
            "csp-scripts",
            "no-script-directive",
            "The policy says nothing of scripts: whatever is smuggled into the page runs.",
            header=sent[0].header,
            value=_joined(sent),
            fix="Add default-src or script-src to the policy.",
        )
    reported = reported_policies(answer)
    if reported:
        return judged(
            "csp-scripts",
            "report-only",
            "The policy only reports: whatever is smuggled into the page still runs.",
            header=REPORT_ONLY,
            value=_joined(reported),
            fix="Send it as Content-Security-Policy once its reports show nothing that the site needs.",
        )
    return judged(
        "csp-scripts",
        "missing",
        "There is no policy: whatever script is smuggled into the page runs.",
        header=ENFORCED,
        fix=_START,
    )


def _of_scripts(found: Sequence[OpenWeakness], sent: Sequence[SentPolicy], page: str) -> Iterator[Judgement]:
    left = _left("csp-scripts", found, sent)
    policies = [each.policy for each in sent]
    runs = [
        what
        for what, question in (
            ("scripts written into the page", inline_question("script-src-elem", page)),
            ("scripts of any other server", url_question("script-src-elem", f"{STRANGER}/x.js", page)),
        )
        if not is_stopped(question, policies)
    ]
    if runs and all(each.weakness.severity is not Severity.HIGH for each in left):
        # Asked of the policies themselves, so that nothing hangs on how well weaknesses are known.
        yield judged(
            "csp-scripts",
            "anything-runs",
            f"The policy lets {' and '.join(runs)} run, so it stops no attack.",
            header=sent[0].header,
            value=_governing_text(policies, "script-src-elem"),
            fix="Allow scripts by a nonce of each answer, or by their digests.",
            outcome="high",
        )
    elif not left:
        yield _restricted_scripts(sent)
    yield from map(_worded, left)


def _restricted_scripts(sent: Sequence[SentPolicy]) -> Judgement:
    """What may run, by the policy that says it in the narrowest way."""
    governing = [each for each in (one.policy.governing("script-src-elem") for one in sent) if each is not None]
    ways = sorted(map(_way_of, governing), key=lambda way: _WAYS.index(way[0]))
    result, message = ways[0]
    several = f" {plural(len(sent), 'policy', 'policies')} stand together, and all must agree." if sent[1:] else ""
    return judged(
        "csp-scripts", result, f"{message}{several}", header=sent[0].header, value="; ".join(map(str, governing))
    )


_WAYS = ("nothing-runs", "named-scripts", "own-scripts", "listed-hosts")
"""The narrowest first."""


def _way_of(directive: Directive) -> tuple[str, str]:
    sources = directive.sources
    if sources.nonces or sources.hashes:
        return "named-scripts", "Only scripts with the answer's nonce or a listed digest run, or those that they load."
    urls = [text for text, _ in sources.url_sources]
    if not urls:
        return "nothing-runs", "No script runs on this page."
    if all(text.lower() == Keyword.SELF for text in urls):
        return "own-scripts", "Only scripts of the site's own server run."
    return "listed-hosts", f"Scripts run from {named(urls)} alone."


def _of_surface(surface: str, found: Sequence[OpenWeakness], sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    left = _left(surface, found, sent)
    if left:
        yield from map(_worded, left)
        return
    directive = _SURFACE_DIRECTIVE[surface]
    stating = [each for each in sent if each.policy.governing(directive) is not None]
    if stating:
        governing = [each.policy.governing(directive) for each in stating]
        is_nothing = any(each is not None and _is_nobodys(each) for each in governing)
        yield judged(
            surface,
            "restricted",
            (_NOTHING if is_nothing else _RESTRICTED)[surface],
            header=stating[0].header,
            value=_governing_text([each.policy for each in stating], directive),
        )


def _is_nobodys(directive: Directive) -> bool:
    """Whether no stranger is meant; that the base stays on the site's own host is as good as that it stays."""
    sources = [source for _, source in directive.sources.expressions]
    return not sources or (directive.name == "base-uri" and sources == [SELF])


_SURFACE_DIRECTIVE = {
    "csp-scripts": "script-src-elem",
    "csp-plugins": "object-src",
    "csp-base": "base-uri",
    "csp-forms": "form-action",
    "csp-styles": "style-src-elem",
    "csp-requests": "connect-src",
}
_RESTRICTED = {
    "csp-plugins": "Plugins and embedded objects come from the listed places alone.",
    "csp-base": "The base of the page's addresses moves to the listed places alone.",
    "csp-forms": "Forms go to the listed places alone.",
    "csp-styles": "Styles come from the listed places alone.",
    "csp-requests": "The page's scripts can connect to the listed places alone.",
}
_NOTHING = {
    "csp-plugins": "The page embeds no plugins or objects.",
    "csp-base": "Nobody can move the base of the page's addresses to another server.",
    "csp-forms": "No form can be sent.",
    "csp-styles": "No styles apply.",
    "csp-requests": "The page's scripts can connect nowhere.",
}
"""Where the list is empty."""


def _of_text(found: Iterable[OpenWeakness]) -> Iterator[Judgement]:
    of_text = [each for each in found if surface_of(each.weakness) == TEXT and _matters(each.weakness)]
    yield from map(_worded, of_text[:_MOST_NAMED])


def _left(surface: str, found: Sequence[OpenWeakness], sent: Sequence[SentPolicy]) -> list[OpenWeakness]:
    """What is wrong on a surface, all policies together.

    Together they are at least as strict as the strictest of them, which may say it in a way that no single question
    to the others shows.
    """
    sets = [[each for each in found if _is_of(surface, each.weakness)]]
    sets += [
        [OpenWeakness(weakness, each) for weakness in each.weaknesses if _is_of(surface, weakness)]
        for each in sent
        if each.policy.governing(_SURFACE_DIRECTIVE[surface]) is not None
    ]
    best = min(sets, key=lambda each: sorted((_points(surface, open_.weakness) for open_ in each), reverse=True))
    by_code: dict[str, OpenWeakness] = {}
    for each in best:
        by_code.setdefault(each.weakness.code, each)
    return list(by_code.values())[:_MOST_NAMED]


def _is_of(surface: str, weakness: Weakness) -> bool:
    return surface_of(weakness) == surface and _matters(weakness)


def _matters(weakness: Weakness) -> bool:
    """Whether it is more than worth knowing; what is only perhaps a little weak is left to `cspbuild evaluate`."""
    if weakness.severity is Severity.INFO:
        return False
    return weakness.severity is not Severity.LOW or weakness.certainty is not Certainty.POSSIBLE


def _points(surface: str, weakness: Weakness) -> int:
    return OWN_TESTS[surface].outcomes[weakness.severity].points


def _worded(found: OpenWeakness) -> Judgement:
    weakness, sent = found.weakness, found.sent
    directive = sent.policy.directive(weakness.directive or "")
    fix = weakness.advice if weakness.fix is None else _change(sent.policy, weakness.fix) or weakness.advice
    return judged(
        surface_of(weakness) or TEXT,
        weakness.code,
        weakness.message if weakness.message.endswith(".") else f"{weakness.message}.",
        header=sent.header,
        value=sent.text if directive is None else str(directive),
        fix=fix,
        outcome=weakness.severity,
    )


def _change(old: Policy, better: str) -> str | None:
    """What to write instead, or to leave out, without all the rest of the policy; None where nothing tells."""
    new = next(iter(parse_serialized_policy_list(better).policies), None)
    if new is None:
        return None
    written = [str(directive) for directive in new.directives if old.directive(directive.name) != directive]
    gone = [directive.name for directive in old.directives if new.directive(directive.name) is None]
    parts = [f"write {'; '.join(written)}"] if written else []
    parts += [f"leave out {named(gone)}"] if gone else []
    text = ", and ".join(parts)
    return f"{text[0].upper()}{text[1:]}" if text else None


def _trusted_types(sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    policies = [each.policy for each in sent]
    requiring = [
        directive for policy in policies if (directive := policy.directive("require-trusted-types-for")) is not None
    ]
    naming = [directive for policy in policies if (directive := policy.directive("trusted-types")) is not None]
    value = "; ".join(map(str, (*requiring, *naming))) or None
    header = sent[0].header
    if any(policy.setting.locks_sinks for policy in policies):
        if naming and all("*" in listed_names(directive) for directive in naming):
            yield judged(
                "trusted-types",
                "any-policy",
                "Strings become scripts only through a Trusted Types policy, but any script may make one.",
                header=header,
                value=value,
                fix="Name the policies that the site makes, instead of *.",
            )
        else:
            yield judged(
                "trusted-types",
                "required",
                "No plain string reaches a place of the DOM where it would become a script.",
                header=header,
                value=value,
            )
    elif requiring:
        yield judged(
            "trusted-types",
            "misspelt",
            f"{shown(str(requiring[0]))} locks nothing: only 'script', in quotes, does.",
            header=header,
            value=value,
            fix="require-trusted-types-for 'script'",
        )


def _governing_text(policies: Iterable[Policy], directive: str) -> str | None:
    found = (policy.governing(directive) for policy in policies)
    return "; ".join(str(each) for each in found if each is not None) or None


def _joined(sent: Iterable[SentPolicy]) -> str:
    return ", ".join(each.text for each in sent)
