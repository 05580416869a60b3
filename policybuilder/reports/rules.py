"""Rules: why a report is not plain evidence, read from files, checked once and tried in their order.

The built-in ones lie beside this module in `rules.toml`, which explains the format; an operator's file has the same.
No rule holds a regular expression: `*` in a pattern looks for the pieces around it one after the other, so what a rule
costs is at most proportional to the text, whoever wrote the text and whoever the rule.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from policybuilder.errors import CspbuildError
from policybuilder.evidence import OVER_BUDGET, EvidenceClass
from policybuilder.reports.hosts import host_matches, host_of, without_port
from policybuilder.reports.predicates import FORGETFUL_PREDICATES, POLICY_PREDICATES, PREDICATES, Context, scheme_is_in

MAX_RULES = 500
MAX_ENTRIES = 1_000
MAX_ENTRY_CHARACTERS = 256
_MAX_FILE_BYTES = 1024 * 1024
_MAX_USER_AGENT_CHARACTERS = 512

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

RESERVED_IDS = frozenset({"no-noise-rule", OVER_BUDGET})
"""Written by others in the place of a rule: no rule may take their names."""

_CHOSEN_ELSEWHERE = frozenset({EvidenceClass.SUPERSEDED})
"""Classes that depend on more than one report, so that no rule can give them."""

_FORGETFUL_CONDITIONS = frozenset({"user-agents"})

Condition = Callable[[Context], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason why a report is not plain evidence."""

    rule_id: str
    evidence_class: EvidenceClass
    reason: str
    """For people: what such a report is."""

    source: str
    """Where the fact comes from."""

    conditions: tuple[Condition, ...]
    """All must hold."""

    reads_forgotten: bool
    """It reads what is never stored (the user agent, a query), so it cannot be tried again later."""

    reads_policy: bool
    """It reads the policy that the report names."""

    origin: str = "built-in"
    """Or the operator's file."""

    def applies(self, context: Context) -> bool:
        return all(condition(context) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force, in their order."""

    rules: tuple[Rule, ...]
    version: int
    """Of the built-in ones."""

    disabled: tuple[str, ...] = ()
    """Built-in rules that the operator switched off."""

    own_version: int | None = None
    """Of the operator's file, as its owner counts; None where there is none."""

    def first_that_applies(self, context: Context) -> Rule | None:
        return next((rule for rule in self.rules if rule.applies(context)), None)


def load_rules(path: Path | None = None) -> Rules:
    """The built-in rules, those of the operator's file before them but behind what tells that a report is malformed.

    Raises CspbuildError naming the file, the rule and what is wrong with it.
    """
    built_in = built_in_rules()
    if path is None:
        return built_in
    document = _read(path)
    _require_keys(document, {"version", "disable", "rule"}, str(path))
    own = _rules_of(document, str(path))
    disabled = _texts(document.get("disable", []), f"{path}: disable")
    known = {rule.rule_id for rule in built_in.rules}
    for rule_id in disabled:
        if rule_id not in known:
            raise CspbuildError(f"{path}: disable names {rule_id!r}, no built-in rule; see  csp-collector rules")
    for rule in own:
        if rule.rule_id in known - set(disabled):
            raise CspbuildError(f"{path}: rule {rule.rule_id!r} is built in; disable that one, or choose another id")
    kept = [rule for rule in built_in.rules if rule.rule_id not in disabled]
    first = next((at for at, rule in enumerate(kept) if rule.evidence_class is not EvidenceClass.MALFORMED), len(kept))
    return Rules((*kept[:first], *own, *kept[first:]), built_in.version, tuple(disabled), document["version"])


@lru_cache(maxsize=1)
def built_in_rules() -> Rules:
    """The rules that come with the program."""
    text = resources.files("policybuilder.reports").joinpath("rules.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    _require_keys(document, {"version", "rule"}, "rules.toml")
    return Rules(_rules_of(document, "built-in"), int(document["version"]))


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CspbuildError(f"cannot read the rules in {path}: {error.strerror}; give a TOML file") from None
    if len(raw) > _MAX_FILE_BYTES:
        raise CspbuildError(f"{path} holds more than 1 MiB: those are no rules")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # TOML's errors say line and column
        raise CspbuildError(f"{path} is no TOML: {error}") from None


def _rules_of(document: Mapping[str, Any], origin: str) -> tuple[Rule, ...]:
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CspbuildError(f"{origin}: version must be a number from 1, such as  version = 1")
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise CspbuildError(f"{origin}: rules are written under  [[rule]]")
    if len(tables) > MAX_RULES:
        raise CspbuildError(f"{origin}: more than {MAX_RULES} rules")
    rules = tuple(_rule_of(table, f"{origin}: rule number {number}", origin) for number, table in enumerate(tables, 1))
    seen: set[str] = set()
    for rule in rules:
        if rule.rule_id in seen:
            raise CspbuildError(f"{origin}: there are two rules {rule.rule_id!r}")
        seen.add(rule.rule_id)
    return rules


def _rule_of(table: Mapping[str, Any], where: str, origin: str) -> Rule:
    rule_id = table.get("id")
    if not isinstance(rule_id, str) or not _ID.fullmatch(rule_id) or rule_id in RESERVED_IDS:
        raise CspbuildError(f"{where}: id must be lower-case letters, digits and hyphens, not {rule_id!r}")
    where = f"{origin}: rule {rule_id!r}"
    _require_keys(table, {"id", "class", "reason", "source", *_CONDITIONS}, where)
    evidence_class = _class_of(table.get("class"), where)
    reason, source = table.get("reason"), table.get("source", "")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > MAX_ENTRY_CHARACTERS:
        raise CspbuildError(f"{where}: reason must say in a few words what such a report is")
    if not isinstance(source, str):
        raise CspbuildError(f"{where}: source must be text")
    names = [name for name in table if name in _CONDITIONS]
    if not names:
        raise CspbuildError(f"{where} has no condition; write one of {', '.join(_CONDITIONS)}")
    conditions = []
    reads_policy = not POLICY_PREDICATES.isdisjoint(table.get("when", ()))
    reads_forgotten = not _FORGETFUL_CONDITIONS.isdisjoint(names)
    for name in names:
        entries = _texts(table[name], f"{where}: {name}")
        if not entries:
            raise CspbuildError(f"{where}: {name} is empty, so the rule could never hold")
        conditions.append(_CONDITIONS[name](entries, f"{where}: {name}"))
        reads_forgotten |= name == "when" and not FORGETFUL_PREDICATES.isdisjoint(entries)
    return Rule(rule_id, evidence_class, reason, source, tuple(conditions), reads_forgotten, reads_policy, origin)


def _class_of(value: Any, where: str) -> EvidenceClass:
    classes = [member.value for member in EvidenceClass if member not in _CHOSEN_ELSEWHERE]
    if value not in classes:
        raise CspbuildError(f"{where}: class must be one of {', '.join(classes)}, not {value!r}")
    return EvidenceClass(value)


def _require_keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in table:
        if name not in known:
            raise CspbuildError(f"{where}: {name!r} is nothing we know; write one of {', '.join(sorted(known))}")


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise CspbuildError(f'{where} must be a list of texts, such as  ["…"]')
    if len(value) > MAX_ENTRIES:
        raise CspbuildError(f"{where} has more than {MAX_ENTRIES} entries")
    for entry in value:
        if len(entry) > MAX_ENTRY_CHARACTERS:
            raise CspbuildError(f"{where}: {entry[:40]!r}… is longer than {MAX_ENTRY_CHARACTERS} characters")
    return value


# A scheme, or a keyword of blocked-uri, or nothing at all: what old browsers send for inline code.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}|")
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_DIRECTIVE = re.compile(r"[a-z][a-z0-9-]{0,63}")


def _checked(entries: Sequence[str], pattern: re.Pattern[str], where: str, what: str) -> tuple[str, ...]:
    for entry in entries:
        if not pattern.fullmatch(entry):
            raise CspbuildError(f"{where}: {entry!r} is no {what}")
    return tuple(entries)


def _schemes(*fields: str) -> Callable[[Sequence[str], str], Condition]:
    def compile_schemes(entries: Sequence[str], where: str) -> Condition:
        schemes = frozenset(_checked(entries, _SCHEME, where, "lower-case scheme, without its colon"))
        return lambda context: any(scheme_is_in(getattr(context.violation, field), schemes) for field in fields)

    return compile_schemes


def _hosts(*fields: str) -> Callable[[Sequence[str], str], Condition]:
    def compile_hosts(entries: Sequence[str], where: str) -> Condition:
        # Told apart once: everybody's reports pass these lists, and few hosts are on them.
        with_port, exact, below = [], set(), []
        for pattern in _checked(entries, _HOST, where, "host; write ads.example or *.ads.example"):
            if without_port(pattern) != pattern:
                with_port.append(pattern)
            elif pattern.startswith("*."):
                below.append(pattern[1:])
            else:
                exact.add(pattern)
        endings = tuple(below)

        def is_listed(authority: str) -> bool:
            host = without_port(authority)
            if host in exact or host.endswith(endings):
                return True
            return any(host_matches(pattern, authority) for pattern in with_port)

        def holds(context: Context) -> bool:
            hosts = (host_of(getattr(context.violation, field)) for field in fields)
            return any(host is not None and is_listed(host) for host in hosts)

        return holds

    return compile_hosts


def _directives(entries: Sequence[str], where: str) -> Condition:
    names = frozenset(_checked(entries, _DIRECTIVE, where, "directive"))
    return lambda context: context.violation.effective_directive in names


def _blocked_urls(entries: Sequence[str], where: str) -> Condition:
    patterns = [_pieces(entry, where) for entry in entries]
    return lambda context: any(_is_whole(pieces, context.violation.blocked_uri) for pieces in patterns)


def _samples(entries: Sequence[str], where: str) -> Condition:
    patterns = [_pieces(entry.lower(), where) for entry in entries]

    def holds(context: Context) -> bool:
        sample = context.violation.sample.lower()
        return bool(sample) and any(_is_within(pieces, sample) for pieces in patterns)

    return holds


def _user_agents(entries: Sequence[str], where: str) -> Condition:
    patterns = [_pieces(entry, where) for entry in entries]

    @lru_cache(maxsize=512)
    def has_a_word(user_agent: str) -> bool:
        return any(_is_within(pieces, user_agent, begins_a_word=True) for pieces in patterns)

    def holds(context: Context) -> bool:
        user_agent = context.user_agent[:_MAX_USER_AGENT_CHARACTERS]
        return bool(user_agent) and has_a_word(user_agent)

    return holds


def _predicates(entries: Sequence[str], where: str) -> Condition:
    for entry in entries:
        if entry not in PREDICATES:
            raise CspbuildError(f"{where}: there is no predicate {entry!r}; there are {', '.join(sorted(PREDICATES))}")
    predicates = tuple(PREDICATES[entry] for entry in entries)
    return lambda context: all(predicate(context) for predicate in predicates)


def _pieces(pattern: str, where: str) -> tuple[str, ...]:
    pieces = tuple(pattern.split("*"))
    if not any(pieces):
        raise CspbuildError(f"{where}: {pattern!r} would fit anything")
    return pieces


def _is_within(pieces: Sequence[str], text: str, *, begins_a_word: bool = False) -> bool:
    """Whether the pieces stand in the text, in their order, without overlap."""
    at = 0
    for number, piece in enumerate(pieces):
        found = text.find(piece, at)
        while begins_a_word and number == 0 and found > 0 and text[found - 1].isalnum():
            found = text.find(piece, found + 1)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _is_whole(pieces: Sequence[str], text: str) -> bool:
    """Whether the pieces, with anything between them, are the whole text."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    return _is_within(pieces[1:-1], text[len(first) : len(text) - len(last)])


_CONDITIONS: Mapping[str, Callable[[Sequence[str], str], Condition]] = {
    "schemes": _schemes("blocked_uri", "source_file"),
    "blocked-schemes": _schemes("blocked_uri"),
    "source-schemes": _schemes("source_file"),
    "document-schemes": _schemes("document_uri"),
    "hosts": _hosts("blocked_uri", "source_file"),
    "blocked-hosts": _hosts("blocked_uri"),
    "source-hosts": _hosts("source_file"),
    "document-hosts": _hosts("document_uri"),
    "blocked-urls": _blocked_urls,
    "directives": _directives,
    "samples": _samples,
    "user-agents": _user_agents,
    "when": _predicates,
}
