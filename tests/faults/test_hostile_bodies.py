"""Whatever anybody posts, the service answers it, never by 5xx, counts it, and lives."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.faults.database import counted
from tests.faults.service import Service, service
from tests.support.hostile import BYTES, JSON_VALUES, VALUES

INPUTS = 5_000
"""On each of the two databases."""

SOAK_INPUTS = int(os.environ.get("FUZZ_INPUTS", "1000000"))

_POSTS = 40
"""In one example: to make one costs more than to ask the service."""

_CLIENTS = 4
_REPORTS = Path(__file__).parents[1] / "data" / "reports"

ALLOWED = {204, 400, 404, 413, 415}


@dataclass(frozen=True, slots=True)
class Post:
    """One request; its path and content type are what they mostly are, or not."""

    body: bytes
    content_type: str | None = "application/csp-report"
    path: str = "/report/default"


class Clients:
    """Connections that are kept, and opened again when the service closed one, as it does after 413."""

    def __init__(self, port: int) -> None:
        self._pool = ThreadPoolExecutor(_CLIENTS)
        self._free: SimpleQueue[http.client.HTTPConnection] = SimpleQueue()
        for _ in range(_CLIENTS):
            self._free.put(http.client.HTTPConnection("127.0.0.1", port, timeout=30))

    def post(self, posts: Sequence[Post]) -> list[int]:
        """The status of each answer."""
        return list(self._pool.map(self._post, posts))

    def close(self) -> None:
        self._pool.shutdown()
        while not self._free.empty():
            self._free.get().close()

    def _post(self, post: Post) -> int:
        connection = self._free.get()
        try:
            headers = {} if post.content_type is None else {"Content-Type": post.content_type}
            connection.request("POST", post.path, post.body, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            self._free.put(connection)


def _recorded() -> Iterator[bytes]:
    """Bodies that real browsers sent, and hand-made ones."""
    for name in ("chromium.jsonl", "firefox.jsonl", "synthetic.jsonl"):
        for line in (_REPORTS / name).read_text().splitlines():
            if body := json.loads(line).get("body"):
                yield body.encode("utf-8", "surrogatepass")


def _replace(value: Any, choices: Sequence[int], other: Any) -> Any:
    """A JSON value in which one part, found by a path of choices, is `other`."""
    if not choices or not isinstance(value, dict | list) or not value:
        return other
    changed = value.copy()
    names = list(changed) if isinstance(changed, dict) else range(len(changed))
    name = names[choices[0] % len(names)]
    changed[name] = _replace(changed[name], choices[1:], other)
    return changed


def _json_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("latin-1")


def _one_of(bodies: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    # By number: hypothesis would print the bodies themselves wherever it names the strategy.
    return st.integers(0, len(bodies) - 1).map(lambda number: bodies[number])


RECORDED = sorted(set(_recorded()))
_SMALL = [body for body in RECORDED if len(body) < 4_000]

_BYTES_AMISS = st.binary(max_size=4) | st.sampled_from(
    [
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"\\u0000",
        b"1e999",
        b"-0",
        b"9" * 400,
        b"NaN",
        b"[" * 2_000,
        b'{"a":' * 500,
    ]
)
MUTATED = st.one_of(
    st.builds(
        lambda body, choices, other: json.dumps(_replace(_json_of(body), choices, other)).encode(),
        _one_of(RECORDED),
        st.lists(st.integers(0, 30), max_size=4),
        JSON_VALUES,
    ),
    st.builds(
        lambda body, at, gone, amiss: body[: at % len(body)] + amiss + body[at % len(body) + gone :],
        _one_of(_SMALL),
        st.integers(0, 4_000),
        st.integers(0, 3),
        _BYTES_AMISS,
    ),
    st.lists(_one_of(_SMALL), max_size=12).map(lambda bodies: b"[" + b",".join(bodies) + b"]"),
)
BODIES = MUTATED | VALUES.map(lambda value: json.dumps(value).encode()) | BYTES

CONTENT_TYPES = st.sampled_from(
    [
        *("application/csp-report", "application/reports+json", "application/json", "text/plain", None),
        *("application/csp-report; charset=utf-16", "APPLICATION/JSON ;", "", ";", "\xff/\xfe"),
        *("text/html", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"),
    ]
)
PATHS = st.sampled_from(
    [
        *["/report/default"] * 12,
        *("/report/default?r=0.01", "/report/default?r=nan&r=1e999", "/report/default?%00=%ff&r=\\"),
        *("/report/%00", "/report/%ff%fe", "/report/" + "a" * 3_000, "/report/default/../x", "/report/"),
    ]
)
POSTS = st.lists(st.builds(Post, BODIES, CONTENT_TYPES, PATHS), min_size=_POSTS, max_size=_POSTS)


def post_and_count(running: Service, inputs: int, *, number: int) -> None:
    """Post so many `inputs`, which follow from `number`; and look at what became of them."""
    clients = Clients(running.port)

    @settings(
        max_examples=inputs // _POSTS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(POSTS)
    @seed(number)
    def no_answer_is_5xx(posts: list[Post]) -> None:
        answers = clients.post(posts)
        assert set(answers) <= ALLOWED, [
            (status, post) for status, post in zip(answers, posts, strict=True) if status not in ALLOWED
        ]

    try:
        no_answer_is_5xx()
    finally:
        clients.close()
    metrics = running.metrics()
    totals = {
        name: sum(value for series, value in metrics.items() if series.startswith(f"csp_reports_{name}_total"))
        for name in ("received", "accepted", "filtered", "shed", "invalid")
    }
    assert totals["received"] == totals["accepted"] + totals["filtered"] + totals["shed"] + totals["invalid"]
    assert totals["accepted"]
    assert totals["invalid"]
    assert not totals["shed"]
    violations = metrics['csp_reports_accepted_total{kind="csp-violation"}']
    assert counted(running.database_url).total() == violations
    assert "Traceback" not in running.log
    assert running.is_ready()


def test_ten_thousand_hostile_bodies_are_answered_and_counted(database_url: str, tmp_path: Path) -> None:
    with service(tmp_path / "service", database_url) as running:
        running.start()
        # Others on each, and the same in every run.
        post_and_count(running, INPUTS, number=1 if database_url.startswith("sqlite") else 2)


@pytest.mark.soak
@pytest.mark.timeout(36_000)
def test_as_many_hostile_bodies_as_wanted_are_answered_and_counted(database_url: str, tmp_path: Path) -> None:
    with service(tmp_path / "service", database_url) as running:
        running.start()
        post_and_count(running, SOAK_INPUTS, number=time.time_ns())
