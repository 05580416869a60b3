"""Assets: the pages' own stylesheet, script and icon, under names that change with their content."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

_DIRECTORY = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    "icon.svg": "image/svg+xml",
    "review.css": "text/css; charset=utf-8",
    "review.js": "text/javascript; charset=utf-8",
}
"""By file; what the try-out page loads has addresses of its own."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the pages."""

    name: str
    """With the beginning of its content's SHA-256 in it: such as `review.1f3a9c0b27de.css`."""

    media_type: str
    integrity: str
    """As the attribute of that name has it. https://w3c.github.io/webappsec-subresource-integrity/"""

    content: bytes


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    integrity = f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"
    return Asset(f"{path.stem}.{digest}{path.suffix}", _MEDIA_TYPES[path.name], integrity, content)


ASSETS = {name: _load(_DIRECTORY / name) for name in _MEDIA_TYPES}
"""By plain file name."""

ASSETS_BY_HASHED_NAME = {asset.name: asset for asset in ASSETS.values()}
