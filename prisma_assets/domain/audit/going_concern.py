"""A screen for doubt about going concern, and what it and management's assessment amount to (ISA 570).

The screen only asks the question. A material uncertainty is found by people, never by a ratio.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from prisma_assets.domain.audit.amount import in_currency, ratio
from prisma_assets.domain.audit.engagement import Completion
from prisma_assets.domain.audit.key_figure import FigureName, KeyFigures
from prisma_assets.domain.audit.outcome import Outcome, not_performed, performed
from prisma_assets.domain.audit.threshold import firm
from prisma_assets.domain.audit.workpaper import Evidence, Finding

Conclusion = Literal["STABLE", "SIGNIFICANT_DOUBT", "MATERIAL_UNCERTAINTY"]

CURRENT_RATIO_LIMIT = firm(1, "times")
DEBT_TO_EQUITY_LIMIT = firm(2, "times")
DOUBT_AT = 2
"""Signs raised from which the screen speaks of significant doubt (firm practice)."""

NAME = "Going concern screen"


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One sign of the screen."""

    name: str
    needs: tuple[FigureName, ...]
    limit: str
    read: Callable[[KeyFigures, str], tuple[bool, str]]
    """Whether the sign is raised, and the figure as text."""


def _current_ratio(figures: KeyFigures, currency: str) -> tuple[bool, str]:
    assets, debts = figures["current_assets"].cents, figures["current_liabilities"].cents
    if debts <= 0:
        return False, f"no current liabilities ({in_currency(debts, currency)})"
    return assets / debts < CURRENT_RATIO_LIMIT.value, ratio(assets / debts)


def _debt_to_equity(figures: KeyFigures, currency: str) -> tuple[bool, str]:
    debts, equity = figures["total_liabilities"].cents, figures["equity"].cents
    if equity <= 0:
        return True, f"equity is not positive ({in_currency(equity, currency)})"
    return debts / equity > DEBT_TO_EQUITY_LIMIT.value, ratio(debts / equity)


def _loss(figures: KeyFigures, currency: str) -> tuple[bool, str]:
    result = figures["net_profit"].cents
    return result < 0, in_currency(result, currency)


def _operating_cash_flow(figures: KeyFigures, currency: str) -> tuple[bool, str]:
    flow = figures["operating_cash_flow"].cents
    return flow < 0, in_currency(flow, currency)


SIGNS: tuple[Sign, ...] = (
    Sign(name="Current ratio", needs=("current_assets", "current_liabilities"), limit=f"below {CURRENT_RATIO_LIMIT.value}", read=_current_ratio),
    Sign(name="Total liabilities to equity", needs=("total_liabilities", "equity"), limit=f"above {DEBT_TO_EQUITY_LIMIT.value}", read=_debt_to_equity),
    Sign(name="Result of the period", needs=("net_profit",), limit="a loss", read=_loss),
    Sign(name="Operating cash flow", needs=("operating_cash_flow",), limit="negative", read=_operating_cash_flow),
)  # fmt: skip
"""The firm's four signs, after the examples of ISA 570 paragraph A3. All liabilities count as debt: statements do not
say alike which of them bear interest, and the wider reading asks the question sooner."""


def screen(figures: KeyFigures, *, currency: str) -> Outcome:
    """Read every sign that the books allow.

    Figures: `raised` and `unknown` names of signs; `screen` DOUBT, CLEAR, or UNDECIDED when the unreadable ones could
    still bring the count to `DOUBT_AT`.
    """
    rows: list[tuple[str, str, str, str]] = []
    findings: list[Finding] = []
    unknown: list[str] = []
    for sign in SIGNS:
        missing = [n.replace("_", " ") for n in sign.needs if n not in figures]
        if missing:
            unknown.append(sign.name)
            rows.append(
                (sign.name, sign.limit, "not known", f"no {', '.join(missing)} in the books")
            )
            continue
        is_raised, text = sign.read(figures, currency)
        rows.append((sign.name, sign.limit, text, "raised" if is_raised else "not raised"))
        if is_raised:
            findings.append(_finding(sign, text))
    if len(unknown) == len(SIGNS):
        return not_performed(NAME, "the books show none of the figures it needs")
    raised = [f.record_id for f in findings]
    verdict = _verdict(len(raised), len(unknown))
    return performed(
        NAME,
        population=f"{len(SIGNS) - len(unknown)} of {len(SIGNS)} signs readable",
        result=f"{len(raised)} raised{': ' + ', '.join(raised) if raised else ''}; {DOUBT_AT} or more speak of significant doubt.",
        findings=tuple(findings),
        evidence=(
            Evidence(
                title=NAME, columns=("sign", "raised when", "figure", "reading"), rows=tuple(rows)
            ),
        ),
        figures={"raised": raised, "unknown": unknown, "screen": verdict},
    )


def conclude(screened: Outcome, facts: Completion | None) -> tuple[Conclusion | None, str]:
    """Put the screen and management's assessment together.

    Returns:
        The conclusion and its reason. None: not determined, because the screen cannot be read far enough.
    """
    assessment = "none received" if facts is None else facts.going_concern_assessment
    if assessment == "material uncertainty":
        return "MATERIAL_UNCERTAINTY", "management or the partner recorded a material uncertainty"
    verdict = screened.figures.get("screen", "UNDECIDED")
    if verdict == "DOUBT":
        return (
            "SIGNIFICANT_DOUBT",
            f"the screen raised {len(screened.figures['raised'])} signs; management's assessment: {assessment}; the partner concludes whether a material uncertainty exists",
        )
    if verdict == "CLEAR":
        return (
            "STABLE",
            f"the screen stays below {DOUBT_AT} signs; management's assessment: {assessment}",
        )
    return None, "the books show too few of the screen's figures, so no conclusion follows"


def _verdict(raised: int, unknown: int) -> str:
    if raised >= DOUBT_AT:
        return "DOUBT"
    return "CLEAR" if raised + unknown < DOUBT_AT else "UNDECIDED"


def _finding(sign: Sign, text: str) -> Finding:
    return Finding(
        kind="going_concern_sign",
        table="financial_statements",
        record_id=sign.name,
        description=f"{sign.name}: {text} ({sign.limit}).",
        procedure=NAME,
    )
