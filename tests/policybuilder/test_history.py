"""The history of what a site served, and what each policy changed."""

from __future__ import annotations

from datetime import timedelta

from policybuilder.csp import Relation
from policybuilder.deployments import Deployment, ServedStage
from policybuilder.history import Changed, history
from policybuilder.noticing import NoticedDeployment
from tests.support.evidence import SEEN_AT
from tests.support.readiness import make_deployment

ENFORCE, REPORT = ServedStage.ENFORCE, ServedStage.REPORT_ONLY
HOUR = timedelta(hours=1)


def deployed(number: int, stage: ServedStage, policy: str, *, hours: int | None = None) -> Deployment:
    return make_deployment(policy, stage, number=number, since_at=SEEN_AT + (number if hours is None else hours) * HOUR)


def test_each_policy_is_compared_with_the_one_before_it_of_the_same_stage() -> None:
    newest, trial, oldest = history(
        [
            deployed(1, ENFORCE, "img-src 'self'"),
            deployed(2, REPORT, "img-src 'none'"),
            deployed(3, ENFORCE, "img-src 'none'"),
        ],
        (),
    )
    assert [chapter.served.policy for chapter in (newest, trial, oldest)] == [
        *("img-src 'none'", "img-src 'none'", "img-src 'self'"),
    ]
    assert oldest.changed is None
    assert oldest.until_at == SEEN_AT + 3 * HOUR
    assert trial.changed is None
    assert newest.changed is not None
    assert newest.changed.relation is Relation.TIGHTER
    [change] = newest.changed.changes
    assert (change.directives, change.source) == (("img-src",), "'self'")
    assert newest.until_at is None
    assert newest.tried is trial.served
    assert oldest.tried is None
    assert trial.tried is None


def test_a_history_that_is_read_again_is_not_compared_again() -> None:
    def newest() -> Changed | None:
        one = deployed(1, ENFORCE, "img-src https://compared-once.example")
        return history([one, deployed(2, ENFORCE, "img-src 'none'")], ())[0].changed

    assert newest() is newest(), "policies as long as a header may be take a second each"


def test_what_was_noticed_stands_where_it_began() -> None:
    noticed = NoticedDeployment(
        stage=ENFORCE,
        policy="img-src https://b.example",
        since_at=SEEN_AT + 2 * HOUR,
        last_seen_at=SEEN_AT + 3 * HOUR,
        networks=1,
        is_vouched=True,
    )
    chapters = history([deployed(1, ENFORCE, "img-src a"), deployed(3, ENFORCE, "img-src a")], [noticed])
    assert [chapter.is_recorded for chapter in chapters] == [True, False, True]
    assert [chapter.changed.relation if chapter.changed else None for chapter in chapters] == [
        *(Relation.INCOMPARABLE, Relation.INCOMPARABLE, None),
    ]


def test_of_two_that_began_at_once_the_one_recorded_last_counts_as_later() -> None:
    first, second = deployed(1, ENFORCE, "img-src a", hours=0), deployed(2, ENFORCE, "img-src b", hours=0)
    assert [chapter.served for chapter in history([second, first], ())] == [second, first]


def test_where_a_header_is_no_longer_sent_everything_is_admitted() -> None:
    newest, _ = history([deployed(1, ENFORCE, "img-src a"), deployed(2, ENFORCE, "")], ())
    assert newest.changed is not None
    assert newest.changed.relation is Relation.LOOSER
    assert newest.tried is None
