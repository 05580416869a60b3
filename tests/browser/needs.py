"""What the small site needs: what browsers tell of it, and the policy that admits this and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re

from policybuilder.csp import parse_serialized_policy
from tests.support.small_site import FILES, SHOP_HOST, SmallSite

Pairs = set[tuple[str, str]]
"""Directives with what was blocked."""


def evidence(site: SmallSite) -> Pairs:
    """(directive, blocked) of all that the site does, as every browser tells it."""
    return partner_evidence(site) | {
        ("script-src-elem", f"{site.origin}/app.js"),
        ("style-src-elem", f"{site.origin}/style.css"),
        ("img-src", f"{site.origin}/picture.svg"),
        ("img-src", f"{site.origin}/moved.svg"),
        ("img-src", "data"),
        ("connect-src", f"{site.origin}/data.json"),
        ("connect-src", f"{site.socket_scheme}://{SHOP_HOST}/socket"),
        ("worker-src", f"{site.origin}/worker.js"),
        ("worker-src", "blob"),
        ("frame-src", f"{site.origin}/framed.html"),
        ("frame-src", f"{site.origin}/contact"),
        ("form-action", f"{site.origin}/contact"),
        ("require-trusted-types-for", "trusted-types-sink"),
    }


def partner_evidence(site: SmallSite) -> Pairs:
    """What remains of it under a policy that admits all of the site's own but inline code."""
    return {
        ("script-src-elem", f"{site.widgets}/tags/widget.js"),
        ("script-src-elem", f"{site.widgets}/tags/latest.js"),
        ("img-src", f"{site.widgets}/picture.svg"),
        ("img-src", f"{site.widgets}/photo-of-the-day"),
        *(("img-src", f"{site.scheme}://img{number}.photos.example/picture.svg") for number in (1, 2, 3)),
        ("font-src", f"{site.widgets}/one-glyph.woff2"),
        ("connect-src", f"{site.widgets}/data.json"),
        ("connect-src", f"{site.sockets}/socket"),
        *((directive, "inline") for directive in ("script-src-elem", "script-src-attr")),
        *((directive, "inline") for directive in ("style-src-elem", "style-src-attr")),
    }


def told_by_chromium(site: SmallSite) -> Pairs:
    """What no other browser tells."""
    return {
        ("manifest-src", f"{site.origin}/shop.webmanifest"),
        # The framed page's own origin, whoever frames it.
        ("frame-ancestors", f"{site.origin}/"),
        # A frame that is led on is checked again, and this time the target is named.
        ("frame-src", f"{site.origin}/thanks.html"),
    }


def told_by_firefox(site: SmallSite, reporting: str) -> Pairs:
    return {("frame-ancestors", f"{site.origin}/contact.html")} if reporting == "report-uri" else set()


def digest(text: str) -> str:
    """As a hash source."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def inline_code(pattern: str) -> set[str]:
    """Digests of what stands on the page of inline code."""
    found = re.findall(pattern, (FILES / "shop" / "inline.html").read_text(), re.DOTALL)
    assert found
    return set(map(digest, found))


def narrowest(site: SmallSite) -> dict[str, set[str]]:
    """The policy that admits each thing of the site by the narrowest means."""
    return {
        "default-src": {"'none'"},
        # A script that a redirect leads to is below another path, which browsers do not look at then.
        "script-src": {"'self'", f"{site.widgets}/tags/", "'nonce-{NONCE}'", *inline_code("<script>(.*?)</script>")},
        "script-src-attr": {"'unsafe-hashes'", *inline_code('onclick="(.*?)"')},
        "style-src": {"'self'", *inline_code("<style>(.*?)</style>")},
        "style-src-attr": {"'unsafe-hashes'", *inline_code(' style="(.*?)"')},
        "base-uri": {"'none'"},
        "connect-src": {"'self'", site.widgets, site.sockets},
        "font-src": {site.widgets},
        "form-action": {"'self'"},
        "frame-ancestors": {"'self'"},
        "frame-src": {"'self'"},
        "img-src": {"'self'", "data:", site.widgets, site.photos},
        "manifest-src": {"'self'"},
        "object-src": {"'none'"},
        "worker-src": {"'self'", "blob:"},
    }


def written(policy: dict[str, set[str]]) -> str:
    return "; ".join(" ".join([directive, *sorted(policy[directive])]) for directive in policy)


def sources(policy: str) -> dict[str, set[str]]:
    """A policy as the engine reads it, a set of sources a directive."""
    return {each.name: set(each.values) for each in parse_serialized_policy(policy).directives}
