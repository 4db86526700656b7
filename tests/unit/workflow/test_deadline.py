"""When people are reminded of a sign-off and when its time is over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.workflow.deadline import Expire, Remind, due_now, next_due_seconds, span
from prisma_assets.domain.workflow.part import SignOff

DAY = 86_400.0


def sign_off(remind=None, after=None):
    expires = {"after": after, "then": "reject"} if after is not None else None
    return SignOff.model_validate(
        {"kind": "K", "roles": ["PARTNER"], "remind": remind, "expires": expires}
    )


@pytest.mark.parametrize(
    ("remind", "after", "waited", "reminders", "expired", "expected"),
    [
        (None, None, 99, 0, False, None),
        ("1d", None, 0.9, 0, False, None),
        ("1d", None, 1, 0, False, Remind(number=1)),
        ("1d", None, 1.5, 1, False, None),
        ("1d", None, 4.5, 1, False, Remind(number=4)),
        ("1d", "3d", 3, 2, False, Expire()),
        ("1d", "3d", 3, 2, True, Remind(number=3)),
        (None, "3d", 2.9, 0, False, None),
        (None, "3d", 9, 0, True, None),
    ],
    ids=[
        "no clock", "too soon", "first", "once", "after a silence", "expiry before reminder", "reminders go on",
        "not yet", "expired once",
    ],
)  # fmt: skip
def test_what_is_due(remind, after, waited, reminders, expired, expected):
    found = due_now(
        sign_off(remind, after),
        waited_seconds=waited * DAY,
        reminders=reminders,
        is_expired=expired,
    )

    assert found == expected


@pytest.mark.parametrize(
    ("remind", "after", "reminders", "expired", "days"),
    [
        (None, None, 0, False, None),
        ("1d", "3d", 0, False, 1),
        ("1d", "3d", 2, False, 3),
        ("1d", "3d", 3, True, 4),
        (None, "3d", 0, True, None),
        ("5d", "3d", 0, False, 3),
    ],
)
def test_when_the_clock_looks_next(remind, after, reminders, expired, days):
    found = next_due_seconds(sign_off(remind, after), reminders=reminders, is_expired=expired)

    assert found == (None if days is None else days * DAY)


@given(
    st.one_of(st.none(), st.sampled_from(["1h", "7h", "1d"])),
    st.one_of(st.none(), st.sampled_from(["2h", "1d", "3d"])),
    st.lists(st.floats(0, 5 * DAY), max_size=20),
)
def test_however_often_the_clock_is_looked_at_each_thing_happens_once_and_in_time(
    remind, after, looks
):
    """The daemon may be down for days: what is due is done at the next look, and nothing twice."""
    gate = sign_off(remind, after)
    reminders, expired, happened = 0, False, []
    for waited in sorted(looks):
        while True:
            due = next_due_seconds(gate, reminders=reminders, is_expired=expired)
            event = due_now(gate, waited_seconds=waited, reminders=reminders, is_expired=expired)
            assert (event is not None) == (due is not None and due <= waited)
            if event is None:
                break
            happened.append(event)
            if isinstance(event, Remind):
                reminders = event.number
            else:
                expired = True

    assert len(happened) == len(set(happened))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(DAY * 5, "5 d"), (DAY * 1.5, "36 h"), (5400, "90 m"), (90, "90 s"), (0.5, "0.5 s")]
)  # fmt: skip
def test_a_span_reads_as_people_write_it(seconds, expected):
    assert span(seconds) == expected
