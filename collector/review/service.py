"""The review service: what the pages need to know, from whoever knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from policybuilder.summary import Summary, SummaryBy


class ReviewService(Protocol):
    """Reads for the review pages. Every method may wait for a database; pages call them in threads.

    A `CspbuildError` becomes a page saying its sentence.
    """

    def sites(self) -> Sequence[str]:
        """Names of all sites, in the order to show them; the first is shown when none is asked for."""
        ...

    def summary(self, site: str, *, by: SummaryBy, include_noise: bool) -> Summary:
        """What the browsers of `site` reported."""
        ...

    def header_lines(self, site: str) -> Sequence[str]:
        """The header lines to send from `site` now, each as `Name: value`."""
        ...

    def next_command(self, site: str) -> str:
        """The command to type next for `site`."""
        ...

    def snippet_command(self, site: str) -> str:
        """The command that prints the same headers as the lines of a server's configuration."""
        ...
