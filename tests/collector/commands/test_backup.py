"""`csp-collector backup` and `csp-collector restore`: every row, whichever database it came from and goes to."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import pty
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, text
from sqlmodel import SQLModel

from collector.cli import command
from policybuilder.cli.failures import run
from policybuilder.store import schema
from policybuilder.store.engine import SCHEMA_REVISION, open_for_reading, open_for_writing, open_unmigrated
from policybuilder.store.listing_upkeep import list_in_portions
from policybuilder.store.sites import add_site, ensure_default_site, parse_alias
from policybuilder.store.tables import table_of
from tests.support.evidence import OBSERVED, SEEN_AT, make_observation, make_violation, record_observations
from tests.support.postgres import PostgresServer
from tests.support.rows import insert_rows
from tests.support.service import PROGRAMS, Ran, RunningCollector, environment, post, run_collector, run_program

RECORDED = Path(__file__).parents[2] / "data" / "reports"
AS_OF = "2026-12-02T12:00:00Z"
READINGS = [
    ("summary", "--noise", "--as-of", AS_OF),
    ("summary", "--noise", "--format", "json", "--as-of", AS_OF, "--site", "shop"),
    ("suggest", "--as-of", AS_OF, "--site", "shop"),
    ("suggest", "--format", "json", "--as-of", AS_OF),
]
HOSTILE = "\x01\x1b[31m\u202e'\"\\;DROP TABLE site;--\r\n\t\u2028\x7f\ufeff\U0001f4a3 {} [1,2]"
KEYS = "reporter_key"
LEFT_BEHIND = {KEYS, "violation_listing", "violation_listing_state"}
"""What no backup holds: keys, and what is made of all else."""


def program(*arguments: str) -> Ran:
    """`csp-collector` in this process, since there are many."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        run(command, "csp-collector", arguments)
    return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def backup(url: str, file: str = "csp.backup", *arguments: str) -> Ran:
    return program("backup", file, "--database-url", url, *arguments)


def restore(url: str, file: str | Path = "csp.backup", *arguments: str) -> Ran:
    return program("restore", str(file), "--database-url", url, *arguments)


def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table about sites, in an order that does not depend on the database."""
    engine = open_for_reading(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in SQLModel.metadata.sorted_tables
            if "site" in table.columns or table.name == "site"
        }
    engine.dispose()
    return found


def tables_in(url: str) -> list[str]:
    """The tables there are; none where there is no file."""
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    engine = open_unmigrated(url)
    found = inspect(engine).get_table_names()
    engine.dispose()
    return found


def fill(url: str) -> None:
    """Evidence as browsers sent it, strangers' of two days with keys, and something in every other table."""
    for name, more in (("chromium", ["--trusted"]), ("firefox", []), ("synthetic", [])):
        file = str(RECORDED / f"{name}.jsonl")
        imported = run_program("csp-collector", "import", file, *more, "--database-url", url, cwd=Path())
        assert imported.code == 0, imported.err
    engine = open_for_writing(url)
    add_site(
        engine,
        "shop",
        ["shop.example", "www.shop.example"],
        SEEN_AT,
        aliases=[parse_alias("staging.shop.example=shop.example")],
    )
    for number in range(40):
        violation = make_violation(blocked_uri=f"https://img.example/{number}.png", sample=HOSTILE, source_file=HOSTILE)
        record_observations(
            engine,
            *(make_observation(violation, site=site, network=f"10.0.{number}.0/24") for site in ("default", "shop")),
        )
    for row, known in (
        (schema.DecisionRow, {"number": 1, "action": "reject", "subject": HOSTILE, "note": HOSTILE}),
        (schema.DeploymentRow, {"number": 1, "stage": "report-only", "policy": OBSERVED, "note": HOSTILE}),
        (schema.WaiverRow, {"number": 1, "criterion": "days", "note": HOSTILE}),
        (schema.PageViewRow, {"page": HOSTILE, "day": 20_000, "views": 2**40}),
        (schema.ViewLogRow, {"digest": bytes(range(256)), "lines_digest": b"\0\xff"}),
        (schema.GroupDayRow, {"fingerprint": "f", "day": 20_000, "reports": 3}),
        (schema.GroupReporterRow, {"fingerprint": "f", "day": 20_000, "network": -(2**63)}),
        (schema.ScriptHashRow, {"script_url": HOSTILE, "hash": ""}),
        (schema.PolicyNonceRow, {"policy_digest": "p", "day": 20_000, "mark": 2**63 - 1, "network": -(2**63)}),
    ):
        insert_rows(engine, row, {"site": "shop", **known})
    for _ in list_in_portions(engine, "shop"):
        pass
    engine.dispose()


@dataclass(frozen=True)
class Source:
    """A full database, a backup of it, and what the commands that read say of it."""

    url: str
    rows: dict[str, list[tuple[Any, ...]]]
    file: Path
    readings: list[Ran]


def readings_of(url: str) -> list[Ran]:
    return [run_program("cspbuild", *arguments, "--database", url, cwd=Path()) for arguments in READINGS]


@pytest.fixture(scope="module")
def sources(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    """One in each system."""
    directory = tmp_path_factory.mktemp("sources")
    found = {}
    for system, url in (("sqlite", f"sqlite:///{directory}/csp.db"), ("postgresql", postgres.create_database())):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(directory)
            fill(url)
            file = directory / f"{system}.backup"
            made = backup(url, str(file))
            assert made.code == 0, made.err
            found[system] = Source(url, rows_of(url), file, readings_of(url))
    return found


@pytest.fixture
def whole(sources: dict[str, Source]) -> Path:
    """A backup as it was made."""
    return sources["sqlite"].file


@pytest.fixture(params=["sqlite", "postgresql"])
def source(request: pytest.FixtureRequest, sources: dict[str, Source]) -> Source:
    found = sources[request.param]
    assert [name for name, rows in found.rows.items() if not rows] == []
    return found


def test_every_row_and_every_answer_is_the_same_in_either_system(source: Source, database_url: str) -> None:
    ran = restore(database_url, source.file, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    restored = rows_of(database_url)
    assert [restored.pop(name) for name in sorted(LEFT_BEHIND)] == [[], [], []]
    assert restored == {name: rows for name, rows in source.rows.items() if name not in LEFT_BEHIND}
    assert readings_of(database_url) == source.readings
    assert all(reading.code == 0 and reading.out for reading in source.readings)
    again = backup(database_url, "again.backup")
    assert again.code == 0
    assert lines_of(Path("again.backup"))[1:] == lines_of(source.file)[1:]


def lines_of(file: Path) -> list[bytes]:
    """The lines of a backup but the last, which has the digest of the others."""
    return gzip.decompress(file.read_bytes()).splitlines(keepends=True)[:-1]


def write_lines(file: Path, lines: list[bytes], digest_of: list[bytes] | None = None) -> None:
    """A backup of these lines, with the digest of others if it shall not fit."""
    digest = hashlib.sha256(b"".join(lines if digest_of is None else digest_of)).hexdigest()
    file.write_bytes(gzip.compress(b"".join(lines) + json.dumps({"sha256": digest}).encode() + b"\n"))


def test_both_say_what_they_did(source: Source) -> None:
    made = backup(source.url, "csp.backup", "--format", "json")
    document = made.json()
    assert (made.code, made.err, document["schema"], document["file"]) == (0, "", "backup/1", "csp.backup")
    assert document["revision"] == SCHEMA_REVISION
    assert document["bytes"] == Path("csp.backup").stat().st_size
    assert document["sha256"] == hashlib.sha256(b"".join(lines_of(Path("csp.backup")))).hexdigest()
    assert document["tables"] == {name: len(rows) for name, rows in source.rows.items() if name not in LEFT_BEHIND}
    assert document["rows"] == sum(document["tables"].values())
    restored = restore("sqlite:///new/csp.db", "csp.backup", "--format", "json").json()
    assert (restored["schema"], restored["database"]) == ("restore/1", "sqlite:///new/csp.db")
    for key in ("file", "made_at", "revision", "rows", "tables"):
        assert restored[key] == document[key]


def test_people_see_a_table_and_what_comes_next(whole: Path) -> None:
    ran = restore("sqlite:///new/csp.db", whole)
    assert "violation_group" in ran.out
    assert "rows of 20" in ran.err
    assert "next: " in ran.err
    made = backup("sqlite:///new/csp.db")
    assert "violation_group" in made.out
    assert "in csp.backup, " in made.err


def test_no_key_of_client_networks_is_in_it_nor_of_anybody_else(source: Source) -> None:
    content = gzip.decompress(source.file.read_bytes())
    keys = [bytes(key) for _, _, key, _ in source.rows[KEYS]]
    assert len(keys) >= 2
    for key in keys:
        for written in (key, key.hex().encode(), base64.b64encode(key), base64.urlsafe_b64encode(key)):
            assert written not in content
    assert KEYS.encode() not in content


def test_only_its_owner_may_read_it(whole: Path) -> None:
    before = os.umask(0)
    try:
        restore("sqlite:///csp.db", whole)
        assert backup("sqlite:///csp.db").code == 0
    finally:
        os.umask(before)
    assert Path("csp.backup").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in Path().iterdir() if ".part" in file.name] == []


def test_a_file_that_is_there_stays_unless_it_is_to_go(source: Source) -> None:
    Path("csp.backup").write_text("something dear")
    refused = backup(source.url)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == ("error: csp.backup is there already; name another file, or replace it with --force\n")
    assert Path("csp.backup").read_text() == "something dear"
    assert backup(source.url, "csp.backup", "--force").code == 0
    assert lines_of(Path("csp.backup"))[1:] == lines_of(source.file)[1:]
    assert [file.name for file in Path().iterdir()] == ["csp.backup"]


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("nowhere/csp.backup", "cannot write nowhere/csp.backup: No such file or directory; name a file in a"),
        (".", "is a directory; name a file"),
        ("/proc/csp.backup", "cannot write /proc/csp.backup: "),
    ],
)
def test_a_file_that_cannot_be_is_named(source: Source, file: str, says: str) -> None:
    ran = backup(source.url, file, "--force")
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_without_a_database_there_is_nothing_to_back_up() -> None:
    ran = backup("sqlite:///csp.db")
    assert (ran.code, ran.out) == (2, "")
    assert "no database at csp.db; start the collector once" in ran.err
    assert list(Path().iterdir()) == []


def limited(size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that may make no file longer than `size` bytes, as on a disk that gets full."""
    typed = ["prlimit", f"--fsize={size}", str(PROGRAMS / "csp-collector"), *arguments]
    return subprocess.run(typed, env=environment(Path()), capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("arguments", [(), ("--force",)])
def test_a_full_disk_leaves_no_half_file(sources: dict[str, Source], arguments: tuple[str, ...]) -> None:
    if arguments:
        Path("csp.backup").write_text("the last one")
    # Of PostgreSQL, since SQLite itself writes beside a database that is read.
    ran = limited(5_000, "backup", "csp.backup", "--database-url", sources["postgresql"].url, *arguments)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "error: cannot write: File too large; make room, or write elsewhere\n"
    assert [file.read_text() for file in Path().iterdir()] == (["the last one"] if arguments else [])


def test_a_full_disk_leaves_no_half_database(whole: Path) -> None:
    ran = limited(200_000, "restore", str(whole), "--database-url", "sqlite:///csp.db")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "nothing of this command was stored by halves" in ran.stderr
    assert tables_in("sqlite:///csp.db") == []
    assert restore("sqlite:///csp.db", whole).code == 0


def cut(whole: Path, to: Path) -> None:
    content = whole.read_bytes()
    to.write_bytes(content[: len(content) // 2])


def cut_within_the_head(whole: Path, to: Path) -> None:
    to.write_bytes(whole.read_bytes()[:200])


def without_the_end(whole: Path, to: Path) -> None:
    to.write_bytes(gzip.compress(b"".join(lines_of(whole))))


def without_a_row(whole: Path, to: Path) -> None:
    lines = lines_of(whole)
    write_lines(to, lines[:-1], digest_of=lines)


def without_most_rows(whole: Path, to: Path) -> None:
    lines = lines_of(whole)
    write_lines(to, lines[:5])


def with_another_number(whole: Path, to: Path) -> None:
    lines = lines_of(whole)
    changed = [line.replace(b"1", b"2") if at == len(lines) - 1 else line for at, line in enumerate(lines)]
    assert changed != lines
    write_lines(to, changed, digest_of=lines)


def with_a_flipped_bit(whole: Path, to: Path) -> None:
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    to.write_bytes(content)


def with_something_behind(whole: Path, to: Path) -> None:
    to.write_bytes(whole.read_bytes() + gzip.compress(b"[]"))


Change = Callable[[Path, Path], None]


@pytest.mark.parametrize(
    "change",
    [
        *(cut, cut_within_the_head, without_the_end, without_a_row, without_most_rows, with_another_number),
        *(with_a_flipped_bit, with_something_behind),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused_before_anything_is_made(whole: Path, change: Change) -> None:
    change(whole, Path("bad.backup"))
    ran = restore("sqlite:///new/csp.db", "bad.backup")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "bad.backup is damaged (" in ran.err
    assert "copy it anew, or take another backup" in ran.err
    assert not Path("new").exists()


FOREIGN = {
    "nothing": b"",
    "text": b"site,name\n",
    "a database": b"SQLite format 3\0",
    "nothing, packed": gzip.compress(b""),
    "text, packed": gzip.compress(b"hello\n"),
    "deep JSON": gzip.compress(b"[" * 100_000),
    "no UTF-8": gzip.compress(b'{"format": "\xff"}\n'),
    "other JSON": gzip.compress(b'{"format": "cspbuild-backup/1"}\n'),
    "another format": gzip.compress(
        b'{"format": "tar/1", "revision": "0003", "made_at": "2026-11-20T00:00:00Z", "tables": []}\n'
    ),
    "no revision of ours": gzip.compress(
        b'{"format": "cspbuild-backup/1", "revision": "0000", "made_at": "2026-11-20T00:00:00Z", "tables": []}\n'
    ),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_file_of_something_else_is_refused(what: str) -> None:
    Path("other.gz").write_bytes(FOREIGN[what])
    ran = restore("sqlite:///new/csp.db", "other.gz")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: other.gz is no backup; name a file that  csp-collector backup  made\n"
    assert not Path("new").exists()


def test_a_file_that_is_not_there_is_named() -> None:
    ran = restore("sqlite:///csp.db", "none.backup")
    assert (ran.code, ran.err.partition(";")[0]) == (2, "error: cannot read none.backup: No such file or directory")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"columns":["site","host"]', b'"columns":["site","name"]'),
        (b'"name":"site_host"', b'"name":"alembic_version"'),
        (b'["shop","shop.example"]', b'["shop",7]'),
        (b'["shop","shop.example"]', b'["shop",null]'),
        (b'["shop","shop.example"]', b'["shop","shop.example","more"]'),
        (b'["shop","staging', b'["shop",["staging'),
    ],
)
def test_what_no_backup_could_hold_leaves_the_database_as_it_was(
    whole: Path, database_url: str, old: bytes, new: bytes
) -> None:
    """Whoever writes a file on purpose can give it a digest that fits."""
    lines = lines_of(whole)
    changed = [line.replace(old, new) for line in lines]
    assert changed != lines
    write_lines(Path("made-up.backup"), changed)
    ran = restore(database_url, "made-up.backup")
    assert (ran.code, ran.out) == (2, "")
    assert "made-up.backup is damaged (" in ran.err
    assert tables_in(database_url) == []


def test_a_row_that_is_there_twice_is_refused(whole: Path, database_url: str) -> None:
    lines = lines_of(whole)
    hosts = [
        at for at, line in enumerate(lines) if line.startswith(b'["shop","') and line.endswith(b'shop.example"]\n')
    ]
    lines[hosts[-1]] = lines[hosts[-2]]
    write_lines(Path("made-up.backup"), lines)
    ran = restore(database_url, "made-up.backup")
    assert (ran.code, "is damaged (" in ran.err) == (2, True)
    assert tables_in(database_url) == []


@pytest.mark.parametrize(
    ("old", "new"), [(f'"revision":"{SCHEMA_REVISION}"', '"revision":"9999"'), ("backup/1", "backup/2")]
)
def test_what_a_newer_program_made_is_left_to_it(whole: Path, old: str, new: str) -> None:
    head, *rows = lines_of(whole)
    write_lines(Path("newer.backup"), [head.replace(old.encode(), new.encode()), *rows])
    ran = restore("sqlite:///new/csp.db", "newer.backup")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: newer.backup was made by a newer version of this program; upgrade cspbuild\n"
    assert not Path("new").exists()


def test_what_a_first_start_put_there_makes_room(whole: Path, sources: dict[str, Source], database_url: str) -> None:
    engine = open_for_writing(database_url)
    ensure_default_site(engine, SEEN_AT)
    engine.dispose()
    assert restore(database_url, whole).code == 0
    assert rows_of(database_url)["site_key"] == sources["sqlite"].rows["site_key"]


def register_a_site(engine: Engine) -> None:
    add_site(engine, "other", [], SEEN_AT)


def take_a_report(engine: Engine) -> None:
    record_observations(engine, make_observation())


@pytest.mark.parametrize("use", [register_a_site, take_a_report])
def test_a_database_in_use_is_never_replaced(whole: Path, database_url: str, use: Callable[[Engine], None]) -> None:
    engine = open_for_writing(database_url)
    ensure_default_site(engine, SEEN_AT)
    use(engine)
    engine.dispose()
    before = rows_of(database_url)
    ran = restore(database_url, whole)
    assert (ran.code, ran.out) == (2, "")
    assert f"{database_url} is in use: " in ran.err
    advised = ran.err.partition("restore into another database:  ")[2].split()[1:]
    assert rows_of(database_url) == before
    assert advised[:3] == ["restore", str(whole), "--database-url"]
    if database_url.startswith("sqlite"):
        assert program(*advised).code == 0


def test_a_database_of_a_newer_program_is_left_to_it(whole: Path, database_url: str) -> None:
    engine = open_for_writing(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    ran = restore(database_url, whole)
    assert (ran.code, ran.out) == (2, "")
    assert "was made by a newer version of this program; upgrade cspbuild" in ran.err


def test_of_two_restores_at_once_one_wins(whole: Path, sources: dict[str, Source], database_url: str) -> None:
    typed = ("csp-collector", "restore", str(whole), "--database-url", database_url)
    with ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda _: run_program(*typed, cwd=Path()), range(2)))
    assert sorted(each.code for each in ran) == [0, 2]
    assert any("is in use" in each.err for each in ran)
    assert rows_of(database_url)["violation_group"] == sources["sqlite"].rows["violation_group"]


def test_a_server_that_is_away_is_the_environments_failure(whole: Path) -> None:
    ran = restore("postgresql://nobody@127.0.0.1:1/csp", whole)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: cannot use postgresql://nobody@127.0.0.1:1/csp")


def test_progress_is_for_a_terminal_alone(source: Source) -> None:
    for arguments, shown in (
        (["backup", "csp.backup", "--database-url", source.url], ["backing up"]),
        (["restore", "csp.backup", "--database-url", "sqlite:///new/csp.db"], ["checking", "restoring"]),
    ):
        ours, theirs = pty.openpty()
        command = [str(PROGRAMS / "csp-collector"), *arguments]
        process = subprocess.Popen(
            command, env=environment(Path(), TERM="xterm"), stderr=theirs, stdout=subprocess.PIPE
        )
        os.close(theirs)
        said = read_to_the_end(ours)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        for what in shown:
            assert what in said
            assert what not in out.decode()


def read_to_the_end(descriptor: int) -> str:
    """What a terminal showed until nobody had it open any more."""
    said = b""
    try:
        while portion := os.read(descriptor, 65_536):
            said += portion
    except OSError:  # so Linux says that the other end is closed
        pass
    finally:
        os.close(descriptor)
    return said.decode()


BATCH = 5


class Load:
    """Batches of reports, posted one after the other by several clients until told to stop."""

    def __init__(self, collector: RunningCollector) -> None:
        self._url = f"{collector.base_url}/report/{collector.rehearsal_key}"
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._acknowledged: set[str] = set()

    def client(self, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            batch = f"{name}-{number}"
            status, _, _ = post(self._url, self._body(batch), [("Content-Type", "application/reports+json")])
            assert status == 204
            with self._lock:
                self._acknowledged.add(batch)

    def acknowledged(self) -> set[str]:
        with self._lock:
            return set(self._acknowledged)

    def stop(self) -> None:
        self._stop.set()

    @staticmethod
    def _body(batch: str) -> bytes:
        common = {
            "documentURL": "https://shop.example/",
            "originalPolicy": OBSERVED,
            "effectiveDirective": "img-src",
            "disposition": "report",
            "statusCode": 200,
        }
        return json.dumps(
            [
                {
                    "type": "csp-violation",
                    "age": 0,
                    "url": "https://shop.example/",
                    "user_agent": "Mozilla/5.0",
                    "body": {**common, "blockedURL": f"https://img.example/{batch}/{number}.png"},
                }
                for number in range(BATCH)
            ]
        ).encode()


def batches_in(url: str) -> dict[str, int]:
    """How many groups of each batch there are, each of one report."""
    found: dict[str, int] = defaultdict(int)
    engine = open_for_reading(url)
    groups = table_of(schema.GroupRow)
    with engine.connect() as connection:
        for blocked, reports in connection.execute(select(groups.c.blocked, groups.c.reports)):
            assert reports == 1
            found[blocked.split("/")[-2]] += 1
    engine.dispose()
    return dict(found)


def test_under_load_all_that_was_acknowledged_before_is_in_it_and_no_batch_by_halves(
    tmp_path: Path, database_url: str
) -> None:
    with (
        run_collector(tmp_path, CSP_DATABASE_URL=database_url, CSP_RATE_PER_CLIENT="0") as collector,
        ThreadPoolExecutor(4) as pool,
    ):
        load = Load(collector)
        try:
            clients = [pool.submit(load.client, f"client{number}") for number in range(4)]
            wait_for(lambda: len(load.acknowledged()) >= 40)
            before = load.acknowledged()
            made = run_program("csp-collector", "backup", "csp.backup", "--database-url", database_url, cwd=Path())
            during = load.acknowledged()
        finally:
            load.stop()
        for client in clients:
            client.result(30)
        collector.stop()
    assert made.code == 0, made.err
    assert restore("sqlite:///restored.db").code == 0
    restored = batches_in("sqlite:///restored.db")
    assert len(during) > len(before)
    assert before <= restored.keys()
    assert set(restored.values()) == {BATCH}
    assert restored.keys() < batches_in(database_url).keys()
    assert load.acknowledged() == batches_in(database_url).keys()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
