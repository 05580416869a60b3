"""Stages: the response headers a site sends at each step from watching to enforcing."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from decimal import Decimal

import ada_url

from policybuilder.csp import NONCE_PLACEHOLDER, Policy, parse_serialized_policy_list
from policybuilder.csp.grammar import VOIDING

ENFORCED = "Content-Security-Policy"
REPORT_ONLY = "Content-Security-Policy-Report-Only"
REPORTING_ENDPOINTS = "Reporting-Endpoints"
ENDPOINT_NAME = "csp-endpoint"
"""The name that `report-to` and `Reporting-Endpoints` share."""


class Stage(enum.StrEnum):
    """How far a site has come, and so what its headers are for."""

    OBSERVE = "observe"
    """Nothing is allowed and nothing is blocked: every load is reported."""

    PROBE = "probe"
    """Report-only beside the enforced policy, holding only what may be removed, to learn whether it is still used."""

    TRIAL = "trial"
    """The candidate, report-only: what it would break is reported."""

    ENFORCE = "enforce"
    """The candidate, enforced."""


@dataclass(frozen=True, slots=True)
class Header:
    """One response header, safe to send as it is."""

    name: str
    """Letters, digits and hyphens."""

    value: str
    """Printable ASCII without space at its ends, since servers and browsers disagree on everything else."""

    def __post_init__(self) -> None:
        """Raise ValueError for a name or value that could end the header early or reach browsers changed."""
        if not re.fullmatch(r"[A-Za-z0-9-]+", self.name):
            raise ValueError(f"not a header name: {self.name!a}")
        if odd := re.search(r"[^ -~]", self.value):
            raise ValueError(
                f"{self.name} holds {odd[0]!a} at position {odd.start()}; a header value takes printable ASCII only"
            )
        if not self.value or self.value != self.value.strip():
            raise ValueError(f"{self.name} is empty, or has space around its value: {self.value!a}")

    @property
    def needs_nonce(self) -> bool:
        """Whether the value has to be completed for each response."""
        return NONCE_PLACEHOLDER in self.value


# Every fetch directive is named, not only default-src, and so are the directives without a fallback, which report only
# when they are named. 'report-sample' admits nothing, so such a list matches nothing, just as 'none' does.
# Left out: sandbox (ignored when report-only), webrtc (no browser ships it), upgrade-insecure-requests (would hide
# insecure loads).
# https://w3c.github.io/webappsec-csp/#csp-directives
OBSERVE_POLICY = (
    "default-src 'none'; "
    "script-src 'report-sample'; script-src-attr 'report-sample'; script-src-elem 'report-sample'; "
    "style-src 'report-sample'; style-src-attr 'report-sample'; style-src-elem 'report-sample'; "
    "base-uri 'none'; child-src 'none'; connect-src 'none'; fenced-frame-src 'none'; font-src 'none'; "
    "form-action 'none'; frame-ancestors 'none'; frame-src 'none'; img-src 'none'; manifest-src 'none'; "
    "media-src 'none'; object-src 'none'; "
    # An inventory for Trusted Types: every sink that is given a string, every policy that is created.
    "require-trusted-types-for 'script'; trusted-types 'none'; worker-src 'none'"
)
"""The baseline of the observe stage, without its reporting directive."""

# Allows all scripts, and so brings a csp-hash report for each; form-action stands here too because Firefox loses most
# form-action reports that go by report-uri.
INVENTORY_POLICY = (
    "script-src * data: blob: 'unsafe-inline' 'unsafe-eval' 'report-sha256'; form-action 'none'; "
    f"report-to {ENDPOINT_NAME}"
)
"""What stands beside the baseline over https."""

_REPORTING_DIRECTIVES = frozenset({"report-uri", "report-to"})


def headers_for(
    stage: Stage,
    *,
    report_url: str,
    report_to_url: str | None = None,
    policy: str | None = None,
    sample: float = 1.0,
) -> tuple[Header, ...]:
    """Return the headers to send at `stage`, a header for each policy of a comma-separated `policy`.

    Every policy reports to `report_url` by `report-uri` alone: browsers that see `report-to` in a policy ignore its
    `report-uri`. The Reporting API takes https only; over https the observe stage adds a second policy that blocks
    nothing and reports to `report_to_url` (where not given, `report_url`).

    `policy` replaces the baseline of the observe stage and is needed at every other; its own reporting directives are
    left out. `sample` is the share of page views that will carry the headers, kept in the report URLs as `r`.

    Raises ValueError for a missing or unusable policy, URL or share.
    """
    if not 0 < sample <= 1:
        raise ValueError(f"a sample is more than 0 and at most 1, not {sample}")
    report_uri = _report_address(report_url, sample)
    if policy is None:
        if stage is not Stage.OBSERVE:
            raise ValueError(f"stage {stage} needs a policy")
        policy = OBSERVE_POLICY
    name = ENFORCED if stage is Stage.ENFORCE else REPORT_ONLY
    headers = tuple(Header(name, f"{text}; report-uri {report_uri}") for text in _without_reporting(policy))
    if stage is not Stage.OBSERVE:
        return headers
    endpoint = _report_address(report_to_url, sample) if report_to_url else report_uri
    if endpoint.startswith("https:"):
        return (
            *headers,
            Header(REPORT_ONLY, INVENTORY_POLICY),
            Header(REPORTING_ENDPOINTS, f"{ENDPOINT_NAME}={_structured_string(endpoint)}"),
        )
    if report_to_url:
        raise ValueError(f"browsers send reports of the Reporting API over https only, not to {report_to_url}")
    return headers


def _without_reporting(serialized: str) -> tuple[str, ...]:
    """Return the policies of `serialized`, white space tidied, without their reporting directives."""
    if odd := VOIDING.search(serialized):
        raise ValueError(
            f"the policy holds {odd[0]!a} at position {odd.start()}, and browsers skip a directive that is not "
            "printable ASCII; write hosts in punycode and paths percent-encoded"
        )
    kept = (
        Policy(tuple(directive for directive in policy.directives if directive.name not in _REPORTING_DIRECTIVES))
        for policy in parse_serialized_policy_list(serialized).policies
    )
    policies = tuple(str(policy) for policy in kept if policy.directives)
    if not policies:
        raise ValueError("the policy names no directive besides reporting ones")
    return policies


def _report_address(url: str, sample: float) -> str:
    """Return `url` in its canonical form, with `sample` in its query unless that is the whole."""
    try:
        parsed = ada_url.URL(url)
    except ValueError as error:
        raise ValueError(f"not an absolute URL: {url!a}") from error
    if parsed.protocol not in {"http:", "https:"} or parsed.username or parsed.password or parsed.hash:
        raise ValueError(f"reports need an http or https URL without user name and fragment, not {url!a}")
    if sample < 1:
        # Written out: a float's own text may be 1e-05.
        share = f"r={Decimal(str(sample)):f}"
        parsed.search = f"{parsed.search}&{share}" if parsed.search else share
    # URL parsers leave these as they are; the first two would end the directive or the policy, braces mark the nonce.
    if re.search("[;,{}]", parsed.href):
        raise ValueError(f"a report URL in a policy cannot hold any of ; , {{ }}: {url!a}")
    return parsed.href


def _structured_string(text: str) -> str:
    """Return `text`, printable ASCII, as a string of a structured header field.

    https://www.rfc-editor.org/rfc/rfc9651#name-serializing-a-string
    """
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
