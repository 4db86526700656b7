"""The SQL of the product, read from `queries/*.sql`. No SQL text stands in Python.

A file holds any number of queries, each below a header line `-- name --`; comment lines below the header say
what a row is. Parameters are `%(name)s`; a literal percent sign is written `%%`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

QUERIES = Path(__file__).parent / "queries"
_HEADER = re.compile(r"^-- ([a-z][a-z0-9_]*) --$", re.MULTILINE)


def parse_queries(files: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Split (file name, text) pairs into queries by name.

    Raises:
        ValueError: a name stands twice, or text stands above the first header of a file.
    """
    queries: dict[str, str] = {}
    for file, text in files:
        preamble, *parts = _HEADER.split(text)
        if preamble.strip():
            raise ValueError(f"{file}: text above the first `-- name --` header")
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in queries:
                raise ValueError(f"{file}: the query {name} stands twice")
            queries[name] = body.strip()
    return queries


@cache
def _all_queries() -> Mapping[str, str]:
    files = sorted(QUERIES.glob("*.sql"))
    return parse_queries((file.name, file.read_text(encoding="utf-8")) for file in files)


def named_query(name: str) -> bytes:
    """Text of one query, in the form the driver takes for SQL that is not a literal in the source.

    Raises:
        LookupError: no file holds a query of that name.
    """
    try:
        return _all_queries()[name].encode()
    except KeyError:
        raise LookupError(f"no query is called {name} in {QUERIES}") from None
