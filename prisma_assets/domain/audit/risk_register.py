"""The risks as procedures of a workpaper: the register by account, the level of the whole, the answers planned."""

from prisma_assets.domain.audit.amount import in_currency
from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.materiality import NotDetermined
from prisma_assets.domain.audit.outcome import Outcome, count, not_performed, performed
from prisma_assets.domain.audit.risk import (
    LEVELS,
    PRESUMED,
    AccountRisk,
    Measure,
    StatementRisk,
    account_risks,
)
from prisma_assets.domain.audit.workpaper import Evidence

REGISTER_ROWS = 40
"""Accounts handed on to later steps; the gravest first. The counts by level are of all accounts."""
SHOWN_ROWS = 20

RESPONSES: tuple[tuple[str, str], ...] = (
    ("pressure:", "heightens the presumed risks; their procedures answer it"),
    ("opportunity:", "heightens the presumed risks; their procedures answer it"),
    ("attitude:", "heightens the presumed risks; their procedures answer it"),
    ("revenue", "a08: orders, shipments and cut-off of the whole population; sampled receivables"),
    ("override", "a07: journal entry tests and first digits of the whole ledger"),
    ("cut-off", "a08: cut-off of the whole population"),
    ("receivable", "a08: sampled balances, ageing, credit limits"),
    ("payment", "a08: duplicates in the whole population; sampled payments"),
    ("going concern", "a11: screen and management's assessment"),
    ("group", "a09: instructions to and reports of components"),
)
"""Words in a risk, and the step that answers it."""
NO_RESPONSE = "no procedure of this workflow answers it: the team adds one"


def register(books: Books, measure: Measure | NotDetermined, *, currency: str) -> Outcome:
    """Grade the accounts. Figures: `register` of those above low, `accounts_by_level`."""
    name = "Risk register by account"
    if isinstance(measure, NotDetermined):
        return not_performed(name, measure.reason)
    risks = account_risks(books, measure)
    if isinstance(risks, NotDetermined):
        return not_performed(name, risks.reason)
    graded = [r for r in risks if r.level != "low"]
    by_level = {level: sum(r.level == level for r in risks) for level in reversed(LEVELS)}
    rows = tuple(_row(r, currency) for r in graded[:SHOWN_ROWS])
    columns = ("account", "name", "balance", "movement", "risk", "why", "assertions")
    title = (
        f"Accounts above low risk, gravest first ({min(len(graded), SHOWN_ROWS)} of {len(graded)})"
    )
    counts = ", ".join(f"{level} {number:,}" for level, number in by_level.items())
    return performed(
        name,
        population=f"{count(len(risks), 'account')}; yardstick {in_currency(measure.cents, currency)} ({measure.basis})",
        result=f"Accounts by risk: {counts}.",
        evidence=(Evidence(title=title, columns=columns, rows=rows),),
        figures={
            "accounts_by_level": by_level,
            "register": [_as_json(r) for r in graded[:REGISTER_ROWS]],
        },
    )


def statement_level(found: StatementRisk) -> Outcome:
    """The level of the statements as a whole, with the facts that set it."""
    return performed(
        "Risk of the statements as a whole",
        population="client, acceptance and tie-out facts; the gravest decides",
        result=f"{found.level}: {'; '.join(found.reasons) or 'no fact raises it'}.",
    )


def responses(significant: list[str], fraud: list[str]) -> Outcome:
    """Name the procedure that answers each significant and fraud risk (ISA 330 paragraphs 5-6)."""
    rows = tuple((r, _response(r)) for r in dict.fromkeys([*significant, *fraud]))
    unanswered = [r for r, answer in rows if answer == NO_RESPONSE]
    result = "Every risk is answered by a procedure."
    if unanswered:
        result = (
            f"{count(len(unanswered), 'risk')} without a procedure here: {'; '.join(unanswered)}."
        )
    return performed(
        "Answers to the risks",
        population=count(len(rows), "significant or fraud risk"),
        result=result,
        evidence=(Evidence(title="Risks and answers", columns=("risk", "answer"), rows=rows),),
        figures={"unanswered": unanswered},
    )


def _response(risk: str) -> str:
    for presumed in PRESUMED:
        if risk == presumed.risk:
            return presumed.response
    return next((answer for word, answer in RESPONSES if word in risk.lower()), NO_RESPONSE)


def _row(risk: AccountRisk, currency: str) -> tuple[str, ...]:
    return (
        risk.account, risk.name, in_currency(risk.balance_cents, currency),
        in_currency(risk.movement_cents, currency), risk.level, risk.reason, ", ".join(risk.assertions),
    )  # fmt: skip


def _as_json(risk: AccountRisk) -> dict[str, object]:
    return {
        "account": risk.account,
        "name": risk.name,
        "account_type": risk.account_type,
        "level": risk.level,
        "balance_cents": risk.balance_cents,
        "movement_cents": risk.movement_cents,
    }
