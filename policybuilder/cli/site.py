"""`cspbuild site`: sites, their document hosts, and the keys in their report URLs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from policybuilder.cli.options import database_option, format_option
from policybuilder.cli.output import console, hint, print_json, table
from policybuilder.program import typed
from policybuilder.rehearsal import read_rehearsal_key, rehearsal_key_path, write_rehearsal_key
from policybuilder.store.engine import open_for_reading
from policybuilder.store.sites import (
    Site,
    add_site,
    get_site,
    has_rehearsal_key,
    list_sites,
    open_sites,
    rotate_site,
    set_site_active,
)
from policybuilder.times import isoformat


@click.group()
def command() -> None:
    """Sites, their document hosts, and the keys in their report URLs."""


@command.command("add")
@click.argument("name")
@click.option("--host", "hosts", metavar="H", multiple=True, help="A host whose pages may report; *.example.com too.")
@database_option
@format_option()
def add(name: str, hosts: tuple[str, ...], database: str, output_format: str) -> None:
    """Register a site. Without --host its reports may come from pages on any host."""
    _show(add_site(open_sites(database, datetime.now(UTC)), name, hosts, datetime.now(UTC)), output_format)


@command.command("list")
@database_option
@format_option()
def list_(database: str, output_format: str) -> None:
    """The sites there are."""
    sites = list_sites(open_for_reading(database))
    if output_format == "json":
        print_json("site", {"sites": [_document(site) for site in sites]})
        return
    rows = [(site.name, site.key, ", ".join(site.hosts) or "any", isoformat(site.created_at)) for site in sites]
    console().print(table("", ("site", "key", "document hosts", "since"), rows))


@command.command("show")
@click.argument("name", required=False)
@click.option(
    "--site", metavar="NAME", default="default", show_default=True, help="The same, as other commands say it."
)
@database_option
@format_option()
def show(name: str | None, site: str, database: str, output_format: str) -> None:
    """One site."""
    _show(get_site(open_for_reading(database), name or site), output_format)


@command.command("rotate")
@click.argument("name")
@click.option("--rehearsal", is_flag=True, help="A new rehearsal key; all old ones stop counting at once.")
@click.option("--revoke-old", is_flag=True, help="Revoke every public key but the newest; a lone one is replaced.")
@database_option
@format_option()
def rotate(name: str, database: str, output_format: str, *, rehearsal: bool, revoke_old: bool) -> None:
    """A new public key beside the old ones, which stay live until --revoke-old."""
    if rehearsal and revoke_old:
        raise click.UsageError("--revoke-old is about public keys; --rehearsal alone revokes the old rehearsal keys")
    engine = open_sites(database, datetime.now(UTC))
    kept = read_rehearsal_key()
    is_kept = kept is not None and has_rehearsal_key(engine, name, kept)
    site = rotate_site(engine, name, rehearsal=rehearsal, revoke_old=revoke_old, now=datetime.now(UTC))
    # Shown before the file is written: a new key that is seen nowhere is lost.
    _show(site, output_format)
    if is_kept and site.rehearsal_key:
        write_rehearsal_key(site.rehearsal_key)
        hint(f"{rehearsal_key_path()} held the old rehearsal key, and now holds the new one")


@command.command("off")
@click.argument("name")
@database_option
def off(name: str, database: str) -> None:
    """Switch a site off: its keys answer 404, its evidence stays."""
    set_site_active(open_sites(database, datetime.now(UTC)), name, active=False)
    hint(f"{name} is off; back on with  {typed('cspbuild')} site on {name}")


@command.command("on")
@click.argument("name")
@database_option
def on(name: str, database: str) -> None:
    """Switch a site on again."""
    set_site_active(open_sites(database, datetime.now(UTC)), name, active=True)
    hint(f"{name} is on")


def _show(site: Site, output_format: str) -> None:
    if output_format == "json":
        print_json("site", _document(site))
        return
    rows = [
        ("site", site.name),
        ("key", site.key or "(none: revoked)"),
        *(("older key, still live", key) for key in site.live_keys[:-1]),
        ("document hosts", ", ".join(site.hosts) or "any"),
        ("since", isoformat(site.created_at)),
    ]
    if site.rehearsal_key:
        rows.append(("rehearsal key", site.rehearsal_key))
    console().print(table("", ("", ""), rows))
    if site.rehearsal_key:
        hint("keep the rehearsal key to yourself: what arrives there is trusted, and it is not shown again")


def _document(site: Site) -> dict[str, object]:
    document: dict[str, object] = {
        "name": site.name,
        "key": site.key,
        "hosts": list(site.hosts),
        "created_at": isoformat(site.created_at),
        "live_keys": list(site.live_keys),
    }
    if site.rehearsal_key:
        document["rehearsal_key"] = site.rehearsal_key
    return document
