"""The disk of an SQLite database is full: the service says that it stores nothing, and goes on once there is room."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.database import counted
from tests.faults.disk import small_disk
from tests.faults.load import load
from tests.faults.service import STOPPED, service

RECOVERY_SECONDS = 10


def test_a_full_disk_is_503_until_there_is_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "16m") as disk:
        database_url = f"sqlite:///{disk.path}/csp.db"
        with service(tmp_path / "service", database_url) as running:
            running.start()
            assert running.cspbuild("site", "set", "default", "--new-groups-per-hour", "1000000").code == 0
            # Each report is new: what is known already could be counted within the pages there are.
            with load(running.port, uris_per_client=None) as clients:
                clients.wait_for_acknowledgement(10)
                disk.fill()
                clients.wait_for_refusal(10)
                time.sleep(1)
                ready = running.ask("/readyz")
                assert ready.status == 503
                assert any(reason.startswith(("disk: ", "writer: ")) for reason in ready.json()["reasons"])
                assert running.ask("/healthz").status == 200
                disk.free()
                clients.wait_for_acknowledgement(RECOVERY_SECONDS)
            running.wait_until_ready(RECOVERY_SECONDS)
            clients.tally.settle(counted(database_url))
            assert clients.tally.statuses() == {503}
            assert all(refusal.retry_after for refusal in clients.tally.refusals)
            assert not clients.tally.in_doubt
            assert running.stop()[0] in STOPPED
        clients.tally.check(counted(database_url))
