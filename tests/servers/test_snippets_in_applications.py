"""Tests of snippets in the applications they are for: Django, Starlette, Workers and Express."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from policybuilder.rendering.snippets import SnippetFormat, render
from policybuilder.stages import ENFORCED, Header, Stage, headers_for
from tests.servers.conftest import OWN, PLAUSIBLE
from tests.support.web_servers import ask

HERE = Path(__file__).parent
OBSERVING = list(headers_for(Stage.OBSERVE, report_url="https://csp.example/report/shop", sample=0.25))
PLAIN = Header(ENFORCED, "default-src 'self'")
NONCE = Header(ENFORCED, "script-src 'nonce-{NONCE}'")

# Django 6 brings the policy settings; older ones, on older Pythons, run the middleware alone.
HAS_POLICY_SETTINGS = django.VERSION >= (6,)

Fields = dict[str, str]


def joined(headers: list[Header]) -> Fields:
    """The values of each name, in lower case, joined by commas."""
    names = dict.fromkeys(header.name for header in headers)
    return {name.lower(): ", ".join(h.value for h in headers if h.name == name) for name in names}


@contextmanager
def node(script: str, *arguments: str | Path) -> Iterator[Callable[[str], tuple[int, Fields, str]]]:
    """Run `script` of this directory, and give what asks it."""
    with subprocess.Popen(["node", HERE / script, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())

            def get(path: str) -> tuple[int, Fields, str]:
                answer = ask(port, path)
                names = dict.fromkeys(name for name, _ in answer.headers)
                fields = {name: b", ".join(answer.values(name)).decode() for name in names}
                return answer.status, fields, answer.body.decode()

            yield get
        finally:
            process.terminate()


def drawn_of(answers: list[Fields]) -> int:
    """How many of the answers have all that OBSERVING sends; the rest must have none of it."""
    expected = joined(OBSERVING)
    parts = [{name: fields[name] for name in expected if name in fields} for fields in answers]
    assert all(part in ({}, expected) for part in parts)
    return sum(bool(part) for part in parts)


@pytest.mark.parametrize("path", ["/", "/nowhere"])
@pytest.mark.parametrize("always", [[], [PLAIN]])
def test_a_worker_draws_for_each_answer(path: str, always: list[Header], tmp_path: Path, application_port: int) -> None:
    (tmp_path / "worker.mjs").write_text(render([*always, *OBSERVING], SnippetFormat.CLOUDFLARE, 0.25))
    with node("worker.mjs", tmp_path / "worker.mjs", f"http://127.0.0.1:{application_port}") as get:
        answers = [get(path)[1] for _ in range(400)]
    assert drawn_of(answers) in PLAUSIBLE
    own = ", ".join([OWN, *(header.value for header in always)])
    assert all(fields[ENFORCED.lower()] == own for fields in answers)


def test_a_worker_sends_a_new_nonce_each_time_and_nothing_without_its_secret(
    tmp_path: Path, application_port: int
) -> None:
    """For answers other than HTML, which only the platform itself can rewrite."""
    (tmp_path / "worker.mjs").write_text(render([NONCE], SnippetFormat.CLOUDFLARE))
    origin = f"http://127.0.0.1:{application_port}"
    with node("worker.mjs", tmp_path / "worker.mjs", origin, "0123456789abcdefghij") as get:
        policies = {get("/plain")[1][ENFORCED.lower()] for _ in range(3)}
    assert len(policies) == 3
    assert all(re.search(r", script-src 'nonce-[A-Za-z0-9+/]{22}=='$", policy) for policy in policies)
    with node("worker.mjs", tmp_path / "worker.mjs", origin, "short") as get:
        status, fields, body = get("/plain")
    assert (status, body) == (500, "Error: set the secret CSP_NONCE_MARK")
    assert ENFORCED.lower() not in fields


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404)])
def test_express_draws_for_each_answer(path: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "snippet.js").write_text(render(OBSERVING, SnippetFormat.HELMET, 0.25))
    with node("express.mjs", tmp_path / "snippet.js") as get:
        answers = [get(path) for _ in range(400)]
    assert {answer[0] for answer in answers} == {status}
    assert drawn_of([fields for _, fields, _ in answers]) in PLAUSIBLE


def ask_django(directory: Path, snippet: str, path: str, count: int) -> list[tuple[int, Fields, str]]:
    (directory / "pasted.py").write_text(snippet)
    command: list[str | Path] = [sys.executable, HERE / "django_site.py", path, str(count)]
    finished = subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return [
        (status, {name.lower(): value for name, value in fields.items()}, body)
        for status, fields, body in json.loads(finished.stdout)
    ]


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404), ("/fail", 500)])
def test_django_draws_for_each_answer(path: str, status: int, tmp_path: Path) -> None:
    answers = ask_django(tmp_path, render(OBSERVING, SnippetFormat.DJANGO, 0.25), path, 400)
    assert {answer[0] for answer in answers} == {status}
    assert drawn_of([fields for _, fields, _ in answers]) in PLAUSIBLE


@pytest.mark.skipif(not HAS_POLICY_SETTINGS, reason="this Python has no Django 6")
@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nowhere", 404)])
def test_django_enforces_for_all_while_it_draws(path: str, status: int, tmp_path: Path) -> None:
    answers = ask_django(tmp_path, render([PLAIN, *OBSERVING], SnippetFormat.DJANGO, 0.25), path, 400)
    assert {(answer[0], answer[1][ENFORCED.lower()]) for answer in answers} == {(status, PLAIN.value)}
    assert drawn_of([fields for _, fields, _ in answers]) in PLAUSIBLE


@pytest.mark.skipif(not HAS_POLICY_SETTINGS, reason="this Python has no Django 6")
def test_django_sends_one_nonce_in_all_policies_and_the_page(tmp_path: Path) -> None:
    answers = ask_django(tmp_path, render([NONCE, NONCE], SnippetFormat.DJANGO), "/", 3)
    assert len({body for _, _, body in answers}) == 3
    for _, fields, body in answers:
        # The settings hold an empty text beside the nonce, which leaves a space.
        sent = fields[ENFORCED.lower()].split(", ")
        assert [policy.strip() for policy in sent] == [f"script-src 'nonce-{body}'"] * 2


@pytest.mark.skipif(not HAS_POLICY_SETTINGS, reason="this Python has no Django 6")
def test_a_django_page_that_asks_for_no_nonce_allows_none_that_could_be_known(tmp_path: Path) -> None:
    answers = ask_django(tmp_path, render([PLAIN, NONCE], SnippetFormat.DJANGO), "/plain", 3)
    policies = {fields[ENFORCED.lower()] for _, fields, _ in answers}
    assert len(policies) == 3
    assert all(re.fullmatch(r"default-src 'self', script-src 'nonce-[\w-]{22}'", policy) for policy in policies)


def test_starlette_draws_for_each_answer() -> None:
    namespace: dict[str, Any] = {"app": Starlette()}
    exec(render([PLAIN, *OBSERVING], SnippetFormat.FASTAPI, 0.25), namespace)  # noqa: S102 - it is made to be run
    client = TestClient(namespace["app"])
    answers = [client.get("/nowhere") for _ in range(400)]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.headers[ENFORCED] for answer in answers} == {PLAIN.value}
    assert drawn_of([dict(answer.headers.items()) for answer in answers]) in PLAUSIBLE
