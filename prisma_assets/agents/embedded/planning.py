"""Steps a03 to a05: understand the books and their risks, fraud risks, and the plan with materiality."""

import hashlib
from typing import Any

from prisma_assets.agents.embedded.rounds import since_last_round
from prisma_assets.agents.embedded.work import Draft, StepWork, finish, key_procedure
from prisma_assets.agents.heartbeat import beat
from prisma_assets.domain.audit import (
    fraud,
    materiality,
    misstatement,
    request_list,
    risk,
    risk_register,
    tie_out,
)
from prisma_assets.domain.audit.amount import percent_of
from prisma_assets.domain.audit.archive import canonical_json
from prisma_assets.domain.audit.journal_entry import JournalCriteria
from prisma_assets.domain.audit.materiality import Materiality, NotDetermined
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.risk import Measure
from prisma_assets.domain.audit.workpaper import Evidence, StepResult


def understand_entity_and_risk(work: StepWork) -> StepResult:
    """Take in the books, tie them out, and set up the risk register."""
    books, engagement = work.books, work.engagement
    figures = work.figures
    measure = risk.planning_measure(figures)
    requested = request_list.received(books)
    balances = tie_out.trial_balance_balances(books)
    ledger = tie_out.ledger_to_trial_balance(books, engagement.period)
    beat()
    entries = tie_out.unbalanced_entries(books)
    complete = tie_out.journal_line_completeness(books)
    beat()
    control = tie_out.subledger_to_control_account(books)
    beat()
    register = risk_register.register(books, measure, currency=work.currency)
    problem = _tie_out_problem(work, ledger, measure)
    tied_out = ledger.is_performed and not problem if ledger.is_performed else None
    named = engagement.strategy.significant_risks
    overall = risk.statement_risk(engagement, tied_out=tied_out, significant_risks=len(named))
    is_balanced = balances.figures.get("balanced")
    requests = _requests(work, requested, balances)
    errors = misstatement.factual(entries.findings, _corrected(work))
    outcomes = [
        requested, *since_last_round(work, "open_requests", requests), *_intake(work), balances, ledger, entries, complete, control, register,
        risk_register.statement_level(overall),
    ]  # fmt: skip
    return finish(
        work,
        Draft(
            outcomes=outcomes,
            core=[balances, ledger, entries, register],
            conclusion=_understanding(
                requested, balances, problem or ledger.procedure.reason, overall
            ),
            outputs={
                "pbc_complete": not requested.figures["missing"],
                "pbc_missing": requested.figures["missing"],
                "tb_balanced": is_balanced,
                "open_requests": requests,
                "files": work.files,
                "tb_difference_cents": balances.figures.get("difference_cents"),
                "fs_risk_level": overall.level,
                "fs_risk_reasons": list(overall.reasons),
                "uses_service_org": engagement.client.uses_service_organisation,
                "dataset_hash": books.sha256,
                "risk_register": register.figures.get("register", []),
                "accounts_by_level": register.figures.get("accounts_by_level", {}),
                "significant_risks": [*(p.risk for p in risk.PRESUMED), *named],
                "misstatements": misstatement.to_json(misstatement.totals(errors))
                if entries.is_performed
                else None,
                "key_procedures": {"tie_out": key_procedure(ledger, problem=problem)},
            },
        ),
    )


def fraud_risk_assessment(work: StepWork) -> StepResult:
    """Presumed and particular fraud risks, the criteria for journal entries, and something unpredictable."""
    books, engagement = work.books, work.engagement
    figures = work.figures
    factors = fraud.risk_factors(engagement, figures)
    profile = fraud.ledger_profile(books)
    criteria = _journal_criteria(work)
    surprise = fraud.unpredictable_accounts(
        books, risk.planning_measure(figures), seed=engagement.strategy.sampling_seed
    )
    named = [p.risk for p in risk.PRESUMED] + factors.figures["factors"]
    return finish(
        work,
        Draft(
            outcomes=[
                fraud.presumed_risks(),
                factors,
                profile,
                fraud.criteria_set(criteria),
                surprise,
            ],
            conclusion=f"{count(len(named), 'fraud risk')} to answer, of which {len(risk.PRESUMED)} are presumed in every audit. "
            "The criteria for journal entries are set; the tests follow in step a07.",
            outputs={
                "fraud_risks": named,
                "je_criteria": fraud.criteria_json(criteria),
                "unpredictability_plan": surprise.figures.get("accounts", []),
            },
        ),
    )


def _journal_criteria(work: StepWork) -> JournalCriteria:
    """The firm's flags, or those of the agent's version."""
    return JournalCriteria(
        round_minimum_cents=work.parameter("round_minimum") * 100,
        late_days=work.parameter("late_days"),
        listed_share=work.parameter("listed_share_pct") / 100,
        listed_minimum=work.parameter("listed_minimum"),
    )


def strategy_materiality_plan(work: StepWork) -> StepResult:
    """Set materiality, sampling parameters and the answer to each risk; the plan's hash is its version."""
    strategy = work.engagement.strategy
    level: materiality.RiskLevel = work.outputs_of("a03").get("fs_risk_level", "high")
    figures = work.figures
    found = materiality.determine(figures, strategy, level)
    setting = _materiality_outcome(work, found)
    sampling = {
        "confidence_pct": strategy.confidence_pct,
        "expected_misstatement_pct": str(strategy.expected_misstatement_pct),
        "seed": strategy.sampling_seed,
    }
    responses = risk_register.responses(
        list(work.outputs_of("a03").get("significant_risks", [])),
        list(work.outputs_of("a04").get("fraud_risks", [])),
    )
    amounts = _amounts(found)
    plan = {
        **amounts,
        **sampling,
        "controls_reliance": strategy.controls_reliance,
        "risk_level": level,
    }
    version = hashlib.sha256(canonical_json(plan)).hexdigest()[:12]
    return finish(
        work,
        Draft(
            tables=("financial_statements", "trial_balance"),
            core=[setting],
            outcomes=[setting, responses, _approach(work, sampling)],
            conclusion=_plan_conclusion(work, found, responses.figures["unanswered"], version),
            outputs={
                **amounts,
                "controls_reliance": strategy.controls_reliance,
                "relies_on_significant_risk_control": any(
                    t.answers_significant_risk for t in work.engagement.control_tests
                ),
                "components": [{"name": c.name} for c in work.engagement.components],
                "sampling": sampling,
                "unanswered_risks": responses.figures["unanswered"],
                "plan_version": version,
                "key_procedures": {"materiality": key_procedure(setting)},
            },
        ),
    )


def _corrected(work: StepWork) -> tuple[str, ...]:
    facts = work.engagement.completion
    return facts.corrected if facts else ()


def _intake(work: StepWork) -> list[Outcome]:
    """The reader's doubts as a procedure, when there are any."""
    if not work.warnings:
        return []
    rows = tuple((n, text) for n, text in enumerate(work.warnings, start=1))
    return [
        performed(
            "Reading of the client's files",
            population=count(len(work.books.tables), "table"),
            result=f"{count(len(rows), 'matter')} to clear with the client.",
            evidence=(Evidence(title="Noted while reading", columns=("no.", "note"), rows=rows),),
        )
    ]


def _requests(work: StepWork, requested: Outcome, balances: Outcome) -> list[str]:
    """What the client is still to deliver or to mend; the intake goes round until nothing stands here."""
    found = [f"The table {name} is missing." for name in requested.figures["missing"]]
    gap = balances.figures.get("difference_cents")
    if gap:
        found.append(f"The trial balance does not foot: it is out by {work.amount(abs(gap))}.")
    return found


def _tie_out_problem(work: StepWork, ledger: Outcome, measure: Measure | NotDetermined) -> str:
    """Why the ledger cannot be relied on as the trial balance's support; empty when it can or was not compared.

    Differences below the firm's clearly trivial share of the planning measure do not count.
    """
    if not ledger.is_performed:
        return ""
    figures = ledger.figures
    if figures["accounts_not_compared"] >= figures["accounts"]:
        return "no account of the trial balance could be compared with the ledger"
    gross = sum(abs(f.amount_cents or 0) for f in ledger.findings)
    limit = 0
    if isinstance(measure, Measure):
        limit = percent_of(measure.cents, materiality.TRIVIAL_PCT.value)
    if gross <= limit:
        return ""
    return f"the ledger and the trial balance differ by {work.amount(gross)} in all, not explained"


def _understanding(
    requested: Outcome, balances: Outcome, problem: str, overall: risk.StatementRisk
) -> str:
    missing = requested.figures["missing"]
    parts = [
        "The client provided every table asked for."
        if not missing
        else f"Not provided: {', '.join(missing)}; what needs them is not performed."
    ]
    parts.append(
        "The ledger carries the trial balance."
        if not problem
        else f"Not established that the ledger carries the trial balance: {problem}."
    )
    if balances.figures.get("balanced") is False:
        parts.append(balances.procedure.result)
    why = "; ".join(overall.reasons) or "no fact raises it"
    parts.append(f"Risk of the statements as a whole: {overall.level} ({why}).")
    return " ".join(parts)


def _materiality_outcome(work: StepWork, found: Materiality | NotDetermined) -> Outcome:
    name = "Materiality"
    if isinstance(found, NotDetermined):
        return not_performed(name, found.reason)
    benchmark = found.choice.benchmark.replace("_", " ")
    share = materiality.PERFORMANCE_PCT[found.risk_level].text
    rows = (
        ("Benchmark", benchmark, work.amount(found.choice.figure.cents), found.choice.figure.source),
        ("Overall materiality", f"{found.pct} %", work.amount(found.overall_cents), found.pct_source),
        ("Performance materiality", f"risk {found.risk_level}", work.amount(found.performance_cents), share),
        ("Clearly trivial", f"{materiality.TRIVIAL_PCT.value} %", work.amount(found.trivial_cents), materiality.TRIVIAL_PCT.text),
    )  # fmt: skip
    return performed(
        name,
        population=f"{benchmark} of {work.amount(found.choice.figure.cents)}",
        result=f"Overall {work.amount(found.overall_cents)}. {found.choice.reason}",
        evidence=(
            Evidence(
                title="Materiality", columns=("amount", "basis", "figure", "source"), rows=rows
            ),
            _benchmarks(work),
        ),
        figures={"rule": materiality.AUTO_RULE},
    )


def _benchmarks(work: StepWork) -> Evidence:
    """Every benchmark of the firm's table with what it would give, so that the choice can be seen."""
    figures = work.figures
    rows = []
    for name, pct in materiality.BENCHMARK_PCT.items():
        figure = figures.get(name)
        known = figure is not None and figure.cents > 0
        would_be = work.amount(percent_of(figure.cents, pct.value)) if figure and known else "none"
        rows.append(
            (name.replace("_", " "), work.amount(figure.cents if figure else None),
             work.amount(figure.prior_cents if figure else None), f"{pct.value} %", would_be)
        )  # fmt: skip
    columns = ("benchmark", "period", "prior period", "percentage", "would give")
    return Evidence(
        title=f"Benchmarks considered. {materiality.AUTO_RULE}", columns=columns, rows=tuple(rows)
    )


def _amounts(found: Materiality | NotDetermined) -> dict[str, Any]:
    if isinstance(found, NotDetermined):
        nothing = (
            "overall_materiality_cents",
            "performance_materiality_cents",
            "trivial_materiality_cents",
        )
        return {**dict.fromkeys(nothing), "benchmark": None, "materiality_reason": found.reason}
    return {
        "overall_materiality_cents": found.overall_cents,
        "performance_materiality_cents": found.performance_cents,
        "trivial_materiality_cents": found.trivial_cents,
        "benchmark": found.choice.benchmark,
        "materiality_reason": found.choice.reason,
    }


def _approach(work: StepWork, sampling: dict[str, Any]) -> Outcome:
    reliance = work.engagement.strategy.controls_reliance
    return performed(
        "Audit approach",
        population=f"sampling at {sampling['confidence_pct']} % confidence, expected misstatement {sampling['expected_misstatement_pct']} % of tolerable, seed {sampling['seed']}",
        result="Controls are tested and relied on as far as they hold."
        if reliance
        else "Wholly substantive: no reliance on controls is planned.",
    )


def _plan_conclusion(
    work: StepWork, found: Materiality | NotDetermined, unanswered: list[str], version: str
) -> str:
    answers = "The plan answers every significant risk."
    if unanswered:
        answers = f"The team adds procedures for: {'; '.join(unanswered)}."
    if isinstance(found, NotDetermined):
        return f"Without materiality no misstatement can be evaluated and no clean opinion can follow. Plan version {version}."
    return (
        f"Overall materiality is {work.amount(found.overall_cents)}, performance materiality {work.amount(found.performance_cents)}, "
        f"clearly trivial {work.amount(found.trivial_cents)}. {answers} Plan version {version}, to be frozen by the partner."
    )
