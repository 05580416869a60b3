"""Policies written by hand: such as sites send, one or more for each check of the peer, and for each of its defects."""

from __future__ import annotations

from pathlib import Path

_SITES_FILE = Path(__file__).parents[1] / "data/policies/sites.txt"

SITES = tuple(line for line in _SITES_FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))

# Both sides of each check's condition.
CHECKS = (
    "",
    " ; ;; \t",
    "script-src 'unsafe-inline'",
    "script-src 'UNSAFE-INLINE'; object-src 'none'",
    "default-src 'unsafe-inline'; script-src-attr 'unsafe-inline'; script-src-elem 'unsafe-inline'",
    "script-src 'unsafe-inline' 'nonce-MTIzNDU2Nzg='",
    "script-src 'unsafe-inline' 'nonce-!'",
    "script-src 'unsafe-inline' 'sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8='",
    "script-src 'unsafe-inline' 'SHA256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8='",
    "script-src 'unsafe-hashes'; script-src-attr 'unsafe-hashes'",
    "script-src 'unsafe-eval'; script-src-elem 'unsafe-eval'",
    "script-src data: http: https: HTTPS: ws: blob",
    "default-src data:; object-src http:; base-uri https:; img-src https:",
    "script-src * http://* https://* //* x://*; object-src *; base-uri *; img-src *",
    "object-src",
    "default-src; script-src 'self'",
    "default-src 'self'; object-src",
    "object-src 'none'",
    "script-src 'nonce-MTIzNDU2Nzg='; object-src 'none'",
    "default-src 'nonce-MTIzNDU2Nzg='; base-uri",
    "script-src 'sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8='; object-src 'none'",
    "script-src 'sha256-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8=' 'strict-dynamic'; object-src 'none'",
    "script-src 'self' https://a.example localhost *.a.example https://*; script-src-elem 'self' b.example",
    "script-src https://www.google.com https://www.google.com/tools/ https://www.google.com/x",
    "script-src *.google.com *.com google.com WWW.GOOGLE.COM http://*.google.com:443/tools/feedback/",
    "script-src www.google-analytics.com *.google-analytics.com *.googleadservices.com",
    "script-src www.google-analytics.com *.google-analytics.com *.googleadservices.com 'unsafe-eval'",
    "script-src ajax.googleapis.com/ajax/libs/angularjs/ cdnjs.cloudflare.com *.jsdelivr.net cdn.jsdelivr.net/npm/",
    "script-src wildcard_placeholder.google.com .google.com",
    "object-src *.vk.com vk.com https://vk.com/swf/ https://vk.com/x 'self'",
    "default-src vk.com https://a.example; plugin-types application/x-shockwave-flash",
    "object-src vk.com; plugin-types application/pdf",
    "object-src vk.com; plugin-types",
    "object-src ajax.googleapis.com; plugin-types application/x-shockwave-flash application/pdf",
    "img-src 127.0.0.1 http://127.0.0.1:8080/x 10.0.0.1 [::1] https://[2001:db8::1]:443 0x7f.1 2130706433 1.2.3.4.",
    "connect-src [::1]@a.example user@10.0.0.1; report-uri /1.2.3.4; report-to 7",
    "script-src 'nonce-a' 'nonce-12345678' 'nonce-1234567' 'nonce-ä' 'nonce-' 'nonce-💥💥💥💥' nonce-a 'NONCE-abcdef'",
    "img-src http://a.example HTTP://a.example http: http://; report-uri http://a.example/csp",
    "reflected-xss block; referrer origin; disown-opener; prefetch-src 'self'",
    "scriptsrc 'self'; default-src: 'self'; x; SCRIPT-SRC 'self'; 'self'; 0; worker-src",
    "default-src script-src object-src 'self' sandbox; report-uri report-to",
    "script-src self none unsafe-inline strict-dynamic nonce-abc sha256-abc sha1-abc allow block Self",
    "script-src 'foo' 'self 'sha1-abc' '' ' 'none' 'block' 'allow' 'wasm-eval' 'unsafe-hashed-attributes'",
    "require-trusted-types-for 'script' 'style' script; trusted-types 'none' 'allow-duplicates' 'self' foo none",
    "require-trusted-types-for",
    "script-src a.example; require-trusted-types-for 'script'",
    "script-src 'strict-dynamic'",
    "script-src 'strict-dynamic' a.example 'self' 'unsafe-inline'",
    "script-src 'strict-dynamic' https: 'nonce-MTIzNDU2Nzg='",
    "script-src 'strict-dynamic' https 'nonce-MTIzNDU2Nzg=' 'unsafe-inline'",
    "default-src 'strict-dynamic' 'nonce-MTIzNDU2Nzg=' http://a.example 10.0.0.1 https:; img-src http://b.example",
    "script-src 'nonce-MTIzNDU2Nzg='; script-src-elem https: 'nonce-MTIzNDU2Nzg='; script-src-attr 'unsafe-inline'",
    "constructor 'self' evil; __proto__ x; toString y; hasownproperty z",
    "script-src\x0b'self'\xa0https:\ufeffdata:\u2028*",
    "script-src\x1c'self'; img-src\x85x",
    "bloc\u212a-all-mixed-content; \u0130mg-src x; script-src 'bloc\u212a'",
    "img-src \ud83d\ude00.example \ud83d b\u00fccher.example *.b\u00fccher.example \uff11\uff12\uff17.0.0.1",
)

DEFECTS = {
    1: (
        "script-src 'self' 'report-sha256'; object-src 'none'",
        "script-src 'nonce-MTIzNDU2Nzg=' 'trusted-types-eval' 'Report-SHA384'; object-src 'none'; base-uri 'none'",
        "default-src 'self'; fenced-frame-src https://ads.example",
        "default-src 'self' fenced-frame-src https://ads.example",
    ),
    2: (
        "default-src 'none', frame-ancestors 'none'",
        "script-src 'self' https://a.example, script-src 'nonce-MTIzNDU2Nzg='; object-src 'none'",
        "default-src 'self',script-src 'unsafe-inline'",
        "script-src 'nonce-MTIzNDU2Nzg=', base-uri 'none'; require-trusted-types-for 'script', object-src 'none'",
        ", ,",
    ),
    3: ("script-src 'self'; script-src * 'unsafe-inline'; object-src 'none'",),
    4: ("script-src *:443; object-src 'none'", "script-src https://*:*; object-src *:8080; base-uri *:443"),
    5: ("script-src 'self' blob: filesystem:; object-src 'none'", "default-src blob:"),
    6: (
        "script-src 'none' https://www.google.com 'self'; object-src 'none'",
        "object-src 'none' https://vk.com 'self'; script-src 'self'",
        "default-src 'none' https://ajax.googleapis.com; img-src 'none' data:",
    ),
    7: ("default-src 'none'; style-src * 'unsafe-inline'",),
    8: ("script-src 'self'; object-src 'none'; connect-src *; img-src *; form-action *", "default-src 'none'"),
    9: (
        "script-src 'sha256-YWJj'; object-src 'none'",
        "script-src 'self' 'sha512-B2yPHKaXnvFWtRChIbabYmUBFZdVfKKXHbWtWidDVF8='; object-src 'none'",
    ),
    10: ("default-src 'none'; require-trusted-types-for 'script'; trusted-types *",),
    11: ("script-src-elem 'self'; script-src-attr 'none'; object-src 'none'",),
    12: (
        "script-src 'nonce-MTIzNDU2Nzg=' 'strict-dynamic' https: 'unsafe-inline'; object-src 'none'; base-uri 'none'",
    ),
    13: (
        "script-src 'unsafe-inline'; img-src [::1]:foo",
        "script-src https://a.example:port *; object-src 'none'",
        "default-src 'self'; report-uri /",
        "script-src 'none' https://; object-src a^b.example, img-src javascript:alert(1)",
    ),
}
"""By the number of a defect, policies that show it."""

BY_HAND = (*SITES, *CHECKS, *(policy for policies in DEFECTS.values() for policy in policies))
