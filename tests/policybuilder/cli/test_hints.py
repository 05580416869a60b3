"""Tests of hints: what they say to type is typed as it can be where the program runs."""

from __future__ import annotations

import pytest

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
