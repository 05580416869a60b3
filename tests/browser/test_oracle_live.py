"""The oracle itself, live: fresh cases, put to the installed Chromium and to the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.chromium import run_oracle
from tests.oracle.recording import disagreements, item_of
from tests.oracle.trials import make_cases

pytestmark = pytest.mark.browser


def test_the_engine_agrees_with_the_installed_chromium(tmp_path: Path) -> None:
    with run_oracle(tmp_path) as oracle:
        observed = oracle.ask(make_cases(seed=2026, count=60))
    unexplained = [str(found) for found in disagreements(map(item_of, observed.observations)) if found.known is None]
    assert unexplained == []
    # A harness that sees nothing would agree with everything.
    verdicts = [observation.verdict for observation in observed.observations]
    assert verdicts.count("allow") >= 15
    assert verdicts.count("block") >= 15
