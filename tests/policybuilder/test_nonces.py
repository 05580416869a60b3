"""Tests of what people read of nonces that are the same for many."""

from __future__ import annotations

from policybuilder.nonces import RepeatedNonce, nonce_warnings


def test_nothing_repeated_warns_of_nothing() -> None:
    assert nonce_warnings(()) == ()


def test_the_last_day_and_the_policy_are_named_with_what_to_do() -> None:
    (warning,) = nonce_warnings([RepeatedNonce("script-src 'nonce-blank'", "2026-11-20", 4)])
    assert warning.code == "nonce-repeated"
    assert "on 2026-11-20 visitors from 3 networks or more were sent the same nonce" in warning.message
    assert "under script-src 'nonce-blank':" in warning.message
    assert "a nonce for each response" in warning.fix


def test_several_policies_are_one_warning_and_a_long_one_is_cut() -> None:
    long = "script-src 'nonce-blank' " + "https://cdn.example " * 50
    repeated = [RepeatedNonce(f"img-src {n}.example", f"2026-11-{n}", 1) for n in (18, 19)]
    (warning,) = nonce_warnings([*repeated, RepeatedNonce(long, "2026-11-20", 1)])
    assert "… (and 2 other policies):" in warning.message
    assert len(warning.message) < 450
