"""Tests of `cspbuild site`: registering sites and turning their keys over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.policybuilder.cli.conftest import Cspbuild


def test_add_creates_the_database_and_shows_both_keys(cspbuild: Cspbuild) -> None:
    ran = cspbuild("site", "add", "shop", "--host", "shop.example", "--host", "*.shop.example", "--format", "json")
    document = ran.json()
    assert (ran.code, ran.err, document["schema"]) == (0, "", "site/1")
    assert {"name", "key", "rehearsal_key", "hosts", "created_at"} <= document.keys()
    assert document["hosts"] == ["shop.example", "*.shop.example"]
    assert len({document["key"], document["rehearsal_key"]}) == 2
    assert Path("data/csp.db").is_file()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("add", "shop"), 0), (("rotate", "default"), 0), (("on", "default"), 0), (("off", "shop"), 2)],
)
def test_a_command_that_creates_the_database_gives_it_the_default_site(
    cspbuild: Cspbuild, arguments: tuple[str, ...], code: int
) -> None:
    assert cspbuild("site", *arguments).code == code
    shown = cspbuild("site", "show", "--format", "json")
    assert (shown.code, shown.json()["name"], shown.json()["live_keys"][0]) == (0, "default", "default")


def test_the_database_of_csp_toml_is_used_unless_flag_or_environment_name_another(cspbuild: Cspbuild) -> None:
    Path("csp.toml").write_text('database_url = "sqlite:///of-the-file.db"\ndata_dir = "of-the-file"\n')
    assert cspbuild("site", "add", "shop").code == 0
    assert cspbuild("site", "add", "shop", CSP_DATABASE_URL="sqlite:///of-the-environment.db").code == 0
    flag = ("--database", "sqlite:///of-the-flag.db")
    assert cspbuild("site", "add", "shop", *flag, CSP_DATABASE_URL="sqlite:///of-the-environment.db").code == 0
    assert sorted(path.stem for path in Path().glob("*.db")) == ["of-the-environment", "of-the-file", "of-the-flag"]
    key = cspbuild("site", "rotate", "shop", "--rehearsal", "--format", "json").json()["rehearsal_key"]
    Path("of-the-file").mkdir()
    Path("of-the-file/rehearsal-key").write_text(key)
    assert f"/report/{key}" in cspbuild("header", "--site", "shop").out


@pytest.mark.usefixtures("database")
def test_a_csp_toml_that_cannot_be_read_is_one_line_and_matters_only_where_it_is_asked(cspbuild: Cspbuild) -> None:
    Path("csp.toml").write_text("database_url =")
    ran = cspbuild("site", "list")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: cannot read csp.toml: ")
    assert ran.err.count("\n") == 1
    assert cspbuild("site", "list", "--database", "sqlite:///data/csp.db").code == 0
    assert cspbuild("site", "list", "--help").code == 0


@pytest.mark.usefixtures("database")
def test_only_commands_that_make_a_rehearsal_key_show_one(cspbuild: Cspbuild) -> None:
    for arguments in (("show", "shop"), ("show", "--site", "shop"), ("rotate", "shop")):
        assert "rehearsal_key" not in cspbuild("site", *arguments, "--format", "json").json()
    rotated = cspbuild("site", "rotate", "shop", "--rehearsal", "--format", "json").json()
    assert len(rotated["rehearsal_key"]) >= 22


@pytest.mark.usefixtures("database")
def test_rotation_keeps_the_old_key_live_until_revoked(cspbuild: Cspbuild) -> None:
    old = cspbuild("site", "show", "shop", "--format", "json").json()["key"]
    rotated = cspbuild("site", "rotate", "shop", "--format", "json").json()
    assert rotated["live_keys"] == [old, rotated["key"]]
    shown = cspbuild("site", "show", "shop").out.splitlines()
    assert [line.split()[-1] for line in shown if "older key, still live" in line] == [old]
    revoked = cspbuild("site", "rotate", "shop", "--revoke-old", "--format", "json").json()
    assert revoked["live_keys"] == [rotated["key"]]


@pytest.mark.usefixtures("database")
def test_sites_are_listed_with_their_hosts(cspbuild: Cspbuild) -> None:
    document = cspbuild("site", "list", "--format", "json").json()
    assert document["schema"] == "site/1"
    assert [(site["name"], site["hosts"]) for site in document["sites"]] == [
        ("default", []),
        ("shop", ["shop.example"]),
    ]
    lines = cspbuild("site", "list").out.splitlines()
    assert any("default" in line and "any" in line for line in lines)


@pytest.mark.usefixtures("database")
def test_people_are_told_to_keep_a_rehearsal_key_to_themselves(cspbuild: Cspbuild) -> None:
    ran = cspbuild("site", "rotate", "shop", "--rehearsal")
    assert "rehearsal key" in ran.out
    assert "keep the rehearsal key to yourself" in ran.err
    assert "rehearsal" not in cspbuild("site", "show", "shop").out


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("output_format", ["text", "json"])
def test_a_rehearsal_key_that_is_kept_in_the_file_is_replaced_there_too(cspbuild: Cspbuild, output_format: str) -> None:
    kept = Path("data/rehearsal-key")
    kept.write_text(cspbuild("site", "rotate", "shop", "--rehearsal", "--format", "json").json()["rehearsal_key"])
    ran = cspbuild("site", "rotate", "shop", "--rehearsal", "--format", output_format)
    assert kept.read_text().strip() in ran.out
    assert "data/rehearsal-key held the old rehearsal key, and now holds the new one\n" in ran.err
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("arguments", [("default", "--rehearsal"), ("shop",), ("shop", "--revoke-old")])
def test_rotation_of_other_keys_leaves_the_file_alone(cspbuild: Cspbuild, arguments: tuple[str, ...]) -> None:
    key = cspbuild("site", "rotate", "shop", "--rehearsal", "--format", "json").json()["rehearsal_key"]
    Path("data/rehearsal-key").write_text(key)
    ran = cspbuild("site", "rotate", *arguments)
    assert (ran.code, Path("data/rehearsal-key").read_text()) == (0, key)
    assert "data/rehearsal-key" not in ran.err


@pytest.mark.usefixtures("database")
def test_off_says_how_to_switch_on_again(cspbuild: Cspbuild) -> None:
    off = cspbuild("site", "off", "shop")
    assert (off.code, off.out, off.err) == (0, "", "shop is off; back on with  cspbuild site on shop\n")
    assert "shop (switched off: its keys answer 404)" in cspbuild("site", "show", "shop").out
    listed = cspbuild("site", "list", "--format", "json").json()["sites"]
    assert {site["name"]: site["active"] for site in listed} == {"default": True, "shop": False}
    assert cspbuild("site", "on", "shop").err == "shop is on\n"
    assert "switched off" not in cspbuild("site", "show", "shop").out


@pytest.mark.usefixtures("database")
def test_header_for_the_public_carries_the_public_key_and_a_share(cspbuild: Cspbuild) -> None:
    key = cspbuild("site", "show", "shop", "--format", "json").json()["key"]
    ran = cspbuild("header", "--site", "shop", "--base-url", "https://csp.example/", "--format", "json")
    document = ran.json()
    assert (ran.code, document["schema"], document["stage"]) == (0, "header/1", "observe")
    names = [name for name, _ in document["headers"]]
    assert names == ["Content-Security-Policy-Report-Only"] * 2 + ["Reporting-Endpoints"]
    first, second, endpoints = (value for _, value in document["headers"])
    assert first.endswith(f"; report-uri https://csp.example/report/{key}?r=0.01")
    assert "report-to" not in first
    assert "'report-sha256'" in second
    assert "report-uri" not in second
    assert f"https://csp.example/report/{key}?r=0.01" in endpoints
    assert "send them on 1 % of page views, as the report URL says (r=0.01)" in ran.err


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "arguments", [("--rehearsal-key",), ("--base-url", "https://staging.example", "--rehearsal-key")]
)
def test_header_with_the_rehearsal_key_is_for_every_visit_of_ones_own(
    cspbuild: Cspbuild, arguments: tuple[str, ...]
) -> None:
    key = cspbuild("site", "rotate", "shop", "--rehearsal", "--format", "json").json()["rehearsal_key"]
    ran = cspbuild("header", "--site", "shop", *arguments, key, "--format", "json")
    assert f"/report/{key}" in json.dumps(ran.json())
    assert "?r=" not in ran.out
    assert "never for the public" in ran.err


@pytest.mark.usefixtures("database")
def test_header_on_this_machine_uses_the_kept_rehearsal_key_of_its_own_site_only(cspbuild: Cspbuild) -> None:
    key = cspbuild("site", "rotate", "shop", "--rehearsal", "--format", "json").json()["rehearsal_key"]
    Path("data/rehearsal-key").write_text(key)
    assert f"/report/{key}" in cspbuild("header", "--site", "shop").out
    assert f"/report/{key}" not in cspbuild("header").out
    assert f"/report/{key}" not in cspbuild("header", "--site", "shop", "--base-url", "https://csp.example").out


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("trial", "Content-Security-Policy-Report-Only"),
        ("probe", "Content-Security-Policy-Report-Only"),
        ("enforce", "Content-Security-Policy"),
    ],
)
def test_header_of_a_later_stage_sends_the_policy_given(cspbuild: Cspbuild, stage: str, name: str) -> None:
    arguments = ("header", "--stage", stage, "--policy", "img-src 'self'; report-uri /old", "--sample", "100%")
    assert cspbuild(*arguments, "--format", "json").json()["headers"] == [
        [name, "img-src 'self'; report-uri http://127.0.0.1:8000/report/default"]
    ]


@pytest.mark.usefixtures("database")
def test_header_takes_a_preset(cspbuild: Cspbuild) -> None:
    ran = cspbuild("header", "--policy", "preset:strict", "--format", "header")
    assert "'nonce-{NONCE}' 'strict-dynamic'" in ran.out


@pytest.mark.usefixtures("database")
def test_set_changes_what_it_names_and_show_tells_all(cspbuild: Cspbuild) -> None:
    ran = cspbuild(
        *("site", "set", "shop", "--add-host", "www.shop.example", "--alias", "staging.example=www.shop.example"),
        *("--retention-days", "90", "--new-groups-per-hour", "40", "--reports-per-second", "0", "--format", "json"),
    )
    document = ran.json()
    assert (ran.code, ran.err, document["schema"]) == (0, "", "site/1")
    assert document["hosts"] == ["shop.example", "www.shop.example"]
    assert document["aliases"] == {"staging.example": "www.shop.example"}
    numbers = ("retention_days", "new_groups_per_hour", "reports_per_second")
    assert [document[name] for name in numbers] == [90, 40, 0]
    assert cspbuild("site", "show", "shop", "--format", "json").json() == document
    shown = " ".join(cspbuild("site", "show", "shop").out.split())
    for text in (
        "staging.example stands for www.shop.example",
        "kept for 90 days",
        "new groups an hour 40",
        "reports a second any",
    ):
        assert text in shown
    back = cspbuild("site", "set", "shop", "--reports-per-second", "default", "--format", "json").json()
    assert (back["reports_per_second"], back["new_groups_per_hour"]) == (None, 40)
    kept = cspbuild("site", "set", "shop", "--retention-days", "default", "--format", "json").json()
    assert kept["retention_days"] == 400


@pytest.mark.usefixtures("database")
def test_nothing_to_change_names_the_help_once(cspbuild: Cspbuild) -> None:
    assert cspbuild("site", "set", "shop").err.count("see") == 1


def test_a_site_can_be_added_with_an_alias(cspbuild: Cspbuild) -> None:
    ran = cspbuild("site", "add", "shop", "--alias", "staging.example=shop.example", "--format", "json")
    assert (ran.code, ran.json()["aliases"]) == (0, {"staging.example": "shop.example"})


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to change; see"),
        (("--host", "a.example", "--add-host", "b.example"), "take one"),
        (("--any-host", "--remove-host", "shop.example"), "take one"),
        (("--alias", "staging.example"), "is no alias; write staging"),
        (("--retention-days", "0"), "--retention-days 0 is out of range"),
        (("--retention-days", "many"), "neither a number nor the word default"),
        (("--reports-per-second", "1.5"), "neither a number nor the word default"),
        (("--remove-host", "shop.example"), "pass --any-host"),
    ],
)
def test_a_change_that_cannot_be_is_one_line_and_changes_nothing(
    cspbuild: Cspbuild, arguments: tuple[str, ...], says: str
) -> None:
    before = cspbuild("site", "show", "shop", "--format", "json").json()
    ran = cspbuild("site", "set", "shop", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert cspbuild("site", "show", "shop", "--format", "json").json() == before


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--add-host", "www.shop.example"), "old evidence: csp-collector reclassify --site shop\n"),
        (
            ("--alias", "staging.example=shop.example"),
            "old evidence: csp-collector reclassify --site shop  (aliases count from now on)\n",
        ),
        (("--add-host", "shop.example"), ""),
        (("--retention-days", "30"), ""),
    ],
)
def test_new_hosts_say_how_old_evidence_comes_to_them(cspbuild: Cspbuild, options: tuple[str, ...], says: str) -> None:
    ran = cspbuild("site", "set", "shop", *options)
    assert (ran.code, ran.err) == (0, says)


@pytest.mark.usefixtures("database")
def test_the_list_says_what_is_off_and_keeps_keys_in_one_piece(cspbuild: Cspbuild) -> None:
    cspbuild("site", "add", "a-shop-of-a-long-name", "--host", "www.a-shop-of-a-long-name.example")
    assert "off" not in cspbuild("site", "list").out
    cspbuild("site", "off", "shop")
    shown = cspbuild("site", "list", COLUMNS="80").out
    assert "(switched off)" in shown
    assert max(map(len, shown.splitlines())) <= 80
    for site in cspbuild("site", "list", "--format", "json").json()["sites"]:
        assert site["key"] in shown
