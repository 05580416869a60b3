"""What the newcomer's page makes a browser report."""

from __future__ import annotations


def reported_by_try(own: str) -> set[tuple[str, str]]:
    """Directive and blocked URI of each report of a visit to `/try` of a collector at the address `own`."""
    other = own.replace("127.0.0.1", "localhost")
    return {
        ("script-src-elem", "inline"),
        ("script-src-elem", f"{own}/try/app.js"),
        ("script-src-elem", f"{other}/try/partner.js"),
        ("script-src-attr", "inline"),
        ("script-src", "eval"),
        ("style-src-elem", "inline"),
        ("style-src-elem", f"{own}/try/style.css"),
        ("style-src-elem", f"{other}/try/partner.css"),
        ("style-src-attr", "inline"),
        ("img-src", "data"),
        ("img-src", f"{own}/try/picture.svg"),
        ("img-src", f"{other}/try/picture.svg"),
        ("connect-src", f"{own}/try/data.json"),
        ("connect-src", f"{other}/try/data.json"),
        ("require-trusted-types-for", "trusted-types-sink"),
    }
