"""`prisma-assets cost`: spend, savings and a provider's invoice, as people and programs ask for them."""

import json

import pytest

RUNS = "agent_id,started_at,outcome,provider,model,tokens_in,tokens_out,client_id\n" + "".join(
    f"tax-vat-028,2026-03-04T09:{minute:02}:00Z,{outcome},openai,gpt-4.1,500000,50000,acme\n"
    for minute, outcome in ((1, "ok"), (2, "error"))
)
DAYS = ("--from", "2026-03-01", "--to", "2026-03-31")


@pytest.fixture(scope="module")
def office_with_costs(office, tmp_path_factory):
    """Two runs of 1.40 USD, counted."""
    file = tmp_path_factory.mktemp("runs") / "runs.csv"
    file.write_text(RUNS)
    for command in (("ingest", "runs", file), ("learn", "--through", "2026-03-04")):
        said = office.command(*command)
        assert said.code == 0, said.err
    return office


def invoice(folder, *rows, header="period,model,amount,tokens_in,tokens_out"):
    file = folder / "invoice.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def test_show_tells_spend_by_what_is_asked(office_with_costs):
    found = office_with_costs.answer("cost", "show", "--by", "client", *DAYS)
    (row,) = [r for r in found["spend"] if r["key"] == "acme"]

    assert (row["runs"], row["unpriced"], row["cost_usd"], row["failed_usd"]) == (2, 0, "2.800000", "1.400000")  # fmt: skip
    said = office_with_costs.command("cost", "show", *DAYS)
    assert "Spend by agent, 2026-03-01 to 2026-03-31 (UTC)" in said.out
    assert "2.8000" in said.out


def test_savings_tell_what_is_paid_for_failures_and_claim_nothing(office_with_costs):
    found = office_with_costs.answer("cost", "savings", *DAYS)

    assert (found["saved_usd"], found["saved_share"], found["target_share"]) == (None, None, 0.3)
    (failed,) = [s for s in found["possible"] if s["agent_id"] == "tax-vat-028"]
    assert (failed["kind"], failed["amount"]["usd"]) == ("failed work", 1.4)
    said = office_with_costs.command("cost", "savings", *DAYS)
    assert "Saved so far: no data; the target is 30% of the cost." in said.out


def test_an_invoice_that_agrees_ends_with_0(office_with_costs, tmp_path):
    file = invoice(tmp_path, "2026-03-04,gpt-4.1,2.80,1000000,100000")
    said = office_with_costs.command("cost", "reconcile", file, "--provider", "openai")

    assert said.code == 0, said.err
    assert "All 1 lines agree within rounding." in said.out


def test_an_invoice_that_differs_ends_with_3_and_says_why(office_with_costs, tmp_path):
    file = tmp_path / "invoice.json"
    file.write_text(json.dumps([{"day": "2026-03", "name": "gpt-4.1", "cents": 350}]))
    mapping = ("--map", "period=day", "--map", "model=name", "--map", "amount=cents:cents")
    said = office_with_costs.command(
        "cost", "reconcile", file, "--provider", "openai", *mapping, "--json"
    )

    assert said.code == 3
    (line,) = said.answer["lines"]
    assert (line["cause"], line["difference_usd"]) == ("unexplained", "0.700000")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("2026-03-04,gpt-4.1,2.80,1,1", "2026-03-04,gpt-4.1,much,1,1"), "row 2: `amount`: 'much' is no amount"),
        (("2026-03-04,gpt-4.1,2.80",), "row 1: it has 3 cells where line 1 has 5"),
        ((), "the invoice has no lines"),
    ],
)  # fmt: skip
def test_a_faulty_invoice_is_one_sentence(office_with_costs, tmp_path, rows, said):
    refused = office_with_costs.command("cost", "reconcile", invoice(tmp_path, *rows), "--provider", "openai")  # fmt: skip

    assert refused.code == 2
    assert said in refused.sentence


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "--by", "moon"), "--by is one of provider, model, agent, client, engagement, workflow, not 'moon'"),
        (("show", "--from", "2026-04-01", "--to", "2026-03-01"), "lies after --to"),
        (("reconcile", "nowhere.csv", "--provider", "openai"), "no such file"),
        (("reconcile", "x.csv", "--provider", "openai", "--rate", "EUR"), "'EUR' is not written as EUR=1.0845"),
        (("reconcile", "x.csv", "--provider", "openai", "--rate", "EUR=0"), "US dollars above 0"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(office_with_costs, arguments, said):
    refused = office_with_costs.command("cost", *arguments)

    assert refused.code == 2
    assert said in refused.sentence
