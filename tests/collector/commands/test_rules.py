"""`csp-collector rules` and `rules measure`, and rules of one's own in everything that takes reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from starlette.testclient import TestClient

from collector.app import create_service
from collector.cli import command
from collector.settings import load_settings
from policybuilder.errors import CspbuildError
from policybuilder.reports.rules import built_in_rules
from policybuilder.store.engine import open_for_reading
from tests.collector.ingest.builders import hash_envelope, members, report_body

OWN_RULES = """
version = 1
disable = ["look-alike"]

[[rule]]
id = "tracker"
class = "injected"
reason = "our visitors' tracker"
blocked-hosts = ["cdn.example"]
"""


def collector(*arguments: str) -> Result:
    """Run the program as it is run."""
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def stored_rules(url: str) -> list[str]:
    """The rules of the groups in a database."""
    engine = open_for_reading(url)
    with engine.connect() as connection:
        found = list(connection.scalars(text("SELECT rule FROM violation_group")))
    engine.dispose()
    return found


def labelled(expected: str = "genuine", **more: object) -> str:
    """A line of a labelled set."""
    return json.dumps({"body": {"csp-report": members()}, "class": expected, **more})


def test_the_rules_are_listed_in_their_order_with_class_and_reason() -> None:
    document = json.loads(collector("rules", "--format", "json").output)
    assert (document["schema"], document["version"], document["disabled"]) == ("rules/1", built_in_rules().version, [])
    assert [rule["id"] for rule in document["rules"]] == [rule.rule_id for rule in built_in_rules().rules]
    assert {"id", "class", "reason", "source", "from"} == set(document["rules"][0])
    shown = collector("rules").output
    assert all(rule.rule_id in shown for rule in built_in_rules().rules)


@pytest.fixture
def own_rules(tmp_path: Path) -> Path:
    """An operator's file, in the working directory."""
    path = tmp_path / "own.toml"
    path.write_text(OWN_RULES)
    return path


def test_the_version_of_an_operators_rules_is_shown_beside_the_built_in_one(own_rules: Path) -> None:
    own_rules.write_text(OWN_RULES.replace("version = 1", "version = 17"))
    document = json.loads(collector("rules", "--rules", str(own_rules), "--format", "json").output)
    assert (document["version"], document["own_version"]) == (built_in_rules().version, 17)
    assert "your rules, version 17\n" in collector("rules", "--rules", str(own_rules)).output
    assert json.loads(collector("rules", "--format", "json").output)["own_version"] is None
    assert "your rules" not in collector("rules").output


@pytest.mark.parametrize("place", ["flag", "environment", "file"])
def test_own_rules_come_from_flag_environment_or_file(
    place: str, own_rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "environment":
        monkeypatch.setenv("CSP_RULES", str(own_rules))
    elif place == "file":
        Path("csp.toml").write_text(f'rules = "{own_rules}"\n')
    flag = ("--rules", str(own_rules)) if place == "flag" else ()
    document = json.loads(collector("rules", "--format", "json", *flag).output)
    ids = {rule["id"]: rule["from"] for rule in document["rules"]}
    assert ids["tracker"] == str(own_rules)
    assert "look-alike" not in ids
    assert document["disabled"] == ["look-alike"]


def test_an_empty_setting_means_the_built_in_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSP_RULES", "")
    assert load_settings().rules is None


def test_an_import_goes_by_the_rules_it_is_given(own_rules: Path) -> None:
    Path("reports.jsonl").write_bytes(report_body())
    url = "sqlite:///csp.db"
    result = collector("import", "reports.jsonl", "--rules", str(own_rules), "--database-url", url)
    assert result.exit_code == 0
    assert stored_rules(url) == ["tracker"]


def test_the_service_goes_by_the_rules_it_is_given(own_rules: Path) -> None:
    settings = load_settings(rules=str(own_rules), database_url="sqlite:///csp.db")
    with TestClient(create_service(settings).app, base_url="http://127.0.0.1:8000") as client:
        answer = client.post("/report/default", content=report_body(), headers={"content-type": "text/plain"})
    assert answer.status_code == 204
    assert stored_rules("sqlite:///csp.db") == ["tracker"]


def test_the_service_does_not_start_with_wrong_rules(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("version = 1\nrule = 3")
    with pytest.raises(CspbuildError, match=r"own\.toml: rules are written under"):
        create_service(load_settings(rules="own.toml", database_url="sqlite:///csp.db"))
    assert not Path("csp.db").exists()


def test_a_measurement_says_how_often_each_class_is_right() -> None:
    lines = [
        labelled(),
        labelled(),
        labelled("bot"),
        labelled("bot", user_agent="Googlebot/2.1"),
        "",
        labelled("malformed"),
    ]
    Path("set.jsonl").write_text("\n".join(lines))
    document = json.loads(collector("rules", "measure", "set.jsonl", "--format", "json").output)
    assert (document["schema"], document["reports"]) == ("rules-measure/1", 5)
    figures = {line["class"]: line for line in document["classes"]}
    assert figures["genuine"] == {
        "class": "genuine", "labelled": 2, "given": 4, "right": 2, "precision": 0.5, "recall": 1.0,
    }  # fmt: skip
    assert (figures["bot"]["precision"], figures["bot"]["recall"]) == (1.0, 0.5)
    assert (figures["malformed"]["precision"], figures["malformed"]["recall"]) == (None, 0.0)
    assert [mistake["line"] for mistake in document["misjudged"]] == ["set.jsonl:3", "set.jsonl:6"]
    shown = collector("rules", "measure", "set.jsonl").output
    assert "set.jsonl:3" in shown
    assert "0.500" in shown


# (line, what the error says)
BAD_LINES = [
    ("[]", "no JSON object"),
    ("{", "no JSON object"),
    (json.dumps({"body": {}, "class": "spam"}), "class must be one of genuine"),
    (json.dumps({"body": {}, "class": "bot"}), "body is no report: not-a-report"),
    (json.dumps({"body": None, "class": "bot"}), "body is no report"),
    (labelled(user_agent=3), "user_agent must be text"),
    (labelled(hosts="shop.example"), "hosts a list"),
    (json.dumps({"body": [hash_envelope()], "class": "bot"}), "body holds no violation"),
    ('"' + "x" * 1_100_000 + '"', "longer than 1 MiB"),
]


@pytest.mark.parametrize(("line", "says"), BAD_LINES)
def test_a_line_that_is_no_labelled_report_is_named(line: str, says: str) -> None:
    Path("set.jsonl").write_text(f"{labelled()}\n{line}\n")
    with pytest.raises(CspbuildError, match=rf"^set\.jsonl:2: .*{says}"):
        collector("rules", "measure", "set.jsonl")


def test_a_missing_set_is_named() -> None:
    with pytest.raises(CspbuildError, match=r"cannot read set\.jsonl: No such file"):
        collector("rules", "measure", "set.jsonl")
