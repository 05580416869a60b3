"""Both tools as their users run them: each is given the same posts in its own format, and asked for a policy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tests.comparison.bodies import ORIGIN
from tests.comparison.inputs import NOW, Input, Post
from tests.support.service import Ran, run_program

OURS = "cspbuild"
PEER = "csp-toolkit"

_SITE = "shop"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool makes of an input."""

    policy: str
    """Empty where there is none."""

    told: Sequence[tuple[str, str]] = ()
    """Directive and blocked URL of all that it says it left out, for a person to decide."""

    failure: str = ""
    """Why there is no policy."""


def peer_version() -> str | None:
    """The installed version of csp-toolkit, or None."""
    try:
        return metadata.version(PEER)
    except metadata.PackageNotFoundError:
        return None


def write_files(given: Input, directory: Path) -> None:
    """`own.jsonl` and `public.jsonl` for cspbuild, the same in `reports.json`, and `policy.txt`, for csp-toolkit."""
    own, public = list(given.own()), list(given.public())
    _write_lines(directory / "own.jsonl", own)
    _write_lines(directory / "public.jsonl", public)
    reports: list[object] = []
    for post in (*own, *public):
        value = json.loads(post.body)
        # "One object, an array, or csp-report-wrapped reports", says its documentation.
        reports += value if isinstance(value, list) else [value]
    (directory / "reports.json").write_text(json.dumps(reports))
    (directory / "policy.txt").write_text(given.policy + "\n")


def _write_lines(path: Path, posts: Iterable[Post]) -> None:
    with path.open("w") as file:
        for post in posts:
            line = {
                "body": post.body.decode(),
                "content_type": post.content_type,
                "client": post.client,
                "received_at": post.at.isoformat(),
                "user_agent": post.user_agent,
            }
            file.write(json.dumps(line) + "\n")


def ask_cspbuild(directory: Path) -> Answer:
    """Import the owner's recording and the public's reports, and suggest, all by default."""
    database = ("--database", "sqlite:///csp.db")
    _done(run_program("cspbuild", "site", "add", _SITE, "--host", "shop.example", *database, cwd=directory))
    for file, more in (("own.jsonl", ["--trusted"]), ("public.jsonl", [])):
        arguments = ("import", file, *more, "--site", _SITE, "--database-url", database[1], "--format", "json")
        imported = _done(run_program("csp-collector", *arguments, cwd=directory)).json()
        assert not imported["rejected"], imported
    arguments = ("suggest", "--site", _SITE, *database, "--as-of", NOW.isoformat(), "--format", "json")
    suggestion = _done(run_program("cspbuild", *arguments, cwd=directory)).json()
    return Answer(
        suggestion["policy"],
        told=[
            *((held["directive"], _as_blocked(held["source"])) for held in suggestion["held"]),
            *((open_item["directive"], open_item["blocked"]) for open_item in suggestion["unresolved"]),
            # Beside an enforced policy: what would repair it.
            *(
                (change["directive"], _as_blocked(change["source"]))
                for change in suggestion["changes"]
                if change["kind"] == "added" and not change["applied"]
            ),
        ],
    )


def _as_blocked(source: str) -> str:
    """What a report names that this source expression would admit."""
    if source == "'self'":
        return ORIGIN
    return source.strip("'").removeprefix("unsafe-").removesuffix(":")


def ask_csp_toolkit(directory: Path) -> Answer:
    """`violations --fix-mode patch` from the policy that the site sends, then `harden` as it is safe by default.

    https://github.com/sampsonc/csp_toolkit#violations--summarize-violation-reports-and-suggest-policy-fixes
    """
    patch = ("--csp-file", "policy.txt", "--fix-mode", "patch", "--write-patch", "patched.csp", "--format", "json")
    patched = run_program(PEER, "violations", "reports.json", *patch, cwd=directory)
    if patched.code != 0:
        return Answer("", failure=patched.err.strip().rpartition("\n")[2])
    hardened = _done(run_program(PEER, "harden", "-f", "patched.csp", "-o", "header", cwd=directory))
    return Answer(
        hardened.out.strip(),
        told=[
            (suggestion["directive"], suggestion["blocked_uri"])
            for suggestion in patched.json()["suggestions"]
            if suggestion["action"] == "manual_review"
        ],
    )


ASK = {OURS: ask_cspbuild, PEER: ask_csp_toolkit}


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
