"""Rules: the file that ships is sound, an operator's file joins it, and a mistake in one is named."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from policybuilder.errors import CspbuildError
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.noise import GENUINE, classify
from policybuilder.reports.normalization import NormalizedViolation
from policybuilder.reports.rules import MAX_ENTRY_CHARACTERS, Rules, built_in_rules, load_rules
from tests.collector.ingest.builders import make_violation

SHOP = ("shop.example",)


def rules_of(tmp_path: Path, text: str) -> Rules:
    """The rules in force with an operator's file of this text."""
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path)


def rule(**members: str) -> str:
    """An operator's file with one rule, which catches everything below ads.example if nothing else is said."""
    given = {"id": '"ads"', "class": '"injected"', "reason": '"adds"', "blocked_hosts": '["*.ads.example"]', **members}
    lines = (f"{name.replace('_', '-')} = {value}" for name, value in given.items() if value)
    return "version = 1\n[[rule]]\n" + "\n".join(lines)


def seen(rules: Rules | None = None, /, query: str = "", user_agent: str = "", **changes: str) -> str:
    """The rule that catches a violation."""
    normalized = NormalizedViolation(make_violation(**changes), query, user_agent)
    return classify(normalized, SHOP, rules).rule


def test_each_built_in_rule_says_what_it_is_and_where_that_comes_from() -> None:
    for built_in in built_in_rules().rules:
        assert min(len(built_in.reason), len(built_in.source)) > 5, built_in.rule_id


def test_no_noise_rule_stands_before_the_attacks_but_what_happened_outside_the_site() -> None:
    order = [built_in.evidence_class for built_in in built_in_rules().rules]
    first, last = order.index(EvidenceClass.ATTACK_LIKE), len(order) - order[::-1].index(EvidenceClass.ATTACK_LIKE)
    assert set(order[first:last]) == {EvidenceClass.ATTACK_LIKE}
    assert EvidenceClass.BOT not in order[:first]


def test_an_operators_rule_goes_before_the_built_in_ones(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, rule())
    loud = {"blocked_uri": "https://x.ads.example/a", "source_file": "chrome-extension"}
    assert seen(**loud) == "extension-scheme"
    assert seen(rules, **loud) == "ads"
    assert seen(rules, blocked_uri="https://x.ads.example.net/a") == GENUINE.rule


def test_what_no_browser_writes_is_malformed_whatever_the_operator_says(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, rule(blocked_hosts="", document_hosts='["shop.example"]'))
    assert seen(rules) == "ads"
    assert seen(rules, blocked_uri="(invalid)") == "malformed-value"


def test_a_built_in_rule_can_be_switched_off_and_replaced(tmp_path: Path) -> None:
    elsewhere = {"document_uri": "https://other.example/"}
    assert seen(**elsewhere) == "foreign-document"
    off = rules_of(tmp_path, 'version = 1\ndisable = ["foreign-document"]\n')
    assert seen(off, **elsewhere) == GENUINE.rule
    assert off.disabled == ("foreign-document",)
    mine = rule(id='"foreign-document"', blocked_hosts="", when='["foreign-document"]')
    replaced = rules_of(tmp_path, mine.replace("[[rule]]", 'disable = ["foreign-document"]\n[[rule]]'))
    assert seen(replaced, **elsewhere) == "foreign-document"


# (condition, a violation for which it holds, one for which it does not)
CONDITIONS = [
    ('schemes = ["gsa"]', {"blocked_uri": "gsa"}, {"blocked_uri": "https://gsa.example/"}),
    ('schemes = ["gsa"]', {"source_file": "gsa"}, {}),
    ('blocked-schemes = ["inline", ""]', {"blocked_uri": ""}, {"blocked_uri": "eval"}),
    ('source-schemes = ["gsa"]', {"source_file": "gsa"}, {"blocked_uri": "gsa"}),
    ('document-schemes = ["blob"]', {"document_uri": "blob"}, {"blocked_uri": "blob"}),
    ('hosts = ["a.example"]', {"source_file": "https://a.example/x"}, {"source_file": "https://b.a.example/x"}),
    ('blocked-hosts = ["a.example:8443"]', {"blocked_uri": "https://a.example:8443"}, {"blocked_uri": "https://a.example"}),
    ('blocked-hosts = ["[::1]"]', {"blocked_uri": "https://[::1]:8/"}, {"blocked_uri": "https://[::2]/"}),
    ('blocked-hosts = ["[::1]:8"]', {"blocked_uri": "https://[::1]:8/"}, {"blocked_uri": "https://[::1]/"}),
    ('source-hosts = ["*.a.example"]', {"source_file": "https://b.a.example"}, {"source_file": "https://a.example"}),
    ('blocked-urls = ["https://a.example/*/x.js"]', {"blocked_uri": "https://a.example/b/x.js"}, {"blocked_uri": "https://a.example/x.js"}),
    ('blocked-urls = ["https://a.example/*"]', {"blocked_uri": "https://a.example/"}, {"blocked_uri": "https://a.example"}),
    ('blocked-urls = ["*.gif"]', {"blocked_uri": "https://a.example/x.gif"}, {"blocked_uri": "https://a.example/x.gif/"}),
    ('blocked-urls = ["https://a.example/x"]', {"blocked_uri": "https://a.example/x"}, {"blocked_uri": "https://a.example/xy"}),
    ('directives = ["font-src"]', {"effective_directive": "font-src"}, {"effective_directive": "img-src"}),
    ('samples = ["One*THREE"]', {"sample": "zero one two three"}, {"sample": "three two one"}),
    ('samples = ["aba*ba"]', {"sample": "ababa"}, {"sample": "aba"}),
    ('samples = ["x"]\ndirectives = ["font-src"]', {"sample": "x", "effective_directive": "font-src"}, {"sample": "x"}),
    ('user-agents = ["Line/"]', {"user_agent": "Safari Line/14"}, {"user_agent": "Safari Airline/1 OnLine/2"}),
    ('user-agents = ["A/*B/"]', {"user_agent": "A/1 B/2"}, {"user_agent": "B/2 A/1"}),
    ('when = ["public-page"]', {}, {"document_uri": "http://10.0.0.8/"}),
    ('when = ["public-page", "malformed"]', {"document_uri": "https://x.example/", "blocked_uri": "gsa"}, None),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "holds", "fails"), CONDITIONS)
def test_a_condition_holds_for_what_it_names_alone(
    tmp_path: Path, condition: str, holds: dict[str, str], fails: dict[str, str] | None
) -> None:
    rules = rules_of(tmp_path, rule(blocked_hosts="") + "\n" + condition)
    if fails is None:
        assert seen(rules, **holds) != "ads"
        return
    assert seen(rules, **holds) == "ads"
    assert seen(rules, **fails) != "ads"


# (text of the file, what the error says)
MISTAKES = [
    ("version = ", "no TOML"),
    ("version = 1\n[[rule]\n", "line 2"),
    ("", "version must be a number"),
    ("version = true", "version must be a number"),
    ("version = 0", "version must be a number from 1"),
    ("version = -1", "version must be a number from 1"),
    ("version = 1.5", "version must be a number from 1"),
    ("version = 1\nrules = []", "'rules' is nothing we know"),
    ("version = 1\n[rule]", "written under  [[rule]]"),
    ('version = 1\ndisable = ["foreign"]', "'foreign', no built-in rule"),
    ('version = 1\ndisable = "foreign-document"', "must be a list of texts"),
    (rule(id='"Ads"'), "rule number 1: id must be"),
    (rule(id="7"), "rule number 1: id must be"),
    (rule(id='"over-budget"'), "rule number 1: id must be"),
    (rule(id='"bot"'), "rule 'bot' is built in"),
    (rule(id='"a"') + rule(id='"a"').removeprefix("version = 1"), "two rules 'a'"),
    (rule(**{"class": '"spam"'}), "rule 'ads': class must be one of genuine"),
    (rule(**{"class": '"superseded"'}), "rule 'ads': class must be one of"),
    (rule(reason='" "'), "rule 'ads': reason must"),
    (rule(source="3"), "rule 'ads': source must"),
    (rule(blocked_hosts=""), "rule 'ads' has no condition"),
    (rule(blocked_hosts="[]"), "rule 'ads': blocked-hosts is empty"),
    (rule(blocked_hosts='"a.example"'), "rule 'ads': blocked-hosts must be a list of texts"),
    (rule(blocked_hosts="[1]"), "rule 'ads': blocked-hosts must be a list of texts"),
    (rule(blocked_hosts='["https://a.example"]'), "rule 'ads': blocked-hosts: 'https://a.example' is no host"),
    (rule(blocked_hosts='["a.*"]'), "'a.*' is no host"),
    (rule(blocked_host='["a.example"]'), "'blocked-host' is nothing we know"),
    (rule(schemes='["gsa:"]'), "'gsa:' is no lower-case scheme"),
    (rule(directives='["img-src;"]'), "'img-src;' is no directive"),
    (rule(samples='["**"]'), "'**' would fit anything"),
    (rule(samples='[""]'), "'' would fit anything"),
    (rule(samples=f'["{"x" * (MAX_ENTRY_CHARACTERS + 1)}"]'), "is longer than"),
    (rule(when='["sometimes"]'), "there is no predicate 'sometimes'; there are foreign-document"),
]


@pytest.mark.parametrize(("text", "says"), MISTAKES)
def test_a_mistake_is_one_line_that_names_the_file_and_the_rule(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CspbuildError) as raised:
        rules_of(tmp_path, text)
    message = str(raised.value)
    assert says in message
    assert "rules.toml" in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CspbuildError, match=r"missing\.toml: No such file"):
        load_rules(tmp_path / "missing.toml")


def test_a_file_that_is_no_text_or_too_large_is_no_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CspbuildError, match="no TOML"):
        load_rules(path)
    path.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(CspbuildError, match="more than 1 MiB"):
        load_rules(path)


def test_the_worst_pattern_on_the_worst_sample_takes_no_time(tmp_path: Path) -> None:
    """What would take a regular expression's search hours: many stars, and a text that almost fits."""
    pattern = "*".join(["aa"] * 80 + ["b"])
    rules = rules_of(tmp_path, rule(blocked_hosts="", samples=f'["{pattern}"]'))
    began = time.perf_counter()
    for _ in range(100):
        assert seen(rules, sample="a" * 256, blocked_uri="inline") == GENUINE.rule
    assert time.perf_counter() - began < 1


def test_rules_that_read_what_is_forgotten_say_so(tmp_path: Path) -> None:
    forgetful = {built_in.rule_id for built_in in built_in_rules().rules if built_in.reads_forgotten}
    assert forgetful == {"reflected-in-query", "in-app-request", "in-app-script", "bot"}
    [own] = [each for each in rules_of(tmp_path, rule(when='["reflected-in-query"]')).rules if each.rule_id == "ads"]
    assert own.reads_forgotten


def test_the_readmes_example_is_a_file_of_rules(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (example,) = (part.partition("```")[0] for part in readme.split("```toml\n") if "[[rule]]" in part)
    rules = rules_of(tmp_path, example)
    assert seen(rules, user_agent="AcmeScanner/2") == "our-scanner"
    assert rules.disabled == ("loopback-blocked",)
