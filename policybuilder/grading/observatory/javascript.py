"""JavaScript's reading of text, which Observatory inherits from its language: not quite that of Python."""

from __future__ import annotations

import re
import unicodedata

# https://tc39.es/ecma262/#prod-WhiteSpace and #prod-LineTerminator. Python's own white space has U+001C to U+001F and
# U+0085 too, and lacks U+FEFF.
WHITE_SPACE = "".join(
    ("\t\n\v\f\r \xa0\u1680", *map(chr, range(0x2000, 0x200B)), "\u2028\u2029\u202f\u205f\u3000\ufeff")
)
_SPACES = re.compile(f"[{WHITE_SPACE}]+")

_INTEGER = re.compile(f"[{WHITE_SPACE}]*(?P<number>[+-]?[0-9]+)")
_ESCAPES = re.compile("%(?:[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*)?")

# https://www.unicode.org/reports/tr10/ in the order of CLDR's root, for lower-case ASCII; controls weigh nothing.
_ORDER = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"
_WEIGHTS: dict[int, str | None] = {ord(character): chr(weight) for weight, character in enumerate(_ORDER)}
_WEIGHTS |= dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0xAD))


def trim(text: str) -> str:
    """https://tc39.es/ecma262/#sec-string.prototype.trim"""
    return text.strip(WHITE_SPACE)


def units(text: str) -> int:
    """Its length in JavaScript, which counts UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def split_at_spaces(text: str) -> list[str]:
    r"""As `split(/\s+/)` does: text that begins with white space begins with an empty part."""
    return _SPACES.split(text)


def parse_int(text: str) -> int | None:
    """The integer that `text` begins with; None where JavaScript has NaN.

    https://tc39.es/ecma262/#sec-parseint-string-radix
    """
    match = _INTEGER.match(text)
    return int(match["number"]) if match else None


def decode_uri_component(text: str) -> str:
    """`text` without its escapes. Raises ValueError for a `%` that begins none, and for bytes that are no UTF-8.

    https://tc39.es/ecma262/#sec-decodeuricomponent-encodeduri
    """

    def decoded(match: re.Match[str]) -> str:
        if match[0] == "%":
            raise ValueError(f"no escape at {match.start()}")
        return bytes.fromhex(match[0].replace("%", "")).decode()

    return _ESCAPES.sub(decoded, text)


def collation_key(text: str) -> tuple[str, str]:
    """What `Intl.Collator("en")` sorts by, for the lower-case text that policies are made of.

    Right for ASCII and for letters with accents. Other characters come after these, by their code points: there is no
    source with any that a browser understands.
    """
    if text.isascii():
        return text.translate(_WEIGHTS), ""
    parts = unicodedata.normalize("NFD", text)
    letters = "".join(each for each in parts if not unicodedata.combining(each))
    return letters.translate(_WEIGHTS), parts
