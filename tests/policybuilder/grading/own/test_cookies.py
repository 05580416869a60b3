"""What strangers on the way, scripts and other sites get of a site's cookies."""

from __future__ import annotations

from typing import Any

import pytest

from policybuilder.grading.material import SentCookie
from policybuilder.grading.own.cookies import is_session_like
from policybuilder.grading.own.set_cookie import Cookie, read_cookie
from tests.support.judgements import graded, judgements, results

SESSION = "session=0123456789abcdef"


def all_results(*cookies: str, **known: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in graded([("Set-Cookie", text) for text in cookies], **known).tests:
        if each.name.startswith("cookie-"):
            found.setdefault(each.name.removeprefix("cookie-"), []).append(each.result)
    return found


SESSION_LIKE = [
    *("sessionid", "PHPSESSID", "JSESSIONID", "ASP.NET_SessionId", "connect.sid", "laravel_session", "auth_token"),
    *("wordpress_logged_in_0123", "__Host-session", "user_session", "rememberMe", "accessToken", "jwt", "_gh_sess"),
    *("ASPSESSIONIDABCD", "SID", "sso-ticket", "login"),
]
NOT_SESSION_LIKE = [
    *("csrftoken", "XSRF-TOKEN", "__RequestVerificationToken", "heroku-session-affinity", "_ga", "theme", "consent"),
    *("assessment", "inside", "author", "visitor_id", "AWSALB", "__cf_bm", "possess"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [*((name, True) for name in SESSION_LIKE), *((name, False) for name in NOT_SESSION_LIKE)],
)
def test_sessions_are_told_by_their_names(name: str, expected: bool) -> None:  # noqa: FBT001  (a table's column)
    read = read_cookie(f"{name}=0123456789abcdef; Secure; HttpOnly; Path=/", "https://shop.example/")
    assert isinstance(read, Cookie)
    assert is_session_like(read) is expected


def test_a_yes_or_no_is_no_session() -> None:
    assert "same-site" not in all_results("logged_in=no; Secure")


# Each row: cookies, results by test.
CASES: list[tuple[tuple[str, ...], dict[str, list[str]]]] = [
    ((), {}),
    (
        (f"{SESSION}; Secure; HttpOnly; SameSite=Lax",),
        {"secure": ["secure"], "http-only": ["hidden"], "same-site": ["same-site"]},
    ),
    (
        (SESSION,),
        {"secure": ["insecure-session"], "http-only": ["readable-session"], "same-site": ["unsaid"]},
    ),
    (
        (f"{SESSION}; Secure; HttpOnly; SameSite=None", "theme=dark"),
        {"secure": ["insecure"], "http-only": ["hidden"], "same-site": ["cross-site"]},
    ),
    (("theme=dark; Secure",), {"secure": ["secure"]}),
    (
        (f"{SESSION}; Secure; HttpOnly; SameSite=Lax; Domain=shop.example",),
        {"secure": ["secure"], "http-only": ["hidden"], "same-site": ["same-site"], "scope": ["whole-domain"]},
    ),
    (
        (f"{SESSION}; Secure; HttpOnly; SameSite=Lax; Max-Age=315360000",),
        {"secure": ["secure"], "http-only": ["hidden"], "same-site": ["same-site"], "lifetime": ["too-long"]},
    ),
    ((f"__Host-{SESSION}",), {"refused": ["dropped"]}),
    (("session=; Max-Age=0",), {}),
    (("session=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT",), {}),
]


@pytest.mark.parametrize(("cookies", "expected"), CASES)
def test_what_is_said_of_cookies(cookies: tuple[str, ...], expected: dict[str, list[str]]) -> None:
    assert all_results(*cookies) == expected


def test_on_this_machine_nobody_listens() -> None:
    assert "secure" not in all_results(SESSION, url="http://localhost:8000/")


def test_many_cookies_with_one_fault_are_one_judgement() -> None:
    [found] = judgements("cookie-secure", [("Set-Cookie", f"session{i}=0123456789") for i in range(40)])
    assert "session0, session1, session2 and 37 more" in found.message


def test_a_secret_stands_in_no_judgement() -> None:
    tests = graded([("Set-Cookie", "session=s3cr3t-0123456789"), ("Set-Cookie", "__Host-sid=s3cr3t")]).tests
    assert all("s3cr3t" not in f"{each.value}{each.message}{each.fix}" for each in tests)


def test_a_cookie_of_another_answer_counts_too() -> None:
    sent = (SentCookie(url="https://shop.example/robots.txt", text=SESSION),)
    assert results("cookie-secure", cookies=sent) == ["insecure-session"]
