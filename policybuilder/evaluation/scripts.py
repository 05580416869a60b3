"""Scripts: what lets a stranger's script run on the page.

Judged by what governs each kind of script: https://w3c.github.io/webappsec-csp/#directive-fallback-list
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from policybuilder.csp import Keyword
from policybuilder.csp.question import InlineType
from policybuilder.evaluation.draft import Draft, Rating, at_script_source, at_value, listed, of_policy
from policybuilder.evaluation.editing import added
from policybuilder.evaluation.holding import eval_stands, unsafe_inline
from policybuilder.evaluation.reading import Reading
from policybuilder.evaluation.weakness import Certainty, Severity

_INLINE = (
    ("script-src-elem", InlineType.SCRIPT, "inline script"),
    ("script-src-attr", InlineType.SCRIPT_ATTRIBUTE, "event handler"),
    ("script-src-elem", InlineType.NAVIGATION, "javascript: URL"),
)


def unrestricted_scripts(reading: Reading) -> Iterator[Draft]:
    """No directive governs scripts, or some kinds of them."""
    if not reading.policies or not reading.runs_scripts:
        return
    first = reading.policies[0]
    has_no_elements = not reading.is_named_somewhere("script-src-elem")
    has_no_handlers = not reading.is_named_somewhere("script-src-attr")
    has_no_eval = not reading.is_named_somewhere("script-src")
    change = partial(added, reading.text, first, "script-src 'self'")
    if has_no_elements or has_no_handlers:
        open_to = "scripts" if has_no_elements and has_no_handlers else "script elements"
        if not has_no_elements:
            open_to = "event handlers in attributes"
        message = f"no directive governs {open_to}: there is neither script-src nor default-src"
        yield of_policy(
            first,
            Rating("script-unrestricted", Severity.HIGH, Certainty.CERTAIN),
            message,
            change=change,
            directive="script-src",
        )
        return
    if has_no_eval:
        message = "script-src-elem and script-src-attr do not govern eval: there is neither script-src nor default-src"
        yield of_policy(
            first,
            Rating("eval-unrestricted", Severity.MEDIUM, Certainty.POSSIBLE),
            message,
            change=change,
            directive="script-src",
        )
    if not reading.is_named_somewhere("worker-src"):
        message = "no directive governs workers: there is neither worker-src nor one that stands in for it"
        change = partial(added, reading.text, first, "worker-src 'self'")
        yield of_policy(
            first,
            Rating("worker-unrestricted", Severity.LOW, Certainty.CERTAIN),
            message,
            change=change,
            directive="worker-src",
        )


def unsafe_inline_scripts(reading: Reading) -> Iterator[Draft]:
    """`'unsafe-inline'` that a nonce, a digest or `'strict-dynamic'` does not switch off."""
    if not reading.runs_scripts:
        return
    for policy in reading.policies:
        for name, kinds in unsafe_inline(reading, policy, _INLINE).items():
            placed = policy.directives[name]
            tokens = placed.of_keyword(Keyword.UNSAFE_INLINE)
            message = f"{tokens[0].text} in {name} lets every {listed(kinds)} run"
            rating = Rating("script-unsafe-inline", Severity.HIGH, Certainty.CERTAIN)
            yield at_script_source(policy, placed, tokens[0], rating, message, text=reading.text, gone=tokens)


def unsafe_eval(reading: Reading) -> Iterator[Draft]:
    """`'unsafe-eval'`, which Trusted Types take the edge off."""
    if not reading.runs_scripts:
        return
    for policy in reading.policies:
        placed = policy.governing("script-src")
        if placed is None or Keyword.UNSAFE_EVAL not in placed.directive.sources or not eval_stands(reading, policy):
            continue
        tokens = placed.of_keyword(Keyword.UNSAFE_EVAL)
        message = f"{tokens[0].text} in {placed.name} lets strings run as code"
        severity = Severity.MEDIUM
        if reading.locks_sinks:
            severity = Severity.INFO
            message = f"{message}, where a browser knows no Trusted Types; 'trusted-types-eval' does not"
        rating = Rating("script-unsafe-eval", severity, Certainty.POSSIBLE)
        yield at_script_source(policy, placed, tokens[0], rating, message, text=reading.text, gone=tokens)


def unsafe_hashes(reading: Reading) -> Iterator[Draft]:
    """`'unsafe-hashes'`: handlers that are listed run wherever they are injected."""
    if not reading.runs_scripts:
        return
    for policy in reading.policies:
        placed = policy.governing("script-src-attr")
        if placed is None or Keyword.UNSAFE_HASHES not in placed.directive.sources:
            continue
        if not placed.directive.sources.hashes:
            continue
        tokens = placed.of_keyword(Keyword.UNSAFE_HASHES)
        message = f"{tokens[0].text} in {placed.name} lets a listed handler run on any element"
        rating = Rating("script-unsafe-hashes", Severity.LOW, Certainty.POSSIBLE)
        yield at_script_source(policy, placed, tokens[0], rating, message, text=reading.text, gone=tokens)


def lonely_strict_dynamic(reading: Reading) -> Iterator[Draft]:
    """`'strict-dynamic'` where no script can be the first that is trusted."""
    for policy in reading.policies:
        placed = policy.governing("script-src-elem")
        if placed is None:
            continue
        sources = placed.directive.sources
        if Keyword.STRICT_DYNAMIC in sources and not sources.nonces and not sources.hashes:
            token = placed.of_keyword(Keyword.STRICT_DYNAMIC)[0]
            message = f"{token.text} in {placed.name} needs a nonce or a digest beside it: without one no script starts"
            advice = "add 'nonce-{NONCE}', a new one for each response, and put the nonce on the page's own script tags"
            yield at_value(
                policy,
                placed,
                token,
                Rating("strict-dynamic-alone", Severity.LOW, Certainty.CERTAIN),
                message,
                advice=advice,
            )
