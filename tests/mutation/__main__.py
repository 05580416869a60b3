"""Mutation testing of matching: `python -m tests.mutation [module …]`, or `make mutants`.

Each mutant meets the tests that come by its line, the quickest first, until one fails. Those that none notices are
listed; survivors.toml explains the ones that decide as the original does. Exit code 1: one is not explained.

Why not a library. mutmut 3.8 works here, but leaves out what is not in a plain function (tables, properties, what has
a decorator) and the ways an `if` may go; it names mutants by number, so that no explanation would outlive an edit; and
it brings a dozen packages along. cosmic-ray 8.7 has no choice of tests: ten seconds for each of three thousand mutants.
Here the tests are collected once, and each mutant is put into a fork of that process. What that cannot show are
mistakes in what runs at import alone: class bodies, decorators, and tables made from other tables.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
import resource
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import TypeAlias

import coverage
import pytest

from tests.mutation.mutants import Mutant, apply, mutants_of

MODULES = [
    *("decision", "inline_matching", "parsing", "request_matching", "source_list", "sources", "trusted_types"),
    *("url_matching", "urls"),
]
TESTS = "tests/policybuilder/csp"
TIMELESS = "not linear_time and not in_time"
"""Tests that look at the clock say nothing certain of mutants, of which two run at a time."""

PROCESSES = 2
SURVIVORS = Path(__file__).with_name("survivors.toml")


class Run:
    """A pytest plugin that runs the collected tests once, and then again for each mutant."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.mutants: list[Mutant] = []
        self.survivors: list[Mutant] = []
        self.has_failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """A mutant is dead at the first failure: laws need not look for the smallest one."""
        import hypothesis

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutation",
            derandomize=True,
            deadline=None,
            phases=phases,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.settings.load_profile("mutation")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.has_failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True
        # Found once, and before any fork: looking through all objects takes longer than most tests.
        caches = [found for found in gc.get_objects() if isinstance(found, functools._lru_cache_wrapper)]
        seconds, meets = self._run_unchanged(session.items, caches)
        if self.has_failed:
            return True
        modules = {name: importlib.import_module(f"policybuilder.csp.{name}") for name in self.names}
        self.mutants = [mutant for module in modules.values() for mutant in mutants_of(module)]
        closures = [found for found in gc.get_objects() if isinstance(found, FunctionType) and found.__closure__]
        others = [
            module for name, module in sys.modules.items() if name.partition(".")[0] in {"policybuilder", "tests"}
        ]
        gc.freeze()
        running: dict[int, Mutant] = {}
        waiting = list(reversed(self.mutants))
        while waiting or running:
            while waiting and len(running) < PROCESSES:
                mutant = waiting.pop()
                items = meets.get(mutant.module, {})
                chosen = {item for line in mutant.lines for item in items.get(line, ())} or set(session.items)
                put = functools.partial(apply, mutant, modules[mutant.module], others, closures)
                if (child := os.fork()) == 0:
                    self._try(put, caches, sorted(chosen, key=seconds.__getitem__))
                running[child] = mutant
            child, status = os.wait()
            mutant = running.pop(child)
            if status == 0:
                self.survivors.append(mutant)
                print(f"survived: {mutant}", flush=True)  # noqa: T201 - it may be long until the table
        return True

    def _run_unchanged(self, items: list[pytest.Item], caches: Caches) -> tuple[dict[pytest.Item, float], Meets]:
        """How long each test takes, and by module and line which tests come by, where no other has filled a cache."""
        seconds: dict[pytest.Item, float] = {}
        by_id = {item.nodeid: item for item in items}
        measuring = coverage.Coverage(data_file=None, config_file=False, include=["*/policybuilder/csp/*"])
        with measuring.collect():
            for item in items:
                for cache in caches:
                    cache.cache_clear()
                measuring.switch_context(item.nodeid)
                began = time.monotonic()
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
                seconds[item] = time.monotonic() - began
        data = measuring.get_data()
        meets: Meets = {}
        for file in data.measured_files():
            lines = data.contexts_by_lineno(file)
            meets[Path(file).stem] = {
                line: [by_id[context] for context in contexts if context] for line, contexts in lines.items()
            }
        return seconds, meets

    def _try(self, put: Callable[[], None], caches: Caches, items: list[pytest.Item]) -> None:
        """Run the tests with a mutant in place, and leave the process: 0 if it survives."""
        # Whoever computes far too long is noticed too, however busy the machine is.
        resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        code = 1
        try:
            put()
            for cache in caches:
                cache.cache_clear()
            for item in items:
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
                if self.has_failed:
                    break
            else:
                code = 0
        finally:
            os._exit(code)


Caches: TypeAlias = "list[functools._lru_cache_wrapper[object]]"
Meets = dict[str, dict[int, list[pytest.Item]]]


def main() -> int:
    names = sys.argv[1:] or MODULES
    run = Run(names)
    code = pytest.main(
        [TESTS, "-q", "-s", "--no-header", "-p", "no:cacheprovider", "--timeout=0", "-k", TIMELESS],
        plugins=[run],
    )
    if code or run.has_failed or not run.mutants:
        return 2
    explained = _explained()
    known = [mutant for mutant in run.survivors if str(mutant) in explained]
    unknown = [mutant for mutant in run.survivors if str(mutant) not in explained]
    made, left, excused = (Counter(each.module for each in mutants) for mutants in (run.mutants, run.survivors, known))
    lines = ["", "", f"{'module':<20}{'mutants':>9}{'killed':>9}{'survived':>9}{'explained':>10}"]
    rows = [(name, made[name], left[name], excused[name]) for name in names]
    rows.append(("all", made.total(), left.total(), excused.total()))
    lines += [f"{name:<20}{all_:>9}{all_ - lived:>9}{lived:>9}{why:>10}" for name, all_, lived, why in rows]
    lines += [f"not explained: {mutant}" for mutant in unknown]
    gone = explained - {str(mutant) for mutant in run.survivors}
    lines += [f"explained, but no survivor: {text}" for text in sorted(gone) if text.partition(" ")[0] in names]
    print("\n".join(lines))  # noqa: T201 - a command
    return 1 if unknown else 0


def _explained() -> set[str]:
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("explanation", [])
    return {mutant for entry in entries for mutant in entry["mutants"]}


if __name__ == "__main__":
    sys.exit(main())
