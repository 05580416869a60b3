"""An evaluation beside recorded evidence: what each better policy would have broken."""

from __future__ import annotations

from policybuilder.cli.working import working
from policybuilder.documents.evaluation import Evaluated
from policybuilder.evaluation.blast_radius import blast_radii
from policybuilder.evaluation.evaluating import Circumstances, evaluate_in
from policybuilder.store.deployments import read_deployments
from policybuilder.store.engine import open_for_reading
from policybuilder.store.evidence import read_evidence, read_hosts
from policybuilder.store.nonces import read_repeated_nonces
from policybuilder.store.reading import snapshot
from policybuilder.store.sites import get_site
from policybuilder.times import Window


def evaluate_with_evidence(
    text: str, known: Circumstances, database: str, site: str, window: Window
) -> list[Evaluated]:
    """The weaknesses with their blast radius. The site's hosts are known as well, what it served before, and what
    reports say of its nonces."""
    engine = open_for_reading(database)
    get_site(engine, site)
    with working("replaying evidence"), snapshot(engine) as connection:
        groups = read_evidence(connection, site, window)
        hosts = tuple(host.removeprefix("*.") for host in read_hosts(connection, site))
        served = tuple(each.policy for each in read_deployments(connection, site))
        reused = tuple(each.policy for each in read_repeated_nonces(connection, site, window))
    known = known._replace(
        first_party=(*known.first_party, *hosts),
        earlier=(*known.earlier, *served),
        reused=(*known.reused, *reused),
    )
    weaknesses = evaluate_in(known, text)
    radii = blast_radii(text, weaknesses, groups, delivery=known.delivery, disposition=known.disposition)
    return [
        Evaluated(weakness=weakness, blast_radius=radius) for weakness, radius in zip(weaknesses, radii, strict=True)
    ]
