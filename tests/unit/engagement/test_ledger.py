"""Ledgers and trial balances in the forms that accounting programs export."""

import pytest

HEAD = "Journal ID,Effective Date,GL Account Number"


def amounts(folder) -> list[int]:
    return folder.books.tables["gl_detail"]["amount_cents"].tolist()


def test_signed_amount(read_csv) -> None:
    """Names match without regard to case, spaces and underscores; a foreign column beside them stays out."""
    folder = read_csv(
        "gl_detail",
        "JOURNAL_ID,effectivedate,GL-Account-Number,Amount,Ledger\nJ1,2024-05-01,0400,10.00,X\nJ1,2024-05-01,1000,-10.00,X\n",
    )

    frame = folder.books.tables["gl_detail"]
    assert frame.columns.tolist() == [
        "journal_id", "journal_id_line_number", "effective_date", "gl_account_number", "amount_cents",
    ]  # fmt: skip
    assert frame["gl_account_number"].tolist() == ["0400", "1000"]
    assert frame["journal_id_line_number"].tolist() == ["1", "2"]
    assert frame["amount_cents"].tolist() == [1000, -1000]
    assert frame["effective_date"].dtype == "datetime64[ns]"
    assert folder.warnings == ()


def test_debit_and_credit_columns(read_csv) -> None:
    folder = read_csv("gl_detail", f"{HEAD},Debit,Credit\nJ1,2024-05-01,1,5.00,\nJ1,2024-05-01,2,,5.00\n")  # fmt: skip

    assert amounts(folder) == [500, -500]


def test_debit_and_credit_count_before_an_unmapped_amount(read_csv) -> None:
    """An amount beside them may have no sign; mapping it says that it has."""
    text = f"{HEAD},Debit,Credit,Amount\nJ1,2024-05-01,1,5.00,,5.00\nJ1,2024-05-01,2,,5.00,5.00\n"

    assert amounts(read_csv("gl_detail", text)) == [500, -500]
    assert amounts(read_csv("gl_detail", text, columns={"amount": "Amount"})) == [500, 500]


def test_credits_written_with_a_minus(read_csv) -> None:
    """A credit column that holds only negative amounts is read as credits, and said so."""
    folder = read_csv("gl_detail", f"{HEAD},Debit,Credit\nJ1,2024-05-01,1,5.00,\nJ1,2024-05-01,2,,-5.00\n")  # fmt: skip

    assert amounts(folder) == [500, -500]
    assert "writes credits with a minus" in folder.warnings[0]


def test_line_without_debit_and_credit_is_said(read_csv) -> None:
    folder = read_csv("gl_detail", f"{HEAD},Debit,Credit\nJ1,2024-05-01,1,5.00,\nJ1,2024-05-01,2,,5.00\nJ1,2024-05-01,2,,\n")  # fmt: skip

    assert amounts(folder) == [500, -500, 0]
    assert folder.warnings == (
        "gl_detail.csv: 1 row(s) hold neither a debit nor a credit (first: line 4); read as 0.00",
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["5.00,D", "5.00,C"], [500, -500]),
        (["5.00,debit", "5.00,Credit"], [500, -500]),
        (["5.00,S", "5.00,H"], [500, -500]),
        (["5.00,D", "-5.00,C"], [500, -500]),  # the indicator repeats the sign
        (["-5.00,D", "-5.00,C"], [-500, 500]),  # reversals of either side
    ],
)
def test_debit_credit_indicator(read_csv, rows: list[str], expected: list[int]) -> None:
    lines = "".join(f"J1,2024-05-01,1,{row}\n" for row in rows)
    folder = read_csv("gl_detail", f"{HEAD},Amount,Amount_Credit_Debit_Indicator\n{lines}")

    assert amounts(folder) == expected


def test_unknown_indicator_is_refused(refusal) -> None:
    message = refusal("gl_detail", f"{HEAD},Amount,Amount_Credit_Debit_Indicator\nJ1,2024-05-01,1,5.00,Q\n")  # fmt: skip

    assert message.startswith("gl_detail.csv, line 2, column 'Amount_Credit_Debit_Indicator': 'Q'")


def test_credit_positive_turns_every_amount(read_csv) -> None:
    folder = read_csv(
        "gl_detail", f"{HEAD},Amount\nJ1,2024-05-01,1,-5.00\nJ1,2024-05-01,2,5.00\n", sign="credit_positive"
    )  # fmt: skip

    assert amounts(folder) == [500, -500]


def test_ledger_that_does_not_balance_is_read_and_said(read_csv) -> None:
    """An unbalanced entry is a finding of the audit, not a reason to refuse the books."""
    folder = read_csv(
        "gl_detail",
        f"{HEAD},Amount\nJ1,2024-05-01,1,5.00\nJ1,2024-05-01,2,-5.00\nJ2,2024-05-01,1,7.00\nJ2,2024-05-01,2,-6.00\n",
    )

    assert len(amounts(folder)) == 4
    assert folder.warnings == (
        "gl_detail.csv: the ledger does not balance, debits exceed credits by 1.00; unbalanced: J2 (the first at line 4); "
        "the audit goes on and reports them",
    )


def test_entries_that_cancel_out_are_still_said(read_csv) -> None:
    folder = read_csv("gl_detail", f"{HEAD},Amount\nJ1,2024-05-01,1,5.00\nJ2,2024-05-01,2,-5.00\n")

    assert "agree in total; unbalanced: J1, J2 (the first at line 2)" in folder.warnings[0]


def test_ledger_of_another_year_is_said(read_csv) -> None:
    folder = read_csv("gl_detail", f"{HEAD},Amount\nJ1,2021-05-01,1,5.00\nJ1,2021-05-01,2,-5.00\n")

    assert "no entry falls in the period 2024-01-01 to 2024-12-31" in folder.warnings[0]


TB = "Account,Name,Type,Balance\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("asset", "asset"),
        ("Assets", "asset"),
        ("A", "asset"),
        ("Fixed Assets", "asset"),
        ("Accounts payable (A/P)", "liability"),
        ("Stockholders' Equity", "equity"),
        ("INCOME", "revenue"),
        ("Cost of Goods Sold", "expense"),
        ("Non-current Liability", "liability"),
    ],
)
def test_account_type_names(read_csv, written: str, expected: str) -> None:
    columns = {"gl_account_name": "Name", "account_type": "Type"}
    folder = read_csv("trial_balance", f'{TB}1000,Cash,"{written}",0.00\n', columns=columns)

    assert folder.books.tables["trial_balance"]["account_type"].tolist() == [expected]


def test_account_types_as_stated(read_csv) -> None:
    """Type codes of the client's own, or the beginning of the account number where there is no type column."""
    by_code = read_csv(
        "trial_balance", f"{TB}1000,Cash,1,0.00\n", account_types={"1": "asset"},
        columns={"gl_account_name": "Name", "account_type": "Type"},
    )  # fmt: skip
    by_number = read_csv(
        "trial_balance",
        "Account,Account Name,Balance\n1000,Cash,1.00\n1900,Contra,0.00\n2000,Loan,-1.00\n",
        account_types={"1": "asset", "19": "equity", "2": "liability"},
    )

    assert by_code.books.tables["trial_balance"]["account_type"].tolist() == ["asset"]
    assert by_number.books.tables["trial_balance"]["account_type"].tolist() == [
        "asset", "equity", "liability",
    ]  # fmt: skip


def test_unknown_account_type_is_refused(refusal) -> None:
    message = refusal(
        "trial_balance", f"{TB}1000,Cash,asset,1.00\n2000,Loan,E,-1.00\n",
        columns={"gl_account_name": "Name", "account_type": "Type"},
    )  # fmt: skip

    assert message == (
        "trial_balance.csv, line 3, column 'Type': 'E' gives no account type; it must be asset, liability, equity, revenue "
        "or expense: say which in tables.trial_balance.account_types of engagement.yaml"
    )


def test_balances_of_several_periods_are_refused(refusal) -> None:
    """A roll-forward lists every account once per month; the sum of its balances is no balance."""
    text = "Account,Account Name,Account Type,Period,Amount\n1,Bank,A,2024-11,10\n1,Bank,A,2024-12,12\n"

    assert refusal("trial_balance", text) == (
        "trial_balance.csv: column 'Period' holds several periods (2024-11, 2024-12), and accounts stand in it once for each; "
        "keep the rows of the period's end"
    )


def test_trial_balance_over_departments_is_summed(read_csv) -> None:
    folder = read_csv(
        "trial_balance",
        "GL_Account_Number,GL_Account_Name,Account_Type,Amount_Ending,Amount_Prior_Year\n"
        "1,Cash,asset,5.00,\n1,Cash,asset,2.00,1.00\n2,Loan,liability,-7.00,\n",
    )

    frame = folder.books.tables["trial_balance"]
    assert frame["amount_ending_cents"].tolist() == [700, -700]
    assert frame["amount_prior_year_cents"].isna().tolist() == [False, True]
    assert folder.books.sources["trial_balance"].rows == 3
    assert "1 account(s) stand in several rows (first: 1)" in folder.warnings[0]


def test_account_with_two_types_is_refused(refusal) -> None:
    message = refusal(
        "trial_balance",
        "gl_account_number,gl_account_name,account_type,amount_ending\n1,Cash,asset,5\n1,Cash,equity,2\n",
    )

    assert "account 1 stands in it with 2 account types" in message


def test_trial_balance_out_of_balance_is_said(read_csv) -> None:
    folder = read_csv(
        "trial_balance", "gl_account_number,gl_account_name,account_type,amount_ending\n1,Cash,asset,5\n"
    )  # fmt: skip

    assert "debits exceed credits by 5.00; if credits are written positive" in folder.warnings[0]


@pytest.mark.parametrize(
    ("total", "said"),
    [
        ("TOTAL,,5.00", "agrees with the rows above"),
        ("Grand total,,9.00", "differs from the rows above by 4.00 in 'Open Balance'"),
        (",,5.00", "agrees with the rows above"),
        ("Total", "agrees with the rows above"),
    ],
)
def test_totals_row_is_left_out_and_said(read_csv, total: str, said: str) -> None:
    """A total is not an invoice; it is a control total."""
    folder = read_csv(
        "open_accounts_receivable", f"Invoice ID,Customer ID,Open Balance\nI1,C1,2.00\n\nI2,Total Energies,3.00\n\n{total}\n"
    )  # fmt: skip

    assert folder.books.tables["open_accounts_receivable"]["open_amount_cents"].tolist() == [200, 300]  # fmt: skip
    assert folder.warnings[0].startswith(
        "open_accounts_receivable.csv, line 6: totals row left out"
    )
    assert said in folder.warnings[0]


def test_totals_row_under_a_column_mapped_twice(read_csv) -> None:
    """QuickBooks names an account by number and name in one column."""
    folder = read_csv(
        "trial_balance",
        'Account,Balance\n"Cash (1000)",5.00\n"Total for cash",5.00\n"Loan (2000)",-5.00\n"TOTAL",0.00\n',
        columns={"gl_account_number": "Account", "gl_account_name": "Account"},
        account_types={"Cash": "asset", "Loan": "liability"},
    )

    assert len(folder.books.tables["trial_balance"]) == 2
    assert folder.warnings == (
        "trial_balance.csv, line 3: totals row and 1 more left out ('TOTAL'); it agrees with the rows above",
    )


def test_file_of_nothing_but_totals_is_refused(refusal) -> None:
    assert "holds totals but no rows" in refusal(
        "supplier_listing", "Supplier ID,Supplier Name\n,Total\n"
    )


def test_german_ledger(read_csv) -> None:
    """Titles above the names, Windows letters, decimal commas, Soll and Haben: settings alone read it."""
    text = (
        "Muster GmbH\nBuchungsjournal 2024\n\n"
        "Belegnummer;Buchungsdatum;Konto;Betrag;S/H;Buchungstext\n"
        "4711;31.12.2024;0400;1.234,50;S;Maschine für Werk 2\n"
        "4711;31.12.2024;1600;1.234,50;H;Maschine für Werk 2\n"
        ";;;;;\nSumme;;;0,00;;\n"
    )
    folder = read_csv(
        "gl_detail", text.encode("cp1252"), delimiter=";", encoding="cp1252", header_line=4, date_format="%d.%m.%Y",
        decimal=",",
        columns={
            "journal_id": "Belegnummer", "effective_date": "Buchungsdatum", "gl_account_number": "Konto",
            "amount": "Betrag", "amount_credit_debit_indicator": "S/H", "je_line_description": "Buchungstext",
        },
    )  # fmt: skip

    frame = folder.books.tables["gl_detail"]
    assert frame["amount_cents"].tolist() == [123450, -123450]
    assert frame["je_line_description"].tolist() == ["Maschine für Werk 2"] * 2
    assert folder.warnings == ("gl_detail.csv, line 8: totals row left out ('Summe')",)


def test_code_that_begins_like_a_total_is_no_totals_row(read_csv) -> None:
    folder = read_csv("supplier_listing", "Supplier ID\nSUM-1\nTOTAL-01\nTotal\n")

    assert folder.books.tables["supplier_listing"]["supplier_account_id"].tolist() == ["SUM-1", "TOTAL-01"]  # fmt: skip
