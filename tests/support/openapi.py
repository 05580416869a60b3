"""An OpenAPI document as a contract: whether an answer has exactly the shape that the document says."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import Any

import jsonschema_rs


@dataclass(frozen=True)
class Contract:
    """What a document promises of each answer."""

    document: dict[str, Any]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The operation that a request means; `path` is as requested, without a query."""
        for template, methods in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path) and method.lower() in methods:
                found: dict[str, Any] = methods[method.lower()]
                return found
        raise AssertionError(f"the document has no {method} {path}")

    def check(self, method: str, path: str, status: int, answer: Any) -> None:
        """Raises AssertionError where the answer is not as the document says, or says more than that."""
        responses = self.operation(method, path)["responses"]
        assert str(status) in responses, f"{method} {path} answered {status}, which the document does not know"
        response = responses[str(status)]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        schema = {**response["content"]["application/json"]["schema"], "components": self._closed()}
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        problems = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(answer)]
        assert not problems, f"{method} {path} {status}: {problems[:5]}"

    def _closed(self) -> dict[str, Any]:
        """The shapes without room for more: whoever adds a key to an answer is to say so in its shape."""
        schemas = copy.deepcopy(self.document["components"]["schemas"])
        for schema in schemas.values():
            if "properties" in schema:
                schema["additionalProperties"] = False
        return {"schemas": schemas}
