"""The sample company's general ledger while it is written: entries in, balances still to reach out.

Which entries are made does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prisma_assets.domain.errors import PrismaError
from prisma_assets.engagement.sample.apportion import Cents, Index
from prisma_assets.engagement.sample.figures import Account
from prisma_assets.engagement.sample.office import Days, batch_minutes, moved
from prisma_assets.engagement.sample.people import Texts


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One line of each entry of a batch, or of some of them."""

    account: str | Texts
    """One account for all, or one per line."""
    cents: Cents
    """Debit positive; lines of 0 are left out."""
    entry: Index | None = None
    """Row of the entry within the batch, per line. None: one line per entry, in order."""
    text: str | Texts = ""


@dataclass(frozen=True, kw_only=True)
class Entries:
    """A batch of journal entries of one origin; one row per entry."""

    effective: Days
    entered: Days
    minute: Index
    user: str | Texts
    approver: str | Texts = ""
    source: str
    header: str | Texts
    document: str | Texts = ""
    legs: tuple[Leg, ...]


@dataclass(frozen=True, kw_only=True)
class LedgerLines:
    """The finished ledger, one row per line, and the number each posted entry was given."""

    columns: dict[str, Cents | Days | Index | Texts]
    """Names of the standard table's frame, and `minute` for the time of day."""
    journal_ids: Texts
    """By the row `Ledger.post` answered."""


class Ledger:
    """Takes entries and knows what each account still needs to reach its ending balance."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self.accounts = dict(accounts)
        self._row = {number: row for row, number in enumerate(accounts)}
        self._posted: Cents = np.zeros(len(accounts), dtype=np.int64)
        self._headers: list[tuple[Entries, int]] = []
        self._lines: list[tuple[Index, Index, Cents, Texts]] = []
        self._entry_count = 0
        self.line_count = 0

    def remaining(self, account: str) -> int:
        """Cents, debit positive, still to post for the account to reach its ending balance."""
        posted = int(self._posted[self._row[account]])
        return self.accounts[account].movement_cents - posted

    def post(self, entries: Entries) -> Index:
        """Add a batch; whether an entry balances is the caller's business.

        Returns:
            One row per entry, to look its journal number up once the ledger is finished.
        """
        count = len(entries.effective)
        first = self._entry_count
        for leg in entries.legs:
            within = np.arange(count) if leg.entry is None else leg.entry
            rows = self._account_rows(leg.account, len(leg.cents))
            texts = _texts(leg.text, len(leg.cents))
            kept = leg.cents != 0
            np.add.at(self._posted, rows, leg.cents)
            self._lines.append((first + within[kept], rows[kept], leg.cents[kept], texts[kept]))
            self.line_count += int(kept.sum())
        self._headers.append((entries, count))
        self._entry_count += count
        return np.arange(first, first + count)

    def finish(self) -> LedgerLines:
        """Number the entries in the order they were keyed.

        Raises:
            PrismaError: An account missed its balance; the generator is wrong.
        """
        missed = [number for number in self.accounts if self.remaining(number)]
        if missed:
            raise PrismaError(
                f"the sample ledger misses the balance of {', '.join(missed)}; report this"
            )
        entered = np.concatenate([e.entered for e, _ in self._headers])
        minute = np.concatenate([e.minute for e, _ in self._headers])
        order = np.lexsort((np.arange(self._entry_count), minute, entered))
        rank = np.empty_like(order)
        rank[order] = np.arange(self._entry_count)
        journal_ids = _texts([f"JE09-{number + 1:06d}" for number in rank.tolist()])
        entry, account, cents, text = (
            np.concatenate(parts) for parts in zip(*self._lines, strict=True)
        )
        by_entry = np.argsort(rank[entry], kind="stable")
        entry = entry[by_entry]
        starts = np.flatnonzero(np.diff(rank[entry], prepend=-1))
        position = np.arange(len(entry)) - np.repeat(starts, np.diff([*starts, len(entry)]))
        numbers = _texts(list(self.accounts))
        columns = {
            "journal_id": journal_ids[entry],
            "journal_id_line_number": position + 1,
            "effective_date": np.concatenate([e.effective for e, _ in self._headers])[entry],
            "entered_date": entered[entry],
            "minute": minute[entry],
            "entered_by": self._per_entry("user")[entry],
            "approved_by": self._per_entry("approver")[entry],
            "source": self._per_entry("source")[entry],
            "gl_account_number": numbers[account[by_entry]],
            "amount_cents": cents[by_entry],
            "je_header_description": self._per_entry("header")[entry],
            "je_line_description": text[by_entry],
            "document_number": self._per_entry("document")[entry],
        }
        return LedgerLines(columns=columns, journal_ids=journal_ids)

    def _account_rows(self, account: str | Texts, count: int) -> Index:
        if isinstance(account, str):
            return np.full(count, self._row[account], dtype=np.int64)
        return np.array([self._row[number] for number in account], dtype=np.int64)

    def _per_entry(self, field: str) -> Texts:
        return np.concatenate([_texts(getattr(e, field), count) for e, count in self._headers])


@dataclass(frozen=True, kw_only=True)
class Interface:
    """A system that posts by itself."""

    user: str
    source: str


SALES = Interface(user="IF-SALES", source="sales")
POINT_OF_SALE = Interface(user="IF-POS", source="sales")
CASH = Interface(user="IF-CASH", source="cash")
PURCHASING = Interface(user="IF-AP", source="purchasing")
PAYMENTS = Interface(user="IF-AP", source="payments")
PAYROLL = Interface(user="IF-PAYROLL", source="payroll")


def interface_entries(
    rng: np.random.Generator,
    days: Days,
    *,
    by: Interface,
    header: str | Texts,
    document: str | Texts = "",
    legs: tuple[Leg, ...],
) -> Entries:
    """Entries an interface posts in the evening of the day they count."""
    return Entries(
        effective=days,
        entered=moved(days, 0),
        minute=batch_minutes(rng, len(days)),
        user=by.user,
        source=by.source,
        header=header,
        document=document,
        legs=legs,
    )


def _texts(values: str | Texts | list[str], count: int = 0) -> Texts:
    if isinstance(values, str):
        return np.full(count, values, dtype=object)
    return np.array(values, dtype=object)
