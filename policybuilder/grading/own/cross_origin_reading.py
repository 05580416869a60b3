"""Cross-origin reading: which other sites may read what this one answers.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Iterator

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.own.answer import Answer
from policybuilder.grading.own.judging import judged, shown, untested
from policybuilder.scanner.pages import Response, header_values

_HEADER = "Access-Control-Allow-Origin"
_CREDENTIALS = "Access-Control-Allow-Credentials"
_FIX = "Answer with the origin only where it is in a list of your own."


def judge_cross_origin_reading(answer: Answer) -> Iterator[Judgement]:
    """What the page and the answer to a foreign origin's preflight allow; the widest of both."""
    preflight = answer.material.preflight
    found = [judgement for response in (answer.response, preflight) if (judgement := _of(answer, response))]
    if found:
        yield max(found, key=lambda judgement: (judgement.points, not judgement.passed))
    elif preflight is None:
        is_whole = answer.material.is_whole
        yield untested("cors", "A preflight brought no answer." if is_whole else "One recorded answer does not tell.")
    else:
        yield judged("cors", "own-origin", "Other sites cannot read what this one answers.")


def _of(answer: Answer, response: Response | None) -> Judgement | None:
    values = () if response is None else header_values(response.headers, _HEADER)
    if response is None or not values:
        return None
    value = ", ".join(values).strip(" \t")
    # The exact word: https://fetch.spec.whatwg.org/#cors-check
    with_credentials = [text.strip(" \t") for text in header_values(response.headers, _CREDENTIALS)] == ["true"]
    all_shown = f"{value}, with credentials" if with_credentials else value

    def said(result: str, message: str, fix: str | None = None) -> Judgement:
        return judged("cors", result, message, header=_HEADER, value=all_shown, fix=fix)

    if value == "*" and with_credentials:
        message = "Browsers do not hand out an answer that is for all sites and with the visitor's cookies at once."
        return said("contradiction", message, f"Leave out {_CREDENTIALS}, or name one origin.")
    if value == "*":
        return said("anybody", "Scripts of any site may read the answer, as a visitor who is not signed in gets it.")
    if value == "null":
        message = "Sandboxed frames and local files of anybody may read the answer"
        if with_credentials:
            return said("null-with-credentials", f"{message}, as the visitor who is signed in gets it.", _FIX)
        return said("null", f"{message}.", _FIX)
    if value == answer.material.foreign_origin and with_credentials:
        message = "Scripts of any site may read the answer as the visitor who is signed in gets it."
        return said("anybody-with-credentials", message, _FIX)
    if value == answer.material.foreign_origin:
        return said("anybody", "Scripts of any site may read the answer, as a visitor who is not signed in gets it.")
    return said("listed", f"Scripts of {shown(value)} may read the answer, and of no other site.")
