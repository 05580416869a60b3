"""Limits: how long the headers of an answer may be on their way, where nobody changed the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policybuilder.server_buffers import SERVER_BUFFERS
from policybuilder.stages import Header

_OTHERS_BYTES = 1_024
"""What the other headers of an answer take, cookies above all: less than most do, more than few."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest header that a program on the way takes."""

    where: str
    """As it stands after "too long for"."""

    max_bytes: int

    setting: str
    """What raises it, or goes around it."""

    is_per_line: bool = False
    """Whether each line is measured, rather than all of them together."""

    def is_broken_by(self, headers: Sequence[Header]) -> bool:
        """Whether `headers`, with what else an answer has, are too long."""
        # A colon, a space and the line's end.
        sizes = [len(header.name) + len(header.value) + 4 for header in headers]
        if self.is_per_line:
            return max(sizes, default=0) > self.max_bytes
        return sum(sizes) + _OTHERS_BYTES > self.max_bytes


_IN_FRONT = {
    "nginx as a proxy": "nginx as a proxy in front",
    "Apache httpd as a proxy": "Apache as a proxy in front",
    "HAProxy": "HAProxy in front",
    "Node.js as a proxy": "a proxy that runs on Node.js",
}

PROXIES = tuple(
    Limit(_IN_FRONT[each.software], each.size_bytes, each.setting, is_per_line=not each.holds_all)
    for each in SERVER_BUFFERS
    if each.software in _IN_FRONT
)
"""Programs that may stand between the server and the browser."""

# https://developers.cloudflare.com/workers/platform/limits/#request-and-response-limits
CLOUDFLARE_WORKERS = Limit("Cloudflare Workers", 131_072, "a shorter policy")

# https://developers.cloudflare.com/pages/configuration/headers/
CLOUDFLARE_PAGES = Limit("a _headers file of Cloudflare", 2_000, "--format cloudflare", is_per_line=True)


def size_notes(headers: Sequence[Header], limits: Sequence[Limit], *, mark: str) -> str:
    """Return a comment line for each of `limits` that `headers` break, `mark` opening a comment."""
    return "".join(
        f"{mark} Too long for {limit.where}, by default {limit.max_bytes:,} bytes "
        f"{'a line' if limit.is_per_line else 'for all headers'}: {limit.setting} helps.\n"
        for limit in limits
        if limit.is_broken_by(headers)
    )
