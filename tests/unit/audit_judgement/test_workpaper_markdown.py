"""The workpaper as a partner reads it."""

from prisma_assets.domain.audit.workpaper import Evidence, Finding, Procedure, Workpaper
from prisma_assets.domain.audit.workpaper_markdown import render_markdown


def _paper(**changes: object) -> Workpaper:
    facts = {
        "step_id": "a08",
        "title": "Substantive tests",
        "objective": "Find misstatements.",
        "procedures": (
            Procedure(name="Matching", status="performed", population="3 invoices", result="1 open."),
            Procedure(name="Sampling", status="not performed", reason="no table was provided"),
        ),
        "conclusion": "One misstatement.",
    }  # fmt: skip
    return Workpaper.model_validate(facts | changes)


def _finding(
    number: int, cents: int | None = 1_234_567_89, kind: str = "duplicate_payment"
) -> Finding:
    return Finding(
        kind=kind, table="payments_made", record_id=f"P{number}", amount_cents=cents,
        description=f"Payment {number}.", procedure="p",
    )  # fmt: skip


def _tables(markdown: str) -> list[list[str]]:
    """Every table as its lines."""
    blocks = markdown.split("\n\n")
    return [b.splitlines() for b in blocks if b.startswith("|")]


def test_the_conclusion_stands_before_the_detail():
    """A partner reads heading, objective and conclusion first."""
    text = render_markdown(_paper())

    assert text.startswith("# a08 · Substantive tests\n")
    assert text.index("Objective") < text.index("Conclusion") < text.index("## Procedures")


def test_a_procedure_not_performed_says_why():
    """The status carries the reason."""
    assert "| Sampling | not performed, because no table was provided |" in render_markdown(
        _paper()
    )


def test_amounts_carry_separators_and_currency():
    """1,234,567.89 euros; an unknown amount is not zero."""
    text = render_markdown(_paper(findings=(_finding(1), _finding(2, None)), currency="EUR"))

    assert "EUR 1,234,567.89" in text
    assert "not known" in text


def test_many_findings_are_counted_and_every_kind_is_shown():
    """Twenty rows: a hundred findings of one kind do not hide three of another."""
    findings = [_finding(n, n * 100) for n in range(100)]
    findings += [_finding(n, 1, "cut_off_error") for n in range(3)]

    text = render_markdown(_paper(findings=tuple(findings)))

    assert r"103 in all: duplicate\_payment 100, cut\_off\_error 3." in text
    assert "83 more" in text
    table = _tables(text)[1]
    assert len(table) == 22
    assert sum("cut" in line for line in table) == 3
    assert "P99" in table[2]  # the largest first


def test_long_evidence_is_cut_and_counted():
    """The rest stays in the record."""
    rows = tuple((n, f"account {n}", None, 0.5) for n in range(25))
    evidence = Evidence(title="Accounts", columns=("no.", "name", "note", "share"), rows=rows)

    text = render_markdown(_paper(evidence=(evidence,)))

    assert len(_tables(text)[1]) == 22
    assert "5 more rows" in text


def test_text_of_the_books_cannot_break_the_page():
    """Pipes, newlines, links and headings of a client's description stay text."""
    nasty = "a|b\n# c\n[x](http://evil) <script>`*_"

    text = render_markdown(_paper(conclusion=nasty, findings=(_finding(1).model_copy(update={"description": nasty}),)))  # fmt: skip

    assert r"a\|b \# c \[x\](http://evil) \<script\>\`\*\_" in text
    row = next(line for line in text.splitlines() if "P1" in line)
    assert row.replace(r"\|", "").count("|") == 5


def test_empty_sections_are_left_out():
    """No findings, no heading for them."""
    text = render_markdown(_paper())

    assert "## Findings" not in text
    assert "## References" not in text
