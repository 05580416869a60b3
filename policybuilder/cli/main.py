"""The `cspbuild` command: loads a subcommand's code only when that one is called."""

from __future__ import annotations

import atexit
import gc
import importlib
from typing import ClassVar

import click

from policybuilder.cli.failures import run


class _LazyGroup(click.Group):
    """Start-up costs what is used: `cspbuild --help` need not import a database driver."""

    # Name → (module, what the list of commands says).
    lazy: ClassVar[dict[str, tuple[str, str]]] = {
        "status": ("policybuilder.cli.status", "Where you are on the way, and what to type next."),
        "site": ("policybuilder.cli.site", "Sites and the keys in their report URLs."),
        "header": ("policybuilder.cli.header", "The response headers to send now."),
        "preset": ("policybuilder.cli.preset", "A sound starting policy for a kind of site."),
        "summary": ("policybuilder.cli.summary", "What browsers reported, most reporters first."),
        "scripts": ("policybuilder.cli.scripts", "External scripts, and the hashes reported of them."),
        "suggest": ("policybuilder.cli.suggest", "The policy that the evidence speaks for."),
        "decide": ("policybuilder.cli.decide", "Your answers: allow, reject, ignore, or class otherwise."),
        "replay": ("policybuilder.cli.replay", "Every recorded group against a policy."),
        "match": ("policybuilder.cli.match", "Would a policy block this resource?"),
        "explain": ("policybuilder.cli.explain", "Why one report came, and what would allow it."),
        "evaluate": ("policybuilder.cli.evaluate", "What is weak in a policy, and what would be better."),
        "diff": ("policybuilder.cli.diff", "What one policy admits more and less than another."),
        "deploy": ("policybuilder.cli.deploy", "What the site serves, at which stage, since when."),
        "ready": ("policybuilder.cli.ready", "May the policy be enforced?"),
        "rollback": ("policybuilder.cli.rollback", "The last good headers."),
        "scan": ("policybuilder.cli.scan", "The security headers of a page, tested and graded."),
        "doctor": ("policybuilder.cli.doctor", "Is reporting wired, from the header to the database?"),
        "parse": ("policybuilder.cli.parse", "A policy as a browser reads it."),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (the signature is click's)
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (the same)
        if cmd_name not in self.lazy:
            return None
        command: click.Command = importlib.import_module(self.lazy[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  (the same)
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cspbuild", prog_name="cspbuild")
def command() -> None:
    """Turn Content-Security-Policy violation reports into a policy you would dare to enforce.

    Start with  cspbuild header  to see what to send, then  cspbuild summary  and  cspbuild suggest.
    """


def main() -> None:
    """The console script."""
    # A command ends soon and leaves few cycles behind; to look for them among a hundred thousand groups, over and over,
    # takes a fifth of its time.
    gc.disable()
    # Nor when it ends: the process takes its memory along.
    atexit.register(gc.freeze)
    run(command, "cspbuild")
