"""How our own commands are typed where this program runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_USUAL_SITE = "default"


def site_flag(site: str) -> str:
    """` --site NAME` for the end of a command that reads a site's evidence; nothing for the one it reads unasked."""
    return "" if site == _USUAL_SITE else f" --site {site}"


def typed(name: str) -> str:
    """`cspbuild` or `csp-collector` as the operator can type it: by name if the shell finds it, else by its path."""
    beside = Path(sys.executable).parent / name
    if shutil.which(name) or not beside.exists():
        return name
    try:
        return str(beside.relative_to(Path.cwd()))
    except ValueError:
        return str(beside)
