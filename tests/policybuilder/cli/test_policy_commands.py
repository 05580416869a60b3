"""Tests of the commands about a policy's text alone: parse, match and preset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.csp.violation import KEYWORD_BLOCKED_URIS
from policybuilder.presets import PRESETS
from tests.policybuilder.cli.conftest import Cspbuild
from tests.support.postgres import free_port
from tests.support.service import Ran

QUESTION = ("--page", "https://shop.example/cart", "--directive", "img-src", "--blocked", "https://img.example/a.png")


def test_parse_gives_scripts_the_policies_as_a_browser_reads_them(cspbuild: Cspbuild) -> None:
    ran = cspbuild("parse", "IMG-SRC 'self'  data:; img-src x, ; sandbox", "--format", "json")
    document = ran.json()
    assert (ran.code, ran.err, document["schema"]) == (0, "", "parse/1")
    assert document["policies"] == [
        {"directives": [{"name": "img-src", "values": ["'self'", "data:"]}]},
        {"directives": [{"name": "sandbox", "values": []}]},
    ]
    (finding,) = [found for found in document["findings"] if found["code"] == "duplicate-directive"]
    assert "IMG-SRC 'self'  data:; img-src x"[finding["position"] : finding["end"]].startswith("img-src")


@pytest.mark.parametrize(
    "policy",
    ["", " ", ";;,,", "nonsense", "img-src 'self", "script-src 'none' 'self'", "é", "img-src \x00", "x" * 5000],
)
@pytest.mark.parametrize("output_format", ["text", "json"])
def test_a_mistake_in_a_policy_is_a_finding_never_an_error(cspbuild: Cspbuild, policy: str, output_format: str) -> None:
    ran = cspbuild("parse", policy, "--format", output_format)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out
    assert not any(ord(character) < 32 and character != "\n" for character in ran.out)


def test_a_policy_without_text_restricts_nothing(cspbuild: Cspbuild) -> None:
    assert cspbuild("parse", "", "--format", "json").json() == {"schema": "parse/1", "policies": [], "findings": []}
    assert cspbuild("parse", "").out == "no policy: a browser restricts nothing\n"


@pytest.mark.parametrize("content", ["img-src 'self'", "img-src 'self'\r\n", "\ufeffimg-src 'self'\n\n"])
def test_a_policy_is_text_a_file_or_standard_input(cspbuild: Cspbuild, content: str) -> None:
    Path("policy.txt").write_bytes(content.encode())
    given = cspbuild("parse", "img-src 'self'").out
    assert cspbuild("parse", "@policy.txt").out == given
    assert cspbuild("parse", "-", text=content).out == given


def test_parse_tells_people_what_to_look_at(cspbuild: Cspbuild) -> None:
    out = cspbuild("parse", "img-src 'self' [red]x[/red]; scirpt-src x").out
    assert "img-src" in out
    assert "[red]x[/red]" in out
    assert "What to look at" in out


@pytest.mark.parametrize(
    ("policy", "verdict", "code"),
    [("img-src https:", "allow", 0), ("img-src 'self'", "block", 1), ("", "allow", 0), ("sandbox", "allow", 0)],
)
def test_match_answers_one_question_and_is_a_gate(cspbuild: Cspbuild, policy: str, verdict: str, code: int) -> None:
    ran = cspbuild("match", "--policy", policy, *QUESTION, "--format", "json")
    document = ran.json()
    assert (ran.code, document["schema"], document["verdict"]) == (code, "match/1", verdict)
    assert {"verdict", "directive", "matched_by", "reason"} <= document.keys()
    ran = cspbuild("match", "--policy", policy, *QUESTION)
    assert ran.code == code
    assert ran.out.startswith(verdict.upper())


def test_match_without_a_sample_cannot_tell_about_hashes_and_that_is_no_refusal(cspbuild: Cspbuild) -> None:
    digest = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    inline = ("--page", "https://shop.example", "--directive", "script-src-elem", "--blocked", "inline")
    policy = ("--policy", f"script-src {digest}")
    assert cspbuild("match", *policy, *inline, "--sample", "").code == 0
    assert cspbuild("match", *policy, *inline, "--sample", "go()").code == 1
    unknown = cspbuild("match", *policy, *inline, "--format", "json")
    assert (unknown.code, unknown.json()["verdict"]) == (0, "unknown")


def test_match_knows_nonces_and_redirects(cspbuild: Cspbuild) -> None:
    script = (
        "--page",
        "https://shop.example",
        "--directive",
        "script-src-elem",
        "--blocked",
        "https://cdn.example/b.js",
    )
    assert cspbuild("match", "--policy", "script-src 'nonce-abc'", *script, "--nonce", "abc").code == 0
    assert cspbuild("match", "--policy", "script-src 'nonce-abc'", *script).code == 1
    assert cspbuild("match", "--policy", "script-src https://cdn.example/a/", *script, "--redirected").code == 0
    assert cspbuild("match", "--policy", "script-src https://cdn.example/a/", *script).code == 1


INTEGRITY = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

CDN, A = "https://cdn.example/b.js", "https://a.example/"

# Columns: policy, directive, blocked; the option that turns the answer round; the answer then.
DETAILS: list[tuple[tuple[str, str, str], tuple[str, ...], str]] = [
    (("script-src 'strict-dynamic'", "script-src-elem", CDN), ("--inserted",), "allow"),
    ((f"script-src '{INTEGRITY}'", "script-src-elem", CDN), ("--integrity", INTEGRITY), "allow"),
    (("img-src https://a.example/b/", "img-src", f"{A}a.png"), ("--via", f"{A}b/"), "allow"),
    (("img-src https://a.example", "img-src", f"{A}a.png"), ("--via", "https://b.example/"), "block"),
    (("default-src 'none'; img-src *", "default-src", A), ("--hint", "prefetch"), "allow"),
    (("default-src 'none'; img-src *", "default-src", A), ("--hint", "prerender"), "allow"),
    (("script-src 'nonce-abc'", "script-src-elem", "inline"), ("--inline-type", "script-attribute"), "block"),
    (("script-src 'nonce-abc'", "script-src-elem", "inline"), ("--inline-type", "navigation"), "block"),
]


@pytest.mark.parametrize(("question", "detail", "verdict"), DETAILS)
def test_match_takes_the_details_that_a_line_of_a_batch_can_hold(
    cspbuild: Cspbuild, question: tuple[str, str, str], detail: tuple[str, ...], verdict: str
) -> None:
    policy, directive, blocked = question
    asked = ["match", "--policy", policy, "--page", "https://shop.example", "--directive", directive]
    asked += ["--blocked", blocked, "--sample", "go()", "--format", "json"]
    if blocked == "inline":
        asked += ["--nonce", "abc"]
    answers = {cspbuild(*asked).json()["verdict"], cspbuild(*asked, *detail).json()["verdict"]}
    assert answers == {"allow", "block"}
    assert cspbuild(*asked, *detail).json()["verdict"] == verdict


def test_help_of_match_names_every_keyword_of_reports(cspbuild: Cspbuild) -> None:
    shown = cspbuild("match", "--help").out
    assert {word for word in KEYWORD_BLOCKED_URIS - {"", "self"} if word not in shown} == set()


def test_match_hints_at_oddities_of_the_policy_in_text_alone(cspbuild: Cspbuild) -> None:
    pasted = ("match", "--policy", "Content-Security-Policy: img-src 'none'", *QUESTION)
    ran = cspbuild(*pasted)
    assert (ran.code, ran.err) == (0, "the policy has 1 oddity: see  cspbuild parse\n")
    assert cspbuild(*pasted, "--format", "json").err == ""
    ran = cspbuild("match", "--policy", "x; y; img-src 'none'", *QUESTION)
    assert (ran.code, ran.err) == (1, "the policy has 2 oddities: see  cspbuild parse\n")
    assert cspbuild("match", "--policy", "img-src 'none'", *QUESTION).err == ""


POLICY_COMMANDS: list[tuple[str, ...]] = [
    ("parse", "img-src *"),
    ("preset",),
    ("match", "--policy", "img-src *", *QUESTION),
    ("diff", "img-src *", "img-src 'none'"),
]


@pytest.mark.parametrize("arguments", POLICY_COMMANDS, ids=lambda arguments: arguments[0])
def test_a_database_is_looked_at_only_when_it_is_given_on_the_command_line(
    cspbuild: Cspbuild, arguments: tuple[str, ...]
) -> None:
    assert cspbuild(*arguments, CSP_DATABASE_URL="sqlite:///elsewhere.db").code == 0
    ran = cspbuild(*arguments, "--database", "sqlite:///elsewhere.db")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: no database at elsewhere.db; ")
    assert ran.err.count("\n") == 1
    assert not Path("elsewhere.db").exists()
    unreachable = cspbuild(*arguments, "--database", f"postgresql://127.0.0.1:{free_port()}/csp")
    assert (unreachable.code, unreachable.out) == (3, "")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("arguments", POLICY_COMMANDS, ids=lambda arguments: arguments[0])
def test_a_database_that_is_there_changes_no_answer(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    assert cspbuild(*arguments, "--database", "sqlite:///data/csp.db") == cspbuild(*arguments)


LINE = {
    "policy": "img-src 'self'",
    "self": "https://shop.example",
    "directive": "img-src",
    "blocked": "https://shop.example/a.png",
}


@pytest.mark.parametrize("argument", ["-", "questions.jsonl", "@questions.jsonl"])
def test_a_batch_has_an_answer_a_line_in_order(cspbuild: Cspbuild, argument: str) -> None:
    lines = [{**LINE, "id": 1}, {**LINE, "id": "two", "policy": "img-src 'none'", "extra": None}, LINE]
    text = "\n\n".join(map(json.dumps, lines))
    Path("questions.jsonl").write_text(text)
    ran = cspbuild("match", "--batch", argument, text=text)
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert [(answer.get("id"), answer["verdict"]) for answer in answers] == [
        (1, "allow"),
        ("two", "block"),
        (None, "allow"),
    ]
    assert answers[0].keys() == {"id", "verdict", "directive", "matched_by", "reason"}


@pytest.mark.parametrize(
    "bad",
    ["{", "[]", "7", "null", "{}", '{"policy": 7}', json.dumps({**LINE, "self": "x"}), "[" * 100_000, "\ufeff{}"],
)
def test_a_bad_line_of_a_batch_gets_an_error_and_the_others_their_answers(cspbuild: Cspbuild, bad: str) -> None:
    ran = cspbuild("match", "--batch", "-", text="\n".join([json.dumps(LINE), bad, json.dumps(LINE)]))
    first, second, third = map(json.loads, ran.out.splitlines())
    assert first["verdict"] == third["verdict"] == "allow"
    assert second.keys() == {"error"}
    assert second["error"].startswith("line 2: ")
    assert (ran.code, ran.err) == (2, "error: 1 of the lines are no questions; their answers say why\n")


# Columns: line, the whole answer but its words.
ERRORS: list[tuple[str, dict[str, object], str]] = [
    ('{"id": "bad", "policy": 1}', {"id": "bad"}, "the value of 'policy' is not text: 1"),
    ('{"id": null}', {"id": None}, "the key 'policy' is missing"),
    ('{"id": {"a": [1.5, true]}, "policy": ""}', {"id": {"a": [1.5, True]}}, "the key 'self' is missing"),
    ('{"id": "\\ud800"}', {"id": "\ud800"}, "the key 'policy' is missing"),
    (json.dumps({**LINE, "id": float("nan")}), {}, "NaN is not JSON"),
    (json.dumps({**LINE, "x": float("-inf")}), {}, "-Infinity is not JSON"),
    (json.dumps(LINE).replace("}", ', "id": 1e999}'), {}, "the number 1e999 is too large"),
    ('["id"]', {}, "not a JSON object"),
]


@pytest.mark.parametrize(("line", "echoed", "says"), ERRORS)
def test_an_error_is_valid_json_that_echoes_the_id_it_could_read(
    cspbuild: Cspbuild, line: str, echoed: dict[str, object], says: str
) -> None:
    ran = cspbuild("match", "--batch", "-", text=line)
    answer = json.loads(ran.out, parse_constant=pytest.fail)
    assert answer == {**echoed, "error": f"line 1: {says}"}


@pytest.mark.parametrize("depth", range(900, 1001, 10))
def test_an_id_however_deep_is_echoed_or_an_error(cspbuild: Cspbuild, depth: int) -> None:
    ran = cspbuild("match", "--batch", "-", text=f'{{"id": {"[" * depth}{"]" * depth}}}')
    assert (ran.code, ran.out.count("\n")) == (2, 1)


MAX_LINE = 4 * 1024 * 1024


@pytest.mark.parametrize("surplus", [1, 2, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 2 * MAX_LINE])
@pytest.mark.parametrize("character", ["x", " "])
def test_a_line_that_is_too_long_is_one_line_with_one_error(cspbuild: Cspbuild, surplus: int, character: str) -> None:
    text = "\n".join([json.dumps(LINE), character * (MAX_LINE + surplus), "{}", json.dumps(LINE)])
    first, *errors, last = map(json.loads, cspbuild("match", "--batch", "-", text=text).out.splitlines())
    assert first["verdict"] == last["verdict"] == "allow"
    assert errors == [{"error": "line 2: longer than 4 MiB"}, {"error": "line 3: the key 'policy' is missing"}]


def test_a_line_as_long_as_may_be_is_read(cspbuild: Cspbuild) -> None:
    line = json.dumps(LINE)
    for text in (line.ljust(MAX_LINE) + "\n", line.ljust(MAX_LINE)):
        assert json.loads(cspbuild("match", "--batch", "-", text=text).out)["verdict"] == "allow"


def test_a_long_line_is_not_held_in_memory(tmp_path: Path) -> None:
    """With 200 MiB of address space beyond what the program takes to start, a line of a gibibyte is passed."""
    with (tmp_path / "questions").open("wb") as file:
        file.truncate(1024**3)
    script = (
        "import resource, sys; from policybuilder.cli.main import main; "
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + 200 * 1024**2; "
        "resource.setrlimit(resource.RLIMIT_AS, (size, size)); "
        "sys.argv = ['cspbuild', 'match', '--batch', 'questions']; main()"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert json.loads(ran.stdout) == {"error": "line 1: longer than 4 MiB"}


def test_an_empty_batch_has_no_answers(cspbuild: Cspbuild) -> None:
    assert cspbuild("match", "--batch", "-", text="\n\n") == Ran(0, "", "")


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_explains_each_directive_of_its_policy(cspbuild: Cspbuild, name: str) -> None:
    document = cspbuild("preset", name, "--format", "json").json()
    assert (document["schema"], document["name"]) == ("preset/1", name)
    (policy,) = parse_serialized_policy_list(document["policy"]).policies
    assert [found["name"] for found in document["directives"]] == [directive.name for directive in policy.directives]
    assert all(found["reason"] for found in document["directives"])
    text = cspbuild("preset", name).out
    assert document["policy"] in text
    assert f"next: cspbuild header --policy preset:{name}" in text


def test_presets_are_listed(cspbuild: Cspbuild) -> None:
    document = cspbuild("preset", "--format", "json").json()
    assert [preset["name"] for preset in document["presets"]] == ["api", "server-rendered", "spa", "strict"]
    out = cspbuild("preset").out
    assert all(name in out for name in PRESETS)
