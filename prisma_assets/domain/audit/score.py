"""How well an audit found what was planted: recall and false alarms per kind of error.

Which errors are planted does not belong here: a planted list comes with the engagement it was made for.
"""

from collections.abc import Iterable

from pydantic import Field, ValidationError

from prisma_assets.domain.audit.workpaper import Finding, Frozen
from prisma_assets.domain.errors import InputError


class PlantedError(Frozen):
    """One error put into the books on purpose."""

    kind: str
    """Kind of the finding that reports it."""
    table: str
    """Standard table the record stands in."""
    record_id: str
    """Business key of the record, as a finding names it."""
    amount_cents: int | None = None
    """Size of the error in hundredths of the currency. None: not measurable."""
    description: str = ""


class PlantedErrors(Frozen):
    """Everything planted in one engagement."""

    seed: int
    planted: tuple[PlantedError, ...] = Field(min_length=1)


class KindScore(Frozen):
    """What the audit made of one kind of planted error."""

    kind: str
    planted: int = Field(ge=1)
    """Records planted."""
    found: int = Field(ge=0)
    """Planted records that at least one finding names."""
    recall: float = Field(ge=0, le=1)
    """found / planted."""
    false_alarms: int = Field(ge=0)
    """Records named by findings of this kind in which nothing of the kind was planted."""


def parse_planted(text: str, *, file: str) -> tuple[PlantedError, ...]:
    """Read a list of planted errors, as it stands beside a sample engagement.

    Args:
        text: The file's content.
        file: Name to show in errors.

    Raises:
        InputError: The text is no such list.
    """
    try:
        return PlantedErrors.model_validate_json(text).planted
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise InputError(
            f"{file}: no list of planted errors ({place}: {first['msg']}); "
            "give the .planted.json file that was written beside the sample"
        ) from error


def score(planted: Iterable[PlantedError], findings: Iterable[Finding]) -> list[KindScore]:
    """Compare findings with what was planted, record by record.

    Args:
        planted: A record planted twice under one kind counts once.
        findings: Kinds that were not planted have no known answer and are left out; a record that several procedures
            report counts once.

    Returns:
        One score per planted kind, in alphabetical order.
    """
    answers = _records((error.kind, error.record_id) for error in planted)
    reported = _records((finding.kind, finding.record_id) for finding in findings)
    return [_kind_score(kind, answers[kind], reported.get(kind, set())) for kind in sorted(answers)]


def _records(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    by_kind: dict[str, set[str]] = {}
    for kind, record in pairs:
        by_kind.setdefault(kind, set()).add(record)
    return by_kind


def _kind_score(kind: str, answers: set[str], reported: set[str]) -> KindScore:
    found = len(answers & reported)
    return KindScore(
        kind=kind,
        planted=len(answers),
        found=found,
        recall=found / len(answers),
        false_alarms=len(reported - answers),
    )
