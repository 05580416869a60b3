"""Evaluators beside csp_evaluator in one process of node, over the same policies, round by round."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from policybuilder.csp import sources
from policybuilder.evaluation.csp_evaluator import evaluate_as_peer, values
from policybuilder.evaluation.evaluating import evaluate
from tests.benchmarks.measuring import Row
from tests.peers.fuzzing import Fuzzer
from tests.peers.policies import BY_HAND, SITES

_PEER = Path(__file__).parents[1] / "peers" / "csp_evaluator_rounds.mjs"

_BASELINE = "csp_evaluator under node"
_COMPAT = "evaluate --compat csp-evaluator"
_CONTENDERS: dict[str, Callable[[str], object]] = {
    _COMPAT: evaluate_as_peer,
    "evaluate": evaluate,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Population:
    name: str
    policies: Sequence[str]
    before: Callable[[], object] = lambda: None
    """Called before each of our rounds, outside the time."""


def _populations() -> Iterator[_Population]:
    fuzzed = tuple(Fuzzer(1, BY_HAND).policies(1_000))
    yield _Population(name="policies such as sites send", policies=SITES * 20)
    yield _Population(name="a fuzzer's policies", policies=fuzzed)
    # node remembers nothing of what it read.
    yield _Population(name="a fuzzer's, no token seen before", policies=fuzzed, before=_forget_tokens)


def _forget_tokens() -> None:
    values._read_cached.cache_clear()
    sources._parse_cached.cache_clear()


def measure_evaluators(rounds: int) -> Iterator[Row]:
    """The peer's row and one for each of ours over each population; time in times of the peer's, in its best round."""
    for population in _populations():
        with _peer(population.policies) as one_round:
            # The first rounds are those in which node compiles.
            peer = [one_round() for _ in range(rounds)]
            ours: dict[str, float] = {}
            for name, evaluate in _CONTENDERS.items():
                mine: list[float] = []
                for _ in range(rounds):
                    peer.append(one_round())
                    population.before()
                    mine.append(_seconds(evaluate, population.policies))
                ours[name] = min(mine)
        for name, seconds in {_BASELINE: min(peer), **ours}.items():
            yield Row(
                name=f"{name}, {population.name}",
                baseline=f"{_BASELINE}, the same policies",
                microseconds=seconds / len(population.policies) * 1e6,
                ratio=seconds / min(peer),
                must=None,
                aim=1 if name == _COMPAT else None,
            )


def _seconds(evaluate: Callable[[str], object], policies: Sequence[str]) -> float:
    began = time.process_time()
    for policy in policies:
        evaluate(policy)
    return time.process_time() - began


@contextmanager
def _peer(policies: Sequence[str]) -> Iterator[Callable[[], float]]:
    """A process of node, and what makes it evaluate all policies once more and say how long that took, in seconds."""
    with subprocess.Popen(["node", _PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        requests, answers = _open(process.stdin), _open(process.stdout)
        requests.write(f"{json.dumps(policies)}\n")

        def one_round() -> float:
            requests.write("again\n")
            requests.flush()
            return float(json.loads(answers.readline())["seconds"])

        yield one_round
        requests.close()


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
