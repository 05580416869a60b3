"""Path prefixes, read so that no spelling of a path slips past them.

A path is what the application routes by: decoded once by the server, below `root_path`, case and all. Some
applications (static files, proxies behind) go on to drop empty and dot segments, so that `//account` and
`/static/../account` are `/account` to them, and others do not. A path that can be read both ways is read both ways
here, and the caller decides what is safe when the readings disagree.
"""

from __future__ import annotations

from collections.abc import Sequence

from .asgi import Scope


def checked_prefixes(paths: Sequence[str]) -> tuple[str, ...]:
    """Prefixes without their closing slash, so that `/account` and `/account/` are the same one.

    Raises ValueError for what no path begins with, and TypeError for a text in place of a list of them.
    """
    if isinstance(paths, str):
        raise TypeError(f"a list of path prefixes is needed, not the text {paths!r}")
    for path in paths:
        if not path.startswith("/") or path != _settled(path, path):
            raise ValueError(f"no path prefix: {path!r}; it must begin with / and have no empty or dot segments")
    return tuple(path.rstrip("/") for path in paths)


def readings(scope: Scope) -> tuple[str, ...]:
    """The path below `root_path`, and what it is without empty and dot segments where that differs."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :] or "/"
    if "//" not in path and "/." not in path and "\\" not in path:
        return (path,)
    settled = _settled(path, path)
    return (path,) if settled == path else (path, settled)


class Prefixes:
    """Path prefixes that cover whole segments: `/account` covers `/account/keys`, not `/accounting`.

    What covers a path is looked up by its beginnings, so that it costs the same with one prefix and with thousands,
    and a long path no more than a short one.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        """Raises as `checked_prefixes` does."""
        self._known = frozenset(checked_prefixes(paths))
        self._depth = max((prefix.count("/") for prefix in self._known), default=0)

    def __contains__(self, path: str) -> bool:
        """Whether one of them covers the path."""
        return self.longest(path) is not None

    def longest(self, path: str) -> str | None:
        """The longest that covers the path, without its closing slash: `""` is the root. None where there is none."""
        found = "" if "" in self._known else None
        end = 0
        for _ in range(self._depth):
            end = path.find("/", end + 1)
            beginning = path if end < 0 else path[:end]
            if beginning in self._known:
                found = beginning
            if end < 0:
                break
        return found


def _settled(path: str, given: str) -> str:
    segments: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    return f"/{'/'.join(segments)}" + ("/" if segments and given.endswith("/") else "")
