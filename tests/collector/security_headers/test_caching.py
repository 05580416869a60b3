from __future__ import annotations

import pytest

from collector.security_headers import NoStoreMiddleware
from tests.collector.security_headers.exchange import Exchange, answering, make_scope

# (path, prefixes, no-store?)
NO_STORE_CASES: list[tuple[str, list[str] | None, bool]] = [
    ("/anything", None, True),
    ("/", ["/"], True),
    ("/anything", ["/"], True),
    ("/account", ["/account"], True),
    ("/account/keys", ["/account/"], True),
    ("/account", ["/account/"], True),
    ("/accounting", ["/account"], False),
    ("/Account", ["/account"], False),
    ("/", ["/account"], False),
    ("/anything", [], False),
    ("/b/x", ["/a", "/b"], True),
]


@pytest.mark.parametrize(("path", "prefixes", "added"), NO_STORE_CASES)
def test_no_store_covers_whole_segments(path: str, prefixes: list[str] | None, *, added: bool) -> None:
    exchange = Exchange(NoStoreMiddleware(answering(), paths=prefixes), make_scope(path))
    assert exchange.get("cache-control") == ("no-store" if added else None)


def test_prefixes_are_below_the_mount_point() -> None:
    app = NoStoreMiddleware(answering(), paths=["/account"])
    assert Exchange(app, make_scope("/csp/account", root_path="/csp")).get("cache-control") == "no-store"
    assert Exchange(app, make_scope("/csp/other", root_path="/csp")).get("cache-control") is None


def test_no_store_leaves_an_answer_that_knows_better() -> None:
    app = NoStoreMiddleware(answering([("Cache-Control", "max-age=60")]))
    assert [value for _, value in Exchange(app, make_scope()).sent[0]["headers"]] == [b"max-age=60"]


def test_a_prefix_must_be_a_path() -> None:
    with pytest.raises(ValueError, match="'account'"):
        NoStoreMiddleware(answering(), paths=["account"])


# (path, exempt, no-store?)
EXEMPT_CASES = [
    ("/static/a.css", ["/static"], False),
    ("/statically", ["/static"], True),
    ("/static/../account", ["/static"], True),
    ("//static/a.css", ["/static"], True),
    ("/account/../static/a.css", ["/static"], True),
    ("/static//a.css", ["/static"], False),
    ("/anything", ["/"], False),
]


@pytest.mark.parametrize(("path", "exempt", "added"), EXEMPT_CASES)
def test_a_path_is_exempt_only_however_it_is_read(path: str, exempt: list[str], *, added: bool) -> None:
    exchange = Exchange(NoStoreMiddleware(answering(), exempt=exempt), make_scope(path))
    assert exchange.get("cache-control") == ("no-store" if added else None)


@pytest.mark.parametrize("path", ["//account", "/./account/keys", "/x/../account", "\\account", "/account/../x"])
def test_a_path_that_may_be_an_account_is_not_stored(path: str) -> None:
    exchange = Exchange(NoStoreMiddleware(answering(), paths=["/account"]), make_scope(path))
    assert exchange.get("cache-control") == "no-store"


def test_everything_is_what_no_prefix_could_name() -> None:
    assert (
        Exchange(NoStoreMiddleware(answering()), make_scope("*", method="OPTIONS")).get("cache-control") == "no-store"
    )
