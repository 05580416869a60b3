"""The real service, asked whatever its own document allows and forbids: every answer has its shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import hypothesis
import pytest
import schemathesis
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from collector.review.api.application import create_application
from collector.review.api.describing import describe
from collector.review.service import ReviewService
from tests.collector.ingest.builders import batch_body, hash_envelope, report_body
from tests.support.service import RunningCollector, post, run_collector

EXAMPLES = 20
"""Of each operation, beside those that stand on the edges of its bounds."""

ADMIN_TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
CONFORMING: list[Any] = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
REFUSING: list[Any] = [*CONFORMING, openapi_checks.negative_data_rejection, openapi_checks.unsupported_method]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with run_collector(tmp_path_factory.mktemp("collector"), CSP_ADMIN_TOKEN=ADMIN_TOKEN) as running:
        report = [("Content-Type", "application/csp-report")]
        for key in ("default", running.rehearsal_key):
            assert post(f"{running.base_url}/report/{key}", report_body(), report)[0] == 204
        hashed = batch_body(hash_envelope())
        batch = [("Content-Type", "application/reports+json")]
        assert post(f"{running.base_url}/report/default", hashed, batch)[0] == 204
        yield running


DOCUMENT = describe(create_application(cast("ReviewService", None)))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@SCHEMA.parametrize()
@hypothesis.settings(max_examples=EXAMPLES)
def test_every_operation_holds_what_the_document_promises(
    case: schemathesis.Case[Any], collector: RunningCollector
) -> None:
    """Any values at all; the same of a site that there is; and the same by whoever has no key, or a made-up one."""
    case.call_and_validate(collector.base_url, headers=BEARER, checks=REFUSING)
    if "site" in case.path_parameters:
        case.path_parameters["site"] = "default"
        case.call_and_validate(collector.base_url, headers=BEARER, checks=CONFORMING)
    assert case.call(collector.base_url).status_code in {401, 429}
