"""`cspbuild site`: sites, their document hosts, and the keys in their report URLs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from policybuilder.cli.options import database_option, format_option
from policybuilder.cli.output import console, count, hint, plural, print_json, table
from policybuilder.cli.site_evidence import erase, export
from policybuilder.documents.sites import site_document
from policybuilder.program import typed
from policybuilder.rehearsal import read_rehearsal_key, rehearsal_key_path, write_rehearsal_key
from policybuilder.store.engine import open_for_reading
from policybuilder.store.site_settings import Default, Limit, SiteChanges, change_site
from policybuilder.store.sites import (
    Site,
    add_site,
    get_site,
    has_rehearsal_key,
    list_sites,
    open_sites,
    parse_alias,
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
@click.option("--alias", "aliases", metavar="A=H", multiple=True, help="Host A, such as staging's, stands for host H.")
@database_option
@format_option()
def add(name: str, hosts: tuple[str, ...], aliases: tuple[str, ...], database: str, output_format: str) -> None:
    """Register a site. Without --host its reports may come from pages on any host."""
    parsed = [parse_alias(alias) for alias in aliases]
    engine = open_sites(database, datetime.now(UTC))
    _show(add_site(engine, name, hosts, datetime.now(UTC), aliases=parsed), output_format)


class _LimitType(click.ParamType[int | Default]):
    """A number, or the word for what the collector does without one."""

    name = "N"

    def convert(self, value: object, _param: click.Parameter | None, _ctx: click.Context | None) -> int | Default:
        if isinstance(value, (int, Default)):
            return value
        if str(value).strip() == Default.DEFAULT.value:
            return Default.DEFAULT
        try:
            return int(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a number nor the word default")


@command.command("set")
@click.argument("name")
@click.option("--host", "hosts", metavar="H", multiple=True, help="The document hosts, in place of those there are.")
@click.option("--any-host", is_flag=True, help="Accept reports from pages on any host.")
@click.option("--add-host", "added_hosts", metavar="H", multiple=True, help="One document host more.")
@click.option("--remove-host", "removed_hosts", metavar="H", multiple=True, help="One document host less.")
@click.option("--alias", "aliases", metavar="A=H", multiple=True, help="Host A, such as staging's, stands for host H.")
@click.option("--remove-alias", "removed_aliases", metavar="A", multiple=True, help="Host A stands for itself again.")
@click.option(
    "--retention-days",
    type=_LimitType(),
    metavar="N",
    help="Days that groups and daily counts are kept; the word default for 400.",
)
@click.option(
    "--new-groups-per-hour",
    type=_LimitType(),
    metavar="N",
    help="What strangers may report for the first time in an hour; the word default for the usual.",
)
@click.option(
    "--reports-per-second",
    type=_LimitType(),
    metavar="N",
    help="The site's own rate limit; 0 for none, the word default for the collector's.",
)
@database_option
@format_option()
def set_(
    name: str,
    *,
    hosts: tuple[str, ...],
    any_host: bool,
    added_hosts: tuple[str, ...],
    removed_hosts: tuple[str, ...],
    aliases: tuple[str, ...],
    removed_aliases: tuple[str, ...],
    retention_days: Limit,
    new_groups_per_hour: Limit,
    reports_per_second: Limit,
    database: str,
    output_format: str,
) -> None:
    """Change a site: its hosts, aliases, budgets, and how long its evidence is kept.

    Reports that come in from now on are read by it, within five seconds; those that are counted stay as they are.
    """
    if bool(hosts) + any_host + bool(added_hosts or removed_hosts) > 1:
        raise click.UsageError("--host, --any-host, and --add-host with --remove-host are three ways; take one")
    changes = SiteChanges(
        hosts=hosts,
        accepts_any_host=any_host,
        added_hosts=added_hosts,
        removed_hosts=removed_hosts,
        aliases=tuple(parse_alias(alias) for alias in aliases),
        removed_aliases=removed_aliases,
        retention_days=retention_days,
        new_groups_per_hour=new_groups_per_hour,
        reports_per_second=reports_per_second,
    )
    if changes == SiteChanges():
        raise click.UsageError("nothing to change")
    engine = open_sites(database, datetime.now(UTC))
    before = get_site(engine, name)
    after = change_site(engine, name, changes)
    _show(after, output_format)
    if output_format == "text" and (before.hosts, before.aliases) != (after.hosts, after.aliases):
        again = f"{typed('csp-collector')} reclassify --site {name}"
        hint(f"old evidence: {again}" + ("  (aliases count from now on)" if before.aliases != after.aliases else ""))


@command.command("list")
@database_option
@format_option()
def list_(database: str, output_format: str) -> None:
    """The sites there are."""
    sites = list_sites(open_for_reading(database))
    if output_format == "json":
        print_json("site", {"sites": [site_document(site) for site in sites]})
        return
    rows = [
        (
            site.name if site.is_active else (site.name, "(switched off)"),
            site.key,
            ", ".join(site.hosts) or "any",
            isoformat(site.created_at),
        )
        for site in sites
    ]
    console().print(table("", ("site", "key", "document hosts", "since"), rows, whole=["key"]))


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
    """A new public key beside the old ones, which stay live until --revoke-old.

    A collector that runs refuses a revoked public key within five seconds, and a rehearsal key at once.
    """
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
    """Switch a site off: its keys answer 404, the public ones within five seconds; its evidence stays."""
    set_site_active(open_sites(database, datetime.now(UTC)), name, active=False)
    hint(f"{name} is off; back on with  {typed('cspbuild')} site on {name}")


@command.command("on")
@click.argument("name")
@database_option
def on(name: str, database: str) -> None:
    """Switch a site on again."""
    set_site_active(open_sites(database, datetime.now(UTC)), name, active=True)
    hint(f"{name} is on")


command.add_command(erase)
command.add_command(export)


def _show(site: Site, output_format: str) -> None:
    if output_format == "json":
        print_json("site", site_document(site))
        return
    rows = [
        ("site", site.name if site.is_active else f"{site.name} (switched off: its keys answer 404)"),
        ("key", site.key or "(none: revoked)"),
        *(("older key, still live", key) for key in site.live_keys[:-1]),
        ("document hosts", ", ".join(site.hosts) or "any"),
        *(("alias", f"{alias.alias} stands for {alias.host}") for alias in site.aliases),
        ("since", isoformat(site.created_at)),
        ("kept for", plural(site.retention_days, "day")),
        ("new groups an hour", _shown_limit(site.new_groups_per_hour)),
        ("reports a second", _shown_limit(site.reports_per_second, none_at_zero=True)),
    ]
    if site.rehearsal_key:
        rows.append(("rehearsal key", site.rehearsal_key))
    console().print(table("", ("", ""), rows))
    if site.rehearsal_key:
        hint("keep the rehearsal key to yourself: what arrives there is trusted, and it is not shown again")


def _shown_limit(limit: int | None, *, none_at_zero: bool = False) -> str:
    if limit is None:
        return "the default"
    return "any" if none_at_zero and limit == 0 else count(limit)
