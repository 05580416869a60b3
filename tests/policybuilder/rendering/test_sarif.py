"""Tests of SARIF logs: they have what the schema asks for, and their regions are in the text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.rendering.sarif import LEVELS, SarifArtifact, SarifResult, SarifRule, sarif_log

# Of the schema's objects, the members that have to be there, and those that may be.
# https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json
MEMBERS: dict[str, tuple[set[str], set[str]]] = {
    "sarifLog": ({"version", "runs"}, {"$schema"}),
    "run": ({"tool"}, {"columnKind", "artifacts", "results"}),
    "driver": ({"name"}, {"version", "rules", "informationUri"}),
    "rule": ({"id"}, {"name", "shortDescription", "fullDescription", "helpUri", "help"}),
    "artifact": (set(), {"location", "contents", "description"}),
    "result": (
        {"message"},
        {"ruleId", "ruleIndex", "level", "locations", "properties", "partialFingerprints", "baselineState", "fixes"},
    ),
    "location": (set(), {"physicalLocation", "logicalLocations"}),
    "region": (
        set(),
        {"startLine", "startColumn", "endLine", "endColumn", "charOffset", "charLength", "snippet"},
    ),
    "fix": ({"artifactChanges"}, {"description"}),
}


def check(kind: str, value: Mapping[str, Any]) -> None:
    required, optional = MEMBERS[kind]
    assert required <= value.keys() <= required | optional, kind


def check_log(log: Mapping[str, Any]) -> None:
    """Whether a log follows the schema, as far as ours use it."""
    check("sarifLog", log)
    assert log["version"] == "2.1.0"
    for run in log["runs"]:
        check("run", run)
        driver = run["tool"]["driver"]
        check("driver", driver)
        for rule in driver["rules"]:
            check("rule", rule)
            assert rule["helpUri"].startswith("https://")
        assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
        for artifact in run["artifacts"]:
            check("artifact", artifact)
        for result in run["results"]:
            check_result(run, result)
    json.dumps(log, allow_nan=False).encode("ascii")


def check_result(run: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    check("result", result)
    assert result["level"] in LEVELS
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert result.get("baselineState") in {None, "new", "unchanged"}
    for location in result["locations"]:
        check("location", location)
        assert 0 <= location["physicalLocation"]["artifactLocation"]["index"] < len(run["artifacts"])
        if (region := location["physicalLocation"].get("region")) is not None:
            check("region", region)
            assert min(region["startLine"], region["startColumn"], region["endColumn"]) >= 1
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
    for fix in result.get("fixes", []):
        check("fix", fix)
        for change in fix["artifactChanges"]:
            assert change.keys() == {"artifactLocation", "replacements"}
            assert all("deletedRegion" in replacement for replacement in change["replacements"])


def log_of(artifact: SarifArtifact, **known: Any) -> dict[str, Any]:
    rule = SarifRule(id="too-wide", title="Too wide", text="It is.", help_uri="https://example.com/")
    result = SarifResult(rule="too-wide", level="error", message="it is too wide", **known)
    return sarif_log(version="1", rules=[rule], artifacts=[artifact], results=[result])


def result_of(log: Mapping[str, Any]) -> Any:
    (result,) = log["runs"][0]["results"]
    return result


def test_a_place_in_a_file_is_its_line_and_column() -> None:
    text = "\n  script-src 'self';\n  img-src *\n"
    artifact = SarifArtifact(uri="deploy/policy.txt", text=text, offset=1)
    log = log_of(artifact, start=text.index("*") - 1, end=text.index("*"))
    check_log(log)
    place = result_of(log)["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "deploy/policy.txt", "index": 0}
    region = place["region"]
    assert (region["startLine"], region["startColumn"], region["endLine"], region["endColumn"]) == (3, 11, 3, 12)
    assert region["snippet"] == {"text": "*"}


def test_a_text_without_a_file_goes_with_the_log() -> None:
    log = log_of(SarifArtifact(text="img-src *"), start=8, end=9)
    check_log(log)
    assert log["runs"][0]["artifacts"][0]["contents"] == {"text": "img-src *"}


def test_a_page_has_no_region() -> None:
    log = log_of(
        SarifArtifact(uri="https://shop.example/"), start=0, end=1, name="Content-Security-Policy", is_new=True
    )
    check_log(log)
    result = result_of(log)
    assert "region" not in result["locations"][0]["physicalLocation"]
    assert result["locations"][0]["logicalLocations"] == [{"name": "Content-Security-Policy"}]
    assert result["baselineState"] == "new"


def test_a_uri_has_no_characters_that_uris_do_not_have() -> None:
    log = log_of(SarifArtifact(uri="a b/\udcff<é>.txt"))
    assert log["runs"][0]["artifacts"][0]["location"]["uri"] == "a%20b/%FF%3C%C3%A9%3E.txt"


@pytest.mark.parametrize(("before", "after"), [("\n", "\n"), ("", ""), ("", "\r\n"), ("\n\n", "")])
@given(text=st.text("ab; ", min_size=1), fix=st.text("ab; "))
def test_a_fix_makes_the_better_text_of_the_file(before: str, after: str, text: str, fix: str) -> None:
    content = before + text + after
    log = log_of(SarifArtifact(uri="policy.txt", text=content, offset=len(before)), fix=fix)
    check_log(log)
    (change,) = result_of(log)["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    start = replacement["deletedRegion"]["charOffset"]
    end = start + replacement["deletedRegion"]["charLength"]
    assert content[:start] + replacement["insertedContent"]["text"] + content[end:] == before + fix + after
