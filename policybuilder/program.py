"""How our own commands are typed where this program runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def typed(name: str) -> str:
    """`cspbuild` or `csp-collector` as the operator can type it: by name if the shell finds it, else by its path."""
    beside = Path(sys.executable).parent / name
    if shutil.which(name) or not beside.exists():
        return name
    try:
        return str(beside.relative_to(Path.cwd()))
    except ValueError:
        return str(beside)
