"""The systemd units of `deploy/`: what they start is there, and what they say of it is true."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from collector.settings import Settings
from tests.support.service import PROGRAMS, run_program

UNITS = Path(__file__).parents[1] / "deploy/systemd"


def section(name: str, part: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=True)
    # systemd's names are as they are written.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / name).read_text())
    return dict(parser[part])


def test_the_service_starts_a_program_that_there_is() -> None:
    program, *arguments = section("csp-collector.service", "Service")["ExecStart"].split()
    assert (PROGRAMS / Path(program).name).exists()
    assert run_program(Path(program).name, *arguments, "--help", cwd=Path.cwd()).code == 0


def test_files_are_enough_for_the_connections_it_takes_by_default() -> None:
    assert int(section("csp-collector.service", "Service")["LimitNOFILE"]) > Settings().max_connections + 128


def test_it_is_given_longer_to_stop_than_it_promises_to_take() -> None:
    assert int(section("csp-collector.service", "Service")["TimeoutStopSec"]) > 10


def test_the_socket_is_where_reverse_proxies_expect_the_collector() -> None:
    settings = Settings()
    assert section("csp-collector.socket", "Socket")["ListenStream"] == f"{settings.host}:{settings.port}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", ["csp-collector.service", "csp-collector.socket"])
def test_systemd_understands_the_units(unit: str, tmp_path: Path) -> None:
    for each in UNITS.iterdir():
        text = each.read_text().replace("/opt/cspbuild/bin", str(PROGRAMS)).replace("User=csp-collector", "User=root")
        (tmp_path / each.name).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / unit], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in ran.stderr.splitlines() if "csp-collector" in line]
    assert (ran.returncode, ours) == (0, [])
