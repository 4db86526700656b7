"""The names that charts of accounts give the five account types. Reading the column does not belong here."""

import re

from prisma_assets.engagement.document import AccountType

SYNONYMS: dict[AccountType, tuple[str, ...]] = {
    "asset": (
        "a", "current assets", "non current assets", "noncurrent assets", "fixed assets", "other assets",
        "other current assets", "bank", "cash", "accounts receivable", "accounts receivable a r", "receivables",
        "inventory", "property plant and equipment", "prepaid expenses",
    ),
    "liability": (
        "l", "current liabilities", "non current liabilities", "noncurrent liabilities",
        "long term liabilities", "other current liabilities", "other liabilities", "accounts payable",
        "accounts payable a p", "payables", "credit card", "debt", "provisions",
    ),
    "equity": (
        "q", "oe", "capital", "shareholders equity", "stockholders equity", "owners equity", "retained earnings",
    ),
    "revenue": (
        "r", "i", "income", "sales", "other income", "other revenue", "turnover", "operating revenue",
    ),
    "expense": (
        "x", "cost", "costs", "cost of sales", "cost of goods sold", "cogs", "direct costs", "overhead",
        "other expense", "other expenses", "operating expenses", "depreciation", "tax expense",
    ),
}  # fmt: skip
"""Names with one meaning only, in singular or plural: account types of QuickBooks, Xero, Sage and NetSuite and the
one-letter codes of common charts. "E" is equity here and expense there, so it has no entry."""


def _plain(name: str) -> str:
    """A name without case, punctuation and plural."""
    words = re.sub(r"[\W_]+", " ", re.sub("['’]", "", name)).strip().lower()
    return re.sub(r"s$", "", re.sub(r"ies$", "y", words))


_TYPES: dict[str, AccountType] = {
    _plain(name): kind for kind, names in SYNONYMS.items() for name in (kind, *names)
}


def account_type(name: str, stated: dict[str, AccountType]) -> AccountType | None:
    """The type a name means, what the engagement states first. None: unknown."""
    own = {_plain(key): kind for key, kind in stated.items()}
    return own.get(_plain(name)) or _TYPES.get(_plain(name))


def account_type_of_number(number: str, stated: dict[str, AccountType]) -> AccountType | None:
    """The type of the longest stated beginning of an account number. None: no beginning fits."""
    fitting = [key for key in stated if number.startswith(key)]
    return stated[max(fitting, key=len)] if fitting else None
