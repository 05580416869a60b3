"""The arrows: who may import whom, and which library stands in which room."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SOURCES = sorted(
    path.relative_to(ROOT) for package in ("collector", "policybuilder") for path in (ROOT / package).rglob("*.py")
)

SECURITY_HEADERS = Path("collector/security_headers")

# The first package of a path prefix that fits decides; a module may import these projects' packages, and no others.
PROJECT_ARROWS = [
    ("policybuilder/csp/", ("policybuilder.csp",)),
    (
        "policybuilder/suggestion/",
        (
            *("policybuilder.csp", "policybuilder.decisions", "policybuilder.domains", "policybuilder.evidence"),
            *("policybuilder.hosting", "policybuilder.replay", "policybuilder.reports.redaction"),
            *("policybuilder.deployments", "policybuilder.markup", "policybuilder.times", "policybuilder.views"),
            *("policybuilder.scripts", "policybuilder.server_buffers", "policybuilder.suggestion"),
        ),
    ),
    ("policybuilder/evaluation/csp_evaluator/", ("policybuilder.csp", "policybuilder.evaluation.csp_evaluator")),
    (
        "policybuilder/evaluation/",
        (
            *("policybuilder.csp", "policybuilder.domains", "policybuilder.evaluation", "policybuilder.evidence"),
            *("policybuilder.hosting", "policybuilder.replay", "policybuilder.reports.lookalikes"),
            *("policybuilder.server_buffers", "policybuilder.structured_fields"),
        ),
    ),
    (
        "policybuilder/reports/",
        ("policybuilder.csp", "policybuilder.errors", "policybuilder.evidence", "policybuilder.reports"),
    ),
    (
        "policybuilder/rendering/",
        ("policybuilder.csp", "policybuilder.rendering", "policybuilder.server_buffers", "policybuilder.stages"),
    ),
    (
        "policybuilder/grading/observatory/",
        (
            *("policybuilder.csp.urls", "policybuilder.domains", "policybuilder.grading.judgement"),
            *("policybuilder.grading.material", "policybuilder.grading.observatory", "policybuilder.markup"),
            *("policybuilder.scanner.pages", "policybuilder.structured_fields"),
        ),
    ),
    (
        "policybuilder/grading/own/",
        (
            *("policybuilder.csp", "policybuilder.domains", "policybuilder.evaluation.weakness"),
            *("policybuilder.grading.judgement", "policybuilder.grading.material", "policybuilder.grading.own"),
            *("policybuilder.grading.endpoints", "policybuilder.hosting", "policybuilder.markup"),
            *("policybuilder.plurals", "policybuilder.rendering.text_safety", "policybuilder.scanner.pages"),
            "policybuilder.structured_fields",
        ),
    ),
    (
        "policybuilder/scanner/",
        (
            *(
                "policybuilder.csp",
                "policybuilder.errors",
                "policybuilder.markup",
                "policybuilder.rendering.text_safety",
            ),
            *("policybuilder.grading.endpoints", "policybuilder.grading.judgement", "policybuilder.grading.material"),
            *("policybuilder.grading.preload", "policybuilder.reporting_places", "policybuilder.scanner"),
            *("policybuilder.sitemaps", "policybuilder.wiring"),
        ),
    ),
    ("policybuilder/", ("policybuilder",)),
    ("collector/security_headers/", ("collector.security_headers",)),
    (
        "collector/ingest/",
        ("collector.forking", "collector.ingest", "collector.logs", "collector.settings", "policybuilder"),
    ),
    ("collector/review/", ("collector.review", "collector.security_headers", "policybuilder")),
    ("collector/", ("collector", "policybuilder")),
]

# Each of these libraries stands only where the prefix says.
LIBRARY_ROOMS = {
    "sqlalchemy": ("policybuilder/store/", "policybuilder/cli/failures.py", "collector/"),
    "sqlmodel": ("policybuilder/store/",),
    "alembic": ("policybuilder/store/",),
    "click": ("policybuilder/cli/", "collector/cli.py", "collector/commands/"),
    "rich": ("policybuilder/cli/", "collector/progress.py"),
    "fastapi": ("collector/app.py", "collector/health.py", "collector/review/"),
    "uvicorn": (
        *("collector/serving.py", "collector/supervising.py"),
        *("collector/ingest/protocol.py", "collector/listening.py"),
    ),
    "http_sf": ("policybuilder/structured_fields.py",),
    "httptools": ("collector/ingest/protocol.py",),
    "pydantic_settings": ("collector/settings.py",),
    "httpcore2": ("policybuilder/scanner/",),
    "turbohtml": ("policybuilder/markup/",),
    "httpx": (),
    "httpx2": (),
    "requests": (),
}


def imports_of(path: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            # The one directory that may be copied elsewhere, and so does not name where it stands.
            is_copyable = node.level == 1 and path.parent == SECURITY_HEADERS
            assert node.level == 0 or is_copyable, f"{path} imports relatively"
            yield f"collector.security_headers.{node.module}" if is_copyable else node.module


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_no_arrow_is_hidden_by_a_wider_one() -> None:
    for number, (prefix, _) in enumerate(PROJECT_ARROWS):
        assert not prefix.startswith(tuple(wider for wider, _ in PROJECT_ARROWS[:number])), prefix


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_run_one_way(path: Path) -> None:
    allowed = next(packages for prefix, packages in PROJECT_ARROWS if str(path).startswith(prefix))
    for name in imports_of(path):
        if is_within(name, "policybuilder") or is_within(name, "collector"):
            assert any(is_within(name, package) for package in allowed), f"{path} must not import {name}"


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_each_library_stands_in_its_room(path: Path) -> None:
    for name in imports_of(path):
        rooms = LIBRARY_ROOMS.get(name.partition(".")[0])
        assert rooms is None or str(path).startswith(rooms), f"{path} must not import {name}"


@pytest.mark.parametrize("path", [path for path in SOURCES if str(path).startswith("policybuilder/csp/")], ids=str)
def test_the_engine_needs_only_the_standard_library_and_one_url_parser(path: Path) -> None:
    for name in imports_of(path):
        top = name.partition(".")[0]
        assert top in {"policybuilder", "ada_url"} or top in sys.stdlib_module_names, f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent == SECURITY_HEADERS], ids=str)
def test_the_middleware_for_others_needs_only_the_standard_library(path: Path) -> None:
    for name in imports_of(path):
        top = name.partition(".")[0]
        assert top in sys.stdlib_module_names or is_within(name, "collector.security_headers"), f"{path} imports {name}"


def test_sql_stands_only_in_the_store() -> None:
    """SQLAlchemy elsewhere is an engine or a connection being handed on, and the errors they raise."""
    for path in SOURCES:
        if str(path).startswith("policybuilder/store/"):
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
                assert {alias.name for alias in node.names} <= {"Connection", "Engine"}, f"{path} makes SQL"


def test_what_another_evaluator_knows_serves_the_mode_that_answers_as_it_does_and_nothing_else() -> None:
    package = "policybuilder.evaluation.csp_evaluator"
    users = {
        str(path)
        for path in SOURCES
        for name in imports_of(path)
        if is_within(name, package) and not is_within(".".join(path.with_suffix("").parts), package)
    }
    assert users == {"policybuilder/cli/peer_evaluation.py"}


@pytest.mark.parametrize("package", ["collector", "policybuilder"])
def test_both_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
