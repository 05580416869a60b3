"""Firefox as the oracle, by WebDriver BiDi."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.oracle.asking import PAGE_SCRIPT, Oracle
from tests.oracle.server import run_web
from tests.support.loopback import make_certificate

_PREFERENCES: dict[str, object] = {
    # All hosts by way of our proxy, and nothing past it.
    "network.proxy.type": 1,
    "network.proxy.no_proxies_on": "",
    "network.proxy.allow_hijacking_localhost": True,
    "network.proxy.failover_direct": False,
    "network.dns.forceResolve": "127.0.0.1",
    "network.trr.mode": 5,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.http.http3.enable": False,
    "network.http.speculative-parallel-limit": 0,
    "services.settings.server": "https://127.0.0.1:9/",
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "browser.send_pings": True,
    # Our server refuses every socket, after which the next one to the same host would have to wait.
    "network.websocket.delay-failed-reconnects": False,
    # The scheme that a page names is the one requested.
    "dom.security.https_first": False,
    "remote.active-protocols": 1,
}


@dataclass(slots=True)
class _Session:
    socket: ClientConnection
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, **parameters: object) -> Any:
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=30))
            if answer.get("id") == number:
                break
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['error']}: {answer['message'][:300]}")
        return answer["result"]

    @contextmanager
    def open_tab(self) -> Iterator[_Tab]:
        context = self.call("browsingContext.create", type="tab")["context"]
        try:
            yield _Tab(self, context)
        finally:
            self.call("browsingContext.close", context=context)


@dataclass(frozen=True, slots=True)
class _Tab:
    session: _Session
    context: str

    def goto(self, url: str) -> None:
        self.session.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        answer = self.session.call(
            "script.evaluate",
            expression=f"JSON.stringify({expression}) ?? 'null'",
            target={"context": self.context},
            awaitPromise=False,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])


@contextmanager
def _start(directory: Path, proxy_port: int) -> Iterator[str]:
    """The address at which a new Firefox takes commands."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        raise RuntimeError("no Firefox here; as root run  apt-get install firefox-esr")
    profile = directory / "profile"
    profile.mkdir()
    preferences = dict(_PREFERENCES)
    for scheme in ("http", "ssl"):
        preferences |= {f"network.proxy.{scheme}": "127.0.0.1", f"network.proxy.{scheme}_port": proxy_port}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
    (profile / "user.js").write_text("".join(lines))
    process = subprocess.Popen(
        [program, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", profile],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(directory), "MOZ_CRASHREPORTER_DISABLE": "1"},
    )
    assert process.stderr is not None
    try:
        found = (re.search(r"BiDi listening on (ws://127\.0\.0\.1:\d+)", line) for line in process.stderr)
        address = next((match[1] for match in found if match), None)
        if address is None:
            raise RuntimeError("Firefox ended before it took commands")
        # It goes on talking, and would wait for a listener.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield f"{address}/session"
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


@contextmanager
def run_oracle(directory: Path) -> Iterator[Oracle]:
    """The installed Firefox, and the web it sees; `directory` keeps its profile and the certificate."""
    with (
        run_web(make_certificate(directory)) as web,
        _start(directory, web.port) as address,
        connect(address, max_size=None) as socket,
    ):
        session = _Session(socket)
        created = session.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        session.call("script.addPreloadScript", functionDeclaration=f"() => {{{PAGE_SCRIPT.read_text()}}}")
        yield Oracle(session.open_tab, web, f"firefox {created['capabilities']['browserVersion']}")
