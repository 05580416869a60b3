"""What the classes in the list of violations rest on beside the evidence: decisions that stand, and deployments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from policybuilder.decisions import Decision, DecisionAction, apply_decisions, standing
from policybuilder.deployments import Deployment, last_deployment, served_policies
from policybuilder.evidence import ViolationGroup
from policybuilder.store import schema
from policybuilder.store.clock import to_ms
from policybuilder.store.decisions import read_decisions
from policybuilder.store.deployments import read_deployments
from policybuilder.store.tables import table_of
from policybuilder.superseded import with_superseded


class _Told(msgspec.Struct, frozen=True):
    """A basis as it is kept."""

    decisions: dict[int, str] = {}
    """Digests by number: of a decision about a group, the group may get another name."""

    deployments: str = ""


@dataclass(frozen=True, slots=True)
class Basis:
    """What makes a group's class of what was recorded."""

    known: tuple[Decision, ...]
    """Every answer that was ever given."""

    decisions: tuple[Decision, ...]
    """Those that stand."""

    deployments: tuple[Deployment, ...]
    text: str
    """The same as long as it makes the same of every group."""

    def applied(self, groups: Iterable[ViolationGroup]) -> tuple[ViolationGroup, ...]:
        """The groups as people see them."""
        return with_superseded(apply_decisions(groups, self.decisions), self.deployments)

    def changed_since(self, text: str) -> tuple[Decision, ...] | None:
        """The decisions that stand now and did not, or the other way round; None where they alone are not all of it."""
        if not text:
            return None
        was, now = msgspec.json.decode(text, type=_Told), msgspec.json.decode(self.text, type=_Told)
        if was.deployments != now.deployments or not was.decisions.keys() <= {each.number for each in self.known}:
            return None
        both = was.decisions.items() & now.decisions.items()
        numbers = {number for number, _ in (was.decisions.items() | now.decisions.items()) - both}
        return tuple(decision for decision in self.known if decision.number in numbers)


def read_basis(connection: Connection, site: str, now: datetime) -> Basis:
    """What stands at `now`."""
    known = read_decisions(connection, site, undone_too=True)
    obeyed = standing(known, now)
    deployments = read_deployments(connection, site)
    told = _Told(
        {decision.number: _digest(repr(_told(decision))) for decision in obeyed},
        _digest(repr(_overtaken(connection, site, deployments))) if deployments else "",
    )
    return Basis(known, obeyed, deployments, msgspec.json.encode(told).decode())


def _told(decision: Decision) -> tuple[object, ...]:
    """All of a decision by which a group's class, reason and answer can differ."""
    of_class = (decision.evidence_class, decision.note) if decision.action is DecisionAction.CLASS else ()
    return (decision.action, decision.directive, decision.subject, decision.loaded_by, *of_class)


def _overtaken(connection: Connection, site: str, deployments: Sequence[Deployment]) -> tuple[object, ...]:
    """What decides whether a group is superseded.

    A policy that is served may be forgotten where a site has too many: then no group is known to be under it.
    """
    table = table_of(schema.PolicyRow)
    served = sorted(served_policies(deployments))
    known = connection.scalars(select(table.c.text).where(table.c.site == site, table.c.text.in_(served)))
    last = last_deployment(deployments)
    return (None if last is None else to_ms(last.since_at), sorted(known))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()
