"""The interface over a real database, asked with the admin token, each answer held against the document."""

from __future__ import annotations

import gc
import json
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from click.testing import CliRunner
from sqlalchemy import Engine
from starlette.testclient import TestClient

from collector.ingest.folding import HashObservation, fold_hash
from policybuilder.cli.main import command
from policybuilder.csp import Disposition
from policybuilder.evidence import EvidenceClass
from policybuilder.reports.normalization import NormalizedHash
from policybuilder.store.batch import Batch
from policybuilder.store.recording import record
from policybuilder.times import to_ms
from tests.support.evidence import ORIGIN, make_observation, make_violation, record_observations
from tests.support.openapi import Contract

BASE_URL = "http://127.0.0.1:8000"
ADMIN_TOKEN = "correct-horse-battery-staple"
NOW = datetime.now(UTC)
TAG = "https://tag.example"
HOSTILE = "\"'><script>alert(1)</script>{{7*7}}\x9b31m\u202e\U0001f480"


@dataclass
class Interface:
    """The interface, as a script with the admin token asks it."""

    engine: Engine
    database_url: str
    review: Any
    client: TestClient
    contract: Contract

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """The JSON of an answer that has this status, and the shape that the document says."""
        answer = self.client.request(method, path, **options)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.text.isascii()
        found = answer.json()
        self.contract.check(method, answer.url.path, status, found)
        return found

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        return self.ask("GET", path, status, **options)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        return self.ask("POST", path, status, json=body)

    def group(self, blocked: str, site: str = "default") -> str:
        """The name of the violation that has this blocked URL."""
        rows = self.get(f"/api/sites/{site}/violations?noise=true")["rows"]
        [found] = [row["group"] for row in rows if row["blocked"] == blocked]
        return str(found)

    def cspbuild(self, *arguments: str) -> Any:
        """What the command line says as JSON of the same database."""
        options = ["--database", self.database_url, "--format", "json"]
        with warnings.catch_warnings():
            # A command leaves its connection to the end of its process, which does not come here.
            warnings.simplefilter("ignore", ResourceWarning)
            ran = CliRunner().invoke(command, [*arguments, *options], prog_name="cspbuild")
            gc.collect()
        return json.loads(ran.stdout)


def fill(engine: Engine) -> None:
    """What browsers reported of `default`, and one report of `other`."""
    seen_at = NOW - timedelta(days=1)
    script = make_violation(
        "script-src-elem",
        "https://cdn.example/lib.js",
        source_file=f"{TAG}/t.js",
        line_number=3,
        status_code=200,
        referrer=f"{ORIGIN}/",
    )
    record_observations(
        engine,
        make_observation(make_violation("img-src", f"{ORIGIN}/a.png"), seen_at=seen_at, is_trusted=True),
        make_observation(script, seen_at=seen_at),
        make_observation(script, seen_at=seen_at - timedelta(days=3), network="198.51.100.0/24"),
        make_observation(
            make_violation("script-src-elem", "inline", sample=HOSTILE, disposition=Disposition.ENFORCE),
            seen_at=seen_at,
            evidence_class=EvidenceClass.ATTACK_LIKE,
        ),
        make_observation(
            make_violation("img-src", "chrome-extension"), seen_at=seen_at, evidence_class=EvidenceClass.EXTENSION
        ),
        make_observation(make_violation("script-src", "eval"), seen_at=seen_at, is_trusted=True),
        make_observation(make_violation("font-src", "https://fonts.example/a.woff2"), site="other", seen_at=seen_at),
        now=NOW,
    )
    batch = Batch()
    hashed = NormalizedHash(f"{ORIGIN}/", "https://cdn.example/lib.js", f"sha256-{'A' * 43}=", "script", 0)
    fold_hash(batch, HashObservation(site="default", report=hashed, seen_at_ms=to_ms(seen_at)))
    record(engine, batch, to_ms(NOW))
