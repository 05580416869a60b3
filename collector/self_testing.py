"""Self-testing: a test report posted by the way that every report takes, but for the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from collector.ingest.endpoint import PATH_PREFIX, Message, Receive, Scope, Send
from policybuilder import self_test
from policybuilder.errors import CspbuildError
from policybuilder.reports.rules import Rules


class SelfTester:
    """Posts test reports to an application that takes reports."""

    def __init__(
        self, application: Callable[[Scope, Receive, Send], Awaitable[None]], base_url: str, rules: Rules
    ) -> None:
        """`base_url` is where browsers reach it: a test is refused where their reports would be, for the host."""
        self._application = application
        self._host = urlsplit(base_url).netloc
        self._rules = rules

    async def post(self, key: str, body: bytes) -> int:
        """The status of the answer. Raises CspbuildError where a test report would be taken for another."""
        if self_test.RULE in self._rules.disabled:
            raise CspbuildError(
                f"the rule {self_test.RULE} is disabled, so a test report could be taken for the site's own; "
                "take it out of the file of CSP_RULES"
            )
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._application(self._scope(key), receive, send)
        return statuses[0]

    def _scope(self, key: str) -> Scope:
        headers = {"content-type": self_test.CONTENT_TYPE, "host": self._host}
        return {
            "type": "http",
            "method": "POST",
            "path": f"{PATH_PREFIX}{key}",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": None,
        }
