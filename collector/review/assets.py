"""Assets: the pages' own stylesheet and icon, under names that change with their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_DIRECTORY = Path(__file__).parent / "static"
_MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the pages."""

    name: str
    """With the beginning of its content's SHA-256 in it: such as `review.1f3a9c0b27de.css`."""

    media_type: str
    content: bytes


def _load(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{path.stem}.{digest}{path.suffix}", _MEDIA_TYPES[path.suffix], content)


ASSETS = {path.name: _load(path) for path in sorted(_DIRECTORY.iterdir()) if path.suffix in _MEDIA_TYPES}
"""By plain file name."""

ASSETS_BY_HASHED_NAME = {asset.name: asset for asset in ASSETS.values()}
