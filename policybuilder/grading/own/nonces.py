"""Nonces: whether each answer has one of its own.

https://w3c.github.io/webappsec-csp/#security-nonces
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, untested
from policybuilder.grading.own.policies import SentPolicy, enforced_policies, inline_question, is_stopped


def judge_nonces(answer: Answer, sent: Sequence[SentPolicy]) -> Iterator[Judgement]:
    """Whether a nonce of the enforced policies `sent` lets scripts of the next answer run, too; nothing without one."""
    nonces = _script_nonces(sent)
    if not answer.is_document or not nonces:
        return
    material = answer.material
    if material.again is None:
        yield untested("csp-nonces", "One answer does not tell whether each has a nonce of its own.")
        return
    next_sent = enforced_policies(Answer(material.again, replace(material, markup=material.markup_again)))
    question = inline_question("script-src-elem", answer.response.url)
    known = [
        nonce
        for nonce in nonces
        if nonce in _script_nonces(next_sent)
        and not is_stopped(question._replace(nonce=nonce), [each.policy for each in next_sent])
    ]
    nonce = (known or nonces)[0]
    holder = next(each for each in sent if nonce in _script_nonces([each]))
    value = f"'nonce-{nonce}'"
    if not known:
        message = "Each answer has a nonce of its own."
        yield judged("csp-nonces", "fresh", message, header=holder.header, value=value)
        return
    yield judged(
        "csp-nonces",
        "repeated",
        "Two answers carry the same nonce: whoever has seen one page can run scripts on all of them.",
        header=holder.header,
        value=value,
        fix="Make 16 random bytes for each answer, and let no cache keep a page with its nonce; or use digests.",
    )


def _script_nonces(sent: Sequence[SentPolicy]) -> tuple[str, ...]:
    """Those that let scripts run, in the order of the policies."""
    governing = (each.policy.governing("script-src-elem") for each in sent)
    return tuple(nonce for each in governing if each is not None for nonce in each.sources.nonces)
