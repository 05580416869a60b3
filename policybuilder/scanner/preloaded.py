"""Preloaded hosts: those that browsers visit over https alone, whatever a link or a person says.

https://hstspreload.org/; the list is a file of the package hstspreload, so that nobody learns which host is asked for.
"""

from __future__ import annotations

import warnings


def is_preloaded(host: str) -> bool:
    """Whether a host, or a domain above it with all below, is in the list. The host is as URLs have it."""
    # It has annotations, and no marker that says so.
    import hstspreload  # type: ignore[import-untyped]  # noqa: PLC0415  (reads tables of some hundred kilobytes)

    try:
        with warnings.catch_warnings():
            # It opens its file by a function that importlib.resources has renamed.
            warnings.simplefilter("ignore", DeprecationWarning)
            return bool(hstspreload.in_hsts_preload(host.lower().rstrip(".")))
    except UnicodeError:
        return False
