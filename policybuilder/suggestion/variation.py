"""Variation: names that change by themselves, while what they stand for stays.

A policy that holds such a name fails with the next release, or for the next visitor. So they are known by their looks
and not by how many were seen, or each further report could change a policy.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

# 3, v2, 3.7.1, 1.0.0-beta.2, 3.x, 2026-05-01, 2026_05
_VERSION = re.compile(r"v?\d+(?:[._-]\d+)*(?:\.x)?(?:[._+-]?(?:a|alpha|b|beta|rc|pre|dev|snapshot)(?:[._+-]?\d+)*)?")
_SEMANTIC_VERSION = re.compile(r"v?\d+\.\d+\.\d+[-+][a-z0-9.+-]+")  # https://semver.org/
# react@18, jquery-3.7.1, tinymce_6.8.2-dist, release-2026, build42
_NAMED_VERSION = re.compile(r"[^@]+@.+|.+[_-]v?\d+\.\d+.*|(?:build|release|rel|rev|r|ver|version)[._-]?\d+")

_SIX_DIGITS = re.compile(r"\d{6}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

# https://www.loc.gov/standards/iso639-2/php/code_list.php, the two-letter codes
_LANGUAGES = frozenset(
    {
        *("aa", "ab", "ae", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bh", "bi"),
        *("bm", "bn", "bo", "br", "bs", "ca", "ce", "ch", "co", "cr", "cs", "cu", "cv", "cy", "da", "de", "dv"),
        *("dz", "ee", "el", "en", "eo", "es", "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy", "ga", "gd"),
        *("gl", "gn", "gu", "gv", "ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig"),
        *("ii", "ik", "io", "is", "it", "iu", "ja", "jv", "ka", "kg", "ki", "kj", "kk", "kl", "km", "kn", "ko"),
        *("kr", "ks", "ku", "kv", "kw", "ky", "la", "lb", "lg", "li", "ln", "lo", "lt", "lu", "lv", "mg", "mh"),
        *("mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "na", "nb", "nd", "ne", "ng", "nl", "nn", "no", "nr"),
        *("nv", "ny", "oc", "oj", "om", "or", "os", "pa", "pi", "pl", "ps", "pt", "qu", "rm", "rn", "ro", "ru"),
        *("rw", "sa", "sc", "sd", "se", "sg", "si", "sk", "sl", "sm", "sn", "so", "sq", "sr", "ss", "st", "su"),
        *("sv", "sw", "ta", "te", "tg", "th", "ti", "tk", "tl", "tn", "to", "tr", "ts", "tt", "tw", "ty", "ug"),
        *("uk", "ur", "uz", "ve", "vi", "vo", "wa", "wo", "xh", "yi", "yo", "za", "zh", "zu"),
    }
)
# en-US, pt_BR, zh-Hans-CN, es-419
_LOCALE = re.compile(r"([a-z]{2})(?:[_-][a-z]{4})?(?:[_-](?:[a-z]{2}|\d{3}))?")

# acct_1Ab, client-482, site-7; GTM-K4X2, UA-12345-1; ~jane
_TENANT = re.compile(
    r"~.+|(?:acct|account|app|client|cust|customer|org|p|project|pub|s|shop|site|team|tenant|u|user)[_-](?=.*\d).+",
    re.IGNORECASE,
)
_CAPITAL_ID = re.compile(r"(?=.*\d)[A-Z0-9]{1,6}-[A-Z0-9-]{4,}|(?=.*\d)(?=.*[A-Z])[A-Z0-9]{6,}")
_HOLDING_TENANTS = frozenset(
    {
        *("accounts", "clients", "companies", "customers", "organizations", "orgs", "projects", "publishers"),
        *("shops", "sites", "stores", "teams", "tenants", "u", "users", "workspaces"),
    }
)

_ALPHANUMERIC = re.compile("[A-Za-z0-9]+")
_HEX = re.compile("[0-9a-f]{7,}", re.IGNORECASE)
_DIGITS_OR_LETTERS = re.compile(r"\d+|[A-Za-z]+", re.ASCII)
_LONG = re.compile("[A-Za-z0-9_-]{16,}")

# img1, 07, a12, eu2b: letters that count, then a number.
_COUNTED = re.compile(r"[a-z]*\d+[a-z]?")
# Names of things that have a digit in them and no sisters. Not s3: an s1 and an s2 may stand beside it.
_WORDS_WITH_DIGITS = frozenset(
    {
        *("2fa", "3d", "a11y", "auth0", "b2b", "b2c", "base64", "e2e", "i18n", "k8s", "l10n", "m365", "o365", "oauth2"),
        "p2p",
    }
)


def is_version(segment: str) -> bool:
    """Whether a segment of a path names a release: `3.7.1`, `v2`, `jquery@3`, `2026-05-01`."""
    text = unquote(segment).lower()
    return any(pattern.fullmatch(text) for pattern in (_VERSION, _SEMANTIC_VERSION, _NAMED_VERSION))


def varies(segment: str, parent: str = "") -> bool:
    """Whether a segment of a path, under the segment `parent`, may be another one tomorrow or for somebody else.

    So do releases and dates, hashes and random names, long numbers, languages, and whatever looks like a customer.
    """
    text = unquote(segment)
    return (
        is_version(segment)
        or _SIX_DIGITS.search(text) is not None
        or _is_locale(text.lower())
        or _TENANT.fullmatch(text) is not None
        or _CAPITAL_ID.fullmatch(text) is not None
        or parent.lower() in _HOLDING_TENANTS
        or is_generated(text)
    )


def is_numbered(label: str) -> bool:
    """Whether a label of a host is one of several alike, numbered or generated: `img3`, `cdn-a12`, `s3-eu-west-1`."""
    if label.startswith("xn--"):
        # A name in another script, whose digits stand for letters.
        return False
    label = label.lower()
    if label in _WORDS_WITH_DIGITS:
        return False
    return is_generated(label) or any(_COUNTED.fullmatch(part) for part in label.split("-"))


def is_generated(text: str) -> bool:
    """Whether a program made up the name, or a part of it: a digest, a UUID, a random identifier."""
    if _UUID.search(text.lower()) or any(map(_is_random, _ALPHANUMERIC.findall(text))):
        return True
    return any(_is_mixed(long) for long in _LONG.findall(text))


def _is_random(word: str) -> bool:
    if _HEX.fullmatch(word) and not word.isdigit() and (len(word) >= 16 or any(map(str.isdigit, word))):
        return True
    # k3j9x2q8: words do not go back and forth between letters and digits.
    changes = len(_DIGITS_OR_LETTERS.findall(word)) - 1
    return (len(word) >= 8 and changes >= 3) or (len(word) >= 16 and _is_mixed(word))


def _is_mixed(text: str) -> bool:
    """Whether small letters, capitals and digits stand in it, which hyphens and underscores do not make words of."""
    return all(any(map(kind, text)) for kind in (str.islower, str.isupper, str.isdigit))


def _is_locale(text: str) -> bool:
    match = _LOCALE.fullmatch(text)
    return match is not None and match[1] in _LANGUAGES
