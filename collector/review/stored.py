"""The review service on the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from policybuilder.program import site_flag, typed
from policybuilder.stages import Stage, headers_for
from policybuilder.store.engine import describe_failure
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import DEFAULT_SITE, get_site, list_sites
from policybuilder.store.summarizing import read_summary
from policybuilder.summary import Summary, SummaryBy
from policybuilder.times import Window


class StoredReview:
    """What the review pages show, read when asked for."""

    def __init__(self, engine: Engine, base_url: str, key_of: Callable[[str], str | None]) -> None:
        """`key_of` gives the rehearsal key to show for a site, or None where the public one is to be sent."""
        self._engine = engine
        self._base_url = base_url
        self._key_of = key_of

    def sites(self) -> Sequence[str]:
        """Names of all sites, the default one first."""
        try:
            names = [site.name for site in list_sites(self._engine)]
        except SQLAlchemyError as error:
            raise describe_failure(error) from None
        return sorted(names, key=lambda name: (name != DEFAULT_SITE, name))

    def summary(self, site: str, *, by: SummaryBy, include_noise: bool) -> Summary:
        """All the evidence there is, as of now."""
        try:
            get_site(self._engine, site)
            with snapshot(self._engine) as connection:
                window = Window(None, datetime.now(UTC))
                return read_summary(connection, site, window, by=by, include_noise=include_noise)
        except SQLAlchemyError as error:
            raise describe_failure(error) from None

    def header_lines(self, site: str) -> Sequence[str]:
        """The observe headers of the site."""
        key = self._key_of(site) or get_site(self._engine, site).key
        return observe_lines(f"{self._base_url}/report/{key}")

    def next_command(self, site: str) -> str:
        """What follows looking: a policy."""
        return f"{typed('cspbuild')} suggest{site_flag(site)}"

    def snippet_command(self, site: str) -> str:
        """The observe headers for nginx, as an example of the formats there are."""
        return f"{typed('cspbuild')} header{site_flag(site)} --base-url {self._base_url} --format nginx"


def observe_lines(report_url: str) -> list[str]:
    """The header lines of the observe stage."""
    return [f"{header.name}: {header.value}" for header in headers_for(Stage.OBSERVE, report_url=report_url)]
