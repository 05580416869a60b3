"""Tests of bad input: one line that says what is wrong and what to try, an exit code, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.postgres import PostgresServer, free_port

READING = [
    ("summary",),
    ("suggest",),
    ("replay", "--policy", "img-src *"),
    ("site", "list"),
    ("site", "show"),
    ("header",),
]
WRITING = [("site", "add", "blog"), ("site", "rotate", "shop"), ("site", "off", "shop"), ("site", "on", "shop")]

QUESTION = ("--policy", "x", "--page", "https://a.example", "--directive", "img-src", "--blocked", "data")

# Columns: arguments; words of the one line.
USAGE: list[tuple[tuple[str, ...], str]] = [
    (("no-such-command",), "No such command 'no-such-command'; see  cspbuild --help"),
    (("--no-such-option",), "No such option"),
    (("summary", "--no-such-option"), "see  cspbuild summary --help"),
    (("summary", "surplus"), "unexpected extra argument"),
    (("summary", "--by", "colour"), "'colour' is not one of"),
    (("summary", "--format", "xml"), "'xml' is not one of"),
    (("summary", "--site", "shopp"), "no site 'shopp' (there are: default, shop)"),
    (("suggest", "--site", "shopp"), "no site 'shopp' (there are: default, shop)"),
    (("replay", "--site", "shopp", "--policy", "img-src *"), "no site 'shopp' (there are: default, shop)"),
    (("header", "--site", "shopp"), "no site 'shopp' (there are: default, shop)"),
    (("site", "show", "shopp"), "no site 'shopp' (there are: default, shop)"),
    (("site", "rotate", "shopp"), "create it with  cspbuild site add shopp"),
    (("site", "rotate", "shop", "--rehearsal", "--revoke-old"), "--revoke-old is about public keys; --rehearsal alone"),
    (("site", "off", "shopp"), "no site 'shopp'"),
    (("site", "add", "shop"), "site 'shop' exists already"),
    (("site", "add", "Shop!"), "'Shop!' is no site name"),
    (("site", "add", "blog", "--host", "https://blog.example"), "is no host; write shop.example"),
    (("site", "add"), "Missing argument 'NAME'"),
    (("summary", "--since", "yesterday"), "'yesterday' is no span of time; write 7d, 12h"),
    (("summary", "--since", "7d", "--as-of", "soon"), "'soon' is no time; write 2026-11-23"),
    (("suggest", "--since", "-7d"), "'-7d' is no span of time"),
    (("summary", "--since", "999999w"), "reaches back before the calendar"),
    (("replay",), "Missing option '--policy'"),
    (("replay", "--policy", "@no-such-file"), "cannot read no-such-file: No such file or directory"),
    (("replay", "--policy", "@."), "cannot read .: Is a directory"),
    (("parse", "@no-such-file"), "cannot read no-such-file"),
    (("parse", "@binary"), "@binary is not UTF-8 text"),
    (("parse", "@huge"), "@huge holds more than 1 MiB"),
    (("parse",), "Missing argument 'POLICY'"),
    (("match",), "missing --policy, --page, --directive, --blocked (or --batch FILE)"),
    (("match", "--policy", "img-src *", "--page", "https://a.example"), "missing --directive, --blocked"),
    (("match", "--batch", "no-such-file"), "cannot read no-such-file"),
    (("match", "--batch", "-", "--policy", "img-src *", "--inserted"), "--policy, --inserted do not go with --batch"),
    (("match", "--batch", "-", "--nonce", ""), "--nonce does not go with --batch, whose lines say it; see"),
    (("match", *QUESTION, "--inline-type", "poem"), "no inline type: 'poem'; use script, script attribute, "),
    (("match", *QUESTION, "--hint", "preconnect"), "no resource hint: 'preconnect'; use prefetch, prerender"),
    (("match", *QUESTION, "--via", "https://["), "not a URL that redirects: 'https://['"),
    (
        ("match", "--policy", "x", "--page", "nowhere", "--directive", "img-src", "--blocked", "data"),
        "not a URL of a page",
    ),
    (
        ("match", "--policy", "x", "--page", "https://a.example", "--directive", "img-src", "--blocked", "https://["),
        "neither a URL nor a keyword",
    ),
    (("preset", "wordpress"), "'wordpress' is not one of 'api'"),
    (("header", "--policy", "preset:wordpress"), "no preset 'wordpress'; there are api,"),
    (("header", "--stage", "hope"), "'hope' is not one of"),
    (("header", "--stage", "trial"), "stage trial needs a policy"),
    (("header", "--base-url", "csp.example"), "is no http or https URL"),
    (("header", "--base-url", "ftp://csp.example"), "is no http or https URL"),
    (("header", "--sample", "all"), "'all' is no share of page views"),
    (("header", "--sample", "101%"), "'101%' is no share of page views"),
    (("header", "--sample", "0"), "'0' is no share of page views"),
    (("header", "--sample", "1%", "--format", "netlify"), "cannot draw lots among page views; use --sample 100%"),
    (("header", "--sample", "0.009%"), "'0.009%' is no share of page views; write 1% or 0.01, at least 0.01%"),
    (("header", "--sample", "sNaN"), "'sNaN' is no share of page views"),
    (("header", "--sample", "1e999999999"), "'1e999999999' is no share of page views"),
    (("header", "--sample", "33.333%", "--format", "nginx"), "so 33.33 % rather than 33.333 %"),
    (
        ("header", "--stage", "enforce", "--policy", "img-src *", "--sample", "1%"),
        "an enforced policy protects only the page views that get it; use --sample 100%",
    ),
    (("header", "--format", "meta"), "choose another --format"),
    (("header", "--rehearsal-key", "guessed"), "no live rehearsal key of site 'default'"),
    (("header", "--policy", "img-src https://bücher.example"), "punycode"),
    (("header", "--policy", ""), "names no directive"),
    (("summary", "--database", "mysql://localhost/csp"), "'mysql' is no database we can use"),
    (("summary", "--database", "data/csp.db"), "is no database URL; write sqlite:///FILE"),
    (("summary", "--database", "sqlite:///elsewhere.db"), "no database at elsewhere.db; start the collector once"),
    (("summary", "--database", "sqlite:///binary"), "binary is not a database of ours"),
]


@pytest.mark.parametrize(("arguments", "says"), USAGE)
@pytest.mark.usefixtures("database")
def test_what_cannot_be_done_is_one_line_and_exit_2(cspbuild: Cspbuild, arguments: tuple[str, ...], says: str) -> None:
    Path("binary").write_bytes(b"\xff\xfe\x00" * 100)
    Path("huge").write_bytes(b"x" * (1024 * 1024 + 1))
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert says in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("arguments", READING)
def test_a_missing_database_is_not_created_by_reading(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: no database at data/csp.db; start the collector once (make run) or pass --database\n"
    assert not Path("data").exists()


@pytest.mark.parametrize("arguments", [*READING, *WRITING])
def test_an_unreachable_server_is_the_environments_failure(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild(*arguments, CSP_DATABASE_URL=f"postgresql://u:secret@127.0.0.1:{free_port()}/csp")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: cannot use postgresql://u:***@127.0.0.1:")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [*READING, *WRITING])
def test_a_newer_database_is_left_alone(cspbuild: Cspbuild, database: Engine, arguments: tuple[str, ...]) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == ("error: sqlite:///data/csp.db was made by a newer version of this program; upgrade cspbuild\n")


def test_a_database_that_breaks_in_the_middle_is_the_environments_failure(cspbuild: Cspbuild, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("DROP TABLE group_hour"))
    ran = cspbuild("summary")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        "error: the database failed: no such table: group_hour; nothing of this command was stored by halves\n"
    )


@pytest.mark.parametrize("arguments", [("suggest",), ("suggest", "--format", "json"), ("suggest", "--since", "7d")])
@pytest.mark.usefixtures("database")
def test_without_reports_suggest_names_the_likeliest_causes(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: no reports of site 'default' in the window (")
    for cause in ("do not send the header (cspbuild header)", "content blocker", "http address", "report-to"):
        assert cause in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.usefixtures("database")
def test_without_reports_summary_and_replay_say_so_and_are_done(cspbuild: Cspbuild) -> None:
    summary = cspbuild("summary")
    assert summary.code == 0
    assert "0 reports in 0 groups" in summary.out
    assert "no reports yet: see  cspbuild header" in summary.err
    replayed = cspbuild("replay", "--policy", "default-src 'none'")
    assert (replayed.code, replayed.out) == (0, "no groups recorded: nothing to replay\n")


@pytest.mark.parametrize("arguments", [(), ("site",)])
def test_a_command_without_its_command_shows_its_help(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    ran = cspbuild(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: cspbuild" in ran.err
    assert "Commands:" in ran.err


def test_a_database_on_postgresql_that_is_empty_is_named(cspbuild: Cspbuild, postgres: PostgresServer) -> None:
    ran = cspbuild("summary", "--database", postgres.create_database())
    assert (ran.code, ran.out) == (2, "")
    assert "holds no evidence database; start the collector once" in ran.err
