"""JSON in portions is the JSON of the standard library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policybuilder.evidence import EvidenceClass
from policybuilder.rendering.json_text import json_text

# Numbers with an exponent are written in two ways.
_PLAIN_FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: "e" not in repr(number))
_SCALARS = st.none() | st.booleans() | st.integers() | _PLAIN_FLOATS | st.text() | st.sampled_from(EvidenceClass)
_VALUES = st.recursive(
    _SCALARS,
    lambda members: st.lists(members) | st.lists(members).map(tuple) | st.dictionaries(st.text(), members),
    max_leaves=30,
)


@given(document=st.dictionaries(st.text(), _VALUES))
def test_the_text_is_that_of_the_standard_library(document: dict[str, Any]) -> None:
    assert "".join(json_text(document)) == json.dumps(document, indent=2)


@pytest.mark.parametrize("rows", [0, 1, 999, 1_000, 1_001, 2_000])
def test_an_iterator_is_written_as_a_list_in_portions(rows: int) -> None:
    row = {"blocked": "https://a.example/%s\u2028\x7f\ud800", "trend": (0, 1), "pages": [], "100 %": {}}
    portions = list(json_text({"rows": iter([row] * rows), "after": 1}))
    assert "".join(portions) == json.dumps({"rows": [row] * rows, "after": 1}, indent=2)
    assert max(map(len, portions)) < 200_000


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        list(json_text({"rows": [object()]}))
