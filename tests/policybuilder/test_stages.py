"""Tests of stages."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.csp import parse_serialized_policy_list
from policybuilder.stages import ENFORCED, REPORT_ONLY, REPORTING_ENDPOINTS, Header, Stage, headers_for

HTTP = "http://localhost:8000/report/default"
HTTPS = "https://csp.example/report/default"
POLICY = "default-src 'self'; img-src *"


def directives(header: Header) -> dict[str, tuple[str, ...]]:
    (policy,) = parse_serialized_policy_list(header.value).policies
    return {directive.name: tuple(directive.values) for directive in policy.directives}


def pairs(headers: tuple[Header, ...]) -> list[tuple[str, str]]:
    return [(header.name, header.value) for header in headers]


# https://w3c.github.io/webappsec-csp/#csp-directives and Trusted Types
VISIBLE_ONLY_WHEN_NAMED = ["base-uri", "form-action", "frame-ancestors", "require-trusted-types-for", "trusted-types"]
FETCH_DIRECTIVES = """
    child-src connect-src default-src fenced-frame-src font-src frame-src img-src manifest-src media-src object-src
    script-src script-src-attr script-src-elem style-src style-src-attr style-src-elem worker-src
""".split()  # noqa: SIM905 - a list of names reads better as words


@pytest.mark.parametrize("name", [*FETCH_DIRECTIVES, *VISIBLE_ONLY_WHEN_NAMED])
def test_observing_names_every_directive_that_can_report(name: str) -> None:
    (header,) = headers_for(Stage.OBSERVE, report_url=HTTP)
    assert name in directives(header)


def test_observing_admits_nothing_and_blocks_nothing() -> None:
    (header,) = headers_for(Stage.OBSERVE, report_url=HTTP)
    assert header.name == REPORT_ONLY
    held = directives(header)
    assert held.pop("report-uri") == (HTTP,)
    assert held.pop("require-trusted-types-for") == ("'script'",)
    for name, values in held.items():
        code = re.match(r"(script|style)-src", name)
        assert values == (("'report-sample'",) if code else ("'none'",)), name


def test_directives_that_are_ignored_or_change_loads_are_not_observed() -> None:
    (header,) = headers_for(Stage.OBSERVE, report_url=HTTP)
    assert not directives(header).keys() & {"sandbox", "upgrade-insecure-requests", "webrtc", "prefetch-src"}


def test_observing_over_https_adds_hashes_and_form_actions_by_the_reporting_api() -> None:
    baseline, inventory, endpoints = headers_for(Stage.OBSERVE, report_url=HTTPS)
    assert baseline.name == inventory.name == REPORT_ONLY
    assert directives(baseline)["report-uri"] == (HTTPS,)
    assert directives(inventory) == {
        "script-src": ("*", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'", "'report-sha256'"),
        "form-action": ("'none'",),
        "report-to": ("csp-endpoint",),
    }
    assert (endpoints.name, endpoints.value) == (REPORTING_ENDPOINTS, f'csp-endpoint="{HTTPS}"')


def test_the_reporting_api_may_have_an_address_of_its_own() -> None:
    *_, endpoints = headers_for(Stage.OBSERVE, report_url=HTTP, report_to_url="https://other.example/r?a=\\b")
    assert endpoints.value == r'csp-endpoint="https://other.example/r?a=\\b"'


def test_the_reporting_api_is_never_used_over_http() -> None:
    with pytest.raises(ValueError, match="https only"):
        headers_for(Stage.OBSERVE, report_url=HTTPS, report_to_url=HTTP)


def test_a_policy_of_ones_own_is_a_quieter_start() -> None:
    (header,) = headers_for(Stage.OBSERVE, report_url=HTTP, policy=POLICY)
    assert (header.name, header.value) == (REPORT_ONLY, f"{POLICY}; report-uri {HTTP}")


@pytest.mark.parametrize(
    ("stage", "name"), [(Stage.PROBE, REPORT_ONLY), (Stage.TRIAL, REPORT_ONLY), (Stage.ENFORCE, ENFORCED)]
)
@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_later_stages_send_the_policy_they_are_given(stage: Stage, name: str, url: str) -> None:
    assert pairs(headers_for(stage, report_url=url, policy=POLICY)) == [(name, f"{POLICY}; report-uri {url}")]


@pytest.mark.parametrize("stage", [Stage.PROBE, Stage.TRIAL, Stage.ENFORCE])
def test_later_stages_need_a_policy(stage: Stage) -> None:
    with pytest.raises(ValueError, match=f"stage {stage} needs a policy"):
        headers_for(stage, report_url=HTTP)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_no_policy_reports_both_ways(stage: Stage, url: str) -> None:
    """Browsers that see `report-to` ignore `report-uri`, even where nothing is sent for want of an endpoint."""
    policy = f"{POLICY}; report-uri https://old.example/r; report-to old, script-src 'self'; report-to old"
    for header in headers_for(stage, report_url=url, policy=policy):
        if header.name != REPORTING_ENDPOINTS:
            assert len(directives(header).keys() & {"report-uri", "report-to"}) == 1
            assert "old" not in header.value


def test_each_policy_of_a_list_gets_a_header_and_an_address() -> None:
    headers = headers_for(
        Stage.TRIAL, report_url=HTTP, policy="img-src 'self', script-src\n  'self' ;\tREPORT-URI /x ;,"
    )
    assert pairs(headers) == [
        (REPORT_ONLY, f"img-src 'self'; report-uri {HTTP}"),
        (REPORT_ONLY, f"script-src 'self'; report-uri {HTTP}"),
    ]


@pytest.mark.parametrize("policy", ["", " ; , ;", "report-uri /x", "report-to a; report-uri b"])
def test_a_policy_that_says_nothing_is_refused(policy: str) -> None:
    with pytest.raises(ValueError, match="no directive"):
        headers_for(Stage.ENFORCE, report_url=HTTP, policy=policy)


def test_a_directive_browsers_would_skip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'\\xe4' at position 25"):
        headers_for(Stage.ENFORCE, report_url=HTTP, policy="script-src 'self' https:/ä.example")


def test_a_control_character_in_a_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        headers_for(Stage.ENFORCE, report_url=HTTP, policy="img-src *; script-src 'self'\x0bhttps://a.example")


# (share, as written in the report URL)
SAMPLE_CASES = [(0.01, "0.01"), (0.5, "0.5"), (0.00001, "0.00001"), (1 / 3, "0.3333333333333333")]


@pytest.mark.parametrize(("sample", "written"), SAMPLE_CASES)
def test_the_share_is_kept_in_every_report_url(sample: float, written: str) -> None:
    baseline, _, endpoints = headers_for(Stage.OBSERVE, report_url=HTTPS, sample=sample)
    assert directives(baseline)["report-uri"] == (f"{HTTPS}?r={written}",)
    assert endpoints.value == f'csp-endpoint="{HTTPS}?r={written}"'


def test_the_share_joins_a_query() -> None:
    (header,) = headers_for(Stage.TRIAL, report_url=f"{HTTP}?site=a", policy=POLICY, sample=0.1)
    assert header.value.endswith(f" {HTTP}?site=a&r=0.1")


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_any_share_can_be_read_back(sample: float) -> None:
    (header,) = headers_for(Stage.TRIAL, report_url=HTTP, policy=POLICY, sample=sample)
    (address,) = directives(header)["report-uri"]
    (written,) = parse_qs(urlsplit(address).query)["r"]
    assert float(written) == sample
    assert "e" not in written


@pytest.mark.parametrize("sample", [0, -0.1, 1.01, float("nan"), float("inf")])
def test_an_impossible_share_is_refused(sample: float) -> None:
    with pytest.raises(ValueError, match="sample"):
        headers_for(Stage.OBSERVE, report_url=HTTP, sample=sample)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/report/default",
        "csp.example/report",
        "ftp://csp.example/",
        "javascript:alert(1)",
        "https://user:secret@csp.example/",
        "https://csp.example/#part",
        "https://csp.example/a;script-src *",
        "https://csp.example/a,b",
        "https://csp.example/?n={NONCE}",
    ],
)
def test_a_report_url_that_would_not_work_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        headers_for(Stage.OBSERVE, report_url=url)


def test_a_report_url_is_written_as_browsers_read_it() -> None:
    (header,) = headers_for(Stage.TRIAL, report_url="HTTP://exämple.com:80/a b\n", policy=POLICY)
    assert directives(header)["report-uri"] == ("http://xn--exmple-cua.com/a%20b",)


@given(st.text(max_size=40))
def test_no_report_url_can_add_to_the_policy(tail: str) -> None:
    try:
        (header,) = headers_for(Stage.TRIAL, report_url=f"http://localhost/{tail}", policy=POLICY)
    except ValueError:
        return
    held = directives(header)
    assert list(held) == ["default-src", "img-src", "report-uri"]
    assert len(held["report-uri"]) == 1


@pytest.mark.parametrize("name", ["", "A:B", "A B", "A\n", "X-Ä", "A'"])
def test_a_header_name_is_letters_digits_and_hyphens(name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        Header(name, "x")


@pytest.mark.parametrize(
    "value", ["", " a", "a ", "a\nb", "a\r\nSet-Cookie: b=c", "a\tb", "a\0", "a\x7f", "ä", "\u2028"]
)
def test_a_header_value_is_trimmed_printable_ascii(value: str) -> None:
    with pytest.raises(ValueError, match=r"X-Test (holds|is empty)"):
        Header("X-Test", value)


def test_a_header_knows_whether_it_needs_a_nonce() -> None:
    assert Header(ENFORCED, "script-src 'nonce-{NONCE}'").needs_nonce
    assert not Header(ENFORCED, "script-src 'nonce-abc'").needs_nonce
