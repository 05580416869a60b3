"""Debian's Firefox on a leash, by WebDriver BiDi: a proxy of the test's own is all that it reaches.

https://w3c.github.io/webdriver-bidi/
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.browser import LISTEN, SeenViolation, wait_until

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
    # A server may refuse every socket, after which the next one to the same host would have to wait.
    "network.websocket.delay-failed-reconnects": False,
    # The scheme that a page names is the one requested.
    "dom.security.https_first": False,
    "remote.active-protocols": 1,
}

_ANSWER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Firefox:
    """A running Firefox."""

    socket: ClientConnection
    version: str = ""
    seen: list[SeenViolation] = field(default_factory=list)
    """What all its documents were told of."""

    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, **parameters: object) -> Any:
        """The result of a command."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := self._receive(_ANSWER_SECONDS)).get("id") != number:
            pass
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['error']}: {answer['message'][:300]}")
        return answer["result"]

    def pause(self, seconds: float) -> None:
        """Let the browser go on, and hear what it has to say."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self._receive(left)
            except TimeoutError:
                return

    def _receive(self, seconds: float) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=seconds))
        if message.get("method") == "script.message":
            # https://w3c.github.io/webdriver-bidi/#type-script-RemoteValue
            told = message["params"]["data"]["value"]
            self.seen.append(SeenViolation(**{name: value["value"] for name, value in told}))
        return message

    def preload(self, script: str) -> None:
        """Run `script` in every document, before any of its own and outside its policy."""
        self.call("script.addPreloadScript", functionDeclaration=f"() => {{{script}}}")

    @contextmanager
    def open_tab(self, **where: str) -> Iterator[Tab]:
        """A new tab until the end of the block."""
        context = self.call("browsingContext.create", type="tab", **where)["context"]
        try:
            yield Tab(self, context)
        finally:
            self.call("browsingContext.close", context=context)


@dataclass(frozen=True, slots=True)
class Tab:
    """A top-level page."""

    firefox: Firefox
    context: str

    def goto(self, url: str) -> None:
        self.firefox.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What the expression comes to in the page, outside its policy."""
        answer = self.firefox.call(
            "script.evaluate",
            expression=f"JSON.stringify({expression}) ?? 'null'",
            target={"context": self.context},
            awaitPromise=False,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])


@dataclass(frozen=True, slots=True)
class FirefoxVisitor:
    """A tab in a container of its own, and every violation that its documents were told of."""

    tab: Tab
    violations: list[SeenViolation]

    def goto(self, url: str) -> None:
        # Waiting by the command fails where a frame of the page is refused.
        self.tab.evaluate("self.isLeft = true")
        self.tab.firefox.call("browsingContext.navigate", context=self.tab.context, url=url, wait="none")
        wait_until(self, lambda: self.evaluate("!self.isLeft && document.readyState === 'complete'"), url)

    def evaluate(self, expression: str) -> Any:
        return self.tab.evaluate(expression)

    def pause(self, seconds: float) -> None:
        self.tab.firefox.pause(seconds)


@contextmanager
def run_firefox(directory: Path, proxy_port: int) -> Iterator[Firefox]:
    """A browser for which the proxy at `proxy_port` of loopback is the network, and which believes any certificate.

    `directory` keeps its profile.
    """
    with _start(directory, proxy_port) as address, connect(address, max_size=None) as socket:
        firefox = Firefox(socket)
        created = firefox.call("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        yield replace(firefox, version=created["capabilities"]["browserVersion"])


@contextmanager
def open_firefox_visitor(firefox: Firefox) -> Iterator[FirefoxVisitor]:
    """A new visitor, without cache or cookies of others, until the end of the block; one at a time."""
    firefox.seen.clear()
    container = firefox.call("browser.createUserContext")["userContext"]
    firefox.call("session.subscribe", events=["script.message"])
    listening = firefox.call(
        "script.addPreloadScript",
        functionDeclaration=f"(sawViolation) => {{{LISTEN}}}",
        arguments=[{"type": "channel", "value": {"channel": "violations"}}],
        userContexts=[container],
    )
    with firefox.open_tab(userContext=container) as tab:
        yield FirefoxVisitor(tab, firefox.seen)
    firefox.call("script.removePreloadScript", script=listening["script"])
    firefox.call("browser.removeUserContext", userContext=container)


@contextmanager
def _start(directory: Path, proxy_port: int) -> Iterator[str]:
    """The address at which a new Firefox takes commands."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        raise RuntimeError("no Firefox here; run  make test  as root, or  apt-get install firefox-esr")
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
