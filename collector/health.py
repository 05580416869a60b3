"""Health: whether the service is alive and able to store, and its figures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Engine

from collector.ingest.counters import IngestCounters
from collector.ingest.writer import Writer
from collector.inquiry import Inquiry, in_a_thread
from collector.review.access import Access
from collector.setup_warnings import RecentWarnings
from policybuilder.store.condition import fault_of, is_nearly_out_of_room, size_of

_FRESH_SECONDS = 1.0
"""Anybody may ask, as often as they like."""

_SIZE_FRESH_SECONDS = 10.0
_PATIENCE_SECONDS = 2.0
"""Less than load balancers and Prometheus have."""


class Health:
    """Why nothing can be stored, as far as one can tell without storing something."""

    def __init__(self, engine: Engine, writer: Callable[[], Writer | None]) -> None:
        """`writer` gives the service's writer; None before there is one."""
        self._writer = writer
        self._database = Inquiry(
            lambda: _reasons_of_database(engine), fresh_seconds=_FRESH_SECONDS, patience_seconds=_PATIENCE_SECONDS
        )

    async def reasons(self) -> tuple[str, ...]:
        """A short sentence each, which begins with the part it is about; none where reports can be stored."""
        return self._all(await self._database.answer())

    def reasons_now(self) -> tuple[str, ...]:
        """The same, for a thread that may wait."""
        return self._all(self._database.wait())

    def is_ready(self) -> bool:
        """Whether there are none; for a thread that may wait."""
        return not self.reasons_now()

    def _all(self, of_database: tuple[str, ...] | None) -> tuple[str, ...]:
        # The writer is asked each time: it is here, and says what is so now.
        silent = f"database: does not answer within {_PATIENCE_SECONDS:g} seconds"
        return (*((silent,) if of_database is None else of_database), *_reasons_of_writer(self._writer()))


def _reasons_of_database(engine: Engine) -> tuple[str, ...]:
    fault = fault_of(engine)
    return (
        *((f"database: {fault}",) if fault else ()),
        *(("disk: nearly full where the database is",) if is_nearly_out_of_room(engine) else ()),
    )


def _reasons_of_writer(writer: Writer | None) -> tuple[str, ...]:
    if writer is None:
        return ("writer: not running",)
    return (
        *(() if writer.is_running else ("writer: not running",)),
        *((f"writer: commits fail ({failure})",) if (failure := writer.failure) else ()),
        *(() if writer.has_room else ("queue: full",)),
    )


def create_health_router(engine: Engine, health: Health, counters: IngestCounters, access: Access) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`; the latter shows what is found out here, too."""
    router = APIRouter()
    warnings = RecentWarnings(engine)
    size = Inquiry(lambda: size_of(engine), fresh_seconds=_SIZE_FRESH_SECONDS, patience_seconds=_PATIENCE_SECONDS)
    counters.show("csp_ready", "1 when reports can be stored, as /readyz says", health.is_ready)
    counters.show(
        "csp_database_bytes",
        "Size of the database, of SQLite with its log; NaN where it does not say",
        lambda: math.nan if (found := size.wait()) is None else found,
    )

    @router.get("/healthz")
    async def healthz() -> Any:
        """Alive."""
        return JSONResponse({"alive": True}, 200)

    @router.get("/readyz")
    async def readyz() -> Any:
        """Able to store; 503 with the reasons otherwise. Doubts about the set-up are warnings, and 200 all the same."""
        reasons = await health.reasons()
        found = () if reasons else await warnings.current()
        return JSONResponse(
            {"ready": not reasons, "reasons": reasons, "warnings": [asdict(warning) for warning in found]},
            503 if reasons else 200,
        )

    @router.get("/metrics", dependencies=[Depends(access.require_bearer)])
    async def metrics() -> Any:
        """Counters in Prometheus' text format, for the admin token."""
        # Some of them wait for the database.
        shown = await asyncio.wrap_future(in_a_thread(counters.exposition))
        return Response(shown, media_type="text/plain; version=0.0.4")

    return router
