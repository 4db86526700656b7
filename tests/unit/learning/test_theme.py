"""Themes are told apart, keep their identity while texts arrive, and are founded only by several people who agree."""

from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prisma_assets.domain.learning.theme import Said, is_new, place

DAY = date(2026, 3, 1)
TOTALS = (
    ("the total", "the sum", "the balance", "the footing"),
    ("of the ledger", "of the trial balance", "of the accounts"),
    ("does not add up", "is wrong", "differs from the books"),
)
CITATIONS = (
    ("a citation", "the paragraph", "a reference"),
    ("of the standard", "to the auditing standard", "of the ISA paragraph"),
    ("is missing", "is not cited", "was left out", "cannot be found"),
)
SLOW = (
    ("I waited", "we waited", "my team kept waiting"),
    ("an hour", "all morning", "hours and hours", "very long"),
    ("for the draft", "for a slow draft to arrive", "until the draft came"),
)
CURRENCY = (
    ("euros", "the euro amounts", "invoices in euros"),
    ("were read as", "were taken for", "were converted like"),
    ("dollars", "US dollars", "yen and dollars", "pounds"),
)


def say(*subjects, first=0, day=DAY):
    texts = [" ".join(words) for subject in subjects for words in product(*subject)]
    return [
        Said(feedback_id=f"f{first + i:04}", text=text, day=day + timedelta(days=i % 7))
        for i, text in enumerate(texts)
    ]


def subject_of(text):
    subjects = (TOTALS, CITATIONS, SLOW, CURRENCY)
    return next(i for i, words in enumerate(subjects) if text.startswith(words[0]))


def by_subject(placed):
    """Themes of each subject's texts."""
    found = {}
    for said in placed.said:
        found.setdefault(subject_of(said.text), set()).add(said.theme_id)
    return found


def test_what_people_say_is_grouped_with_words_quotes_and_counts():
    placed = place(say(TOTALS, CITATIONS, SLOW))

    themes = by_subject(placed)
    assert all(len(ids) == 1 and None not in ids for ids in themes.values())
    assert len(set.union(*themes.values())) == 3
    assert placed.founded == {t.theme_id for t in placed.themes}
    for theme in placed.themes:
        assert theme.feedback == 36
        assert (theme.first_seen, theme.last_seen) == (DAY, DAY + timedelta(days=6))
        assert len(theme.quotes) == 3
        assert {q.theme_id for q in theme.quotes} == {theme.theme_id}
    slow = next(t for t in placed.themes if {t.theme_id} == themes[2])
    assert "draft" in " ".join(slow.terms)
    assert slow.name == ", ".join(slow.terms[:3])


def test_the_same_texts_give_the_same_themes():
    assert place(say(TOTALS, CITATIONS, SLOW)) == place(say(TOTALS, CITATIONS, SLOW))


def test_looking_again_founds_nothing():
    first = place(say(TOTALS, CITATIONS, SLOW))
    again = place(first.said)

    assert again.founded == frozenset()
    assert [t.theme_id for t in again.themes] == [t.theme_id for t in first.themes]


def test_a_text_like_known_ones_joins_their_theme_and_nobody_moves():
    first = place(say(TOTALS, CITATIONS, SLOW))
    new = Said(feedback_id="new", text="the total of the ledger was wrong again", day=DAY)

    later = place([*first.said, new])

    assert later.said[:-1] == first.said
    assert {later.said[-1].theme_id} == by_subject(first)[0]


def test_what_nobody_said_before_founds_a_new_theme():
    first = place(say(TOTALS, CITATIONS, SLOW))
    later = place([*first.said, *say(CURRENCY, first=900)])

    assert later.said[: len(first.said)] == first.said
    assert len(later.founded) >= 1
    assert by_subject(later)[3] - {None} == set(later.founded)


def test_a_few_strange_texts_wait_without_a_theme():
    first = place(say(TOTALS, CITATIONS, SLOW))
    strange = say(CURRENCY, first=900)[:3]

    later = place([*first.said, *strange])

    assert later.founded == frozenset()
    assert len(later.themes) == 3


def test_few_texts_are_left_to_be_read():
    placed = place(say(TOTALS)[:10])
    assert (placed.themes, placed.founded) == ((), frozenset())
    assert {s.theme_id for s in placed.said} == {None}


@pytest.mark.parametrize(
    ("founded", "on", "new"),
    [
        (DAY, DAY, False),  # known since the first look: nobody knows since when people say it
        (DAY + timedelta(days=30), DAY + timedelta(days=30), True),
        (DAY + timedelta(days=30), DAY + timedelta(days=43), True),
        (DAY + timedelta(days=30), DAY + timedelta(days=44), False),
    ],
)
def test_a_theme_is_new_for_two_weeks(founded, on, new):
    assert is_new(founded, first_look=DAY, on=on) is new


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=18, max_size=40))
def test_any_texts_are_answered(texts):
    said = [Said(feedback_id=str(i), text=text, day=DAY) for i, text in enumerate(texts)]

    placed = place(said)

    assert [s.feedback_id for s in placed.said] == [s.feedback_id for s in said]
    assert sum(t.feedback for t in placed.themes) == sum(
        s.theme_id is not None for s in placed.said
    )
