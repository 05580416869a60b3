"""Nonces: which client networks met the same one, of a few that are watched each day."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from policybuilder.nonces import MANY_NETWORKS, RepeatedNonce
from policybuilder.store import schema
from policybuilder.store.clock import day_name
from policybuilder.store.reading import within_days
from policybuilder.store.tables import table_of
from policybuilder.times import Window

_WATCHED_NONCES = 4
"""Of a policy on a day: one that is the same for everybody is among the first."""


class Met(NamedTuple):
    """A nonce that a client network met."""

    day: int
    """Since 1970."""

    mark: int
    network: int


def watch(met: set[Met], day: int, mark: int, network: int) -> bool:
    """Whether it is news, and worth a row, that a network met a nonce; then it is added to what is known of the policy.

    Each network brings one nonce to watch: whoever makes nonces up is one, and leaves room for those of others.
    """
    of_day = [each for each in met if each.day == day]
    networks = {each.network for each in of_day if each.mark == mark}
    if networks:
        is_news = network not in networks and len(networks) < MANY_NETWORKS
    else:
        watched = {each.mark for each in of_day}
        is_news = len(watched) < _WATCHED_NONCES and all(each.network != network for each in of_day)
    if is_news:
        met.add(Met(day, mark, network))
    return is_news


def read_repeated_nonces(connection: Connection, site: str, window: Window) -> tuple[RepeatedNonce, ...]:
    """The policies of which many client networks met one and the same nonce, by text."""
    nonces, policies = table_of(schema.PolicyNonceRow), table_of(schema.PolicyRow)
    repeated = (
        select(nonces.c.policy_digest, nonces.c.day)
        .where(*within_days(nonces, site, window))
        .group_by(nonces.c.policy_digest, nonces.c.day, nonces.c.mark)
        .having(func.count() >= MANY_NETWORKS)
        .subquery("repeated")
    )
    rows = connection.execute(
        select(policies.c.text, func.max(repeated.c.day), func.count(repeated.c.day.distinct()))
        .join(repeated, repeated.c.policy_digest == policies.c.digest)
        .where(policies.c.site == site)
        .group_by(policies.c.text)
        .order_by(policies.c.text)
    )
    return tuple(RepeatedNonce(text, day_name(int(day)), int(days)) for text, day, days in rows)
