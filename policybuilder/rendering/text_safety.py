"""Text safety: showing strangers' text where it could act, in terminals, pages, logs or spreadsheets."""

from __future__ import annotations

# Default-ignorable or blank code points that Python calls printable: they hide text, or make two texts look alike.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_INVISIBLE = frozenset(
    chr(code_point)
    for first, last in (
        (0x034F, 0x034F),  # combining grapheme joiner
        (0x115F, 0x1160),  # Hangul fillers
        (0x17B4, 0x17B5),  # Khmer inherent vowels
        (0x180B, 0x180F),  # Mongolian variation selectors
        (0x2800, 0x2800),  # braille blank
        (0x3164, 0x3164),  # Hangul filler
        (0xFE00, 0xFE0F),  # variation selectors
        (0xFFA0, 0xFFA0),  # half-width Hangul filler
        (0xE0100, 0xE01EF),  # variation selectors supplement
    )
    for code_point in range(first, last + 1)
)

# https://owasp.org/www-community/attacks/CSV_Injection names the full-width signs and the line feed besides.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def visible(text: str) -> str:
    r"""Return `text` with every character that is not seen as itself written as an escape, `\x1b` or `\u202e`.

    Control characters (line ends too), bidirectional and other format characters, lone surrogates, private and
    unassigned code points, spaces other than U+0020 and blank letters are escaped; all other text stays as it is.
    """
    return "".join(
        character if character.isprintable() and character not in _INVISIBLE else _escape(character)
        for character in text
    )


def csv_cell(text: str) -> str:
    """Return `text` such that no spreadsheet reads it as a formula; quoting is left to the `csv` module."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _escape(character: str) -> str:
    code_point = ord(character)
    if code_point <= 0xFF:
        return f"\\x{code_point:02x}"
    return f"\\u{code_point:04x}" if code_point <= 0xFFFF else f"\\U{code_point:08x}"
