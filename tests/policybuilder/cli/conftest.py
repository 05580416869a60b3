"""An operator's directory with some evidence in it, and `cspbuild` run there."""

from __future__ import annotations

import gc
import io
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from policybuilder.cli.failures import run
from policybuilder.cli.main import command
from policybuilder.evidence import EvidenceClass
from policybuilder.store.engine import open_for_writing, open_migrated
from policybuilder.store.sites import add_site, ensure_default_site
from tests.support.evidence import ORIGIN, SEEN_AT, make_observation, make_violation, record_observations
from tests.support.service import PROGRAMS, Ran, run_program

Cspbuild = Callable[..., Ran]


@pytest.fixture
def program(tmp_path: Path) -> Cspbuild:
    """Runs the real program in the operator's directory; a second each where it opens a database."""

    def run_it(*arguments: str, text: str = "", **variables: str) -> Ran:
        return run_program("cspbuild", *arguments, cwd=tmp_path, text=text, timeout=60, **variables)

    return run_it


@pytest.fixture
def cspbuild(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cspbuild:
    """Runs what the console script runs, in this process, where a shell finds it by its name."""

    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"

    def run_it(*arguments: str, text: str = "", **variables: str) -> Ran:
        with monkeypatch.context() as patch, warnings.catch_warnings():
            for name, value in {"COLUMNS": "160", "PATH": path, **variables}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            with pytest.raises(SystemExit) as ended:
                run(command, "cspbuild", arguments)
            if sys.version_info >= (3, 13):
                # A command leaves its connection to the end of its process, which does not come here.
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
        out, err = capsys.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run_it


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the sites `default` and `shop`, made once, since making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "csp.db"
    engine = open_for_writing(f"sqlite:///{path}")
    ensure_default_site(engine, SEEN_AT)
    add_site(engine, "shop", ["shop.example"], SEEN_AT)
    engine.dispose()
    return path


@pytest.fixture
def database(template: Path) -> Iterator[Engine]:
    """The operator's database, with nothing reported."""
    Path("data").mkdir()
    shutil.copy(template, "data/csp.db")
    engine = open_migrated("sqlite:///data/csp.db")
    yield engine
    engine.dispose()


@pytest.fixture
def evidence(database: Engine) -> Engine:
    """A rehearsal of the shop under the observe baseline, what strangers reported, and noise."""
    record_observations(
        database,
        make_observation(make_violation("script-src-elem", f"{ORIGIN}/app.js"), site="shop", is_trusted=True),
        make_observation(make_violation("img-src", "https://img.example/a.png"), site="shop", is_trusted=True),
        make_observation(make_violation("img-src", "https://img.example/a.png"), site="shop", network="b"),
        make_observation(make_violation("script-src-elem", "https://evil.example/a.js"), site="shop", network="c"),
        make_observation(make_violation("frame-ancestors", ORIGIN), site="shop", is_trusted=True),
        make_observation(
            make_violation("script-src-elem", "chrome-extension"), site="shop", evidence_class=EvidenceClass.EXTENSION
        ),
    )
    return database
