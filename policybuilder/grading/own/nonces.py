"""Nonces: whether each answer has one of its own.

https://w3c.github.io/webappsec-csp/#security-nonces
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, untested
from policybuilder.grading.own.policies import SentPolicy, enforced_policies, inline_question, is_boxed, is_stopped


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
    next_nonces = _script_nonces(next_sent)
    repeated = [nonce for nonce in nonces if nonce in next_nonces]
    question = inline_question("script-src-elem", answer.response.url)
    policies = [each.policy for each in next_sent]
    known = [nonce for nonce in repeated if not is_stopped(question._replace(nonce=nonce), policies)]
    if repeated and (not known or any(map(is_boxed, next_sent))):
        # It lets nothing run, so nobody gains by knowing it.
        return
    if not known and (not next_nonces or material.again.url != answer.response.url):
        # Such as an error, a challenge, or a page to sign in at.
        yield untested("csp-nonces", "Asked for twice, the server sent something else, so nonces cannot be compared.")
        return
    if not known:
        holder = _holder(sent, nonces[0])
        message = "Asked for twice, the page had another nonce."
        yield judged("csp-nonces", "fresh", message, header=holder.header, value=f"'nonce-{nonces[0]}'")
        return
    yield judged(
        "csp-nonces",
        "repeated",
        "Two answers carry the same nonce: whoever has seen one page can run scripts on all of them.",
        header=_holder(sent, known[0]).header,
        value=f"'nonce-{known[0]}'",
        fix="Make 16 random bytes for each answer, and let no cache keep a page with its nonce; or use digests.",
    )


def _script_nonces(sent: Sequence[SentPolicy]) -> tuple[str, ...]:
    """Those that let scripts run, in the order of the policies."""
    governing = (each.policy.governing("script-src-elem") for each in sent)
    return tuple(nonce for each in governing if each is not None for nonce in each.sources.nonces)


def _holder(sent: Sequence[SentPolicy], nonce: str) -> SentPolicy:
    return next(each for each in sent if nonce in _script_nonces([each]))
