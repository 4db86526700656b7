"""The seal changes with every byte and with nothing else; dates follow from the report."""

from datetime import date

import pytest

from prisma_assets.domain.audit.archive import (
    assembly_due,
    canonical_json,
    retention,
    retention_until,
    seal,
)
from prisma_assets.domain.audit.books import Books, TableSource


def _books(sha256: str = "ab") -> Books:
    return Books(
        sources={"gl_detail": TableSource(file="gl.csv", sha256=sha256, rows=3)}, sha256="x"
    )


def test_the_seal_does_not_depend_on_the_order_of_keys(an_engagement):
    """The same file sealed twice is the same file."""
    one = seal(an_engagement(), _books(), {"a01": {"x": 1, "y": 2}})
    two = seal(an_engagement(), _books(), {"a01": {"y": 2, "x": 1}})

    assert one.sha256 == two.sha256
    assert len(one.sha256) == 64


@pytest.mark.parametrize(
    ("books", "steps"),
    [(_books("cd"), {"a01": {"x": 1}}), (_books(), {"a01": {"x": 2}}), (_books(), {})],
    ids=["evidence", "result", "step missing"],
)
def test_any_change_changes_the_seal(an_engagement, books, steps):
    """A changed file, a changed result, a missing step."""
    original = seal(an_engagement(), _books(), {"a01": {"x": 1}})

    assert seal(an_engagement(), books, steps).sha256 != original.sha256


def test_canonical_json_is_one_form():
    """Sorted, without spaces, in UTF-8; what JSON does not know is refused."""
    assert canonical_json({"b": "é", "a": [1, None]}) == '{"a":[1,null],"b":"é"}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_the_file_is_assembled_within_sixty_days():
    """ISA 230 A21."""
    assert assembly_due(date(2026, 3, 2)) == date(2026, 5, 1)


@pytest.mark.parametrize(
    ("client", "years"),
    [({"id": "C", "name": "N"}, 5), ({"id": "C", "name": "N", "is_listed": True}, 7)],
)
def test_public_files_are_kept_longer(an_engagement, client, years):
    """Five years, seven for listed and public-interest entities."""
    assert retention(an_engagement(client=client)).value == years


def test_a_leap_day_has_an_anniversary():
    """29 February plus five years."""
    assert retention_until(date(2024, 2, 29), 5) == date(2029, 2, 28)
    assert retention_until(date(2024, 2, 29), 4) == date(2028, 2, 29)
