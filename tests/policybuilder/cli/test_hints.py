"""Tests of hints: what they say to type is typed as it can be where the program runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.service import PROGRAMS

# (arguments, the rest of the command that is advised)
ADVICE: list[tuple[tuple[str, ...], str]] = [
    (("summary",), "cspbuild header "),
    (("suggest",), "cspbuild header)"),
    (("preset", "spa"), "cspbuild header --policy preset:spa"),
    (("header", "--policy", ""), "cspbuild header --help"),
    (("header", "--rehearsal-key", "guessed"), "cspbuild site rotate default --rehearsal"),
    (("match", "--policy", "x", "--page", "x", "--directive", "x", "--blocked", "x"), "cspbuild match --help"),
    (("replay", "--policy", "img-src 'self"), "cspbuild parse"),
    (
        ("match", "--policy", "x", "--page", "https://a.example", "--directive", "img-src", "--blocked", "data"),
        "cspbuild parse",
    ),
    (("site", "off", "shop"), "cspbuild site on shop"),
    (("site", "add", "shop"), "cspbuild site show shop"),
    (("site", "show", "nowhere"), "cspbuild site add nowhere"),
]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("arguments", "advised"), ADVICE)
def test_a_command_is_advised_by_name_or_by_the_path_where_it_is(
    cspbuild: Cspbuild, arguments: tuple[str, ...], advised: str
) -> None:
    by_name = cspbuild(*arguments)
    assert advised in by_name.out + by_name.err
    assert f"/{advised}" not in by_name.out + by_name.err
    by_path = cspbuild(*arguments, PATH="/nowhere")
    assert f"{PROGRAMS}/{advised}" in by_path.out + by_path.err


def test_an_older_database_says_how_to_migrate_it(cspbuild: Cspbuild, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    url = "sqlite:///data/csp.db"
    advised = f"csp-collector migrate --database-url {url}"
    assert cspbuild("summary").err == f"error: {url} has an older schema; run  {advised}\n"
    assert f"  {PROGRAMS}/{advised}\n" in cspbuild("summary", PATH="/nowhere").err


@pytest.mark.usefixtures("evidence")
def test_what_suggest_advises_sends_its_policy_report_only(cspbuild: Cspbuild) -> None:
    ran = cspbuild("suggest", "--site", "shop")
    name, _, policy = ran.out.splitlines()[-1].partition(": ")
    assert name == "Content-Security-Policy"
    assert "save the policy, which is what follows the colon, in a file" in ran.err
    program, *arguments = shlex.split(ran.err.splitlines()[-1])
    assert program == "cspbuild"
    assert arguments == ["header", "--site", "shop", "--stage", "trial", "--policy", "@FILE"]
    Path("FILE").write_text(policy)
    (header,) = cspbuild(*arguments, "--format", "json").json()["headers"]
    assert header[0] == "Content-Security-Policy-Report-Only"
    assert header[1].startswith(f"{policy}; report-uri ")
