"""Tests of presets."""

from __future__ import annotations

import pytest

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.presets import PRESETS, Preset
from policybuilder.stages import Header

EVERY_PRESET = pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))


def values(preset: Preset) -> dict[str, str]:
    return {directive.name: directive.value for directive in preset.directives}


def test_the_presets_are_the_promised_ones() -> None:
    assert list(PRESETS) == ["api", "server-rendered", "spa", "strict"]
    assert all(preset.name == name for name, preset in PRESETS.items())


@EVERY_PRESET
def test_a_preset_parses_to_the_directives_it_explains(preset: Preset) -> None:
    (policy,) = parse_serialized_policy_list(preset.policy).policies
    assert [(d.name, " ".join(d.values)) for d in policy.directives] == [(d.name, d.value) for d in preset.directives]
    assert str(policy) == preset.policy


@EVERY_PRESET
def test_a_preset_can_be_sent(preset: Preset) -> None:
    assert Header("Content-Security-Policy", preset.policy).needs_nonce == (preset.name == "strict")


@EVERY_PRESET
def test_every_explanation_is_one_sentence(preset: Preset) -> None:
    for sentence in (preset.audience, *(directive.reason for directive in preset.directives)):
        assert sentence[0].isupper() or sentence.startswith("fetch, XMLHttpRequest")
        assert sentence.endswith(".")
        assert ". " not in sentence


@EVERY_PRESET
def test_what_default_src_does_not_cover_is_closed(preset: Preset) -> None:
    held = values(preset)
    assert held["base-uri"] in {"'none'", "'self'"}
    assert held["form-action"] in {"'none'", "'self'"}
    assert held["frame-ancestors"] in {"'none'", "'self'"}
    assert held["object-src"] == "'none'"


@EVERY_PRESET
def test_no_preset_lets_scripts_be_injected(preset: Preset) -> None:
    held = values(preset)
    script = held.get("script-src", held.get("default-src", "*")).split()
    assert not set(script) & {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:", "data:", "blob:"}


@pytest.mark.parametrize("name", ["api", "server-rendered", "spa"])
def test_what_an_allowlist_preset_does_not_name_is_refused(name: str) -> None:
    assert values(PRESETS[name])["default-src"] == "'none'"


def test_strict_is_a_nonce_and_strict_dynamic() -> None:
    assert values(PRESETS["strict"])["script-src"] == "'nonce-{NONCE}' 'strict-dynamic'"
