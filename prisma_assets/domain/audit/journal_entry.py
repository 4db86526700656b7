"""Journal-entry tests against management override of controls (ISA 240 paragraph 33(a)).

Whether the ledger is complete and balanced does not belong here: that is `tie_out`, and comes first.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Period
from prisma_assets.domain.audit.journal_number import distinct_entries
from prisma_assets.domain.audit.outcome import (
    Outcome,
    count,
    evidence_of,
    findings_of,
    lacking,
    money,
    not_performed,
    performed,
)
from prisma_assets.domain.audit.workpaper import Finding, Frozen

JOURNAL_ENTRY_TESTS = "Journal entry tests"
Severity = Literal["HIGH", "MEDIUM", "LOW"]

MANUAL_SOURCES = frozenset({
    "manual", "man", "m", "manual entry", "manual journal", "manual je", "gj", "gl", "general", "general journal",
    "je", "journal", "journal entry", "adj", "adjustment", "adjusting", "adjusting entry", "topside", "top side",
    "spreadsheet", "hand", "memorial", "memoriaal", "od",
})  # fmt: skip
"""Words ledgers use for entries written by hand; compared in lower case with punctuation as spaces."""
_CASH = re.compile(r"\bcash|\bbank|petty", re.IGNORECASE)
_RESERVE = re.compile(r"reserve|retained|accumulated (profit|loss|earning|deficit)", re.IGNORECASE)
_RELATED = re.compile(
    r"related part|intercompany|inter-company|shareholder|director|affiliate", re.IGNORECASE
)


class JournalCriteria(Frozen):
    """What makes an entry worth a look; figures without another reason are the firm's journal-entry flags."""

    manual_sources: frozenset[str] = MANUAL_SOURCES
    round_minimum_cents: int = Field(default=1_000_000, gt=0)
    round_multiple_cents: int = Field(default=100_000, gt=0)
    day_start: time = time(6)
    day_end: time = time(20)
    late_days: int = Field(default=30, ge=0)
    """Entered more days than this after it counts in the books: the monthly close is over by then."""
    unusual_user_share: float = Field(default=0.10, gt=0, lt=1)
    """A user with a tenth of all manual entries or more writes them as a part of the job."""
    unusual_user_ratio: float = Field(default=1 / 3, gt=0, lt=1)
    """Fewer than a third of what the writer of the median manual entry wrote; keeps evenly shared teams out."""
    listed_share: float = Field(default=0.10, gt=0, le=1)
    """A flag on more of the entries than this describes how the client works; it is counted, not listed."""
    listed_minimum: int = Field(default=50, ge=0)
    """Flags on no more entries than this are always listed: a person can look at them."""


@dataclass(frozen=True, kw_only=True)
class _Ledger:
    """What a test looks at."""

    lines: pd.DataFrame
    """Ledger lines with `is_manual`, `user` where users are known."""
    knows_manual: bool
    """The source column tells manual entries from others."""
    books: Books
    period: Period
    criteria: JournalCriteria


@dataclass(frozen=True, kw_only=True)
class _Test:
    """One journal-entry test."""

    kind: str
    severity: Severity
    columns: tuple[str, ...]
    """Ledger columns without which it cannot be done."""
    wording: str
    mask: Callable[[_Ledger], pd.Series]
    """True for the ledger lines it flags."""
    needs_accounts: bool = False
    """It asks the trial balance what kind of account a line goes to."""
    needs_manual: bool = False
    """It means something only for manual entries; the others look at all entries where the source is not known."""


def journal_entry_tests(
    books: Books, period: Period, criteria: JournalCriteria | None = None
) -> Outcome:
    """Run every journal-entry test the ledger's columns allow.

    Returns:
        Findings by journal entry, and `figures["tests"]`: per kind its severity, the entries flagged, whether they
        are listed as findings, and why it was not possible ("" when it was).
    """
    if reason := lacking(books, "gl_detail", "journal_id", "effective_date", "amount_cents"):
        return not_performed(JOURNAL_ENTRY_TESTS, reason)
    ledger = _prepared(books, period, criteria or JournalCriteria())
    lines = ledger.lines
    tests: dict[str, dict[str, Any]] = {}
    findings: list[Finding] = []
    for test in _TESTS:
        obstacle = _obstacle(test, ledger)
        flagged = pd.DataFrame() if obstacle else _flagged_entries(test, ledger)
        is_listed = not obstacle and _is_listed(test, ledger, len(flagged))
        if is_listed:
            findings += findings_of(
                flagged, kind=test.kind, table="gl_detail", procedure=JOURNAL_ENTRY_TESTS
            )
        tests[test.kind] = {
            "severity": test.severity,
            "flagged": len(flagged),
            "listed": is_listed,
            "not_possible": obstacle,
        }
    entries = lines["journal_id"].nunique()
    manual = lines.loc[lines["is_manual"], "journal_id"].nunique()
    debits = int(lines["amount_cents"].clip(lower=0).sum())
    known = (
        f"{manual:,} of them manual" if ledger.knows_manual else "manual entries not recognisable"
    )
    noun = count(entries, "journal entry", "journal entries")
    summary = pd.DataFrame(
        [(kind, t["severity"], t["flagged"], _state(t)) for kind, t in tests.items()],
        columns=["test", "severity", "entries", "state"],
    )
    evidence = [evidence_of("Journal entry tests", summary)]
    users = _manual_writers(ledger)
    if len(users):
        evidence.append(evidence_of("Writers of manual entries, fewest first", users))
    return performed(
        JOURNAL_ENTRY_TESTS,
        population=f"{noun} of {count(len(lines), 'line')}, debits of {money(debits)}; {known}",
        result=_result(tests),
        findings=tuple(findings),
        evidence=tuple(evidence),
        figures={"entries": entries, "manual_entries": manual, "tests": tests},
    )


def unusual_writers(writers: pd.DataFrame, criteria: JournalCriteria) -> pd.Series:
    """Who writes manual entries without that being part of the job.

    Args:
        writers: One row per user, `entries` = number of manual entries written.
        criteria: The two limits; both must be undercut.

    Returns:
        True per row for unusual users. The yardstick is the writer of the median entry, not the median writer:
        many people with one entry each must not make one entry look normal.
    """
    ordered = writers["entries"].sort_values(ascending=False)
    total = int(ordered.sum())
    typical = int(ordered[ordered.cumsum() * 2 >= total].iloc[0]) if total else 0
    is_rare = writers["entries"] < criteria.unusual_user_share * total
    return is_rare & (writers["entries"] < criteria.unusual_user_ratio * typical)


def _prepared(books: Books, period: Period, criteria: JournalCriteria) -> _Ledger:
    lines = books.tables["gl_detail"]
    lines = lines[lines["journal_id"].notna()]  # the others are counted by tie_out
    lines = distinct_entries(lines).copy()
    knows_manual = False
    lines["is_manual"] = False
    if "source" in lines:
        words = {source: _normal(source) for source in lines["source"].dropna().unique()}
        manual = [source for source, word in words.items() if word in criteria.manual_sources]
        knows_manual = bool(manual)
        of_entry = lines.loc[lines["source"].isin(manual), "journal_id"]
        lines["is_manual"] = lines["journal_id"].isin(of_entry.unique())
    if "entered_by" in lines:
        users = lines["entered_by"].fillna("(no user)")
        lines["user"] = users.map({user: user.strip().casefold() for user in users.unique()})
    return _Ledger(
        lines=lines, knows_manual=knows_manual, books=books, period=period, criteria=criteria
    )


def _normal(word: str) -> str:
    return " ".join(re.split(r"[\W_]+", word.casefold())).strip()


def _obstacle(test: _Test, ledger: _Ledger) -> str:
    reason = lacking(ledger.books, "gl_detail", *test.columns)
    if not reason and test.needs_accounts:
        reason = lacking(ledger.books, "trial_balance")
    if reason or not test.needs_manual or ledger.knows_manual:
        return reason
    words = sorted(ledger.lines["source"].dropna().unique())[:5]
    return f"no source among {', '.join(words) or '(none)'} is known to mean manual"


def _flagged_entries(test: _Test, ledger: _Ledger) -> pd.DataFrame:
    """One row per flagged entry in ledger order: record_id, amount_cents (its largest flagged line), description."""
    lines = ledger.lines
    is_flagged = test.mask(ledger)
    if ledger.knows_manual:
        is_flagged &= lines["is_manual"]
    hit = lines[is_flagged]
    amounts = hit["amount_cents"].abs().groupby(hit["journal_id"], sort=False).max()
    first = hit.drop_duplicates("journal_id")
    days = first["effective_date"].dt.strftime("%Y-%m-%d")
    writers = (
        " by " + first["user"] if "user" in first else pd.Series("", index=first.index, dtype="str")
    )
    facts = first["journal_id"] + " of " + days + writers + ": " + test.wording
    return pd.DataFrame(
        {
            "record_id": first["journal_id"].to_numpy(),
            "amount_cents": amounts.to_numpy(),
            "description": [
                f"Journal entry {fact} Largest line concerned {money(amount)}; severity {test.severity}."
                for fact, amount in zip(facts, amounts, strict=True)
            ],
        }
    )


def _is_listed(test: _Test, ledger: _Ledger, flagged: int) -> bool:
    criteria = ledger.criteria
    if test.kind == "round_sum_manual_entry":  # already narrowed to unusual users
        return True
    looked_at = ledger.lines["is_manual"] if ledger.knows_manual else slice(None)
    entries = ledger.lines.loc[looked_at, "journal_id"].nunique()
    return flagged <= max(criteria.listed_minimum, int(criteria.listed_share * entries))


def _state(test: dict[str, Any]) -> str:
    if test["not_possible"]:
        return f"not possible, because {test['not_possible']}"
    return "listed as findings" if test["listed"] else "counted only: too common to be an exception"


def _result(tests: dict[str, dict[str, Any]]) -> str:
    listed = [
        f"{kind} {t['flagged']:,}" for kind, t in tests.items() if t["listed"] and t["flagged"]
    ]
    common = [f"{kind} {t['flagged']:,}" for kind, t in tests.items() if not _is_quiet(t)]
    missing = [kind for kind, t in tests.items() if t["not_possible"]]
    parts = [f"Entries flagged: {', '.join(listed)}." if listed else "No entry flagged."]
    if common:
        parts.append(f"Too common to list as exceptions: {', '.join(common)}.")
    if missing:
        parts.append(f"Not possible for want of columns or sources: {', '.join(missing)}.")
    return " ".join(parts)


def _is_quiet(test: dict[str, Any]) -> bool:
    return bool(test["listed"] or test["not_possible"])


def _manual_writers(ledger: _Ledger) -> pd.DataFrame:
    """One row per user with manual entries, fewest first: user, entries, share, whether unusual."""
    lines = ledger.lines
    if "user" not in lines or not ledger.knows_manual:
        return pd.DataFrame()
    manual = lines[lines["is_manual"]].drop_duplicates("journal_id")
    writers = manual.groupby("user").size().rename("entries").reset_index()
    writers["share"] = [f"{n / len(manual):.1%}" for n in writers["entries"]]
    unusual = unusual_writers(writers, ledger.criteria)
    writers["unusual"] = unusual.map({True: "yes", False: "no"})
    return writers.sort_values(["entries", "user"], ignore_index=True)


def _round_sums_by_unusual_users(ledger: _Ledger) -> pd.Series:
    lines, criteria = ledger.lines, ledger.criteria
    size = lines["amount_cents"].abs()
    is_round = (size >= criteria.round_minimum_cents) & (size % criteria.round_multiple_cents == 0)
    writers = _manual_writers(ledger)
    return is_round & lines["user"].isin(writers.loc[writers["unusual"] == "yes", "user"])


def _sensitive_accounts(ledger: _Ledger) -> pd.Series:
    accounts = ledger.books.tables["trial_balance"]
    kinds = accounts["account_type"].fillna("").str.strip().str.lower()
    names = accounts["gl_account_name"].fillna("")
    sensitive = [
        kind == "revenue"
        or bool(_RELATED.search(name))
        or (kind == "asset" and bool(_CASH.search(name)))
        or (kind == "equity" and bool(_RESERVE.search(name)))
        for kind, name in zip(kinds, names, strict=True)
    ]
    numbers = accounts.loc[sensitive, "gl_account_number"]
    return ledger.lines["gl_account_number"].isin(numbers)


def _late(ledger: _Ledger) -> pd.Series:
    delay = (
        ledger.lines["entered_date"].dt.normalize() - ledger.lines["effective_date"].dt.normalize()
    )
    return delay > pd.Timedelta(days=ledger.criteria.late_days)


def _out_of_hours(ledger: _Ledger) -> pd.Series:
    lines, criteria = ledger.lines, ledger.criteria
    is_out = lines["entered_date"].dt.day_of_week >= 5  # Saturday, Sunday
    if "entered_time" in lines:
        hours = lines["entered_time"]
        early = hours < criteria.day_start.isoformat()
        late = hours >= criteria.day_end.isoformat()
        is_out |= (early | late).fillna(False).astype(bool)
    return is_out


def _after_period(ledger: _Ledger) -> pd.Series:
    end = pd.Timestamp(ledger.period.end)
    is_inside = ledger.lines["effective_date"].dt.normalize() <= end
    return is_inside & (ledger.lines["entered_date"].dt.normalize() > end)


def _undescribed(ledger: _Ledger) -> pd.Series:
    columns = ("je_header_description", "je_line_description")
    texts = [ledger.lines[c].fillna("").str.strip() != "" for c in columns if c in ledger.lines]
    is_described = pd.concat(texts, axis=1).any(axis=1)
    return ~is_described.groupby(ledger.lines["journal_id"]).transform("any").astype(bool)


def _self_approved(ledger: _Ledger) -> pd.Series:
    approver = ledger.lines["approved_by"].str.strip().str.casefold()
    return (approver == ledger.lines["user"]).fillna(False).astype(bool)


_TESTS = (
    _Test(
        kind="round_sum_manual_entry",
        severity="HIGH",
        columns=("source", "entered_by"),
        wording="manual entry of a round sum by a user who seldom writes manual entries.",
        mask=_round_sums_by_unusual_users,
        needs_manual=True,
    ),
    _Test(
        kind="manual_sensitive_account",
        severity="HIGH",
        columns=("source",),
        wording="manual entry to cash, revenue, reserves or a related party.",
        mask=_sensitive_accounts,
        needs_accounts=True,
        needs_manual=True,
    ),
    _Test(
        kind="late_posting",
        severity="HIGH",
        columns=("entered_date",),
        wording="entered long after the date it counts in the books.",
        mask=_late,
    ),
    _Test(
        kind="self_approved_entry",
        severity="HIGH",
        columns=("entered_by", "approved_by"),
        wording="approved by the user who entered it.",
        mask=_self_approved,
    ),
    _Test(
        kind="entered_after_period",
        severity="MEDIUM",
        columns=("entered_date",),
        wording="entered after the period's end.",
        mask=_after_period,
    ),
    _Test(
        kind="out_of_hours_entry",
        severity="MEDIUM",
        columns=("entered_date",),
        wording="entered at a weekend or outside working hours.",
        mask=_out_of_hours,
    ),
    _Test(
        kind="missing_description",
        severity="LOW",
        columns=("je_header_description",),
        wording="carries no description.",
        mask=_undescribed,
    ),
)
