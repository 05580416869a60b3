"""What the collector is measured beside: a server that stores nothing, and one as a tutorial would write it.

`python -m tests.benchmarks.ingest.baselines NAME PORT DIRECTORY` serves one of them.
"""

# No `from __future__ import annotations`: FastAPI reads those of the tutorial's route.
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request


async def nothing(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """The least that an ASGI application can do: read the body, answer 204."""
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def tutorial(directory: Path) -> Any:
    """FastAPI and SQLModel, a row and a commit for each report, as durable as ours."""
    from sqlalchemy import event
    from sqlmodel import Field, Session, SQLModel, create_engine

    class Report(SQLModel, table=True):
        id: int | None = Field(default=None, primary_key=True)
        document_uri: str
        directive: str
        blocked_uri: str
        policy: str

    engine = create_engine(f"sqlite:///{directory}/reports.db", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["report"]])
    app = FastAPI()

    def store(members: dict[str, Any]) -> None:
        with Session(engine) as session:
            session.add(
                Report(
                    document_uri=members["document-uri"],
                    directive=members["effective-directive"],
                    blocked_uri=members["blocked-uri"],
                    policy=members["original-policy"],
                )
            )
            session.commit()

    @app.post("/report/{key}", status_code=204)
    async def report(key: str, request: Request) -> None:  # noqa: ARG001  (the path is the collector's)
        # In the loop itself: threads of their own would wait for each other's lock on the database, and take longer.
        store((await request.json())["csp-report"])

    return app


def main() -> None:
    """Serve until told to stop."""
    name, port, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    app = nothing if name == "nothing" else tutorial(directory)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
