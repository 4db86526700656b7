"""What people are told about sign-offs, and that equal news has equal keys."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.notification.attempt import MAX_ATTEMPTS, pause_seconds
from prisma_assets.domain.notification.notification import Recipient
from prisma_assets.domain.notification.sign_off import (
    SignOffSubject,
    asked,
    escalated,
    expired,
    gone_stale,
    reminder,
)

SINCE = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SUBJECT = SignOffSubject(
    execution_id="e1",
    template_title="Annual audit",
    engagement_id="northvale-2009",
    client_id="northvale",
    step_id="a02",
    step_title="Acceptance",
    iteration=1,
    number=1,
    roles=("PARTNER", "PARTNER"),
)
PAT = Recipient(user="pat", email="pat@firm.example")
ALL = {
    "asked": lambda s: asked(s, [PAT]),
    "stale": lambda s: gone_stale(s, [PAT], ["a01 was done again"]),
    "reminder": lambda s: reminder(s, [PAT], count=2, since=SINCE),
    "escalated": lambda s: escalated(s, [PAT], to="PARTNER", since=SINCE),
    "expired": lambda s: expired(s, [PAT], reason="nobody decided within 3 d", since=SINCE),
}


@pytest.mark.parametrize(
    ("told", "subject", "parts"),
    [
        ("asked", "Sign-off needed: Acceptance (northvale-2009)", ["the sign-off of PARTNER.", "approve e1 a02"]),
        ("stale", "Sign-off needed again: Acceptance (northvale-2009)", ["a01 was done again"]),
        ("reminder", "Reminder 2: sign-off needed: Acceptance (northvale-2009)", ["since 2026-03-02 09:30 UTC"]),
        ("escalated", "Escalated: sign-off overdue: Acceptance (northvale-2009)", ["PARTNER may sign"]),
        ("expired", "Rejected: sign-off overdue: Acceptance (northvale-2009)", ["nobody decided within 3 d."]),
    ],
)  # fmt: skip
def test_the_news_say_what_happened_where_and_what_to_do(told, subject, parts):
    news = ALL[told](SUBJECT)

    assert news.subject == subject
    assert [
        part
        for part in ["Annual audit, northvale-2009", "Step a02", *parts]
        if part not in news.text
    ] == []
    assert (news.execution_id, news.step_id, news.audience) == ("e1", "a02", (PAT,))
    assert news.facts["roles"] == ["PARTNER", "PARTNER"]


@pytest.mark.parametrize("told", ALL)
@pytest.mark.parametrize(
    "other", [{"iteration": 2}, {"number": 2}, {"step_id": "a05"}, {"execution_id": "e2"}], ids=str
)
def test_the_same_news_has_one_key_and_other_news_another(told, other):
    assert ALL[told](SUBJECT).dedupe_key == ALL[told](SUBJECT).dedupe_key
    assert ALL[told](SUBJECT).dedupe_key != ALL[told](replace(SUBJECT, **other)).dedupe_key


def test_no_two_kinds_of_news_share_a_key():
    assert len({tell(SUBJECT).dedupe_key for tell in ALL.values()}) == len(ALL)


def test_the_next_persons_turn_and_the_next_reminder_are_news():
    assert asked(SUBJECT, []).dedupe_key != asked(replace(SUBJECT, signed=1), []).dedupe_key
    assert (
        reminder(SUBJECT, [], count=1, since=SINCE).dedupe_key
        != reminder(SUBJECT, [], count=2, since=SINCE).dedupe_key
    )


def test_without_an_engagement_the_execution_is_named():
    assert asked(replace(SUBJECT, engagement_id=None), []).subject.endswith("(execution e1)")


@given(st.integers(1, MAX_ATTEMPTS - 1), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_stay_within_their_bounds(failures, draw):
    pause = pause_seconds(failures, draw)

    assert pause is not None
    assert 15 <= pause <= 14_400
    assert pause_seconds(failures, 0) == min(14_400, 30 * 2 ** (failures - 1)) / 2


def test_it_is_given_up_after_a_night():
    pauses = [pause_seconds(n, 0.0) for n in range(1, MAX_ATTEMPTS)]

    assert pause_seconds(MAX_ATTEMPTS, 0.5) is None
    assert 6 <= sum(pauses) / 3600 <= 6.2
