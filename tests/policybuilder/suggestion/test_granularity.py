"""Tests of granularity: how much of a URL goes into a policy."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policybuilder.csp import Browser, is_valid_source_expression, parse_source_expression, parse_url
from policybuilder.csp.url_matching import Candidate, expression_matches
from policybuilder.hosting import hosting_of
from policybuilder.suggestion.granularity import (
    DEFAULT_GRANULARITY,
    Granularity,
    Narrowed,
    Seen,
    narrow,
    parse_granularity,
)

CDN = "https://cdn.example"
NPM = "https://cdn.jsdelivr.net"
DIRECTORY, ORIGIN, PATH = Granularity.DIRECTORY, Granularity.ORIGIN, Granularity.PATH


def named(directive: str, origin: str, *paths: str, asked: Granularity | None = None) -> list[tuple[str, str]]:
    """The sources, without the origin, and their rules."""
    found = narrow(directive, origin, [Seen(f"{origin}{path}") for path in paths], asked)
    return [(each.source.removeprefix(origin), each.rule) for each in found]


# (directive, paths, source behind the origin, rule)
THIRD_PARTIES = [
    ("script-src", ["/js/app/a.js"], "/js/app/", "third-party-directory"),
    ("script-src-elem", ["/js/app/a.js"], "/js/app/", "third-party-directory"),
    ("style-src", ["/css/a.css"], "/css/", "third-party-directory"),
    ("worker-src", ["/w/a.js"], "/w/", "third-party-directory"),
    ("manifest-src", ["/m/site.webmanifest"], "/m/", "third-party-directory"),
    ("script-src", ["/js/app/a.js", "/js/app/b.js"], "/js/app/", "third-party-directory"),
    ("script-src", ["/js/app/a.js", "/js/lib/b.js"], "/js/", "third-party-directory"),
    ("script-src", ["/js/app/a.js", "/js/application/b.js"], "/js/", "third-party-directory"),
    ("script-src", ["/js/app/"], "/js/app/", "third-party-directory"),
    ("script-src", ["/js/app"], "/js/", "third-party-directory"),
    # What varies ends a directory, and so does all below it.
    ("script-src", ["/lib/3.7.1/a.js"], "/lib/", "third-party-directory"),
    ("script-src", ["/lib/3f9a1c2b/js/a.js"], "/lib/", "third-party-directory"),
    ("script-src", ["/lib/de-AT/a.js"], "/lib/", "third-party-directory"),
    ("script-src", ["/lib/tenants/acme/a.js"], "/lib/tenants/", "third-party-directory"),
    ("script-src", ["/lib/(token)/a.js"], "/lib/", "third-party-directory"),
    ("script-src", ["/lib//a.js"], "/lib/", "third-party-directory"),
    ("script-src", ["/a;b,c/ü/a.js"], "/a%3Bb%2Cc/%C3%BC/", "third-party-directory"),
    ("script-src", ["/100%/[x]/a.js"], "/100%25/%5Bx%5D/", "third-party-directory"),
    # Nothing that all are in: a single file's name would block the next file.
    ("script-src", ["/a.js"], "", "other-origin"),
    ("script-src", ["/"], "", "other-origin"),
    ("script-src", ["/js/a.js", "/b.js"], "", "other-origin"),
    ("script-src", ["/v3/a.js"], "", "other-origin"),
    ("script-src", ["//js/a.js"], "", "other-origin"),
    *((name, ["/a/b/c"], "", "other-origin") for name in DEFAULT_GRANULARITY if DEFAULT_GRANULARITY[name] is ORIGIN),
]


@pytest.mark.parametrize(("directive", "paths", "source", "rule"), THIRD_PARTIES)
def test_code_of_a_third_party_is_named_by_its_lasting_directory_and_the_rest_by_its_origin(
    directive: str, paths: list[str], source: str, rule: str
) -> None:
    assert named(directive, CDN, *paths) == [(source, rule)]


# (directive, origin, paths, sources behind the origin, their rule)
OPEN_HOSTING = [
    ("script-src", NPM, ["/npm/jquery@3.7.1/dist/jquery.min.js"], ["/npm/jquery@3.7.1/dist/jquery.min.js"], "path"),
    ("script-src", NPM, ["/npm/a@1.0.0/x.js", "/npm/a@1.0.0/d/y.js"], ["/npm/a@1.0.0/"], "directory"),
    ("script-src", NPM, ["/npm/a@1.0.0/x.js", "/npm/a@1.0.1/x.js"], ["/npm/a@1.0.0/x.js", "/npm/a@1.0.1/x.js"], "path"),
    ("script-src", NPM, ["/npm/a@1/x.js", "/npm/b@1/x.js"], ["/npm/a@1/x.js", "/npm/b@1/x.js"], "path"),
    ("script-src", NPM, ["/npm/a", "/npm/b"], ["/npm/a", "/npm/b"], "path"),
    ("script-src", NPM, ["/combine/npm/a@1,npm/b@1"], ["/combine/npm/a@1%2Cnpm/b@1"], "path"),
    ("worker-src", NPM, ["/npm/a@1/w.js"], ["/npm/a@1/w.js"], "path"),
    ("object-src", NPM, ["/npm/a@1/w.swf"], ["/npm/a@1/w.swf"], "path"),
    ("style-src", NPM, ["/npm/a@1/x.css"], [""], "origin"),
    ("img-src", NPM, ["/npm/a@1/x.png"], [""], "origin"),
    ("manifest-src", NPM, ["/npm/a@1/x.webmanifest"], [""], "origin"),
    ("form-action", "https://pay.herokuapp.com", ["/orders/1/pay"], [""], "origin"),
    ("frame-src", "https://me.github.io", ["/game/"], [""], "origin"),
    ("script-src", "https://me.github.io", ["/site/a.js"], ["/site/a.js"], "path"),
    ("script-src", "https://me.github.io", ["/site/a.js", "/site/b.js"], ["/site/"], "directory"),
    ("script-src", "https://me.github.io", ["/a.js", "/b.js"], ["/a.js", "/b.js"], "path"),
    ("script-src", "https://me.github.io", ["/s/v1.2/a.js", "/s/v1.2/x/b.js"], ["/s/v1.2/"], "directory"),
    ("script-src", "https://s3.amazonaws.com", ["/bucket/a.js", "/bucket/b.js"], ["/bucket/"], "directory"),
    ("script-src", "https://s3.amazonaws.com", ["/mine/a.js", "/yours/a.js"], ["/mine/a.js", "/yours/a.js"], "path"),
    ("script-src", "https://s3.amazonaws.com", ["/a.js", "/b.js"], ["/a.js", "/b.js"], "path"),
    ("script-src", "https://lh3.googleusercontent.com", ["/a/x", "/a/y"], ["/a/x", "/a/y"], "path"),
]


@pytest.mark.parametrize(("directive", "origin", "paths", "sources", "kind"), OPEN_HOSTING)
def test_where_anybody_publishes_code_is_named_by_its_path_or_release(
    directive: str, origin: str, paths: list[str], sources: list[str], kind: str
) -> None:
    assert named(directive, origin, *paths) == [(source, f"open-hosting-{kind}") for source in sources]


def test_a_package_may_be_asked_for_by_its_own_name_beside_its_files() -> None:
    found = named("script-src", "https://esm.sh", "/react@18", "/react@18/a.mjs", "/react@18/b.mjs")
    assert found == [("/react@18", "open-hosting-path"), ("/react@18/", "open-hosting-directory")]


def test_a_file_in_a_directory_that_is_named_needs_no_source_of_its_own() -> None:
    seen = [Seen(f"https://me.github.io{path}") for path in ("/s/a.js", "/s/b.js", "/s/t/c.js")]
    (found,) = narrow("script-src", "https://me.github.io", seen)
    assert found.source == "https://me.github.io/s/"
    assert found.urls == tuple(each.url for each in seen)


@pytest.mark.parametrize(
    ("directive", "origin", "path", "words"),
    [
        ("script-src", NPM, "/npm/a@1.0.0/x.js", ["every package of npm", "integrity"]),
        ("script-src", NPM, "/npm/a/x.js", ["names no release"]),
        ("img-src", NPM, "/npm/a/x.png", ["beware", "every package of npm"]),
        ("script-src", CDN, "/a.js", ["no directory", "would block the next"]),
        ("script-src", CDN, "/lib/a.js", ["directory", "releases"]),
    ],
)
def test_the_reason_says_what_follows_from_the_host(directive: str, origin: str, path: str, words: list[str]) -> None:
    (found,) = narrow(directive, origin, [Seen(f"{origin}{path}")])
    assert [word for word in words if word not in found.reason] == []


def test_a_host_that_serves_packages_by_release_is_taken_for_one_that_anybody_publishes_on() -> None:
    """Whoever mirrors a registry mirrors what attackers put there."""
    paths = ["/npm/vuelite@3.4.2/dist/a.js", "/npm/vuelite@3.4.2/b.js", "/npm/lazyload@17.8.1/a.js", "/latest/m.js"]
    assert [source for source, _ in named("script-src", CDN, *paths)] == [
        "/latest/m.js",
        "/npm/lazyload@17.8.1/a.js",
        "/npm/vuelite@3.4.2/",
    ]
    assert named("style-src", CDN, "/npm/vuelite@3.4.2/a.css") == [("/npm/", "third-party-directory")]
    assert named("script-src", CDN, "/@app/a.js") == [("/@app/", "third-party-directory")]


@pytest.mark.parametrize("asked", [None, *Granularity])
@pytest.mark.parametrize("origin", [CDN, NPM])
def test_one_report_without_a_path_leaves_the_origin_alone(origin: str, asked: Granularity | None) -> None:
    for cut in (Seen(origin), Seen(f"{origin}/lib/b.js", is_cut=True), Seen("https://other.example/b.js"), Seen("x")):
        (found,) = narrow("script-src", origin, [Seen(f"{origin}/lib/a.js"), cut], asked)
        assert (found.source, found.rule) == (origin, "cut-to-origin")
        assert ("asked for" in found.reason) == (asked in {PATH, DIRECTORY})
        assert ("may run in the page" in found.reason) == (origin == NPM)


# (directive, origin, granularity, path, source behind the origin, rule)
ASKED = [
    ("img-src", CDN, PATH, "/a/b.png", "/a/b.png", "asked-path"),
    ("img-src", CDN, DIRECTORY, "/a/b.png", "/a/", "third-party-directory"),
    ("script-src", CDN, ORIGIN, "/a/b.js", "", "asked-origin"),
    ("script-src", CDN, PATH, "/a.js", "/a.js", "asked-path"),
    ("script-src", NPM, ORIGIN, "/npm/a@1/b.js", "", "asked-origin"),
    ("img-src", NPM, PATH, "/npm/a@1/b.png", "/npm/a@1/b.png", "asked-path"),
    ("img-src", NPM, DIRECTORY, "/npm/a@1/b/c.png", "/npm/a@1/", "open-hosting-directory"),
    ("img-src", NPM, DIRECTORY, "/b.png", "/b.png", "open-hosting-path"),
    ("script-src", NPM, DIRECTORY, "/npm/a@1/b.js", "/npm/a@1/", "open-hosting-directory"),
    ("img-src", "https://me.github.io", DIRECTORY, "/a/b.png", "/a/", "third-party-directory"),
    # Placeholders stand for something else in each visitor's browser.
    ("img-src", CDN, PATH, "/u/(e-mail)/b.png", "/u/", "asked-path"),
    ("img-src", CDN, PATH, "/(token)", "", "other-origin"),
    # Firefox reads no path that begins with two slashes, and one slash is every path.
    ("img-src", CDN, PATH, "//a.png", "", "other-origin"),
    ("img-src", CDN, PATH, "/", "", "other-origin"),
]


@pytest.mark.parametrize(("directive", "origin", "granularity", "path", "source", "rule"), ASKED)
def test_what_was_asked_for_is_obeyed_as_far_as_paths_are_known(
    *, directive: str, origin: str, granularity: Granularity, path: str, source: str, rule: str
) -> None:
    assert named(directive, origin, path, asked=granularity) == [(source, rule)]


def test_nothing_seen_is_nothing_named() -> None:
    assert narrow("script-src", CDN, []) == ()


@pytest.mark.parametrize("text", ["img-src=path", " IMG-SRC = Path ", "img-src=PATH"])
def test_a_granularity_is_written_as_a_directive_and_its_kind(text: str) -> None:
    assert parse_granularity(text) == ("img-src", PATH)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("img-src", "write it like  img-src=path"),
        ("", "write it like  img-src=path"),
        ("img-src=", "choose from path, directory, origin"),
        ("img-src=host", "'host' is no granularity"),
        ("script-src-elem=path", "write  script-src=path"),
        ("frame-ancestors=path", "'frame-ancestors' has no granularity"),
        ("img-src=path=path", "'path=path' is no granularity"),
    ],
)
def test_what_is_no_granularity_is_refused_with_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"granularity|printed") as refusal:
        parse_granularity(text)
    assert words in str(refusal.value)


# --- Laws -------------------------------------------------------------------------------------------------------------

DIRECTIVES = st.sampled_from([*sorted(DEFAULT_GRANULARITY), "script-src-elem", "style-src-attr"])
ORIGINS = st.sampled_from(
    [
        *(CDN, "http://cdn.example", "https://cdn.example:8443", "wss://cdn.example", "https://10.0.0.1", NPM),
        *("https://unpkg.com", "https://esm.sh", "https://s3.amazonaws.com", "https://me.github.io"),
        *("https://f002.backblazeb2.com", "https://xn--bcher-kva.example"),
    ]
)
VARYING = st.sampled_from(
    ["3.7.1", "v2", "12", "3f9a1c2b", "550e8400-e29b-41d4-a716-446655440000", "1234567", "de", "pt-BR", "GTM-K4X2B"]
)
SEGMENTS = st.one_of(
    st.sampled_from(
        [
            *("js", "lib", "npm", "gh", "file", "bucket", "jquery@3.7.1", "@scope", "react@18", "a.js", "index", ""),
            *(";", ",", "a;b,c", "%", "%2", "%3b", "%2F", "%25", "%E4", "%C3%A4", "ü", "日本", "'none'", "[x]", "a b"),
            *(".", "..", "%2e%2e", "(token)", "(e-mail)", "*", "'", '"', "\\", "^", "|", "~jane", "tenants", "{NONCE}"),
        ]
    ),
    VARYING,
    st.text(max_size=6),
)
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda segments: "/" + "/".join(segments))
ANY_GRANULARITY = st.sampled_from([None, *Granularity])


@st.composite
def sightings(draw: st.DrawFn) -> tuple[str, list[Seen]]:
    origin = draw(ORIGINS)
    # As the store has them: without query and fragment.
    paths = draw(st.lists(PATHS.filter(lambda path: not set("?#") & set(path)), min_size=1, max_size=6))
    return origin, [Seen(f"{origin}{path}", is_cut=draw(st.integers(0, 9)) == 0) for path in paths]


def admits(source: str, url: str, browser: Browser) -> bool:
    expression, parsed = parse_source_expression(source), parse_url(url)
    assert expression is not None
    return parsed is not None and expression_matches(expression, Candidate(parsed, None, browser=browser))


@given(directive=DIRECTIVES, seen=sightings(), asked=ANY_GRANULARITY)
def test_every_url_seen_is_admitted_in_every_browser_by_the_source_that_claims_it(
    directive: str, seen: tuple[str, list[Seen]], asked: Granularity | None
) -> None:
    origin, urls = seen
    found = narrow(directive, origin, urls, asked)
    assert sorted(itertools.chain.from_iterable(each.urls for each in found)) == sorted({each.url for each in urls})
    for each in found:
        for url in each.urls:
            # Where a placeholder is, each visitor has something else.
            for visited in (url, url.replace("(token)", "x9").replace("(e-mail)", "me%40mail.example")):
                assert [browser for browser in Browser if not admits(each.source, visited, browser)] == []


@given(directive=DIRECTIVES, seen=sightings(), asked=ANY_GRANULARITY)
def test_every_source_is_valid_and_names_the_origin_and_no_query(
    directive: str, seen: tuple[str, list[Seen]], asked: Granularity | None
) -> None:
    origin, urls = seen
    for each in narrow(directive, origin, urls, asked):
        assert is_valid_source_expression(each.source)
        assert each.source == origin or each.source.startswith(f"{origin}/")
        assert "?" not in each.source
        assert each.rule
        assert each.reason


@given(directive=DIRECTIVES, seen=sightings(), asked=ANY_GRANULARITY, random=st.randoms(use_true_random=False))
def test_the_order_of_what_was_seen_changes_nothing(
    directive: str, seen: tuple[str, list[Seen]], asked: Granularity | None, random: object
) -> None:
    origin, urls = seen
    shuffled = [*urls, *urls]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis names no type of it
    assert narrow(directive, origin, shuffled, asked) == narrow(directive, origin, urls, asked)


@given(
    directive=DIRECTIVES,
    before=st.lists(st.sampled_from(["js", "lib", "app"]), max_size=2),
    behind=st.lists(st.sampled_from(["js", "dist", "a"]), max_size=2),
    varying=st.lists(VARYING, min_size=1, max_size=4, unique=True),
    others=st.lists(PATHS.filter(lambda path: not set("?#") & set(path)), max_size=2),
    asked=st.sampled_from([None, DIRECTORY, ORIGIN]),
)
def test_more_that_differs_only_in_what_varies_changes_no_source(
    *,
    directive: str,
    before: list[str],
    behind: list[str],
    varying: list[str],
    others: list[str],
    asked: Granularity | None,
) -> None:
    def sources(names: list[str]) -> list[tuple[str, str, str]]:
        paths = [*("/".join(["", *before, name, *behind, "x.js"]) for name in names), *others]
        found = narrow(directive, CDN, [Seen(f"{CDN}{path}") for path in paths], asked)
        return [(each.source, each.rule, each.reason) for each in found]

    assert sources(varying) == sources(varying[:1])


@given(
    seen=sightings(), directive=st.sampled_from(["script-src", "worker-src"]), asked=st.sampled_from([None, DIRECTORY])
)
def test_no_directory_of_code_is_shared_with_strangers(
    seen: tuple[str, list[Seen]], directive: str, asked: Granularity | None
) -> None:
    """On a shared host a source that matches more than one file matches those of one publisher."""
    origin, urls = seen
    url = parse_url(origin)
    assert url is not None
    hosting = hosting_of(url.host)
    assume(hosting is not None and hosting.is_shared)
    assert hosting is not None
    for each in narrow(directive, origin, urls, asked):
        path = each.source.removeprefix(origin)
        if path.endswith("/") and each.rule == "open-hosting-directory":
            publisher = hosting.tenant_directory(path)
            assert publisher is not None
            assert path.startswith(publisher)


@given(seen=sightings(), directive=DIRECTIVES)
def test_what_was_found_can_be_compared_and_kept(seen: tuple[str, list[Seen]], directive: str) -> None:
    origin, urls = seen
    found = narrow(directive, origin, urls)
    assert len({each.source for each in found}) == len(found)
    assert all(isinstance(hash(each), int) for each in found)
    assert found == tuple(sorted(found, key=_source))


def _source(narrowed: Narrowed) -> str:
    return narrowed.source
