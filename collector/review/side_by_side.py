"""Two policies side by side: what is proposed, and what is enforced now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policybuilder.csp import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectiveBeside:
    """One directive of both, by the text of its values; what they mean, `diff` tells."""

    name: str
    is_proposed: bool
    is_enforced: bool
    added: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]


def side_by_side(proposed: Policy, enforced: Sequence[Policy]) -> tuple[DirectiveBeside, ...]:
    """The directives of the proposed policy in its order, and then those that it leaves out.

    Where several policies are enforced, all of them must allow; what one of them says of a directive is shown.
    """
    old: dict[str, tuple[str, ...]] = {}
    for policy in enforced:
        for directive in policy.directives:
            old[directive.name] = tuple(dict.fromkeys((*old.get(directive.name, ()), *directive.values)))
    new = {directive.name: directive.values for directive in proposed.directives}
    return tuple(
        DirectiveBeside(
            name=name,
            is_proposed=name in new,
            is_enforced=name in old,
            added=tuple(value for value in new.get(name, ()) if value not in old.get(name, ())),
            kept=tuple(value for value in new.get(name, ()) if value in old.get(name, ())),
            dropped=tuple(value for value in old.get(name, ()) if value not in new.get(name, ())),
        )
        for name in dict.fromkeys((*new, *old))
    )
