"""Recorded cases: what a browser did, as questions that `match --batch` takes, and what the engine says to them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policybuilder.csp import (
    Browser,
    Decision,
    Hint,
    InlineType,
    Question,
    SampleExtent,
    decide_all,
    match_batch_item,
    parse_serialized_policy_list,
)
from tests.oracle.asking import Observation

DATA = Path(__file__).parents[1] / "data" / "matching"

Item = Mapping[str, Any]
"""A question with `id`, `expect`, `browser` and `observed_directive` beside it."""

KNOWN_DIFFERENCES: list[dict[str, Any]] = json.loads((DATA / "known-differences.json").read_text())


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case that the engine sees otherwise than the browser."""

    item: Item
    verdict: str
    """The engine's."""

    @property
    def known(self) -> str | None:
        """Why the engine follows another rule on purpose; None when it does not."""
        for rule in KNOWN_DIFFERENCES:
            if (
                rule["browser"] == browser_of(self.item)
                and (rule["expect"], rule["engine"]) == (self.item["expect"], self.verdict)
                and all(re.search(pattern, self.item[key], re.IGNORECASE) for key, pattern in rule["where"].items())
            ):
                return str(rule["reason"])
        return None

    def __str__(self) -> str:
        question = json.dumps(self.item, ensure_ascii=False)
        return f"{self.item['browser']}: {self.item['expect']}; engine: {self.verdict}; {question}"


def kind_of(item: Item) -> str:
    """The name of the trial, which the id begins with."""
    return str(item["id"]).rsplit("-", 2)[0]


def browser_of(item: Item) -> Browser:
    return Browser(item["browser"].partition(" ")[0])


def item_of(observation: Observation) -> Item:
    """The observation as a line to record."""
    case = observation.case
    return {
        "id": case.id,
        "policy": ", ".join(case.headers),
        "self": case.page,
        **case.question,
        "expect": observation.verdict,
        "observed_directive": case.directive if observation.verdict == "block" else None,
        "browser": observation.browser,
    }


def differences(observations: Iterable[Observation]) -> list[Item]:
    """The questions that browsers answered differently, with `expect_` and the browser's name as keys; by kind."""
    answers: dict[str, dict[str, Observation]] = {}
    for observation in observations:
        answers.setdefault(observation.case.id, {})[observation.browser.partition(" ")[0]] = observation
    found = []
    for by_browser in answers.values():
        if len({observation.verdict for observation in by_browser.values()}) > 1:
            item = item_of(next(iter(by_browser.values())))
            question = {key: item[key] for key in item if key not in {"expect", "observed_directive", "browser"}}
            found.append(question | {f"expect_{name}": seen.verdict for name, seen in by_browser.items()})
    return sorted(found, key=kind_of)


def disagreements(items: Iterable[Item]) -> list[Disagreement]:
    """Where the engine's verdict is not the browser's."""
    answered = ((item, _verdict(item)) for item in items)
    return [Disagreement(item, verdict) for item, verdict in answered if verdict != item["expect"]]


def _verdict(item: Item) -> str:
    browser = browser_of(item)
    if browser is Browser.CHROMIUM and "name_taken" not in item:
        return str(match_batch_item(item)["verdict"])
    # `match` answers for Chromium, and takes every name to be free; this is the same question, put otherwise.
    return decide_recorded(item, browser).verdict.value


def decide_recorded(item: Item, browser: Browser | None) -> Decision:
    """What the engine says to the question of `item`, for one browser or, with None, for both."""
    question = Question(
        page=item["self"],
        directive=item["directive"],
        blocked=item["blocked"],
        sample=item.get("sample"),
        sample_extent=SampleExtent.WHOLE if "sample" in item else SampleExtent.NONE,
        nonce=item.get("nonce", ""),
        integrity=item.get("integrity", ""),
        parser_inserted=item.get("parser_inserted", True),
        inline_type=InlineType(item["inline_type"]) if "inline_type" in item else None,
        hint=Hint(item["hint"]) if "hint" in item else None,
        redirected="via" in item,
        via=item.get("via"),
        name_taken=item.get("name_taken", False),
        browser=browser,
    )
    return decide_all(parse_serialized_policy_list(item["policy"]).policies, question)


def balanced(items: Iterable[Item], quota: Mapping[str, int]) -> list[Item]:
    """At most `quota` items of each kind, as many allowed as blocked ones if there are enough."""
    kinds: dict[str, dict[str, list[Item]]] = {name: {"allow": [], "block": []} for name in quota}
    for item in items:
        kinds[kind_of(item)][item["expect"]].append(item)
    kept: list[Item] = []
    for name, kind in kinds.items():
        pairs = itertools.zip_longest(kind["allow"], kind["block"])
        alternating = [item for pair in pairs for item in pair if item is not None]
        kept += alternating[: quota[name]]
    return kept


def record(items: Iterable[Item], browser: str, quota: Mapping[str, int]) -> None:
    """Adds to what is recorded of `browser`: one file, a case a line, no case twice."""
    path = DATA / f"oracle-{browser}.jsonl"
    known = _read(path) if path.exists() else []
    by_id = {item["id"]: item for item in (*known, *items)}
    lines = (json.dumps(item, ensure_ascii=False) + "\n" for item in balanced(by_id.values(), quota))
    path.write_text("".join(lines), encoding="utf-8")


def read() -> list[Item]:
    """All recorded cases."""
    return [item for path in sorted(DATA.glob("oracle-*.jsonl")) for item in _read(path)]


def _read(path: Path) -> list[Item]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
