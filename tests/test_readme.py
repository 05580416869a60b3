"""The README says what is: its commands exist, and every command, option and setting stands in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from collector.cli import command as collector_command
from collector.settings import Settings, shown_default
from policybuilder.cli.main import command as cspbuild_command

README = (Path(__file__).parent.parent / "README.md").read_text()
MAKEFILE = (Path(__file__).parent.parent / "Makefile").read_text()

PROGRAMS: dict[str, click.Command] = {"cspbuild": cspbuild_command, "csp-collector": collector_command}


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that is no group, with the words that name it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        member = command.get_command(context, name)
        assert member is not None
        yield from leaves(member, (*path, name))


COMMANDS = [leaf for name, program in PROGRAMS.items() for leaf in leaves(program, (name,))]

# Said once for all commands, in a sentence before the table.
SHARED_OPTIONS = {"--database", "--site", "--format"}


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_and_option_stands_in_the_readme(path: tuple[str, ...], command: click.Command) -> None:
    rows = [line for line in README.splitlines() if line.startswith("|") and " ".join(path) in line]
    assert rows, f"{' '.join(path)} is not in the README's tables"
    is_serve = path == ("csp-collector", "serve")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            option = parameter.opts[0]
            where = README if is_serve or option in SHARED_OPTIONS else " ".join(rows)
            assert option in where, f"{option} of {' '.join(path)} is not in the README"


def shown_commands() -> list[str]:
    """The command lines of ours in the README's consoles and tables."""
    found = []
    for line in re.findall(r"^\$ (.*)$", README, re.MULTILINE):
        plain = re.sub(r"^(?:CSP_\w+=\S+ )+", "", line.partition(" | ")[0].partition("  #")[0])
        if plain.removeprefix(".venv/bin/").partition(" ")[0] in PROGRAMS:
            found.append(plain.removeprefix(".venv/bin/"))
    return found


@pytest.mark.parametrize("line", shown_commands())
def test_every_command_line_of_the_readme_is_understood(line: str) -> None:
    name, *arguments = shlex.split(line)
    command: click.Command = PROGRAMS[name]
    # Each inside the one before, as a program would: a command keeps the help option of its first context.
    context: click.Context | None = None
    while isinstance(command, click.Group):
        context = click.Context(command, parent=context, **command.context_settings)
        member = command.get_command(context, arguments[0])
        assert member is not None, f"{line}: no command {arguments[0]}"
        command, arguments = member, arguments[1:]
    command.make_context(name, arguments, parent=context)


def test_the_readme_shows_command_lines_at_all() -> None:
    assert len(shown_commands()) >= 8


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_has_its_row_with_its_default(name: str) -> None:
    row = next((line for line in README.splitlines() if line.startswith(f"| `CSP_{name.upper()}` |")), None)
    assert row is not None, f"CSP_{name.upper()} has no row"
    assert shown_default(name) in row.split("|")[3].replace("`", ""), f"the default of {name} is {shown_default(name)}"


def test_the_readme_names_no_setting_that_is_not() -> None:
    named = set(re.findall(r"\bCSP_([A-Z_]+)\b", README))
    assert named <= {name.upper() for name in Settings.model_fields} | {"REHEARSAL_KEY"}  # of `cspbuild header`


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README))))
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"make {target}"


def test_the_python_of_the_readme_runs() -> None:
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102  (our own README)
