"""What the options of fetching commands mean, in a command that prints the page."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from policybuilder.cli.failures import run
from policybuilder.cli.fetching_options import fetching_options, read_page_url
from policybuilder.scanner.fetching import Fetcher
from tests.support.loopback import Request, Response, make_certificate, serve


@click.command()
@click.argument("url")
@fetching_options
def show(url: str, fetcher: Fetcher) -> None:
    """Print a page."""
    click.echo(fetcher.fetch(url).body)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str, str]:
    with pytest.raises(SystemExit) as ended:
        run(show, "show", arguments)
    return ended.value.code, *capsys.readouterr()


def test_the_options_lead_to_a_page_on_this_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def answer(request: Request) -> Response:
        return Response(200, (), f"for {request.header('host')}".encode())

    with serve(answer, certificate=make_certificate(tmp_path)) as port:
        detours = ("--connect-to", "a.example:443:127.0.0.1:1", "--connect-to", f"::127.0.0.1:{port}")
        assert shown(capsys, "https://shop.example/", *detours, "--insecure", "--allow-private") == (
            0,
            "for shop.example\n",
            "",
        )
        code, out, err = shown(capsys, "https://shop.example/", *detours, "-k")
        assert (code, out) == (2, "")
        assert err.startswith(
            "error: 127.0.0.1, where --connect-to leads from shop.example, is a loopback address; add"
        )
        code, out, err = shown(capsys, "https://shop.example/", *detours, "--allow-private")
        assert (code, out) == (3, "")
        assert "add --insecure" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("http://shop.example/", "--connect-to", "nonsense"),
            2,
            "no --connect-to: 'nonsense'; give HOST:PORT:HOST:PORT",
        ),
        (("shop.example",), 2, "no URL: shop.example; give all of it, such as https://shop.example/"),
        (("http://127.0.0.1:1/", "--allow-private"), 3, "127.0.0.1:1 refuses connections; is a web server running"),
    ],
)
def test_what_goes_wrong_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended, out, err = shown(capsys, *arguments)
    assert (ended, out) == (code, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shop.example/a", "https://shop.example/a"),
        ("http://shop.example", "http://shop.example"),
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1/x", "http://127.0.0.1/x"),
        ("[::1]:80", "http://[::1]:80"),
        ("10.0.0.1", "https://10.0.0.1"),
        ("\x1b", "https://\x1b"),
    ],
)
def test_a_page_may_be_typed_as_in_a_browser(typed: str, meant: str) -> None:
    assert read_page_url(typed) == meant
