"""Content Security Policy Level 3 as frozen values and pure functions.

https://w3c.github.io/webappsec-csp/
"""

from policybuilder.csp.decision import decide, decide_all
from policybuilder.csp.difference import Change, ChangeKind, Difference, Relation, diff
from policybuilder.csp.findings import Finding, FindingCode
from policybuilder.csp.matching import match, match_batch_item
from policybuilder.csp.parsing import Delivery, parse_serialized_policy, parse_serialized_policy_list
from policybuilder.csp.policy import BLANK_NONCE, Directive, Policy, PolicyList, Setting, canonical, setting_of
from policybuilder.csp.question import Browser, Hint, InlineType, Question
from policybuilder.csp.replay import question_of
from policybuilder.csp.source_list import SourceList, parse_source_list
from policybuilder.csp.sources import (
    NONCE_PLACEHOLDER,
    ExtendedHashSource,
    HashSource,
    HostSource,
    Keyword,
    KeywordSource,
    NonceSource,
    SchemeSource,
    SourceExpression,
    hash_source,
    is_valid_source_expression,
    parse_source_expression,
)
from policybuilder.csp.subsumption import subsumes
from policybuilder.csp.urls import URL, is_csp_host, origin_of, parse_url
from policybuilder.csp.verdict import Decision, Verdict
from policybuilder.csp.violation import Disposition, SampleExtent, Violation

__all__ = [
    "BLANK_NONCE",
    "NONCE_PLACEHOLDER",
    "URL",
    "Browser",
    "Change",
    "ChangeKind",
    "Decision",
    "Delivery",
    "Difference",
    "Directive",
    "Disposition",
    "ExtendedHashSource",
    "Finding",
    "FindingCode",
    "HashSource",
    "Hint",
    "HostSource",
    "InlineType",
    "Keyword",
    "KeywordSource",
    "NonceSource",
    "Policy",
    "PolicyList",
    "Question",
    "Relation",
    "SampleExtent",
    "SchemeSource",
    "Setting",
    "SourceExpression",
    "SourceList",
    "Verdict",
    "Violation",
    "canonical",
    "decide",
    "decide_all",
    "diff",
    "hash_source",
    "is_csp_host",
    "is_valid_source_expression",
    "match",
    "match_batch_item",
    "origin_of",
    "parse_serialized_policy",
    "parse_serialized_policy_list",
    "parse_source_expression",
    "parse_source_list",
    "parse_url",
    "question_of",
    "setting_of",
    "subsumes",
]
