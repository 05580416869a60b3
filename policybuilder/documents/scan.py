"""The JSON document of a scan, as `cspbuild scan` prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from policybuilder.grading.judgement import Judgement
from policybuilder.grading.material import EndpointAnswer, Visit
from policybuilder.scanner.pages import Redirect, Response, Tls
from policybuilder.scanning import Scan, differences, worst_first
from policybuilder.times import isoformat
from policybuilder.wiring import Check, is_sound


def scan_document(scan: Scan, host_checks: Sequence[Check] | None = None) -> dict[str, Any]:
    """The keys of `scan/1` for one page."""
    material = scan.material
    response = material.page.response
    document: dict[str, Any] = {
        "url": material.url,
        "final_url": response.url if response is not None else None,
        "status": response.status if response is not None else None,
        "http_version": response.http_version if response is not None else None,
        "score": scan.score,
        "grade": scan.grade,
        "capped_by": list(scan.own.capped_by),
        "tests": [_judgement(each) for each in scan.own.tests],
        "observatory": {
            "score": scan.observatory.score,
            "grade": scan.observatory.grade,
            "tests": {
                name: {"result": each.result, "modifier": each.modifier, "passed": each.passed}
                for name, each in scan.observatory.tests.items()
            },
        },
        "securityheaders": {
            "grade": scan.securityheaders.grade,
            "approximation": True,
            "missing": list(scan.securityheaders.missing),
            "warnings": list(scan.securityheaders.warnings),
        },
        "differences": list(differences(scan)),
        "redirects": [] if response is None else list(map(_redirect, response.redirects)),
        "http": None if material.http is None else _visit(material.http),
        "https": None if material.https is None else _visit(material.https),
        "tls": _tls(response),
        "certificate_problem": material.page.certificate_problem,
        "preloaded": material.is_preloaded,
        "preload_list": None if material.preload_list_day is None else material.preload_list_day.isoformat(),
        "endpoints": list(map(_endpoint, material.endpoints.values())),
    }
    if host_checks is not None:
        document["host_check"] = {"ok": is_sound(host_checks), "checks": list(map(check_document, host_checks))}
    return document


def several_document(
    scans: Sequence[Scan], host_checks: Mapping[str, Sequence[Check]], unreachable: Mapping[str, str]
) -> dict[str, Any]:
    """The keys of `scan/1` for several pages: those of the worst one, and `pages` with the keys of each.

    A page that could not be had is `{url, error}`. Where none could, `pages` is all there is.
    """
    pages = [scan_document(scan, host_checks.get(scan.material.url)) for scan in scans]
    failed = [{"url": url, "error": error} for url, error in unreachable.items()]
    worst = worst_first(scans)
    top = scan_document(worst[0], host_checks.get(worst[0].material.url)) if worst else {}
    return {**top, "pages": [*pages, *failed]}


def check_document(check: Check) -> dict[str, object]:
    """A check of the way that reports take."""
    return {
        "name": check.name,
        "passed": check.passed,
        "message": check.message,
        "fix": check.fix,
        "url": check.url,
    }


def _judgement(each: Judgement) -> dict[str, object]:
    return {
        "name": each.name,
        "result": each.result,
        "passed": each.passed,
        "message": each.message,
        "fix": each.fix,
        "header": each.header,
        "value": each.value,
        "points": each.points,
        "cap": each.cap,
    }


def _redirect(redirect: Redirect) -> dict[str, object]:
    return {"url": redirect.url, "status": redirect.status, "location": redirect.location}


def _visit(visit: Visit) -> dict[str, object]:
    response = visit.response
    return {
        "url": visit.url,
        "final_url": None if response is None else response.url,
        "status": None if response is None else response.status,
        "redirects": list(map(_redirect, visit.redirects if response is None else response.redirects)),
        "failure": visit.failure,
        "certificate_problem": visit.certificate_problem,
    }


def _tls(response: Response | None) -> dict[str, object] | None:
    tls: Tls | None = None if response is None else response.tls
    if tls is None:
        return None
    return {
        "version": tls.version,
        "cipher": tls.cipher,
        "subject": tls.subject,
        "issuer": tls.issuer,
        "expires_at": isoformat(tls.expires_at) if tls.expires_at else None,
    }


def _endpoint(answer: EndpointAnswer) -> dict[str, object]:
    return {
        "url": answer.url,
        "preflight_status": answer.preflight_status,
        "cross_origin": answer.is_cross_origin,
        "failure": answer.failure,
    }
