"""Tests of counting page views: every line of a log once, however often and in whatever wrapping it is read."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from collector import view_counting
from collector.access_logs import NotCounted
from collector.view_counting import ViewCount, count_views, parse_origin
from policybuilder.errors import CspbuildError
from policybuilder.store import views as store_views
from policybuilder.store.reading import snapshot
from policybuilder.store.views import read_view_days, read_view_logs, read_views
from policybuilder.times import Window
from policybuilder.views import DayViews, Views
from tests.support.evidence import SEEN_AT

ORIGIN = "https://shop.example"
ALL = Window(None, SEEN_AT.replace(year=2100))


def line(path: str = "/", *, day: int = 20, second: int = 0) -> bytes:
    at = f"{day:02}/Nov/2025:10:{second // 60:02}:{second % 60:02} +0000"
    return f'192.0.2.1 - - [{at}] "GET {path} HTTP/1.1" 200 5120'.encode()


def write(name: str, lines: Sequence[bytes], end: bytes = b"\n") -> str:
    Path(name).write_bytes(b"\n".join(lines) + end)
    return name


def counted(engine: Engine, *names: str, site: str = "default") -> ViewCount:
    return count_views(engine, site, names, origin=ORIGIN)


def views_of(engine: Engine, window: Window = ALL, site: str = "default") -> Views:
    with snapshot(engine) as connection:
        return read_views(connection, site, window)


LOG = [line("/", second=0), line("/cart", second=1), line("/app.js", second=2), line("/", day=21, second=3)]


def test_views_are_counted_by_page_and_day(engine: Engine) -> None:
    result = counted(engine, write("access.log", LOG))
    assert (result.lines, result.views, result.repeated_lines) == (4, 3, 0)
    assert result.not_counted == {NotCounted.ASSET: 1}
    assert views_of(engine) == Views(
        total=3,
        by_day={"2025-11-20": 2, "2025-11-21": 1},
        by_page={f"{ORIGIN}/": 2, f"{ORIGIN}/cart": 1},
    )
    later = Window(SEEN_AT.replace(year=2025, day=21), ALL.until)
    assert views_of(engine, later).by_page == {f"{ORIGIN}/": 1}
    assert views_of(engine, Window(None, later.since or ALL.until)).total == 3
    assert not views_of(engine, site="shop")


def test_a_log_read_again_counts_nothing_and_one_that_grew_its_new_lines(engine: Engine) -> None:
    counted(engine, write("access.log", LOG[:2]))
    again = counted(engine, "access.log")
    assert (again.lines, again.views, again.repeated_lines) == (2, 0, 2)
    grown = counted(engine, write("access.log", LOG))
    assert (grown.lines, grown.views, grown.repeated_lines) == (4, 1, 2)
    assert views_of(engine).total == 3


def test_a_log_that_was_rotated_and_packed_counts_nothing_again(engine: Engine) -> None:
    counted(engine, write("access.log", LOG))
    Path("access.log.1.gz").write_bytes(gzip.compress(Path("access.log").read_bytes()))
    new = write("access.log", [line("/new", day=22)])
    result = counted(engine, "access.log.1.gz", new)
    assert (result.views, result.repeated_lines) == (1, 4)
    assert views_of(engine).total == 4


def test_a_copy_that_is_shorter_than_what_was_counted_counts_nothing(engine: Engine) -> None:
    counted(engine, write("access.log", LOG))
    assert counted(engine, write("old.log", LOG[:2])).views == 0
    assert counted(engine, write("access.log", [*LOG, line("/more", day=22)])).views == 1


def test_a_log_that_changed_where_it_was_counted_is_refused_and_counts_nothing(engine: Engine) -> None:
    counted(engine, write("access.log", LOG))
    changed = [LOG[0], line("/other"), *LOG[2:], line("/more", day=22)]
    with pytest.raises(CspbuildError, match=r"access\.log begins as a log .* first 4 lines are not the same"):
        counted(engine, write("access.log", changed))
    assert views_of(engine).total == 3


def test_the_same_log_counts_for_each_site(engine: Engine) -> None:
    write("access.log", LOG)
    assert (counted(engine, "access.log").views, counted(engine, "access.log", site="shop").views) == (3, 3)


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\n\n\n"])
def test_how_a_log_ends_makes_no_difference(engine: Engine, end: bytes) -> None:
    assert counted(engine, write("access.log", LOG, end)).views == 3
    assert counted(engine, write("access.log", LOG)).views == 0


def test_a_line_that_is_being_written_waits_for_its_end(engine: Engine) -> None:
    assert counted(engine, write("access.log", [*LOG, line("/late")[:40]], b"")).lines == 4
    finished = counted(engine, write("access.log", [*LOG, line("/late")]))
    assert (finished.views, finished.repeated_lines) == (1, 4)


def test_an_interrupted_run_goes_on_where_it_was(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_counting, "CHUNK_LINES", 10)
    lines = [line(f"/{number % 7}", second=number) for number in range(95)]
    write("access.log", lines)
    seen = []

    def stop(_name: str, done: int, _size: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_views(engine, "default", ["access.log"], origin=ORIGIN, on_progress=stop)
    assert views_of(engine).total == 30
    assert counted(engine, "access.log").repeated_lines == 30
    assert views_of(engine).total == 95
    with snapshot(engine) as connection:
        (log,) = read_view_logs(connection, "default")
        assert log.lines == 95
        assert read_view_days(connection, "default") == (DayViews(day="2025-11-20", views=95, pages=7),)


def test_two_that_count_one_log_at_once_count_it_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins between two portions of the first, which then finds its log ahead of it, and stops."""
    monkeypatch.setattr(view_counting, "CHUNK_LINES", 10)
    write("access.log", [line("/", second=number) for number in range(40)])

    def count_too(_name: str, _done: int, _size: int) -> None:
        counted(engine, "access.log")

    with pytest.raises(CspbuildError, match="is being counted by somebody else"):
        count_views(engine, "default", ["access.log"], origin=ORIGIN, on_progress=count_too)
    assert views_of(engine).total == 40


def test_pages_beyond_the_bound_of_a_day_count_together(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_views, "MAX_PAGES_PER_DAY", 2)
    lines = [line(f"/{name}", second=number) for number, name in enumerate("abbbccd")]
    counted(engine, write("access.log", [*lines, line("/d", day=21)]))
    assert views_of(engine).by_page == {"(other)": 2, f"{ORIGIN}/b": 3, f"{ORIGIN}/c": 2, f"{ORIGIN}/d": 1}
    more = [line("/c", second=50), line("/e", second=51)]
    counted(engine, write("other.log", more))
    assert views_of(engine).by_day["2025-11-20"] == 9
    assert views_of(engine).by_page["(other)"] == 3


def test_a_window_that_ends_at_midnight_has_nothing_of_the_day_that_begins(engine: Engine) -> None:
    counted(engine, write("access.log", [line("/", day=20), line("/", day=21)]))
    since, midnight = datetime(2025, 11, 20, 15, tzinfo=UTC), datetime(2025, 11, 21, tzinfo=UTC)
    with engine.connect() as connection:
        for until, views in ((midnight, 1), (midnight + timedelta(seconds=1), 2), (since + timedelta(hours=1), 1)):
            assert read_views(connection, "default", Window(since, until)).total == views


def test_bad_lines_are_counted_by_reason_with_their_numbers_and_no_content(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_counting, "MAX_LINE_BYTES", 200)
    lines = [b"", line("/"), b"nonsense", b"x" * 500, line("/" + "y" * 500), b"{}", line("/last")]
    result = counted(engine, write("access.log", lines))
    assert result.views == 2
    assert result.not_counted == {NotCounted.NO_LINE: 2, NotCounted.TOO_LONG: 2}
    assert result.noted_lines == {
        NotCounted.NO_LINE: ["access.log:3", "access.log:6"],
        NotCounted.TOO_LONG: ["access.log:4", "access.log:5"],
    }


def test_nothing_of_the_client_is_stored(engine: Engine) -> None:
    agent = '"https://shop.example/?q=jane%40mail.example" "Mozilla/5.0 (Very Personal)"'
    first = line("/u/jane%40mail.example?token=s3cret").replace(b"- -", b"- jane", 1) + b" " + agent.encode()
    counted(engine, write("access.log", [first]))
    with engine.connect() as connection:
        stored = [
            *connection.execute(text("SELECT * FROM page_view")),
            *connection.execute(text("SELECT * FROM view_log")),
        ]
    assert len(stored) == 2
    for secret in ("192.0.2", "jane", "s3cret", "Personal"):
        assert secret not in repr(stored)


def test_an_empty_log_is_no_mistake(engine: Engine) -> None:
    assert counted(engine, write("access.log", [], b"")) == ViewCount()
    assert counted(engine, write("access.log", [], b"\n\n")) == ViewCount()


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://shop.example", ORIGIN),
        (" HTTPS://Shop.Example/ ", ORIGIN),
        ("https://shop.example:443", ORIGIN),
        ("http://localhost:3000", "http://localhost:3000"),
    ],
)
def test_an_origin_is_read_in_any_spelling(written: str, origin: str) -> None:
    assert parse_origin(written) == origin


@pytest.mark.parametrize(
    "written",
    [
        "",
        "shop.example",
        "https://shop.example/shop",
        "ftp://shop.example",
        "https:",
        "https://a@b.example",
        "https://",
    ],
)
def test_what_is_no_origin_is_refused(written: str) -> None:
    with pytest.raises(CspbuildError, match="is no origin of pages; write"):
        parse_origin(written)
