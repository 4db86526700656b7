"""Engagement facts and small tables for the judgement procedures: valid by default, changed by keyword."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from prisma_assets.domain.audit.books import Books
from prisma_assets.domain.audit.engagement import Engagement
from prisma_assets.domain.audit.key_figure import KeyFigure, KeyFigures


@pytest.fixture
def an_engagement() -> Callable[..., Engagement]:
    """An engagement without objections; sections are replaced by keyword."""

    def build(**changes: Any) -> Engagement:
        facts: dict[str, Any] = {
            "id": "E-1",
            "client": {"id": "C-1", "name": "Client Ltd"},
            "period": {"start": "2025-01-01", "end": "2025-12-31"},
            "team": [
                {"user": "pat", "roles": ["PARTNER"], "years_on_engagement": 3},
                {"user": "max", "roles": ["MANAGER"]},
            ],
            "independence": {"confirmed_by": ["pat", "max"]},
            "acceptance": {"background_rating": "LOW", "engagement_letter_ref": "EL-1"},
        }
        return Engagement.model_validate(facts | changes)

    return build


@pytest.fixture
def figures() -> Callable[..., KeyFigures]:
    """Key figures from `name=cents` or `name=(cents, prior)`."""

    def build(**values: Any) -> KeyFigures:
        pairs = {n: v if isinstance(v, tuple) else (v, None) for n, v in values.items()}
        return {
            n: KeyFigure(cents=now, prior_cents=before, source="test")  # type: ignore[misc]
            for n, (now, before) in pairs.items()
        }

    return build


@pytest.fixture
def a_trial_balance() -> Callable[..., Books]:
    """Books with a trial balance from rows (number, name, type, ending, prior)."""

    def build(*rows: tuple[str, str, str, int, int | None]) -> Books:
        frame = pd.DataFrame(
            {
                "gl_account_number": pd.Series([r[0] for r in rows], dtype="string"),
                "gl_account_name": pd.Series([r[1] for r in rows], dtype="string"),
                "account_type": pd.Series([r[2] for r in rows], dtype="string"),
                "amount_ending_cents": pd.Series([r[3] for r in rows], dtype="int64"),
                "amount_prior_year_cents": pd.Series([r[4] for r in rows], dtype="Int64"),
            }
        )
        return Books(tables={"trial_balance": frame})

    return build
