"""SQL stands in named files; a mistake in one is found when it is read."""

import pytest

from prisma_assets.store.named_query import QUERIES, named_query, parse_queries


def test_parse_queries_splits_at_headers_and_keeps_comments_below_them():
    text = "-- one --\n-- A row is a one.\nselect 1\n\n-- two --\nselect 2\n"

    assert parse_queries([("a.sql", text)]) == {
        "one": "-- A row is a one.\nselect 1",
        "two": "select 2",
    }


def test_parse_queries_refuses_one_name_in_two_files():
    with pytest.raises(ValueError, match=r"b\.sql: the query one stands twice"):
        parse_queries([("a.sql", "-- one --\nselect 1"), ("b.sql", "-- one --\nselect 2")])


def test_parse_queries_refuses_text_no_name_leads_to():
    with pytest.raises(ValueError, match=r"a\.sql: text above"):
        parse_queries([("a.sql", "select 0\n-- one --\nselect 1")])


def test_named_query_says_which_name_is_unknown():
    with pytest.raises(LookupError, match="no query is called nonesuch"):
        named_query("nonesuch")


def test_every_query_file_can_be_read():
    files = [(file.name, file.read_text(encoding="utf-8")) for file in QUERIES.glob("*.sql")]

    assert "catalog" in parse_queries(files)
