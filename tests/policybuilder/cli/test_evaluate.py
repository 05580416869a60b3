"""Tests of `cspbuild evaluate`: what people and programs see of an evaluation."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import Engine

from policybuilder.evaluation.evaluating import evaluate
from tests.policybuilder.cli.conftest import Cspbuild
from tests.policybuilder.rendering.test_sarif import check_log
from tests.support.evidence import canonical_text, make_observation, make_violation, record_observations

WEAK = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SOUND = "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def test_programs_get_what_is_promised(cspbuild: Cspbuild) -> None:
    ran = cspbuild("evaluate", WEAK, "--format", "json")
    document = ran.json()
    assert (ran.code, ran.err, document["schema"], document["worst"]) == (0, "", "evaluate/1", "high")
    assert document["intended_differences"] == []
    first = document["findings"][0]
    promised = ("code", "severity", "directive", "value", "message", "fix")
    assert [first[key] for key in promised[:4]] == ["script-unsafe-inline", "high", "script-src", "'unsafe-inline'"]
    assert first["fix"] == WEAK.replace(" 'unsafe-inline'", "")
    assert WEAK[first["start"] : first["end"]] == "'unsafe-inline'"
    assert first["blast_radius"] is None
    assert len(document["findings"]) == len(evaluate(WEAK))


def test_people_see_the_place_under_which_a_weakness_stands(cspbuild: Cspbuild) -> None:
    ran = cspbuild("evaluate", WEAK, COLUMNS="100")
    headline, *_ = lines = ran.out.splitlines()
    assert headline == "1 high, 1 info"
    (number,) = [number for number, line in enumerate(lines) if "^^^" in line]
    above, below = lines[number - 1], lines[number]
    assert above[below.index("^") : below.rindex("^") + 1] == "'unsafe-inline'"
    assert "better  script-src 'self'" in ran.out
    assert "HIGH  script-unsafe-inline  certain" in ran.out
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("columns", ["20", "40", "80", "200"])
@pytest.mark.parametrize("before", ["", "https://a.example " * 30])
@pytest.mark.parametrize("token", ["data:", "https://" + "x" * 300 + ":*"])
def test_the_place_is_seen_on_any_terminal(cspbuild: Cspbuild, columns: str, before: str, token: str) -> None:
    policy = f"script-src {before}{token} http://z.example; img-src *"
    lines = cspbuild("evaluate", policy, COLUMNS=columns).out.splitlines()
    marked = [(lines[number - 1], line) for number, line in enumerate(lines) if line.strip("^ ") == "" and "^" in line]
    assert marked
    shown = [above[below.index("^") : below.rindex("^") + 1] for above, below in marked]
    assert any(token.startswith(each.removesuffix("…")) and each for each in shown)


def test_nothing_weak_is_said(cspbuild: Cspbuild) -> None:
    assert cspbuild("evaluate", SOUND).out == "nothing weak was found\n"
    assert cspbuild("evaluate", SOUND, "--fail-on", "info").code == 0


def test_an_empty_text_has_no_policies(cspbuild: Cspbuild) -> None:
    ran = cspbuild("evaluate", "", "--format", "json", "--fail-on", "info")
    assert (ran.code, ran.json()) == (
        0,
        {"schema": "evaluate/1", "findings": [], "worst": None, "intended_differences": []},
    )
    assert cspbuild("evaluate", " ;").out == "no policy: a browser restricts nothing\n"


@pytest.mark.parametrize(("level", "code"), [(None, 0), ("high", 1), ("medium", 1), ("low", 1), ("info", 1)])
def test_a_level_fails(cspbuild: Cspbuild, level: str | None, code: int) -> None:
    assert cspbuild("evaluate", WEAK, *(("--fail-on", level) if level else ())).code == code


def test_a_level_lets_pass_what_is_less(cspbuild: Cspbuild) -> None:
    assert cspbuild("evaluate", WEAK.replace(" 'unsafe-inline'", ""), "--fail-on", "low").code == 0


@pytest.mark.parametrize("output_format", ["json", "sarif"])
def test_beside_a_baseline_only_what_is_new_fails(cspbuild: Cspbuild, output_format: str) -> None:
    Path("old").write_text(cspbuild("evaluate", WEAK, "--format", output_format).out)
    moved = f"upgrade-insecure-requests; {WEAK}"
    ran = cspbuild("evaluate", moved, "--fail-on", "info", "--baseline", "old")
    assert ran.code == 0
    assert ran.out.startswith("1 high, 1 info; beside the baseline 0 new, 2 known, 0 resolved\n")
    ran = cspbuild("evaluate", f"{WEAK}; style-src *", "--fail-on", "low", "--baseline", "old", "--format", "json")
    assert (ran.code, ran.json()["baseline"]) == (1, {"new": 1, "known": 2, "resolved": 0})
    assert [each["code"] for each in ran.json()["findings"] if each["new"]] == ["style-any-host"]


def test_a_log_points_into_the_file(cspbuild: Cspbuild) -> None:
    Path("policy.txt").write_bytes(f"\ufeff\n{WEAK}\r\n".encode())
    log = json.loads(cspbuild("evaluate", "@policy.txt", "--format", "sarif").out)
    check_log(log)
    result = log["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "policy.txt"
    assert (place["region"]["startLine"], place["region"]["snippet"]["text"]) == (2, "'unsafe-inline'")
    assert place["region"]["startColumn"] == WEAK.index("'unsafe-inline'") + 1
    assert {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]} == {
        each["ruleId"] for each in log["runs"][0]["results"]
    }


def test_a_table_for_a_review(cspbuild: Cspbuild) -> None:
    out = cspbuild("evaluate", WEAK, "--format", "markdown").out
    assert out.startswith("**1 high, 1 info**\n\n| severity | code | what | better |\n")
    assert "| `high` | `script-unsafe-inline` |" in out
    assert cspbuild("evaluate", SOUND, "--format", "markdown").out == "**nothing weak was found**\n"


HOSTILE = ["script-src \x1b[2J*", "img-src \u202eevil", "x\x00", "[red]x[/red] *", "script-src `|<b>` *", "é" * 300]


@pytest.mark.parametrize("name", ["a#b?.txt", "100%41 x.txt", "a:b.txt"])
def test_a_file_of_any_name_has_a_uri(cspbuild: Cspbuild, name: str) -> None:
    Path(name).write_text("script-src *")
    for argument in (name, str(Path(name).absolute())):
        log = json.loads(cspbuild("evaluate", f"@{argument}", "--format", "sarif").out)
        check_log(log)
        uri = urlsplit(log["runs"][0]["artifacts"][0]["location"]["uri"])
        assert (unquote(uri.path), uri.query, uri.fragment) == (argument, "", "")
        assert uri.scheme == ("file" if argument.startswith("/") else "")


def test_a_pipe_is_read_once(cspbuild: Cspbuild, tmp_path: Path) -> None:
    pipe = tmp_path / "policy"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("script-src *",), daemon=True)
    writer.start()
    log = json.loads(cspbuild("evaluate", f"@{pipe}", "--format", "sarif").out)
    writer.join()
    check_log(log)
    assert log["runs"][0]["artifacts"][0]["contents"] == {"text": "script-src *"}


@pytest.mark.parametrize("policy", HOSTILE)
@pytest.mark.parametrize("output_format", ["text", "json", "sarif", "markdown"])
def test_text_of_strangers_does_nothing(cspbuild: Cspbuild, policy: str, output_format: str) -> None:
    ran = cspbuild("evaluate", "-", "--format", output_format, text=policy)
    assert (ran.code, ran.err) == (0, "")
    assert all(character.isprintable() or character == "\n" for character in ran.out)
    assert "\u202e" not in ran.out


def test_a_batch_answers_every_line(cspbuild: Cspbuild) -> None:
    ran = cspbuild("evaluate", "--batch", "-", text=f"{WEAK}\r\n\nnonsense\n{'x' * 1_100_000}\n\x00\n{SOUND}")
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert all(answer["schema"] == "evaluate/1" for answer in answers)
    assert [answer["worst"] for answer in answers] == ["high", None, "high", "high", "high", None]
    assert answers[3]["findings"][0]["code"] == "size"


def test_a_mark_before_a_batch_is_of_no_line(cspbuild: Cspbuild) -> None:
    first, second = map(json.loads, cspbuild("evaluate", "--batch", "-", text=f"\ufeff{WEAK}\n{WEAK}").out.splitlines())
    assert first == second


def test_a_place_is_shown_of_what_stands_in_the_text(cspbuild: Cspbuild) -> None:
    """script-src is missing, and stands nowhere, though a name begins so."""
    lines = cspbuild("evaluate", "script-src-elem 'self'; script-src-attr 'none'; default-src-x y").out.splitlines()
    (number,) = [number for number, line in enumerate(lines) if "eval-unrestricted" in line]
    assert "do not govern eval" in lines[number + 1]


def test_a_batch_may_fail_too(cspbuild: Cspbuild) -> None:
    assert cspbuild("evaluate", "--batch", "-", "--fail-on", "high", text=f"{SOUND}\n{WEAK}\n{SOUND}").code == 1
    assert cspbuild("evaluate", "--batch", "-", "--fail-on", "high", text=SOUND).code == 0


def test_bytes_that_are_no_text_void_the_directive(cspbuild: Cspbuild, tmp_path: Path) -> None:
    path = tmp_path / "policies"
    path.write_bytes(b"img-src \xff\n")
    ran = cspbuild("evaluate", "--batch", str(path))
    assert "non-ascii" in [each["code"] for each in json.loads(ran.out)["findings"]]


def test_how_it_is_sent_counts(cspbuild: Cspbuild) -> None:
    out = cspbuild("evaluate", WEAK, "--delivery", "meta").out
    assert "ignored-in-meta" in out
    assert "frame-ancestors-missing" in out
    out = cspbuild("evaluate", f"{SOUND}; sandbox; report-uri /csp", "--report-only", "--format", "json").json()
    assert [each["code"] for each in out["findings"]] == ["ignored-in-report-only"]


def test_what_is_known_beside_the_text_counts(cspbuild: Cspbuild) -> None:
    policy = f"{SOUND}; img-src https://cdn.paypa1.com; report-to csp"
    out = cspbuild("evaluate", policy, "--first-party", "PayPal.com", "--reporting-endpoints", "").out
    assert "HIGH  lookalike-host" in out
    assert "LOW  report-to-unusable" in out


REFUSED = [
    ((), "missing POLICY (or --batch FILE)"),
    (("x", "--fail-on", "worst"), "'worst' is not one of"),
    (("x", "--baseline", "no-such-file"), "cannot read no-such-file"),
    (("x", "--baseline", "."), "cannot read ."),
    (("x", "--baseline", "junk"), "junk is no baseline: it is not JSON"),
    (("x", "--baseline", "binary"), "binary is no baseline: it is not UTF-8 text"),
    (("x", "--site", "shop"), "--site says which evidence is read, and needs --database"),
    (("x", "--since", "7d"), "--since says which evidence is read, and needs --database"),
    (("x", "--database", "sqlite:///no.db"), "no database"),
    (("x", "--batch", "-"), "does not go with --batch"),
    (("--batch", "-", "--format", "sarif"), "--format does not go with --batch"),
    (("--batch", "no-such-file"), "cannot read no-such-file"),
    (("@no-such-file",), "cannot read no-such-file"),
    (("x", "--compat", "other"), "is not"),
    (("x", "--compat", "csp-evaluator", "--baseline", "junk"), "--baseline does not go with --compat"),
    (("x", "--compat", "csp-evaluator", "--format", "sarif"), "is printed as text or json"),
]


@pytest.mark.parametrize(("arguments", "reason"), REFUSED)
def test_a_mistake_of_the_command_line_is_one_line(
    cspbuild: Cspbuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("junk").write_text("x")
    Path("binary").write_bytes(b"\xff")
    ran = cspbuild("evaluate", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert reason in ran.err
    assert ran.err.count("\n") == 1


def test_evidence_says_what_a_better_text_breaks(cspbuild: Cspbuild, evidence: Engine) -> None:
    assert evidence is not None
    policy = (
        "default-src 'none'; script-src 'self'; img-src *; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    arguments = ("evaluate", policy, "--database", "sqlite:///data/csp.db", "--site", "shop")
    document = cspbuild(*arguments, "--format", "json").json()
    (radius,) = [each["blast_radius"] for each in document["findings"] if each["code"] == "exfiltration-any-host"]
    assert (radius["groups"], radius["reports"]) == (1, 2)
    assert radius["pages"] == ["https://shop.example/cart"]
    out = cspbuild(*arguments).out
    assert "breaks  1 violation in 2 reports" in out
    assert "| breaks |" in cspbuild(*arguments, "--format", "markdown").out


def test_evidence_says_that_a_nonce_is_the_same_for_many(cspbuild: Cspbuild, evidence: Engine) -> None:
    violation = make_violation(original_policy=canonical_text("script-src 'nonce-abc'"))
    for network in ("a", "b", "c"):
        met = make_observation(violation, site="shop", network=network, nonces=(7,))
        record_observations(evidence, met)
    arguments = ("evaluate", "script-src 'nonce-{NONCE}'", "--format", "json")
    with_evidence = cspbuild(*arguments, "--database", "sqlite:///data/csp.db", "--site", "shop").json()
    assert "nonce-repeated" in {each["code"] for each in with_evidence["findings"]}
    assert "nonce-repeated" not in {each["code"] for each in cspbuild(*arguments).json()["findings"]}


def test_no_database_is_opened_that_is_not_on_the_command_line(cspbuild: Cspbuild) -> None:
    assert cspbuild("evaluate", WEAK, CSP_DATABASE_URL="sqlite:///no.db").code == 0


def test_the_peers_words_are_to_be_had(cspbuild: Cspbuild) -> None:
    ran = cspbuild("evaluate", WEAK, "--compat", "csp-evaluator", "--format", "json", "--fail-on", "high")
    document = ran.json()
    assert (ran.code, document["schema"]) == (1, "evaluate/1")
    assert ("SCRIPT_UNSAFE_INLINE", "HIGH") in {(each["code"], each["severity"]) for each in document["findings"]}
    assert "intended_differences" in document
    assert "SCRIPT_UNSAFE_INLINE" in cspbuild("evaluate", WEAK, "--compat", "csp-evaluator").out
    lines = cspbuild("evaluate", "--batch", "-", "--compat", "csp-evaluator", text=f"{WEAK}\n{SOUND}\n").out
    assert len(lines.splitlines()) == 2
