"""Tests of `csp-collector views`, as people and scripts use it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policybuilder.store.engine import open_for_writing
from policybuilder.store.sites import add_site, parse_alias
from tests.support.service import Ran, run_program

LINES = (
    '192.0.2.1 - - [20/Nov/2025:10:00:00 +0000] "GET /cart HTTP/1.1" 200 1\n'
    '192.0.2.1 - - [20/Nov/2025:10:00:01 +0000] "GET /app.js HTTP/1.1" 200 1\n'
    "\x1b[2Jnonsense\n"
)


def views(directory: Path, *arguments: str, text: str = "") -> Ran:
    return run_program("csp-collector", "views", *arguments, cwd=directory, text=text, timeout=60)


def test_views_are_imported_and_listed(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(LINES)
    origin = ("--origin", "https://shop.example")
    ran = views(tmp_path, "import", "access.log", *origin, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json() == {
        "schema": "views/1",
        "site": "default",
        "lines": 3,
        "views": 1,
        "repeated_lines": 0,
        "skipped": {"asset": 1},
        "rejected": {"not-a-log-line": 1},
        "rejected_lines": {"not-a-log-line": ["access.log:3"]},
    }
    again = views(tmp_path, "import", "-", *origin, text=LINES)
    assert again.code == 0
    assert "lines counted before" in again.out
    assert "summary --by page" in again.err
    document = views(tmp_path, "list", "--format", "json").json()
    (log,) = document.pop("logs")
    assert log["lines"] == 3
    assert document == {
        "schema": "views/1",
        "site": "default",
        "views": 1,
        "days": [{"day": "2025-11-20", "views": 1, "pages": 1}],
    }
    listed = views(tmp_path, "list")
    assert "2025-11-20" in listed.out
    assert "1 view from 3 lines of 1 log" in listed.out


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory with a log, and a database with the site `shop` in it."""
    (tmp_path / "access.log").write_text(LINES)
    engine = open_for_writing(f"sqlite:///{tmp_path}/data/csp.db")
    alias = parse_alias("staging.shop.example=www.shop.example")
    add_site(engine, "shop", ["www.shop.example"], datetime.now(UTC), aliases=[alias])
    engine.dispose()
    return tmp_path


def test_an_origin_that_is_none_of_the_sites_is_refused(shop: Path) -> None:
    ran = views(shop, "import", "access.log", "--origin", "https://evil.example", "--site", "shop")
    assert (ran.code, ran.out) == (2, "")
    assert "evil.example is no host of shop (there are: www.shop.example, staging.shop.example=www.shop" in ran.err
    assert views(shop, "list", "--site", "shop", "--format", "json").json()["views"] == 0


def test_logs_of_a_staging_copy_count_for_what_it_stands_for(shop: Path) -> None:
    line = (
        '{"ts": 1763632800, "request": {"method": "GET", "host": "staging.shop.example", "uri": "/cart"}, '
        '"status": 200}\n'
    )
    origin = ("--origin", "https://staging.shop.example", "--site", "shop")
    for log in ("access.log", "-"):
        ran = views(shop, "import", log, *origin, "--format", "json", text=line)
        assert (ran.code, ran.json()["views"]) == (0, 1)
    with closing(sqlite3.connect(shop / "data" / "csp.db")) as connection:
        pages = connection.execute("SELECT page, sum(views) FROM page_view GROUP BY page").fetchall()
    assert pages == [("https://www.shop.example/cart", 2)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("access.log",), "Missing option '--origin'"),
        (("access.log", "--origin", "shop"), "'shop' is no origin of pages"),
        (("access.log", "--origin", "https://shop.example", "--site", "nowhere"), "no site 'nowhere'"),
        (("nowhere.log", "--origin", "https://shop.example"), "cannot read nowhere.log"),
        (("broken.gz", "--origin", "https://shop.example"), "cannot read broken.gz"),
    ],
)
def test_what_cannot_be_counted_is_one_line_of_what_to_try(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "access.log").write_text(LINES)
    (tmp_path / "broken.gz").write_text(LINES)
    ran = views(tmp_path, "import", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
