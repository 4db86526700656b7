"""What a signature rests on, and when it counts no more."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.workflow.execution import StepRecord
from prisma_assets.domain.workflow.shown import (
    KeyChange,
    Result,
    StepChange,
    as_json,
    changed_steps,
    from_json,
    shown_of,
    shown_sha256,
    step_change,
)
from prisma_assets.domain.workflow.stale import StaleSignOff
from prisma_assets.domain.workflow.template import Template


def template(**after):
    steps = [
        {"id": i, "name": i, "title": i, "objective": "o", "agent": "x", "after": a, "join": "any" if len(a) > 2 else "all"}
        for i, a in after.items()
    ]  # fmt: skip
    return Template.model_validate(
        {"name": "t", "title": "T", "version": "1", "description": "d", "steps": steps}
    )


DIAMOND = template(a=[], b=["a"], c=["a"], d=["b"], e=["d", "c"])


def record(step_id, status="COMPLETED", iteration=1, sha="1", **outputs):
    return StepRecord(
        step_id=step_id, status=status, iteration=iteration, output_sha256=sha, outputs=outputs
    )


def records(*ids, **changed):
    return {i: record(i) for i in ids} | changed


def test_a_signature_rests_on_the_step_and_all_before_it_and_on_nothing_beside_it():
    shown = shown_of(DIAMOND, "d", records("a", "b", "c", "d"))

    assert set(shown) == {"a", "b", "d"}


def test_what_has_not_ended_is_no_part_of_what_is_shown():
    """A step that needs any of several may be signed before the others end."""
    of_any = template(a=[], b=[], c=[], d=["a", "b", "c"])
    now = records("a", "d", b=record("b", "RUNNING", sha=None), c=record("c", "SKIPPED", sha=None))

    assert shown_of(of_any, "d", now) == {
        "a": Result(iteration=1, sha256="1"),
        "c": Result(iteration=1, sha256=None),
        "d": Result(iteration=1, sha256="1"),
    }


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (record("a"), ()),
        (record("a", "WAITING_APPROVAL"), ()),
        (record("a", sha="2"), ("a",)),
        (record("a", iteration=2), ("a",)),
        (record("a", "PENDING", iteration=2, sha=None), ("a",)),
        (record("a", "RUNNING", sha=None), ()),
        (record("a", "FAILED", sha=None), ("a",)),
        (None, ("a",)),
    ],
    ids=[
        "same", "asked again", "changed in place", "done again", "to be done again", "tried again", "failed", "gone",
    ],
)  # fmt: skip
def test_a_signature_counts_while_what_was_shown_is_what_is_there(now, expected):
    there = records("b", "d") | ({"a": now} if now is not None else {})

    assert changed_steps(shown_of(DIAMOND, "d", records("a", "b", "d")), there) == expected


def test_what_ends_later_beside_it_leaves_a_signature_alone():
    of_any = template(a=[], b=[], c=[], d=["a", "b", "c"])
    shown = shown_of(of_any, "d", records("a", "d"))

    assert changed_steps(shown, records("a", "b", "c", "d")) == ()


RECORDS = st.fixed_dictionaries(
    {
        i: st.builds(
            record,
            st.just(i),
            st.sampled_from(["COMPLETED", "SKIPPED", "FAILED", "WAITING_APPROVAL"]),
            st.integers(1, 3),
            st.sampled_from(["1", "2", None]),
        )
        for i in "abcde"
    }
)


@given(RECORDS, st.sampled_from("abcde"))
def test_nothing_has_changed_of_what_is_shown_now(now, step_id):
    assert changed_steps(shown_of(DIAMOND, step_id, now), now) == ()


@given(RECORDS, RECORDS, st.sampled_from("abcde"))
def test_what_was_shown_is_there_exactly_when_its_hash_is(then, now, step_id):
    """Signatures are looked up by hash: it must say the same as the comparison step by step."""
    before, after = shown_of(DIAMOND, step_id, then), shown_of(DIAMOND, step_id, now)
    same = shown_sha256(before) == shown_sha256(after)

    assert same == (before == after)
    if same:
        assert changed_steps(before, now) == ()
    elif set(before) == set(after):
        assert changed_steps(before, now) != ()


@given(RECORDS, st.sampled_from("abcde"), st.sampled_from("abcde"))
def test_a_step_done_again_takes_every_signature_behind_it_and_no_other(then, step_id, again):
    now = then | {again: replace(then[again], iteration=4)}
    before = shown_of(DIAMOND, step_id, then)

    assert changed_steps(before, now) == ((again,) if again in before else ())


@given(RECORDS, st.sampled_from("abcde"))
def test_what_is_stored_is_what_was_shown(now, step_id):
    shown = shown_of(DIAMOND, step_id, now)

    assert from_json(as_json(shown)) == shown


WAS = Result(iteration=1, sha256="1")


def change(now, earlier):
    return step_change("a", WAS, now, earlier)


def test_a_change_names_every_output_with_both_values():
    now = record("a", iteration=2, sha="2", m={"overall": 120, "basis": "x"}, new=True, n=1.0)
    earlier = {"m": {"overall": 100, "basis": "x"}, "gone": "y", "n": 1}

    found = change(now, earlier)

    assert found.keys == (
        KeyChange(key="gone", before="y", after=None),
        KeyChange(key="m.overall", before=100, after=120),
        KeyChange(key="new", before=None, after=True),
    )
    assert (
        found.news
        == 'done again, gone from "y" to null, m.overall from 100 to 120, new from null to true'
    )


@pytest.mark.parametrize(
    ("now", "earlier", "sentence"),
    [
        (record("a", iteration=2, x=1), {"x": 1}, "done again with the same outputs"),
        (record("a", "PENDING", iteration=2, sha=None), {"x": 1}, "being done again"),
        (record("a", sha="2", x=2), None, "changed in place, the earlier outputs not kept"),
        (None, None, "gone"),
    ],
)  # fmt: skip
def test_a_change_says_what_is_known_of_it(now, earlier, sentence):
    assert change(now, earlier).news == sentence


def test_true_is_not_one():
    assert change(record("a", iteration=2, x=True), {"x": 1}).keys != ()


def test_a_register_is_cut_in_the_sentence_and_kept_whole_beside_it():
    long = list(range(100))
    found = change(record("a", iteration=2, x=long), {"x": []})

    assert len(found.news) < 110
    assert found.keys is not None
    assert found.keys[0].after == long


def test_a_stale_sign_off_says_who_had_signed_when_and_what_changed():
    changed = StepChange(
        step_id="a", iteration_before=1, iteration_after=2, is_under_way=True, keys=None
    )
    stale = StaleSignOff(
        step_id="d",
        user="pat",
        role="PARTNER",
        signed_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        changes=[changed, replace(changed, step_id="b")],
    )

    assert stale.sentence == (
        "d: pat as PARTNER signed on 2026-03-02 09:30 UTC, which counts no more: "
        "a, b being done again"
    )
    assert replace(stale, role=None).sentence.startswith("d: pat signed on")
