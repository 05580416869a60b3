"""A review side over a real database, as somebody who is logged in sees it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from starlette.testclient import TestClient

from policybuilder.store.decisions import read_decisions
from policybuilder.store.reading import read_groups, snapshot
from policybuilder.times import Window
from tests.support.evidence import SEEN_AT

BASE_URL = "http://127.0.0.1:8000"


@dataclass
class Shop:
    """A review side over a database, and somebody who is logged in."""

    engine: Engine
    browser: TestClient
    stranger: TestClient

    def fingerprint(self, blocked: str, site: str = "default") -> str:
        with snapshot(self.engine) as connection:
            groups = read_groups(connection, site, Window(None, SEEN_AT.replace(year=2030)))
        [found] = [group.fingerprint for group in groups if group.blocked == blocked]
        return found

    def page(self, address: str) -> str:
        answer = self.browser.get(address)
        assert answer.status_code == 200, answer.text
        return answer.text

    def text(self, address: str) -> str:
        """What a reader sees, on one line."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.page(address))).split())

    def csrf_token(self) -> str:
        return self.page("/decisions").partition('name="csrf_token" value="')[2].partition('"')[0]

    def post(self, path: str, **fields: str) -> Any:
        return self.browser.post(path, data={"csrf_token": self.csrf_token(), "site": "default", **fields})

    def decisions(self) -> list[tuple[Any, ...]]:
        with snapshot(self.engine) as connection:
            return [
                (each.action, each.directive, each.subject, each.loaded_by, each.evidence_class, each.note)
                for each in read_decisions(connection, "default")
            ]
