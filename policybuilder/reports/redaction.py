"""Redaction: e-mail addresses and tokens give way to placeholders, or cut a sample short.

Browsers send the page's whole path and the first words of inline code, and both may hold what belongs to one visitor:
`/reset/eyJhbGci…`, `/u/jane%40example.com`, `/tel/+49171…`, `window.csrf="9f30…"`. What is left must still be
evidence, so a file's name with the hash of its content stays, and so does a directory with a version.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote

E_MAIL = "(e-mail)"
TOKEN = "(token)"  # noqa: S105  (what stands in the place of one)

# A domain behind the `@`: labels, the last of letters. Labels hold no dot, so there is one way to read it.
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}")
_AT = re.compile("@|%40")
_LOCAL_PART = re.compile(r"[\w.%+~!#$&*=|{}^-]")
_MAX_LOCAL_PART = 64  # https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.1
_TAIL = re.compile(r"[\w.-]")
# /npm/react@18.2.0/, gh/user/repo@v1, picture@2x.png: versions and densities, no domains.
_VERSION = re.compile(r"v?\d+(?:(?:\.\d+)+(?:[-+][\w.+-]*)?)?(?:\.x)?(?:\.min)?|\d+(?:\.\d+)?x")

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)

# Names that end so are files of a site, the same for every visitor; none of these is a top-level domain.
_ASSET_EXTENSIONS = frozenset(
    {
        *("js", "mjs", "cjs", "css", "map", "json", "wasm", "xml", "webmanifest"),
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp"),
        *("woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "webm", "ogg", "wav", "m4a", "m3u8", "ts", "vtt"),
    }
)
# Of these, the ones that a program writes for each visitor.
_DATA_EXTENSIONS = frozenset({"json", "xml"})
_FILE_EXTENSIONS = _ASSET_EXTENSIONS - _DATA_EXTENSIONS

_JWT = re.compile(r"eyJ[\w-]{8,}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_LONG = re.compile(r"[A-Za-z0-9_+-]{24,}")
_PADDED = re.compile(r"(?<![\w+-])[A-Za-z0-9_+-]{10,2000}={1,2}(?![\w=])", re.ASCII)
_GROUPED = re.compile(r"[A-Za-z0-9._~-]{12,}")

# Where the patterns above find a token, this finds something, too: most texts are done with one look.
_TOKEN_LIKE = re.compile(r"eyJ|[A-Za-z0-9._~+-]{12}")

_GROUP = re.compile("[A-Za-z0-9]+")
_DIGIT_AND_REST = re.compile("[0-9][A-Za-z0-9]*")  # found once in each group that holds a digit
_HEX_GROUP = re.compile("[0-9A-Fa-f]{4,}")

_ADDRESS = re.compile(rf"(?<![\w.+-]){_IPV4.pattern}(?![\w.+-])", re.ASCII)
_ADDRESS_DOMAIN = re.compile(rf"{_IPV4.pattern}(?![\w+-]|\.\d|\.min)", re.ASCII)
_PHONE = re.compile(r"(?<![\w+])\+(?:[ ().-]?\d){7,15}(?!\d)", re.ASCII)
_BASE64_KINDS = (str.isdigit, str.isupper)
_MAX_IPV6 = 47  # with its brackets

# A path without any of these holds nothing personal; most have none, and are done with one look.
_SUSPECT = re.compile(r"[@%;=]|eyJ|[A-Za-z0-9._~+-]{12}|\+\W*\d|\d\.\d+\.\d|:.*:|[^\0-\x7f]", re.ASCII)

_ESCAPED_QUESTION_MARK = re.compile("%(?:25){0,2}3f", re.IGNORECASE)
_DOTS = re.compile(r"/(?:\.|%2e){1,2}\Z", re.IGNORECASE)
_EQUALS = re.compile("=|%(?:25){0,2}3d", re.IGNORECASE)

_SESSION_PARAMETERS = frozenset({"jsessionid", "phpsessid", "aspsessionid", "sessionid", "session", "sid", "token"})
_MAX_DECODINGS = 3

# A cut may leave the beginning of another address at the end. Code has few in a row; what has more is made to be slow.
_MAX_CUTS = 8


def redact_path(path: str) -> str:
    """A URL's path with placeholders for what is personal; the same path again when there is nothing."""
    if not _SUSPECT.search(path):
        return path
    segments = _without_escaped_query(path).split("/")
    return "/".join(
        _redact_segment(segment, is_last=number == len(segments)) for number, segment in enumerate(segments, 1)
    )


def cut_sample(sample: str, *, is_cut: bool) -> str:
    """The sample up to the first e-mail address or token in it.

    `is_cut` says that the browser had cut it, so that what stands at its end may be the beginning of one.
    """
    for _ in range(_MAX_CUTS):
        end = min(_e_mail_start(sample, is_cut=is_cut), _token_start(sample))
        if end >= len(sample):
            return sample
        sample, is_cut = sample[:end], True
    return ""


def holds_e_mail(text: str) -> bool:
    """Whether an e-mail address stands in the text."""
    return _e_mail_start(text, is_cut=False) < len(text)


def _without_escaped_query(path: str) -> str:
    """The path up to a query that somebody escaped; a mere question mark is a part of a name."""
    found = _ESCAPED_QUESTION_MARK.search(path)
    if found is None or not _EQUALS.search(path, found.end()):
        return path
    # Dots alone would be read as a step up.
    return _DOTS.sub("/", path[: found.start()])


def _redact_segment(segment: str, *, is_last: bool) -> str:
    if len(segment) < 4 or not _SUSPECT.search(segment):
        return segment
    if any(map(holds_e_mail, _decodings(segment))):
        return E_MAIL
    name, *parameters = segment.split(";")
    redacted = [_redact_name(name, is_last=is_last), *map(_redact_parameter, parameters)]
    return ";".join(redacted)


def _redact_name(name: str, *, is_last: bool) -> str:
    decoded = _folded(_decoded(name))
    if _JWT.search(decoded) or _UUID.search(decoded):
        return TOKEN
    stem, _, extension = decoded.rpartition(".")
    if is_last and extension.lower() in _FILE_EXTENSIONS:
        return name
    if is_last and extension.lower() in _DATA_EXTENSIONS:
        decoded = stem
    return TOKEN if _holds_token(decoded) or _holds_number(decoded) else name


def _redact_parameter(parameter: str) -> str:
    """https://docs.oracle.com/javaee/7/api/javax/servlet/SessionTrackingMode.html and its kin."""
    key, separator, value = parameter.partition("=")
    if (
        separator
        and value
        and (key.lower() in _SESSION_PARAMETERS or _holds_token(_decoded(value)) or _holds_number(_decoded(value)))
    ):
        parameter = f"{key}={TOKEN}"
    return TOKEN if _holds_token(_decoded(parameter)) else parameter


def _decodings(text: str) -> Iterator[str]:
    """The text, and what it says percent-decoded once, twice, …: `%2540` is an `@` to somebody."""
    yield text
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(text, errors="replace") if "%" in text else text
        if decoded == text:
            return
        text = decoded
        yield text


def _decoded(text: str) -> str:
    return list(_decodings(text))[-1]


def _e_mail_start(text: str, *, is_cut: bool) -> int:
    """Where the first e-mail address begins; the text's length when there is none.

    Linear: no character is walked over twice, whatever stands in a stranger's text.
    """
    text = _folded(text)
    if not _AT.search(text):
        return len(text)
    tail = _tail_start(text) if is_cut else len(text) + 1
    previous = 0
    for found in _AT.finditer(text):
        at = start = found.start()
        while start > max(previous, at - _MAX_LOCAL_PART) and _LOCAL_PART.match(text, start - 1):
            start -= 1
        has_local_part = at > 0 and _LOCAL_PART.match(text, at - 1) is not None
        if has_local_part and _is_domain(text, found.end(), is_cut=found.end() >= tail):
            return start
        previous = found.end()
    return len(text)


def _tail_start(text: str) -> int:
    """Where the characters begin that a domain may have and that stand at the end."""
    start = len(text)
    while start and _TAIL.match(text, start - 1):
        start -= 1
    return start


def _is_domain(text: str, start: int, *, is_cut: bool) -> bool:
    """Whether a domain begins there, or, where the text was cut in it, may have begun."""
    if is_cut:
        return not _VERSION.fullmatch(text[start:].rstrip(".-"))
    if _ADDRESS_DOMAIN.match(text, start + text.startswith("[", start)):
        return True
    found = _DOMAIN.match(text, start)
    if found is None or _VERSION.fullmatch(found.group()):
        return False
    labels = found.group().split(".")
    while labels and labels[-1].lower() in _ASSET_EXTENSIONS:
        labels.pop()
    if _VERSION.fullmatch(".".join(labels)):
        return False
    return len(labels) >= 2 and len(labels[-1]) >= 2 and labels[-1][:2].isalpha()


def _holds_token(text: str) -> bool:
    """Whether a part of a path holds one. There, short base64 is one too: in a sample it is what an attack decodes."""
    padded = _PADDED.finditer(_folded(text))
    return _token_start(text) < len(text) or any(_changes(found.group(), _BASE64_KINDS) >= 4 for found in padded)


def _token_start(text: str) -> int:
    """Where the first token begins; the text's length when there is none."""
    text = _folded(text)
    if not _TOKEN_LIKE.search(text):
        return len(text)
    starts = [found.start() for pattern in (_JWT, _UUID) if (found := pattern.search(text))]
    starts.extend(found.start() for found in _RUN.finditer(text) if _is_mixed(found.group()))
    starts.extend(found.start() for found in _LONG.finditer(text) if _is_random(found.group()))
    for found in _GROUPED.finditer(text):
        starts.extend(found.start() + start for start in _code_starts(found.group()))
    return min(starts, default=len(text))


def _holds_number(text: str) -> bool:
    """Whether it holds a telephone's number, or the address of a computer."""
    text = _folded(text)
    return bool(_PHONE.search(text) or _ADDRESS.search(text)) or _is_ipv6(text)


def _is_ipv6(text: str) -> bool:
    if len(text) > _MAX_IPV6 or text.count(":") < 2:
        return False
    try:
        ipaddress.IPv6Address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _folded(text: str) -> str:
    """The text with wide, bold and other forms of a character as the plain one; as long as before."""
    return text if text.isascii() else "".join(map(_folded_character, text))


@functools.lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    # One by one: whole texts take quadratic time where accents follow one another.
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 else character


def _is_mixed(run: str) -> bool:
    """Letters and digits as chance mixes them; or digits alone, as many as a card's number has.

    Words joined to a name, with a number or two in it, change between letters and digits less often.
    """
    return run.isdigit() or _changes(run, (str.isdigit,)) >= 4 or (len(run) >= 24 and _is_of_mixed_case(run))


def _is_of_mixed_case(run: str) -> bool:
    """Capitals and small letters as chance mixes them.

    Words joined to a name have one capital each, but for an abbreviation, and several small letters.
    """
    changes = _changes(run, (str.isupper,)) / len(run)
    abbreviations = len(re.findall("[A-Z]{2,}", run))
    return changes >= 0.75 or (abbreviations >= 2 and changes >= 0.4) or (abbreviations >= 3 and changes >= 0.3)


def _code_starts(run: str) -> Iterator[int]:
    """Where tokens and cards' numbers written in groups begin; dates, versions and words in a row are none."""
    # Whatever is asked below takes two groups with digits in them, and few names have as many.
    if len(_DIGIT_AND_REST.findall(run)) < 2:
        return
    groups = list(_GROUP.finditer(run))
    mixed = [group for group in groups if len(group.group()) >= 8 and _changes(group.group(), (str.isdigit,)) >= 3]
    if len(mixed) >= 2:
        yield mixed[0].start()
    for length, neighbours in itertools.groupby(groups, lambda group: len(group.group())):
        alike = list(neighbours)
        if length >= 4 and _are_code([group.group() for group in alike]):
            yield alike[0].start()
    for is_hex, neighbours in itertools.groupby(groups, lambda group: bool(_HEX_GROUP.fullmatch(group.group()))):
        alike = list(neighbours)
        if is_hex and _are_code([group.group() for group in alike]):
            yield alike[0].start()


def _are_code(groups: list[str]) -> bool:
    if len(groups) < 3:
        return False
    if all(group.isdigit() and len(group) < 8 for group in groups):
        return sum(map(len, groups)) >= 13
    mixed = sum(_changes(group, (str.isdigit,)) > 0 for group in groups)
    return mixed >= 2 and mixed * 2 >= len(groups)


def _is_random(word: str) -> bool:
    """Capitals, small letters and digits as chance mixes them: base64, in any of its alphabets."""
    kinds = sum(any(map(kind, word)) for kind in (str.isdigit, str.isupper, str.islower))
    return kinds == 3 and _changes(word, _BASE64_KINDS) * 2 >= len(word)


def _changes(word: str, kinds: tuple[Callable[[str], bool], ...]) -> int:
    """How often a character is of another kind than the one before it."""
    marks = [tuple(kind(character) for kind in kinds) for character in word]
    return sum(one != two for one, two in itertools.pairwise(marks))
