"""Preloading: the hosts that browsers only visit over https, whatever they answer, as Chromium's list has them.

https://hstspreload.org/
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from datetime import date
from functools import lru_cache


@lru_cache(maxsize=1024)
def is_preloaded(host: str) -> bool:
    """Whether `host`, as URLs have it, is in the list itself or below a name that has all of its hosts there.

    The list is of a day, `list_day`: of hosts that were taken up since it does not know.
    """
    name = host.lower().rstrip(".")
    if not name.isascii():
        return False
    # Its list is loaded at the first question, of which most commands have none.
    import hstspreload  # noqa: PLC0415

    with warnings.catch_warnings():
        # It opens its list with a function that Python 3.11 and 3.12 warn of, and later ones do not.
        warnings.simplefilter("ignore", DeprecationWarning)
        return bool(hstspreload.in_hsts_preload(name))


def are_preloaded(hosts: Iterable[str]) -> bool:
    """Whether all are, such as those on the way from plain http; False for none."""
    found = [is_preloaded(host) for host in hosts]
    return bool(found) and all(found)


def list_day() -> date:
    """The day that the list is of."""
    import hstspreload  # noqa: PLC0415  (as above)

    year, month, day = (int(part) for part in str(hstspreload.__version__).split(".")[:3])
    return date(year, month, day)
