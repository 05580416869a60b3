"""The interface's account of itself: the OpenAPI document, and the page that is made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.collector.review.api.asking import Interface
from tests.support.openapi import Contract

README = (Path(__file__).parents[4] / "README.md").read_text()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for member in node.values():
            yield from references(member)
    elif isinstance(node, list):
        for member in node:
            yield from references(member)


def test_the_document_that_is_served_is_the_one_that_answers_are_held_against(interface: Interface) -> None:
    served = interface.get("/api/openapi.json")
    assert served.pop("servers") == [{"url": "/", "description": "This collector."}]
    assert served == json.loads(json.dumps(interface.contract.document))
    assert served["openapi"] == "3.1.0"


def test_every_operation_says_what_it_is_and_who_may_ask(contract: Contract) -> None:
    tags = {tag["name"] for tag in contract.document["tags"]}
    names = [operation["operationId"] for _, _, operation in operations(contract.document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(contract.document):
        assert path.startswith("/api/")
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert {"401", "429", "503"} <= operation["responses"].keys()
        by_session = ["session"] if method == "get" else ["session", "csrf"]
        assert operation["security"] == [{"token": []}, {scheme: [] for scheme in by_session}]
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], f"{path} {parameter['name']}"


def test_everything_that_is_sent_has_its_bounds(contract: Contract) -> None:
    schemas = contract.document["components"]["schemas"]

    def check(schema: dict[str, Any], where: str) -> None:
        if "$ref" in schema:
            check(schemas[schema["$ref"].rpartition("/")[2]], where)
            return
        for each in schema.get("anyOf", ()) or schema.get("oneOf", ()):
            check(each, where)
        match schema.get("type"):
            case "string":
                assert {"maxLength", "pattern", "enum", "const"} & schema.keys(), where
            case "integer":
                assert {"minimum", "maximum"} <= schema.keys(), where
            case "object":
                assert schema["additionalProperties"] is False, where
                for name, member in schema["properties"].items():
                    check(member, f"{where} {name}")

    for method, path, operation in operations(contract.document):
        for parameter in operation.get("parameters", ()):
            check(parameter["schema"], f"{method} {path} {parameter['name']}")
        if "requestBody" in operation:
            check(operation["requestBody"]["content"]["application/json"]["schema"], f"{method} {path}")


def test_every_shape_is_there_and_is_used(contract: Contract) -> None:
    components = contract.document["components"]
    used = set(references(contract.document))
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert used == there
    assert all(schema.get("description") for schema in components["schemas"].values() if "properties" in schema)
    assert not [schema for schema in components["schemas"].values() if "title" in schema]


def test_new_keys_may_be_added_to_answers(contract: Contract) -> None:
    """A client that is made of the document must not refuse them."""
    sent = {"ToAllow", "ToRefuse", "ToClass", "ToDeploy"}
    schemas = contract.document["components"]["schemas"]
    assert {name for name, schema in schemas.items() if schema.get("additionalProperties") is False} == sent


def test_the_contract_notices_what_is_not_as_it_says(interface: Interface) -> None:
    site = interface.get("/api/sites/default")
    for wrong in ({**site, "more": 1}, {**site, "active": "yes"}, {**site, "created_at": "soon"}, {"schema": "site/1"}):
        with pytest.raises(AssertionError):
            interface.contract.check("GET", "/api/sites/default", 200, wrong)
    with pytest.raises(AssertionError):
        interface.contract.check("GET", "/api/sites/default", 418, {"error": "a teapot"})


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.attributes |= given.keys()
        if name := given.get("id"):
            self.ids.append(name)
        if address := given.get("href"):
            self.links.add(address)


def test_the_page_shows_every_operation_and_shape(interface: Interface) -> None:
    answer = interface.client.get("/api")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert answer.headers["cache-control"] == "no-store"
    page = Page(answer.text)
    assert not {"style", "iframe"} & page.tags
    assert answer.text.count("<script") == 1, "the pages' own, which the page does not need"
    assert not {name for name in page.attributes if name == "style" or name.startswith("on")}
    assert len(set(page.ids)) == len(page.ids)
    shown = set(page.ids)
    document = interface.contract.document
    assert {operation["operationId"] for _, _, operation in operations(document)} <= shown
    assert {f"shape-{name}" for name in document["components"]["schemas"]} <= shown
    local = {link[1:] for link in page.links if link.startswith("#")}
    assert local <= shown
    elsewhere = {link for link in page.links if not link.startswith("#")}
    assert all(link.startswith("/") and not link.startswith("//") for link in elsewhere), "nothing of anybody else"
    assert "`" not in answer.text


def test_the_readme_lists_every_operation(contract: Contract) -> None:
    listed = set(re.findall(r"^\| `(GET|POST) (/api/\S+)` \|", README, re.MULTILINE))
    assert listed == {(method.upper(), path) for method, path, _ in operations(contract.document)}
