"""History: what a site served, one policy after the other, and what each changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice

from policybuilder.csp import Relation, diff
from policybuilder.deployments import Deployment, ServedStage, is_same_policy
from policybuilder.differences import ToldChange, told_changes
from policybuilder.noticing import NoticedDeployment

Served = Deployment | NoticedDeployment
"""A policy that the site served, as a person recorded it or as reports say."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a policy admits more and less than the one before it."""

    relation: Relation
    changes: tuple[ToldChange, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A policy of the history. What it has to do with the others is found out when it is asked for."""

    _story: Sequence[Served]
    """Oldest first."""

    _place: int

    @property
    def served(self) -> Served:
        return self._story[self._place]

    @property
    def is_recorded(self) -> bool:
        return isinstance(self.served, Deployment)

    @property
    def before(self) -> Served | None:
        """The one before it of the same stage."""
        return next((each for each in self._earlier() if each.stage is self.served.stage), None)

    @property
    def until_at(self) -> datetime | None:
        """When the next one of its stage began; None for the last one."""
        later = islice(self._story, self._place + 1, None)
        return next((each.since_at for each in later if each.stage is self.served.stage), None)

    @property
    def changed(self) -> Changed | None:
        """What it changed against the one before it; None where it is the first of its stage."""
        before = self.before
        return None if before is None else _changed(before.policy, self.served.policy)

    @property
    def tried(self) -> Served | None:
        """Of an enforced policy, the same one where it was served report-only before."""
        if self.served.stage is not ServedStage.ENFORCE or not self.served.policy:
            return None
        tried = (each for each in self._earlier() if each.stage is ServedStage.REPORT_ONLY and each.policy)
        return next((each for each in tried if is_same_policy(each.policy, self.served.policy)), None)

    def _earlier(self) -> Iterator[Served]:
        """What was served before it, at whatever stage, newest first."""
        return (self._story[place] for place in range(self._place - 1, -1, -1))


@lru_cache(maxsize=128)
def _changed(before: str, after: str) -> Changed:
    """Kept, as the past does not change: of policies with hundreds of sources each comparison takes a second."""
    difference = diff(before, after)
    return Changed(difference.relation, tuple(told_changes(difference.changes)))


def history(deployments: Iterable[Deployment], noticed: Iterable[NoticedDeployment]) -> tuple[Chapter, ...]:
    """Everything that the site served, newest first."""
    everything: list[Served] = [*deployments, *noticed]
    story = sorted(everything, key=_moment)
    return tuple(Chapter(story, place) for place in range(len(story) - 1, -1, -1))


def _moment(served: Served) -> tuple[datetime, int]:
    return served.since_at, served.number if isinstance(served, Deployment) else 0
