"""Rules: why a report is not plain evidence, read from files, checked once and tried in their order.

The built-in ones lie beside this module in `rules.toml`, which explains the format; an operator's file has the same.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from policybuilder.errors import CspbuildError
from policybuilder.evidence import OVER_BUDGET, EvidenceClass
from policybuilder.reports.conditions import CONDITIONS, FORGETFUL_CONDITIONS
from policybuilder.reports.first_rule import FirstRule
from policybuilder.reports.predicates import FORGETFUL_PREDICATES, POLICY_PREDICATES, PREDICATES, Context, Predicate
from policybuilder.reports.rule import Rule

MAX_RULES = 500
MAX_ENTRIES = 1_000
MAX_ENTRY_CHARACTERS = 256
_MAX_FILE_BYTES = 1024 * 1024

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

RESERVED_IDS = frozenset({"no-noise-rule", OVER_BUDGET})
"""Written by others in the place of a rule: no rule may take their names."""

_CHOSEN_ELSEWHERE = frozenset({EvidenceClass.SUPERSEDED})
"""Classes that depend on more than one report, so that no rule can give them."""

_NAMES = (*CONDITIONS, "when")
"""Of all that a rule may ask."""


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

    _first: FirstRule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", FirstRule(self.rules))

    def first_that_applies(self, context: Context) -> Rule | None:
        """The rule that decides; trying each with `Rule.applies`, from the first on, finds the same."""
        return self._first.find(context)


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
    _require_keys(table, {"id", "class", "reason", "source", *_NAMES}, where)
    evidence_class = _class_of(table.get("class"), where)
    reason, source = table.get("reason"), table.get("source", "")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > MAX_ENTRY_CHARACTERS:
        raise CspbuildError(f"{where}: reason must say in a few words what such a report is")
    if not isinstance(source, str):
        raise CspbuildError(f"{where}: source must be text")
    asked = {name: _texts(table[name], f"{where}: {name}") for name in table if name in _NAMES}
    if not asked:
        raise CspbuildError(f"{where} has no condition; write one of {', '.join(_NAMES)}")
    for name, entries in asked.items():
        if not entries:
            raise CspbuildError(f"{where}: {name} is empty, so the rule could never hold")
    when = asked.pop("when", [])
    return Rule(
        rule_id,
        evidence_class,
        reason,
        source,
        conditions=tuple(CONDITIONS[name](entries, f"{where}: {name}") for name, entries in asked.items()),
        predicates=_predicates(when, f"{where}: when"),
        reads_forgotten=not (FORGETFUL_CONDITIONS.isdisjoint(asked) and FORGETFUL_PREDICATES.isdisjoint(when)),
        reads_policy=not POLICY_PREDICATES.isdisjoint(when),
        origin=origin,
    )


def _predicates(entries: Sequence[str], where: str) -> tuple[Predicate, ...]:
    for entry in entries:
        if entry not in PREDICATES:
            raise CspbuildError(f"{where}: there is no predicate {entry!r}; there are {', '.join(sorted(PREDICATES))}")
    return tuple(PREDICATES[entry] for entry in entries)


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
