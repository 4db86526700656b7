"""`prisma-assets experiment analyse` as people use it: on good records, on spoilt ones, on every format."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest


def record(n=2400, *, control=0.80, treated=0.92, seed=1, split=0.5) -> pd.DataFrame:
    """Reviewed outputs of two versions, one every ten minutes."""
    rng = np.random.default_rng(seed)
    is_treated = rng.random(n) < split
    return pd.DataFrame({
        "unit": [f"task-{i}" for i in range(n)],
        "arm": np.where(is_treated, "new", "control"),
        "time": pd.date_range("2026-03-02", periods=n, freq="10min").astype(str),
        "accepted": (rng.random(n) < np.where(is_treated, treated, control)).astype(int),
        "seconds": np.exp(rng.normal(1.0, 0.5, n)).round(4),
        "usd": np.exp(rng.normal(-3.0, 0.5, n)).round(6),
        "judge": "judge-1",
    })  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    def save(frame: pd.DataFrame, name="record.csv"):
        path = tmp_path / name
        frame.to_csv(path, index=False)
        return path

    return save


@pytest.fixture
def analyse(mistake):
    return lambda file, *options: mistake("experiment", "analyse", file, *options)


def only(said):
    assert said.code == 0, said.err
    (one,) = said.answer["experiments"]
    return one


BOTH = ("--metric", "accepted:binary:higher:0.05", "--metric", "seconds:latency", "--guardrail", "seconds:0.2")  # fmt: skip


# ---- verdicts


def test_a_better_version_is_adopted_and_says_when_and_by_how_much(analyse, saved):
    one = only(analyse(saved(record()), *BOTH, "--max-n", 1000, "--json"))

    accepted, seconds = one["metrics"]
    assert (one["verdict"], one["shown"]) == ("adopt", "adopt")
    assert one["reason"] == "accepted is better, and no guardrail is harmed by its margin"
    assert one["fell_at"] == one["judged_to"]
    assert 50 < one["fell_at"]["treated"] < 800
    assert one["fell_at"]["time"].startswith("2026-03-")
    assert 0 < accepted["low"] < accepted["effect"] < accepted["high"] < 0.4
    assert accepted["sequence"][-1]["effect"] == accepted["effect"]
    assert len(accepted["sequence"]) == 20
    assert (seconds["role"], seconds["unit"]) == ("guardrail", "relative change")
    assert {c["check"] for c in one["health"]} == {"sample ratio", "exposure loss: accepted", "exposure loss: seconds"}  # fmt: skip
    assert all(c["is_healthy"] for c in one["health"])


def test_the_page_says_the_same(analyse, saved):
    said = analyse(saved(record()), *BOTH, "--max-n", 1000)

    lines = said.out.splitlines()
    assert lines[0] == "adopt"
    assert "fell at 2026-03-" in lines[2]
    assert "accepted (primary, binary, higher is better, margin 0.0500)" in lines
    assert "seconds (guardrail, latency, lower is better, margin 20.00%)" in lines
    assert "instruments" in lines
    assert lines[-1].startswith("power: 80 % at the margin takes")


def test_looking_further_never_changes_a_verdict_that_fell(analyse, saved):
    """The record up to the verdict gives the verdict: nothing after it was used."""
    frame = record()
    one = only(analyse(saved(frame), "--metric", "accepted", "--json"))
    seen = one["fell_at"]["treated"] + one["fell_at"]["control"]

    shorter = only(analyse(saved(frame.iloc[:seen]), "--metric", "accepted", "--json"))

    assert shorter["fell_at"] == one["fell_at"]
    assert shorter["metrics"] == one["metrics"]


def test_a_harmed_guardrail_rolls_back(analyse, saved):
    frame = record(treated=0.80)
    frame.loc[frame["arm"] == "new", "seconds"] *= 2

    one = only(analyse(saved(frame), *BOTH, "--json"))

    assert (one["verdict"], one["reason"]) == ("roll back", "seconds is worse than the control")


def test_no_difference_is_inconclusive_and_says_how_long_it_would_take(analyse, saved):
    one = only(analyse(saved(record(600, treated=0.80)), "--metric", "accepted:binary:higher:0.01", "--json"))  # fmt: skip

    assert one["verdict"] == "inconclusive"
    assert one["fell_at"] is None
    assert one["power"]["is_underpowered"]
    assert one["power"]["weeks"] > 50


def test_a_declared_maximum_ends_in_the_control(analyse, saved):
    one = only(analyse(saved(record(1000, treated=0.80)), "--metric", "accepted:binary:higher:0.02", "--max-n", 200, "--json"))  # fmt: skip

    assert one["verdict"] == "keep control"


def test_the_minimum_duration_is_kept(analyse, saved):
    early = only(analyse(saved(record()), "--metric", "accepted", "--json"))
    late = only(analyse(saved(record()), "--metric", "accepted", "--min-days", 14, "--json"))
    never = only(analyse(saved(record()), "--metric", "accepted", "--min-days", 30, "--json"))

    assert early["fell_at"]["time"] < "2026-03-10"
    assert late["fell_at"]["time"] == "2026-03-16 00:00:00"
    assert never["verdict"] == "inconclusive"


# ---- forms of a record


def test_every_format_reads_the_same(analyse, saved, tmp_path):
    frame = record(900)
    csv = saved(frame)
    frame.to_parquet(tmp_path / "r.parquet")
    frame.to_json(tmp_path / "r.jsonl", orient="records", lines=True)
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(csv.read_bytes()))

    answers = [only(analyse(f, "--metric", "accepted", "--json")) for f in (csv, *(tmp_path / f"r.{s}" for s in ("parquet", "jsonl", "csv.gz")))]  # fmt: skip

    assert all(a == answers[0] for a in answers)


def test_columns_and_arms_can_have_any_name(analyse, saved):
    frame = record().rename(columns={"unit": "task", "arm": "version", "time": "seen"})
    frame["version"] = frame["version"].map({"control": "v1", "new": "v2"})

    said = analyse(saved(frame), "--metric", "accepted", "--unit", "task", "--arm", "version", "--time", "seen", "--json")  # fmt: skip

    assert only(said)["verdict"] == "adopt"
    assert "'v1' is taken for the control; --control names another" in said.err
    turned = analyse(saved(frame), "--metric", "accepted", "--unit", "task", "--arm", "version", "--control", "v2", "--json")  # fmt: skip
    assert only(turned)["verdict"] == "keep control"


def test_several_rows_of_a_unit_are_one_observation(analyse, saved):
    frame = record(1200)
    doubled = pd.concat([frame, frame.assign(time=frame["time"].str.replace("2026", "2027"))])

    said = analyse(saved(doubled), "--metric", "accepted", "--json")

    assert "2400 rows of 1200 units; units are compared, not rows" in said.err
    assert only(said)["metrics"][0]["compared"] <= 600


def test_a_ramp_names_the_column_of_the_share_in_force(analyse, saved):
    rng = np.random.default_rng(6)
    frame = record(3000, treated=0.80)
    frame["share"] = np.repeat([0.1, 0.3, 0.5], 1000)
    frame["arm"] = np.where(rng.random(3000) < frame["share"], "new", "control")
    frame["accepted"] = (rng.random(3000) < np.linspace(0.95, 0.75, 3000)).astype(int)

    one = only(analyse(saved(frame), "--metric", "accepted", "--split", "share", "--json"))
    wrong = only(analyse(saved(frame), "--metric", "accepted", "--json"))

    assert one["verdict"] == "inconclusive"
    assert wrong["shown"] == "hold (units do not reach the arms in the promised ratio)"


def paired(tasks=120, *, treated=0.85, seed=3):
    rng = np.random.default_rng(seed)
    hard = rng.random(tasks)
    rows = [
        {"task": f"t{i}", "arm": arm, "solved": int(rng.random() < np.clip(p - 0.5 * hard[i], 0, 1))}
        for i in range(tasks)
        for arm, p in (("control", 0.6), ("new", 0.6 + treated - 0.5))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_pairs_are_compared_task_by_task(analyse, saved):
    said = analyse(saved(paired()), "--metric", "solved", "--paired-by", "task", "--max-n", 120, "--json")  # fmt: skip

    assert only(said)["verdict"] == "adopt"
    assert only(said)["metrics"][0]["compared"] < 120
    assert "random order that their names fix" in said.err


def test_the_order_of_the_rows_does_not_matter_to_pairs(analyse, saved):
    options = ("--metric", "solved", "--paired-by", "task", "--max-n", 120, "--json")
    shuffled = paired().sample(frac=1.0, random_state=1)

    assert only(analyse(saved(paired()), *options)) == only(analyse(saved(shuffled, "other.csv"), *options))  # fmt: skip


def summaries(days=20, *, lift=0.6, seed=1):
    rng = np.random.default_rng(seed)
    n = 1000.0 * np.arange(1, days + 1)
    c, t = (np.cumsum(rng.normal(m, 5 / np.sqrt(1000), days)) / np.arange(1, days + 1) for m in (10.0, 10.0 + lift))  # fmt: skip
    return pd.DataFrame({
        "time_since_start": np.arange(1, days + 1), "count_c": n, "count_t": n,
        "mean_c": c, "mean_t": t, "variance_c": 25.0, "variance_t": 25.0,
    })  # fmt: skip


def test_sufficient_statistics_are_judged_look_by_look(analyse, saved):
    one = only(analyse(saved(summaries()), "--json"))

    assert one["verdict"] == "adopt"
    assert one["fell_at"]["treated"] == 1000 * float(one["fell_at"]["time"])
    assert one["metrics"][0]["effect"] == pytest.approx(0.06, abs=0.03)


def test_a_file_of_many_experiments_gives_a_verdict_each(analyse, saved):
    parts = [summaries(lift=x, seed=i).assign(experiment_id=f"e{i}", variant_id="1", metric_id="sales") for i, x in enumerate((0.6, -0.6, 0.0))]  # fmt: skip
    said = analyse(saved(pd.concat(parts)), "--metric", "sales", "--json")

    verdicts = {e["experiment"]: e["verdict"] for e in said.answer["experiments"]}
    assert verdicts == {"e0 1": "adopt", "e1 1": "keep control", "e2 1": "inconclusive"}


# ---- broken instruments hold


def test_a_cost_of_zero_is_an_unknown_price(analyse, saved):
    frame = record(600)
    frame.loc[frame["arm"] == "new", "usd"] = 0

    one = only(analyse(saved(frame), "--metric", "accepted", "--metric", "usd:cost", "--guardrail", "usd", "--json"))  # fmt: skip

    assert one["shown"] == "hold (units have no price, so usd is unknown, not 0)"
    assert one["metrics"][1]["effect"] is None
    assert [c["is_healthy"] for c in one["health"] if c["check"] == "price: usd"] == [False]


def test_a_change_of_the_judge_holds(analyse, saved):
    frame = record(600, treated=0.80)
    frame.loc[400:, "judge"] = "judge-2"

    one = only(analyse(saved(frame), "--metric", "accepted", "--instrument", "judge", "--json"))

    assert one["shown"] == "hold (judge changed from judge-1 to judge-2 on the way)"
    assert one["fell_at"]["time"] == frame["time"][400]


def test_late_outcomes_hold_until_they_are_left_out(analyse, saved):
    frame = record(1000, treated=0.80)
    frame["accepted"] = frame["accepted"].astype(object)
    frame.loc[960:, "accepted"] = ""

    held = only(analyse(saved(frame), "--metric", "accepted", "--json"))
    ripe = analyse(saved(frame), "--metric", "accepted", "--matures-after", 8, "--json")

    assert held["shown"].startswith("hold (40 of the last 100 units have no outcome yet, 0 of the 900 before")  # fmt: skip
    assert only(ripe)["verdict"] == "inconclusive"
    assert "48 units of the last 8 hours wait for their outcomes" in ripe.err


def test_a_pair_without_its_partner_holds(analyse, saved):
    one = only(analyse(saved(paired().iloc[:-1]), "--metric", "solved", "--paired-by", "task", "--json"))  # fmt: skip

    assert one["shown"] == "hold (1 of 120 pairs lack a partner, the first 't119')"


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (record(400).assign(accepted=1), "hold (accepted never differs between the arms)"),
        (record(30), "hold (0 comparisons of accepted after the warm-up, of at least 10)"),
        (record(400).assign(accepted=""), "hold (0 comparisons of accepted after the warm-up, of at least 10)"),
        (record(3000, split=0.6), "hold (units do not reach the arms in the promised ratio)"),
    ],
    ids=["all equal", "too few", "no outcomes", "ratio"],
)  # fmt: skip
def test_data_that_shows_nothing_holds(analyse, saved, frame, shown):
    assert only(analyse(saved(frame), "--metric", "accepted:binary:higher:0.001", "--json"))["shown"] == shown  # fmt: skip


# ---- wrong input is refused


def spoilt(**columns) -> pd.DataFrame:
    return record(40).assign(**columns)


def with_cell(row, column, value) -> pd.DataFrame:
    frame = record(40).astype(object)
    frame.loc[row - 1, column] = value
    return frame


REFUSED = {
    "unknown metric": (record(40), ("--metric", "speed"), "no column 'speed', it has unit, arm, time, accepted"),
    "no metric": (record(40), (), "name what to compare, e.g. --metric accepted:binary"),
    "split": (record(40), ("--metric", "accepted", "--split", "1.2"), "the split is 1.2; the treatment's share must lie between 0 and 1"),
    "split word": (record(40), ("--metric", "accepted", "--split", "half"), "neither a share nor a column"),
    "one arm": (spoilt(arm="new"), ("--metric", "accepted"), "one arm only ('new')"),
    "three arms": (record(40).assign(arm=["a", "b", "c", "a"] * 10), ("--metric", "accepted"), "holds 3 arms; name two of them"),
    "unknown arm": (record(40), ("--metric", "accepted", "--control", "old"), "no row of arm 'old'"),
    "no arm": (with_cell(7, "arm", ""), ("--metric", "accepted"), "row 7 has no arm"),
    "negative cost": (with_cell(3, "usd", -1), ("--metric", "usd:cost"), "row 3, column 'usd': -1 is no cost; it cannot be negative"),
    "binary of 2": (with_cell(3, "accepted", 2), ("--metric", "accepted"), "row 3, column 'accepted': 2 is no outcome of a binary metric"),
    "text outcome": (with_cell(5, "accepted", "yes"), ("--metric", "accepted"), "row 5, column 'accepted': 'yes' is no number"),
    "infinite": (with_cell(5, "seconds", "inf"), ("--metric", "seconds:latency"), "row 5, column 'seconds': 'inf' is no number"),
    "time": (with_cell(9, "time", "soon"), ("--metric", "accepted"), "row 9, column 'time': 'soon' is no time"),
    "duplicate": (pd.concat([record(40), record(40).iloc[[4]]]), ("--metric", "accepted"), "repeats another row, value for value"),
    "both arms": (record(40).assign(unit=["u"] * 40), ("--metric", "accepted"), "unit 'u' is in both arms"),
    "kind": (record(40), ("--metric", "accepted:boolean"), "'boolean' in 'accepted:boolean' is none of binary, rating"),
    "margin": (record(40), ("--metric", "accepted:binary:higher:0"), "the margin '0' in 'accepted:binary:higher:0' must be a number above 0"),
    "mean of units": (record(40), ("--metric", "seconds:mean"), "cannot hold the kind mean"),
    "guardrail": (record(40), ("--metric", "accepted", "--guardrail", "seconds"), "--guardrail names 'seconds', which no --metric does"),
    "guardrail is primary": (record(40), ("--metric", "accepted", "--guardrail", "accepted"), "'accepted' is primary already"),
    "primary": (record(40), ("--metric", "accepted", "--primary", "stars"), "--primary names 'stars'"),
    "twice": (record(40), ("--metric", "accepted", "--metric", "accepted"), "a metric is named twice"),
    "alpha": (record(40), ("--metric", "accepted", "--alpha", "5"), "--alpha is 5"),
    "pair column": (record(40), ("--metric", "accepted", "--paired-by", "topic"), "no column 'topic'"),
    "no rows": (record(40).iloc[:0], ("--metric", "accepted"), "no rows below the column names"),
    "summaries of a rating": (summaries(), ("--metric", "value:rating"), "cannot hold the kind rating"),
    "summaries without the metric": (summaries(), ("--metric", "sales"), "no metric 'sales', the file holds value"),
    "negative variance": (summaries().assign(variance_c=-1.0), (), "row 1, column 'variance_c': -1 cannot be"),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_wrong_input_is_refused_in_a_sentence(analyse, saved, frame, options, sentence):
    said = analyse(saved(frame), *options)

    assert (said.code, said.out) == (2, "")
    assert said.sentence.startswith("prisma-assets: ")
    assert sentence in said.sentence


def test_a_file_that_is_no_table_is_named(analyse, tmp_path):
    (tmp_path / "broken.jsonl").write_text('{"a": 1}\n{"a": \n')
    (tmp_path / "latin.csv").write_bytes("arm,name\na,M\xfcnchen\n".encode("latin-1"))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"arm,x\n" * 400)[:-9])
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 cut")
    options = ("--metric", "x")

    assert "line 2 is no JSON" in analyse(tmp_path / "broken.jsonl", *options).sentence
    assert "not UTF-8 text" in analyse(tmp_path / "latin.csv", *options).sentence
    assert "damaged gzip file" in analyse(tmp_path / "cut.csv.gz", *options).sentence
    assert "cannot be read as a table" in analyse(tmp_path / "cut.parquet", *options).sentence
    assert "no such file" in analyse(tmp_path / "none.csv", *options).sentence
    assert "is a folder" in analyse(tmp_path, *options).sentence


def test_the_answer_is_one_json_object_without_what_json_has_not(analyse, saved):
    said = analyse(saved(record(200)), *BOTH, "--json")

    assert json.loads(said.out, parse_constant=pytest.fail)["experiments"]
