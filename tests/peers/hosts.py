"""`python -m tests.peers.hosts`: the peer's host facts, written anew from the npm package that is installed here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from policybuilder.evaluation.csp_evaluator import hosts

HERE = Path(__file__).parent
DATA_FILE = Path(hosts.__file__).with_name("hosts.toml")

_HEADER = """\
# Hosts of which {name} says that they serve what gets round a list of allowed hosts. Used where we answer as it does,
# and nowhere else: the addresses are of 2016, and many of them are gone.
#
# Taken from {name} {version} of npm (https://github.com/google/csp-evaluator), allowlist_bypasses/*.ts:
#   Copyright 2016 Google Inc. All rights reserved.
#   Licensed under the Apache License, Version 2.0; http://www.apache.org/licenses/LICENSE-2.0
# Changed: the lists are written as TOML by `python -m tests.peers.hosts`, their order and their entries as they are.

version = "{version}"
license = "{license}"
"""

_COMMENTS = {
    "needs_unsafe_eval": "Hosts of `jsonp` that count only where 'unsafe-eval' is allowed as well.",
    "jsonp": "Endpoints that answer with a script of the caller's choice.",
    "angular": "Copies of AngularJS, which runs what stands in markup.",
    "flash": "Flash files that run scripts which they are told to.",
}


def data_file() -> str:
    """What the data file has to be, of the installed package."""
    run = subprocess.run(["node", HERE / "hosts.mjs"], check=True, capture_output=True, text=True)
    facts = json.loads(run.stdout)
    parts = [_HEADER.format(**facts)]
    for name, comment in _COMMENTS.items():
        # JSON's strings are TOML's, too.
        members = "".join(f"    {json.dumps(member)},\n" for member in facts[name])
        parts.append(f"\n# {comment}\n{name} = [\n{members}]\n")
    return "".join(parts)


if __name__ == "__main__":
    DATA_FILE.write_text(data_file(), encoding="utf-8")
