"""Bodies as real browsers wrote them: recorded reports, with another page, policy and blocked URL in them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

RECORDINGS = Path(__file__).parent.parent / "data" / "reports"

ORIGIN = "https://shop.example"

CSP_REPORT = "application/csp-report"
REPORTS_JSON = "application/reports+json"

Browser = Literal["chromium", "firefox"]

_SAMPLE_LENGTH = 40

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Something that a page does, and that a policy may refuse."""

    directive: str
    url: str
    """A URL with its path, or what browsers write for what has none: `inline`, `eval`, `data`, `blob`."""

    page: str = "/"
    sample: str = ""
    """The whole of inline code."""

    source_file: str = ""
    """Where the script is that did it; empty for the page itself."""

    @property
    def document(self) -> str:
        return self.page if "://" in self.page else ORIGIN + self.page

    @property
    def reported_url(self) -> str:
        """What browsers write: of another origin's frames and objects only the origin."""
        if self.directive in {"frame-src", "object-src"} and "://" in self.url and not self.url.startswith(ORIGIN):
            return "/".join(self.url.split("/")[:3])
        return self.url


def report_uri_body(browser: Browser, load: Load, policy: str, *, disposition: str = "report") -> bytes:
    """What `browser` posts to the policy's `report-uri`."""
    report = copy.deepcopy(_recorded(browser, CSP_REPORT, load))
    members = report["csp-report"]
    members |= {
        "document-uri": load.document,
        "blocked-uri": load.reported_url,
        "original-policy": policy,
        "disposition": disposition,
        "effective-directive": load.directive,
        "violated-directive": load.directive,
    }
    # Only where the browser wrote one: Firefox leaves out what is empty.
    if "referrer" in members:
        members["referrer"] = ""
    if "source-file" in members or load.source_file:
        members["source-file"] = load.source_file or load.document
    if "script-sample" in members or load.sample:
        members["script-sample"] = _sample(browser, load.sample)
    return json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()


def reporting_api_body(browser: Browser, loads: Sequence[Load], policy: str) -> bytes:
    """The batch that `browser` posts to the endpoint of `report-to`."""
    batch = []
    for load in loads:
        report = copy.deepcopy(_recorded(browser, REPORTS_JSON, load))
        report |= {"url": load.document, "user_agent": user_agent(browser)}
        body = report["body"]
        body |= {
            "documentURL": load.document,
            "blockedURL": load.reported_url,
            "originalPolicy": policy,
            "disposition": "report",
            "effectiveDirective": load.directive,
            "referrer": "" if browser == "chromium" else None,
        }
        if body.get("sourceFile") or load.source_file:
            body["sourceFile"] = load.source_file or load.document
        body["sample"] = _sample(browser, load.sample) or ("" if browser == "chromium" else None)
        batch.append(report)
    if browser == "firefox":
        return json.dumps(batch, ensure_ascii=False, indent=1).encode()
    return json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()


@cache
def user_agent(browser: Browser) -> str:
    """As the recorded browser names itself, but for the mark of one without a screen."""
    for post in _posts(f"{browser}.jsonl"):
        for name, value in post["headers"]:
            if name.lower() == "user-agent":
                return str(value).replace("HeadlessChrome", "Chrome")
    raise AssertionError(f"no user agent was recorded of {browser}")


def synthetic_body(why: str, nth: int = 0, **members: str) -> bytes:
    """The nth hand-made body of an old browser or an app of which `why` begins with that, with other `members`."""
    found = [post for post in _posts("synthetic.jsonl") if post["why"].startswith(why)]
    report = json.loads(found[nth]["body"])
    report["csp-report"] |= {name.replace("_", "-"): value for name, value in members.items()}
    return json.dumps(report, ensure_ascii=False).encode()


def _sample(browser: Browser, code: str) -> str:
    if browser == "chromium":
        return code.strip()[:_SAMPLE_LENGTH]
    return code if len(code) <= _SAMPLE_LENGTH else code[:_SAMPLE_LENGTH] + "…"


def _kind(blocked: str) -> str:
    return "url" if "://" in blocked else blocked


def _recorded(browser: Browser, content_type: str, load: Load) -> Json:
    """A report of the same directive and kind, or else of the same kind, or else of a URL."""
    reports = _reports(browser, content_type)
    kind = _kind(load.url)
    for wanted in ((kind, load.directive), (kind, None), ("url", load.directive), ("url", None)):
        if wanted in reports:
            return reports[wanted]
    raise AssertionError(f"no report was recorded of {browser}, {content_type}")


@cache
def _reports(browser: Browser, content_type: str) -> dict[tuple[str, str | None], Json]:
    """The first report of each kind and directive, and of each kind."""
    found: dict[tuple[str, str | None], Json] = {}
    for post in _posts(f"{browser}.jsonl"):
        if {name.lower(): value for name, value in post["headers"]}.get("content-type") != content_type:
            continue
        value = json.loads(post["body"])
        for report in value if isinstance(value, list) else [value]:
            members = report.get("csp-report") or report["body"]
            if report.get("type", "csp-violation") != "csp-violation":
                continue
            kind = _kind(members.get("blocked-uri") or members.get("blockedURL") or "")
            directive = members.get("effective-directive") or members["effectiveDirective"]
            found.setdefault((kind, directive), report)
            found.setdefault((kind, None), report)
    return found


def _posts(file: str) -> Iterator[Json]:
    for line in (RECORDINGS / file).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
