"""Evidence: of a scan's material, what the tests of Observatory look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policybuilder.csp.urls import parse_url
from policybuilder.grading.material import Material, Visit
from policybuilder.grading.observatory.csp_reading import (
    InvalidPolicyError,
    Reading,
    read_all_policies,
    split_policies,
)
from policybuilder.grading.observatory.headers import header
from policybuilder.grading.observatory.javascript import trim
from policybuilder.markup.tags import Tag, tags_of_fragment, tags_of_page
from policybuilder.scanner.pages import Response

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_META_POLICY = "content-security-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to judge a page by. Only for material with an answer."""

    material: Material
    page: Response

    is_https: bool
    """Whether the page was asked for over https, wherever that led."""

    host: str
    """That was asked for, as URLs have it."""

    https: Visit | None
    """None where nobody answers over https."""

    scripts: tuple[Tag, ...] | None
    """All script elements; None where the page is no HTML."""

    base_href: str | None
    """Of the first base element that has one, be it one of SVG."""

    policies: Reading | None
    """What the page's policies say together, those of meta elements with them; None where one of them is invalid."""

    meta_referrer: str | None

    def header(self, name: str) -> str | None:
        """The page's header of that name, repeated ones joined; None where there is none."""
        return header(self.page.headers, name)


def evidence_of(material: Material) -> Evidence:
    """Raises ValueError where the material has no answer."""
    page = material.page.response
    if page is None:
        raise ValueError(f"no answer of {material.url} to grade")
    url = parse_url(material.page.url)
    is_https = url is not None and url.scheme == "https"
    https = material.https
    if https is None and is_https:
        https = material.page
    is_html = (header(page.headers, "content-type") or "").partition(";")[0] in _HTML_TYPES
    text = page.body.decode("utf-8", "replace").removeprefix("\ufeff") if is_html else ""
    metas, referrer = _metas(text)
    scripts, base_href = _scripts(text)
    return Evidence(
        material=material,
        page=page,
        is_https=is_https,
        host=url.host if url is not None else "",
        https=https if https is not None and https.response is not None else None,
        scripts=scripts if is_html else None,
        base_href=base_href,
        policies=_policies(header(page.headers, "content-security-policy"), metas),
        meta_referrer=referrer,
    )


def _policies(sent: str | None, metas: tuple[str, ...]) -> Reading | None:
    try:
        return read_all_policies(split_policies([] if sent is None else [sent]), split_policies(metas))
    except InvalidPolicyError:
        return None


def _metas(text: str) -> tuple[tuple[str, ...], str | None]:
    """The policies and the referrer policy of meta elements, wherever in the page they stand.

    Observatory reads the page for these as a fragment with scripting on, and for scripts as a document with it off.
    """
    policies: list[str] = []
    referrer = None
    for tag in tags_of_fragment(text, {"meta"}):
        content = tag.attributes.get("content")
        if "http-equiv" in tag.attributes and content is not None:
            if content and _name(tag.attributes, "http-equiv") == _META_POLICY:
                policies.append(content)
        elif content and _name(tag.attributes, "name") == "referrer":
            referrer = content
    return tuple(policies), referrer


def _name(attributes: Mapping[str, str], attribute: str) -> str:
    return trim(attributes.get(attribute, "").lower())


def _scripts(text: str) -> tuple[tuple[Tag, ...], str | None]:
    tags = tags_of_page(text, {"base", "script"})
    bases = (tag.attributes["href"] for tag in tags if tag.name == "base" and "href" in tag.attributes)
    return tuple(tag for tag in tags if tag.name == "script"), next(bases, None)
