"""Mappings from foreign columns: short and long forms, units, meanings, and where a mistake stands."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from prisma_assets.domain.errors import InputError
from prisma_assets.domain.learning.agent_run import read_run
from prisma_assets.domain.learning.run_mapping import check_columns, parse_mapping, read_mapping

NEEDED = "agent_id: =audit-plan-012\nstarted_at: began\noutcome: =ok\n"
ROW = {"began": "2026-03-01T00:00:00", "secs": "1.5", "score": 85, "usage": {"in": 7}, "cost": 0.0}


def values(yaml: str, **row: object) -> dict[str, object]:
    return read_mapping(NEEDED + yaml, file="m.yaml").values({**ROW, **row})


def test_mapping_names_columns_constants_units_and_nested_values():
    found = values("duration_ms: secs:s\naccuracy: score:percent\ntokens_in: usage.in\n")

    assert found["agent_id"] == "audit-plan-012"
    assert (found["duration_ms"], found["tokens_in"]) == (1500, 7)
    assert found["accuracy"] == Decimal("0.85")


def test_mapped_row_reads_as_a_run():
    now = datetime(2026, 3, 2, tzinfo=UTC)

    run = read_run(values("duration_ms: secs:s\n"), agents=frozenset({"audit-plan-012"}), now=now)

    assert (run.duration_ms, run.outcome) == (1500.0, "ok")


def test_time_may_be_a_number_in_a_unit():
    mapping = parse_mapping(["agent_id==audit-plan-012", "started_at=began:ms", "outcome==ok"])

    found = mapping.values({"began": "1772323200123"})

    assert found["started_at"] == datetime(2026, 3, 1, 0, 0, 0, 123000, tzinfo=UTC)


def test_several_columns_are_one_key():
    yaml = "run_key: [suite, began]\n"

    assert values(yaml, suite="air")["run_key"] == "air:2026-03-01T00:00:00"


def test_column_with_a_colon_in_its_name_is_no_unit():
    assert values("model: llm:name\n", **{"llm:name": "m1"})["model"] == "m1"


def test_values_have_meanings_here():
    yaml = "error_type: {columns: score, values: {85: late, true: odd}, otherwise: other}\n"

    assert values(yaml)["error_type"] == "late"
    assert values(yaml, score=True)["error_type"] == "odd"
    assert values(yaml, score=3)["error_type"] == "other"


def test_value_without_a_meaning_is_refused():
    with pytest.raises(InputError, match="`error_type`: the mapping does not say what '85' means"):
        values("error_type: {columns: score, values: {1: late}}\n")


def test_zero_that_stands_for_an_unknown_price_is_no_cost():
    assert values("cost_usd: cost\n")["cost_usd"] == 0.0
    assert values("cost_usd: cost\ncost_zero_is_unknown: true\n")["cost_usd"] is None
    assert values("cost_usd: cost\ncost_zero_is_unknown: true\n", cost=0.5)["cost_usd"] == 0.5


def test_rows_of_another_kind_are_no_runs():
    mapping = read_mapping(NEEDED + "only: {role: agent, done: true}\n", file="m.yaml")

    assert mapping.is_run({"role": "agent", "done": True})
    assert not mapping.is_run({"role": "user", "done": True})
    with pytest.raises(InputError, match="no column 'done'"):
        check_columns(mapping, ["began", "role"])


def test_row_is_its_own_key_unless_one_is_mapped():
    """The same row delivered again is one run; a row that differs anywhere is another."""
    key = values("")["run_key"]

    assert key == values("model: llm\n")["run_key"]
    assert key != values("", secs="1.6")["run_key"]


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("agent: x\n", r"m.yaml:4:1: a run has no 'agent'; did you mean 'agent_id'"),
        ("duration_ms: secs:percent\n", r"m.yaml:4:1: 'duration_ms' is not measured in 'percent'"),
        ("model: name:s\n", "'model' is not measured in 's'; it takes no unit"),
        ("model: {columms: x}\n", "m.yaml:4:9: unknown key 'columms'; did you mean 'columns'"),
        ("cost_zero_is_unknown: perhaps\n", r"m.yaml:4:1: cost_zero_is_unknown is true or false"),
        ("only: agent\n", r"m.yaml:4:1: write only as \{column: value\}"),
        ("price_version: x\n", "a run has no 'price_version'"),
    ],
)
def test_mistake_in_a_mapping_file_is_told_with_its_place(yaml, said):
    with pytest.raises(InputError, match=said):
        read_mapping(NEEDED + yaml, file="m.yaml")


def test_mapping_that_leaves_out_what_a_run_needs_is_refused():
    with pytest.raises(InputError, match="says nothing of 'started_at'; map a column, or a text"):
        parse_mapping(["agent_id=a", "outcome=o"])


@pytest.mark.parametrize("option", ["duration_ms", "duration_ms=", ""])
def test_option_that_maps_nothing_is_refused(option):
    with pytest.raises(InputError, match="is no mapping; write it as duration_ms=latency:s"):
        parse_mapping([option])


def test_option_given_again_joins_columns():
    mapping = parse_mapping(
        ["agent_id==a", "started_at=t", "outcome==ok", "run_key=x", "run_key=y"]
    )

    assert mapping.values({"x": 1, "y": 2})["run_key"] == "1:2"


def test_number_that_is_none_is_refused_by_its_unit():
    with pytest.raises(InputError, match="`duration_ms`: 'long' is no number of s"):
        values("duration_ms: secs:s\n", secs="long")


def test_file_without_a_mapped_column_is_refused_before_any_row():
    mapping = read_mapping(NEEDED + "tokens_in: usage.in\n", file="m.yaml")

    check_columns(mapping, ["began", "usage"])
    with pytest.raises(InputError, match="no column 'began'; did you mean 'begun'"):
        check_columns(mapping, ["begun", "usage"])
