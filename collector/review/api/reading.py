"""Reading the document: its operations and shapes as a page shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collector.review.api.describing import RESPONSES, SCHEMAS


@dataclass(frozen=True, slots=True)
class Word:
    """A part of what a value may be: text, or the name of a shape, which is a link."""

    text: str
    shape: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A parameter, or a member of a shape."""

    name: str
    place: str = ""
    """`path` or `query`; empty for a member."""

    words: tuple[Word, ...]
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status with what it means, and holds."""

    status: str
    words: tuple[Word, ...]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What can be asked."""

    method: str
    path: str
    name: str
    summary: str
    description: str
    parameters: tuple[Member, ...]
    body: tuple[Word, ...]
    examples: tuple[str, ...]
    """Of bodies, as JSON."""

    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Operations with one tag."""

    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A schema with a name: an object's members, or the values there are."""

    name: str
    description: str
    members: tuple[Member, ...]
    values: tuple[str, ...]


def sections(document: Mapping[str, Any]) -> tuple[Section, ...]:
    """The operations by tag, in the order of the document."""
    found = tuple(_operations(document))
    return tuple(
        Section(
            name=tag["name"],
            description=tag["description"],
            operations=tuple(operation for named, operation in found if named == tag["name"]),
        )
        for tag in document["tags"]
    )


def shapes(document: Mapping[str, Any]) -> tuple[Shape, ...]:
    """The schemas with a name, by name."""
    return tuple(
        Shape(
            name=name,
            description=schema.get("description", ""),
            members=tuple(_members(schema)),
            values=tuple(map(json.dumps, schema.get("enum", ()))),
        )
        for name, schema in document["components"]["schemas"].items()
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Each with its tag."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield operation["tags"][0], _operation(method, path, operation, document)


def _operation(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Operation:
    body = _schema_in(operation["requestBody"]) if "requestBody" in operation else None
    return Operation(
        method=method.upper(),
        path=path,
        name=operation["operationId"],
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=tuple(map(_parameter, operation.get("parameters", ()))),
        body=tuple(words(body)) if body else (),
        examples=tuple(map(json.dumps, _examples(body, document))) if body else (),
        answers=tuple(_answer(status, answer, document) for status, answer in operation["responses"].items()),
    )


def _examples(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Any]:
    """Those of a schema, and of the alternatives that it names."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].removeprefix(SCHEMAS)]
    yield from schema.get("examples", ())
    for alternative in schema.get("oneOf", ()):
        yield from _examples(alternative, document)


def _parameter(parameter: Mapping[str, Any]) -> Member:
    return Member(
        name=parameter["name"],
        place=parameter["in"],
        words=tuple(words(parameter["schema"])),
        is_required=parameter["required"],
        description=parameter.get("description", ""),
    )


def _answer(status: str, response: Mapping[str, Any], document: Mapping[str, Any]) -> Answer:
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].removeprefix(RESPONSES)]
    return Answer(status=status, words=tuple(words(_schema_in(response))), description=response["description"])


def _schema_in(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = holder["content"]["application/json"]["schema"]
    return schema


def _members(schema: Mapping[str, Any]) -> Iterator[Member]:
    required = set(schema.get("required", ()))
    for name, member in schema.get("properties", {}).items():
        yield Member(
            name=name,
            words=tuple(words(member)),
            is_required=name in required,
            description=member.get("description", ""),
        )


def words(schema: Mapping[str, Any]) -> Iterator[Word]:
    """What a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMAS)
        yield Word(name, name)
    elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
        for number, alternative in enumerate(alternatives):
            if number:
                yield Word(" or ")
            yield from words(alternative)
    elif "const" in schema:
        yield Word(json.dumps(schema["const"]))
    elif "enum" in schema:
        yield Word(" or ".join(map(json.dumps, schema["enum"])))
    elif schema.get("type") == "array":
        yield Word("list of ")
        yield from words(schema["items"])
    elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        yield Word("object with any names, each of ")
        yield from words(schema["additionalProperties"])
    else:
        yield Word(f"{schema.get('type', 'anything')}{_bounds(schema)}")
    if schema.get("default", "") != "":
        yield Word(f"; {json.dumps(schema['default'])} if not given")


def _bounds(schema: Mapping[str, Any]) -> str:
    said = [
        text.format(f"{schema[name]:,g}" if name in {"minimum", "maximum"} else schema[name])
        for name, text in _BOUNDS.items()
        if name in schema
    ]
    return f" ({', '.join(said)})" if said else ""


_BOUNDS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "format": "{}",
}
