"""What is read in a page. Against browsers: tests/browser/test_markup.py."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policybuilder.csp import InlineType
from policybuilder.markup import ExternalKind, Markup, Position, ScriptKind, charset_of, read_markup
from policybuilder.markup.reading import MAX_PLACES


def texts(markup: Markup) -> list[str]:
    return [place.text for place in markup.inline]


def labels(markup: Markup) -> list[str]:
    return [place.label for place in markup.inline]


# --- scripts

# (attributes, kind, whether it runs)  https://html.spec.whatwg.org/multipage/scripting.html#prepare-the-script-element
KIND_CASES = [
    ("", ScriptKind.CLASSIC, True),
    ("type", ScriptKind.CLASSIC, True),
    ("type=text/javascript", ScriptKind.CLASSIC, True),
    ("type=' TEXT/JScript '", ScriptKind.CLASSIC, True),
    ("type=application/x-javascript", ScriptKind.CLASSIC, True),
    ("type='text/javascript; charset=utf-8'", ScriptKind.DATA_BLOCK, False),
    ("type=' '", ScriptKind.DATA_BLOCK, False),
    ("type=javascript", ScriptKind.DATA_BLOCK, False),
    ("type=application/json", ScriptKind.DATA_BLOCK, False),
    ("type=text/x-template", ScriptKind.DATA_BLOCK, False),
    ("type=Module", ScriptKind.MODULE, True),
    ("type=importmap", ScriptKind.IMPORT_MAP, True),
    ("type=speculationrules", ScriptKind.SPECULATION_RULES, True),
    ("language=javascript", ScriptKind.CLASSIC, True),
    ("language=module", ScriptKind.DATA_BLOCK, False),
    ("language=vbscript", ScriptKind.DATA_BLOCK, False),
    ("language=vbscript type", ScriptKind.CLASSIC, True),
    ("nomodule", ScriptKind.CLASSIC, False),
    ("nomodule type=module", ScriptKind.MODULE, True),
    ("for=window event='onload()'", ScriptKind.CLASSIC, True),
    ("for=document event=onclick", ScriptKind.CLASSIC, False),
    ("for=document", ScriptKind.CLASSIC, True),
]


@pytest.mark.parametrize(("attributes", "kind", "runs"), KIND_CASES)
def test_a_scripts_type_says_whether_it_is_code(attributes: str, kind: ScriptKind, *, runs: bool) -> None:
    (place,) = read_markup(f"<script {attributes}>x</script>").inline
    assert (place.script_kind, place.runs) == (kind, runs)
    is_speculation = kind is ScriptKind.SPECULATION_RULES
    assert place.inline_type is (InlineType.SPECULATION_RULES if is_speculation else InlineType.SCRIPT)


# (markup, the texts of its inline places)
TEXT_CASES = [
    ("<script>a\r\nb\rc\n</script>", ["a\nb\nc\n"]),
    ("<script>&lt;&amp;</script>", ["&lt;&amp;"]),
    ("<svg><script>&lt;&amp;</script></svg>", ["<&"]),
    ("<svg><script>a<g>b</g>c</script></svg>", ["ac"]),
    ("<svg><style>a<![CDATA[<b>]]></style></svg>", ["a<b>"]),
    ("<script>a\0b</script>", ["a\ufffdb"]),
    ("<script>a\ud800b</script>", ["a\ufffdb"]),
    ("<script></script>", []),
    ("<script src=x>not run</script>", []),
    ("<script src>not run</script>", []),
    ("<svg><script href=x>not run</script></svg>", []),
    ("<svg><script xlink:href=x>not run</script></svg>", []),
    ("<math><script>no script</script></math>", []),
    ("<script><!-- <script> </script> --></script>", ["<!-- <script> </script> -->"]),
    ("<style>a</style><style></style>", ["a", ""]),
    ("<p onclick='&quot;&lt;&#65;'>", ['"<A']),
    ("<p onclick=a ONCLICK=b>", ["a"]),
    ("<p onclick style>", ["", ""]),
    ("<p onfoo=a on=b on-click=c one=d onbegin=e onhashchange=f>", []),
    ("<body onhashchange=f>", ["f"]),
    ("<svg><animateMotion onbegin=e /></svg>", ["e"]),
    ("<svg onload=e>", ["e"]),
    ("<a href='javascript:a'><area href='javascript:b'><form action='javascript:c'>", 3),
    ("<button formaction='javascript:a'></button><input formaction='javascript:b'>", 2),
    ("<iframe src='javascript:a'></iframe><svg><a href='javascript:b'/><a xlink:href='javascript:c'/></svg>", 3),
    ("<frameset><frame src='javascript:a'></frameset>", 1),
    ("<img src='javascript:a'><link href='javascript:b'><script src='javascript:c'></script>", 0),
    ("<object data='javascript:a'></object><embed src='javascript:b'><p href='javascript:c'>", 0),
    ("<!-- <script>a</script> --><textarea><style>b</style></textarea><noscript><p onclick=c></noscript>", []),
    (
        "<title><p onclick=a></title><xmp><p onclick=b></xmp><noembed><p onclick=c></noembed><plaintext><p onclick=d>",
        [],
    ),
    ("<iframe><p onclick=a></iframe><noframes><p onclick=b></noframes>", []),
    ("<select><option onclick=a><p onclick=b></select>", ["a", "b"]),
    ("<b onclick=a><p>x</b>y</p>", ["a"]),
    ("<p onclick=a><html onclick=b><body onload=c>", ["b", "c", "a"]),
    ("<table><p onclick=a><td onclick=b><p onclick=c></table>", ["a", "b", "c"]),
    ("<svg><p onclick=a></svg>", ["a"]),
    ("<svg><foreignObject><p onclick=a></p></foreignObject></svg>", ["a"]),
    ("", []),
    ("\ufeff<p onclick=a>", ["a"]),
]


@pytest.mark.parametrize(("source", "expected"), TEXT_CASES)
def test_inline_code_is_what_a_browser_sees(source: str, expected: list[str] | int) -> None:
    found = texts(read_markup(source))
    if isinstance(expected, int):
        assert found == [f"javascript:{letter}" for letter in "abc"[:expected]]
    else:
        assert found == expected


# (markup, whether its one place runs as the page stands, whether it stands in a template)
RUN_CASES = [
    ("<template><script>a</script></template>", False, True),
    ("<template><p><template><p onclick=a></template></template>", False, True),
    ("<template><style>a</style></template>", False, True),
    ("<div><template shadowrootmode=open><script>a</script></template></div>", True, False),
    ("<template><div><template shadowrootmode=open><p style=a></template></div></template>", False, True),
    ("<style type=text/less>a</style>", False, False),
    ("<style type=''>a</style>", True, False),
    ("<script>never closed", False, False),
    ("<style>never closed", True, False),
]


@pytest.mark.parametrize(("source", "runs", "is_in_template"), RUN_CASES)
def test_what_does_not_run_as_the_page_stands_says_so(source: str, *, runs: bool, is_in_template: bool) -> None:
    (place,) = read_markup(source).inline
    assert (place.runs, place.is_in_template) == (runs, is_in_template)


def test_places_stand_in_the_order_of_the_source_each_with_a_name_for_people() -> None:
    markup = read_markup(
        "<body onload=a><table><button id=buy class='x y' onclick=a style=b></button></table>"
        "<p class=' x y' style=c></p>"
        "<p id='a b' style=d></p><p id='\x1b[31m' style=d></p><my-Element onclick=e></my-element><style id=s></style>"
    )
    assert labels(markup) == [
        *("body[onload]", "button#buy[onclick]", "button#buy[style]", "p.x[style]", "p[style]", "p[style]"),
        *("my-element[onclick]", "style#s"),
    ]


def test_positions_are_of_the_tag_or_attribute_and_of_the_end_of_the_tag() -> None:
    script, style, handler = read_markup(
        "<script\n nonce=x>a</script>\n\U0001f600<style>b</style>\r\n<p class=x\r\n  onclick='c\r\nd'>\r\n"
    ).inline
    assert (script.begins_at, script.tag_ends_at) == (Position(1, 1, 1, 1), Position(2, 10, 2, 10))
    assert (style.begins_at, style.tag_ends_at) == (Position(3, 2, 3, 3), Position(3, 9, 3, 10))
    assert (handler.begins_at, handler.tag_ends_at) == (Position(5, 3, 5, 3), Position(6, 4, 6, 4))


def test_a_carriage_return_alone_ends_a_line_but_not_for_chromium() -> None:
    first, second, third = read_markup("a\r\U0001f600<p style=a>\r\n<p style=b>\r\r<p style=c>").inline
    assert first.begins_at == Position(2, 5, 1, 8)
    assert second.begins_at == Position(3, 4, 2, 4)
    assert third.begins_at == Position(5, 4, 2, 17)


def test_nonces_are_read_from_elements() -> None:
    markup = read_markup("<script nonce=a>x</script><style nonce=b></style><p nonce=c style=x><script nonce>y</script>")
    assert [place.nonce for place in markup.inline] == ["a", "b", None, None]


# --- what is fetched


def test_scripts_and_stylesheets_have_their_url_by_the_base_in_force() -> None:
    markup = read_markup(
        "<script src=a.js></script><base target=x><base href=/deep/><base href=/late/>"
        "<script src=b.js integrity=sha256-x crossorigin nonce=n type=module></script>"
        "<link rel='icon StyleSheet' href=//cdn.example/c.css crossorigin=Use-Credentials>"
        "<link rel=icon href=d.ico><link rel=stylesheet><script src=''></script>"
        "<svg><script href=e.js></script></svg><script src=f.json type=application/json></script>"
        "<script src=g.js nomodule></script><script src='http://a b/'></script>"
        "<template><script src=h.js></script></template>",
        url="https://shop.example/page",
    )
    assert [(place.kind, place.href, place.url) for place in markup.external] == [
        (ExternalKind.SCRIPT, "a.js", "https://shop.example/a.js"),
        (ExternalKind.SCRIPT, "b.js", "https://shop.example/deep/b.js"),
        (ExternalKind.STYLESHEET, "//cdn.example/c.css", "https://cdn.example/c.css"),
        (ExternalKind.SCRIPT, "", None),
        (ExternalKind.SCRIPT, "e.js", "https://shop.example/deep/e.js"),
        (ExternalKind.SCRIPT, "http://a b/", None),
        (ExternalKind.SCRIPT, "h.js", "https://shop.example/deep/h.js"),
    ]
    assert (markup.base_href, markup.base_url) == ("/deep/", "https://shop.example/deep/")
    module, sheet = markup.external[1:3]
    assert (module.integrity, module.crossorigin, module.nonce) == ("sha256-x", "anonymous", "n")
    assert (module.script_kind, sheet.crossorigin) == (ScriptKind.MODULE, "use-credentials")
    assert [place.is_in_template for place in markup.external] == [False] * 6 + [True]


@pytest.mark.parametrize("href", ["data:text/html,x", "javascript:x", "http://a b/"])
def test_a_base_that_browsers_refuse_is_told_and_not_used(href: str) -> None:
    markup = read_markup(f"<base href='{href}'><script src=a.js></script>", url="https://shop.example/x/y")
    assert (markup.base_href, markup.base_url) == (href, "https://shop.example/x/y")
    assert markup.external[0].url == "https://shop.example/x/a.js"


def test_without_the_pages_url_only_whole_urls_are_known() -> None:
    markup = read_markup("<script src=a.js></script><script src=https://cdn.example/b.js></script>")
    assert [place.url for place in markup.external] == [None, "https://cdn.example/b.js"]


def test_policies_in_meta_elements_are_obeyed_in_the_head_alone() -> None:
    markup = read_markup(
        "<meta http-equiv=content-security-POLICY content=\" img-src 'none' \">"
        "<meta http-equiv=Content-Security-Policy-Report-Only content=x>"
        "<meta http-equiv=Content-Security-Policy content><meta name=Content-Security-Policy content=x>"
        "<noscript><meta http-equiv=Content-Security-Policy content=x></noscript>"
        "<template><meta http-equiv=Content-Security-Policy content=a></template>"
        "<body><meta http-equiv=Content-Security-Policy content=b>"
    )
    assert [(policy.text, policy.is_obeyed) for policy in markup.policies] == [
        ("img-src 'none'", True),
        ("a", False),
        ("b", False),
    ]


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        ("<input type=PassWord>", True),
        ("<form><p><input name=a type=password></form>", True),
        ("<input type=text name=password>", False),
        ("<p type=password>", False),
    ],
)
def test_a_field_for_a_password_is_seen(source: str, asks: bool) -> None:  # noqa: FBT001  (a table's column)
    assert read_markup(source).asks_password is asks


def test_what_meta_elements_say_of_the_referrer_is_kept_in_order() -> None:
    markup = read_markup(
        "<meta name=Referrer content=' origin '><meta name=referrer><meta name=robots content=none>"
        "<template><meta name=referrer content=a></template><body><meta name=referrer content=never>"
    )
    assert markup.referrers == ("origin", "", "never")


def test_documents_in_srcdoc_are_read_as_pages_of_their_own() -> None:
    markup = read_markup(
        "<base href=/deep/><iframe srcdoc='\n<script>a</script><script src=x.js></script>'></iframe>"
        "<p srcdoc='<p onclick=no>'>",
        url="https://shop.example/",
    )
    (framed,) = markup.framed
    assert texts(markup) == []
    assert texts(framed) == ["a"]
    assert framed.inline[0].begins_at == Position(2, 1, 2, 1)
    assert framed.external[0].url == "https://shop.example/deep/x.js"


# --- bytes

# (bytes, the Content-Type's charset, encoding, text)  https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding
ENCODING_CASES = [
    (b"<script>\xc3\xa9</script>", "utf-8", "UTF-8", "é"),
    (b"<script>\xe9</script>", "ISO-8859-1", "windows-1252", "é"),
    (b"<script>\x80</script>", "latin1", "windows-1252", "€"),
    (b"\xef\xbb\xbf<script>\xc3\xa9</script>", "windows-1252", "UTF-8", "é"),
    ("\ufeff<script>é</script>".encode("utf-16-le"), "utf-8", "UTF-16LE", "é"),
    ("\ufeff<script>é</script>".encode("utf-16-be"), None, "UTF-16BE", "é"),
    (b"<meta charset=koi8-r><script>\xc9</script>", None, "KOI8-R", "и"),
    (b"<meta charset=koi8-r><script>\xc3\xa9</script>", "utf-8", "UTF-8", "é"),
    (b"<meta http-equiv=content-type content='text/html; charset=koi8-r'><script>\xc9</script>", None, "KOI8-R", "и"),
    (b"<meta charset=utf-16><script>\xc3\xa9</script>", None, "UTF-8", "é"),
    (b"<!-- <meta charset=koi8-r> --><script>\xe9</script>", None, "windows-1252", "é"),
    (b"<p>" + b" " * 3000 + b"<meta charset=koi8-r><script>\xc9</script>", None, "KOI8-R", "и"),
    (b"<script>\xe9</script>", "no-such-charset", "windows-1252", "é"),
    (b"<script>\xe9</script>", "", "windows-1252", "é"),
    (b"<script>\xe9\xff</script>", "utf-8", "UTF-8", "\ufffd\ufffd"),
    (b"<script>\xe6\x97\xa5</script>", None, "UTF-8", "日"),
    ("<script>日</script>".encode("shift_jis"), "Shift_JIS", "Shift_JIS", "日"),
]


@pytest.mark.parametrize(("source", "hint", "encoding", "text"), ENCODING_CASES)
def test_bytes_are_decoded_as_a_browser_does(source: bytes, hint: str | None, encoding: str, text: str) -> None:
    markup = read_markup(source, encoding_hint=hint)
    assert (markup.encoding, texts(markup)) == (encoding, [text])
    place = markup.inline[0]
    assert place.begins_at is not None
    assert place.begins_at.line == 1


def test_a_byte_order_mark_takes_no_column() -> None:
    for source in (b"\xef\xbb\xbf<p style=a>", "\ufeff<p style=a>", "\ufeff<p style=a>".encode("utf-16-le")):
        assert read_markup(source).inline[0].begins_at == Position(1, 4, 1, 4)


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html; charset=utf-8", "utf-8"),
        ('text/html;CHARSET = "Shift_JIS"; x=y', "Shift_JIS"),
        ("text/html; charset='koi8-r'", None),
        ("text/html; charset=", None),
        ('text/html; charset=""', None),
        ("text/html", None),
        ("", None),
    ],
)
def test_the_charset_of_a_content_type(content_type: str, charset: str | None) -> None:
    assert charset_of(content_type) == charset


# --- hostile pages

PIECES = st.sampled_from(
    """<script> </script> <style> </style> <template> </template> <svg> </svg> <math> <mi> <table> <td> </table>
    <select> <option> <p|onclick=a> <p|style=b> <!-- --> <![CDATA[ ]]> <a|href="javascript:1"> </a> <b|style=c> </b>
    <iframe|srcdoc="<p|onclick=d>"> </iframe> <plaintext> <frameset> <body|onload=e> <html|onclick=f> <base|href=x>
    <meta|charset=utf-16> <title> <noscript> <xmp> \0 \r \ud800 \U0001f600 " ' > < / =""".split()  # noqa: SIM905
).map(lambda piece: piece.replace("|", " "))


@settings(max_examples=300)
@given(source=st.lists(PIECES, max_size=40).map("".join), as_bytes=st.booleans())
def test_whatever_is_sent_is_read(source: str, *, as_bytes: bool) -> None:
    markup = read_markup(source.encode("utf-8", "surrogatepass") if as_bytes else source)
    for place in markup.inline:
        place.text.encode()
        if place.begins_at is not None and place.tag_ends_at is not None:
            assert (1, 1) <= place.begins_at[:2] < place.tag_ends_at[:2]
            assert place.begins_at[2:] < place.tag_ends_at[2:]


@given(source=st.binary(max_size=300), hint=st.sampled_from([None, "utf-8", "utf-16le", "iso-2022-jp", "gb18030", "x"]))
def test_any_bytes_are_read(source: bytes, hint: str | None) -> None:
    read_markup(source + b"<p style=a>", encoding_hint=hint)


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 200_000,
        "<p style=a>" * 200_000,
        "<b style=a>" * 50_000 + "<p>" * 1_000,
        "<p " + " ".join(f"onclick{number}=a" for number in range(100_000)) + ">",
        "<p on" + "a" * 2_000_000 + "=a>",
        "<script>" + "<!--<script>" * 200_000,
        "\r" * 1_000_000 + "<p style=a>" * 10_000,
        "<iframe srcdoc='" + "<p onclick=a>" * 100_000 + "'>",
        "<template>" * 100_000 + "<p style=a>",
        "<a href='" + "\t" * 1_000_000 + "javascript:" + "%41" * 300_000 + "'>",
        "<base href=x>" * 100_000,
        "\U0001f600" * 300_000 + "<p style=a>" * 10_000,
    ],
    ids=lambda source: source[:20],
)
def test_no_page_of_a_megabyte_takes_long(source: str) -> None:
    begin = time.monotonic()
    markup = read_markup(source)
    assert time.monotonic() - begin < 10
    assert len(markup.inline) <= MAX_PLACES + 500


def test_frames_in_frames_end_somewhere_and_say_so() -> None:
    source = "<p onclick=deep>"
    for _ in range(6):
        source = f"<iframe srcdoc='{source.replace('&', '&amp;').replace(chr(39), '&#39;')}'></iframe>"
    markup = read_markup(source)
    assert markup.is_cut
    depth = 0
    while markup.framed:
        (markup,) = markup.framed
        depth += 1
    assert depth == 3


def test_hyperlinks_lead_to_pages_each_once_without_fragment() -> None:
    markup = read_markup(
        '<base href="/shop/"><a href="b#c">b</a><a href=b>b</a><area href="//other.example/?q">'
        '<a href="javascript:1">x</a><a href="mailto:a@b.example">y</a><template><a href=hidden></template>',
        url="https://shop.example/",
    )
    assert markup.links == ("https://shop.example/shop/b", "https://other.example/?q")


def test_a_base_longer_than_any_server_answers_to_multiplies_nothing() -> None:
    base = f'<base href="https://shop.example/{"a" * 100_000}/">'
    markup = read_markup(base + "<a href=b>b</a><script src=x></script>" * 100, url="https://shop.example/")
    assert markup.links == ()
    assert {place.url for place in markup.external} == {None}
