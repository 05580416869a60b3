"""Markup: the inline code of a page, as the browser sees it, and what else its policy has to know."""

from policybuilder.markup.places import (
    ExternalKind,
    ExternalPlace,
    InlinePlace,
    Markup,
    MetaPolicy,
    Position,
    ScriptKind,
    sample_of,
)
from policybuilder.markup.reading import charset_of, read_markup

__all__ = [
    "ExternalKind",
    "ExternalPlace",
    "InlinePlace",
    "Markup",
    "MetaPolicy",
    "Position",
    "ScriptKind",
    "charset_of",
    "read_markup",
    "sample_of",
]
