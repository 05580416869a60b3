"""The Content-Security-Policy: what all policies of the page together keep out, by what an attacker would use.

https://w3c.github.io/webappsec-csp/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from policybuilder.csp.parsing import parse_serialized_policy_list
from policybuilder.csp.policy import Directive, Policy
from policybuilder.csp.sources import SELF, HostSource, Keyword, NonceSource, SchemeSource, parse_source_expression
from policybuilder.csp.trusted_types import listed_names
from policybuilder.evaluation.weakness import Certainty, Severity, Weakness
from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, named, shown
from policybuilder.grading.own.policies import (
    ENFORCED,
    REPORT_ONLY,
    STRANGER,
    Evaluate,
    OpenWeakness,
    SentPolicy,
    inline_question,
    is_boxed,
    is_stopped,
    reported_policies,
    url_of,
    url_question,
    weaknesses_alone,
    weaknesses_together,
)
from policybuilder.grading.own.surfaces import ASKED_DIRECTIVES, SURFACES, TEXT, surface_of
from policybuilder.plurals import plural

_START = (
    "Content-Security-Policy-Report-Only: default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'"
)
"""Nothing breaks by it, and what the site would miss is seen."""

_MOST_COMPARED = 16_384
"""Characters of a better policy in which the change is looked for."""

_MOST_NAMED = 4
"""Weaknesses of one surface that are worded; the others are for `cspbuild evaluate`."""


def judge_policies(answer: Answer, sent: Sequence[SentPolicy], evaluate: Evaluate) -> Iterator[Judgement]:
    """What the enforced policies `sent` keep out together; nothing for an answer that is no page."""
    if not answer.is_document:
        return
    page = answer.response.url
    together = weaknesses_together(sent, evaluate) if sent else ()
    if all(each.policy.governing("script-src-elem") is None and not is_boxed(each) for each in sent):
        yield _without_scripts(answer, sent)
    else:
        alone = [(each, weaknesses_alone(each, evaluate)) for each in sent] if sent[1:] else []
        for surface in SURFACES:
            yield from _of_all(surface, sent, together, alone, page)
        yield from _trusted_types(sent)
    yield from _of_text(together)


def _of_all(
    surface: str,
    sent: Sequence[SentPolicy],
    together: Sequence[OpenWeakness],
    alone: Sequence[tuple[SentPolicy, Sequence[OpenWeakness]]],
    page: str,
) -> list[Judgement]:
    """What is left open on a surface where all policies must allow.

    Together they are at least as strict as the strictest of them, which may be so in a way that nothing shows but how
    it does alone; so what each would cost alone is a limit, too.
    """
    judgements = _of_surface(surface, sent, together, page)
    if not alone:
        return judgements
    singly = [(each.policy, _of_surface(surface, [each], found, page)) for each, found in alone]
    stating = [found for policy, found in singly if policy.governing(ASKED_DIRECTIVES[surface]) is not None]
    best = min((judgements, *stating), key=_worst_points)
    limit = min(_worst_points(found) for _, found in singly)
    return [_limited(judgement, limit) for judgement in best]


def _worst_points(judgements: Sequence[Judgement]) -> int:
    return max((judgement.points for judgement in judgements), default=0)


def _limited(judgement: Judgement, points: int) -> Judgement:
    return judgement if judgement.points <= points else replace(judgement, points=points, cap=None)


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


def _of_surface(surface: str, sent: Sequence[SentPolicy], found: Sequence[OpenWeakness], page: str) -> list[Judgement]:
    """What policies leave open on a surface, or what they keep it to."""
    policies = [each.policy for each in sent]
    open_here = [
        each
        for each in found
        if surface_of(each.weakness) == surface
        and _matters(each.weakness)
        and not _is_idle(surface, each.weakness, policies, page)
    ]
    by_code = {each.weakness.code: each for each in reversed(open_here)}
    worded = [_worded(each) for each in list(reversed(by_code.values()))[:_MOST_NAMED]]
    if surface == "csp-scripts" and any(is_boxed(each) for each in sent):
        box = next(str(each.policy.directive("sandbox")) for each in sent if is_boxed(each))
        message = "A sandbox keeps all scripts of this page from running."
        return [judged(surface, "nothing-runs", message, header=ENFORCED, value=box)]
    if surface == "csp-scripts":
        anything = _anything_runs(sent, open_here, page)
        return [*anything, *worded] or [_restricted_scripts(sent)]
    return worded or list(_restricted(surface, sent))


def _is_idle(surface: str, weakness: Weakness, policies: Sequence[Policy], page: str) -> bool:
    """Whether no script runs by what a source of scripts would let run: another directive or policy decides."""
    if surface != "csp-scripts" or weakness.value is None:
        return False
    match parse_source_expression(weakness.value):
        case HostSource() as source:
            question = url_question("script-src-elem", url_of(source), page)
        case SchemeSource("http" | "https" as scheme):
            question = url_question("script-src-elem", f"{scheme}://stranger.example/x.js", page)
        case SchemeSource(scheme):
            question = url_question("script-src-elem", scheme, page)
        case NonceSource(nonce):
            question = inline_question("script-src-elem", page)._replace(nonce=nonce)
        case _:
            return False
    return is_stopped(question, policies)


def _anything_runs(sent: Sequence[SentPolicy], found: Sequence[OpenWeakness], page: str) -> list[Judgement]:
    """Asked of the policies themselves, so that nothing hangs on how well weaknesses are known."""
    policies = [each.policy for each in sent]
    runs = [
        what
        for what, question in (
            ("scripts written into the page", inline_question("script-src-elem", page)),
            ("handlers written into its tags", inline_question("script-src-attr", page)),
            ("scripts of any other server", url_question("script-src-elem", f"{STRANGER}/x.js", page)),
        )
        if not is_stopped(question, policies)
    ]
    if not runs or any(each.weakness.severity is Severity.HIGH for each in found):
        return []
    message = f"The policy lets {named(runs)} run, so it stops no attack."
    return [
        judged(
            "csp-scripts",
            "anything-runs",
            message,
            header=sent[0].header,
            value=_governing_text(policies, "script-src-elem"),
            fix="Allow scripts by a nonce of each answer, or by their digests.",
            outcome="high",
        )
    ]


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


def _restricted(surface: str, sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    directive = ASKED_DIRECTIVES[surface]
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
    elif surface == "csp-styles":
        yield judged(
            surface,
            "unrestricted",
            "No directive governs styles: they may come from anywhere.",
            header=sent[0].header,
            value=_joined(sent),
            fix="Add style-src or default-src to the policy.",
        )


def _is_nobodys(directive: Directive) -> bool:
    """Whether no stranger is meant; that the base stays on the site's own host is as good as that it stays."""
    sources = [source for _, source in directive.sources.expressions]
    return not sources or (directive.name == "base-uri" and sources == [SELF])


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


def _matters(weakness: Weakness) -> bool:
    """Whether it is more than worth knowing; what is only perhaps a little weak is left to `cspbuild evaluate`.

    A directive that is missing is as open as one that names every host, of which that would be certain.
    """
    if weakness.severity is Severity.INFO:
        return False
    is_certain = weakness.certainty is not Certainty.POSSIBLE or weakness.code.endswith("-missing")
    return weakness.severity is not Severity.LOW or is_certain


def _worded(found: OpenWeakness) -> Judgement:
    weakness, sent = found.weakness, found.sent
    directive = sent.policy.directive(weakness.directive or "")
    fix = (
        weakness.advice
        if weakness.fix is None
        else _change(sent.policy, weakness.fix, weakness.policy) or weakness.advice
    )
    return judged(
        surface_of(weakness) or TEXT,
        weakness.code,
        weakness.message if weakness.message.endswith(".") else f"{weakness.message}.",
        header=sent.header,
        value=sent.text if directive is None else str(directive),
        fix=fix,
        outcome=weakness.severity,
    )


def _change(old: Policy, better: str, number: int) -> str | None:
    """What to write instead, or to leave out, without all the rest of the text; None where nothing tells.

    `number` is the policy's place in the better text.
    """
    if len(better) > _MOST_COMPARED:
        return None
    policies = parse_serialized_policy_list(better).policies
    if number >= len(policies):
        return None
    new = policies[number]
    added = [str(directive) for directive in new.directives if old.directive(directive.name) is None]
    gone = [directive.name for directive in old.directives if new.directive(directive.name) is None]
    parts = [f"add {'; '.join(added)}"] if added else []
    parts += [f"leave out {named(gone)}"] if gone else []
    parts += [
        _rewritten(before, after)
        for after in new.directives
        if (before := old.directive(after.name)) is not None and before != after
    ]
    text = ", and ".join(parts)
    return f"{text[0].upper()}{text[1:]}" if text else None


def _rewritten(before: Directive, after: Directive) -> str:
    left_out = [value for value in before.values if value not in after.values]
    if set(after.values) < set(before.values) and after.values:
        return f"leave out {named(left_out)} in {after.name}"
    return f"write {after}"


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
            fix="Write require-trusted-types-for 'script'",
        )


def _governing_text(policies: Iterable[Policy], directive: str) -> str | None:
    found = (policy.governing(directive) for policy in policies)
    return "; ".join(str(each) for each in found if each is not None) or None


def _joined(sent: Iterable[SentPolicy]) -> str:
    return ", ".join(each.text for each in sent)
