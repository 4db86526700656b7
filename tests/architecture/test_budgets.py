"""What keeps the project small, quick to load, and true to its documents."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from prisma_assets.cli import app

ROOT = Path(__file__).parents[2]
PACKAGES = ("prisma_assets", "jobs", "sensors", "resources")
MOST_LINES = 400
"""A file longer than this has two purposes; every project read for the design had one that ran away."""
WHOLE = {"schema.sql"}
"""The database in one file for whoever reads it: it grows with every table."""
MOST_FUNCTION_LINES = 60
"""A screen. What is longer is a table of data or does several things."""


@cache
def tracked() -> tuple[Path, ...]:
    """Files under version control, which are what others get."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.exists())


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield path, node


def test_no_file_of_code_is_too_long():
    kinds = (".py", ".sql", ".js", ".css")
    code = [path for path in tracked() if path.suffix in kinds and path.name not in WHOLE]
    counts = {str(path.relative_to(ROOT)): len(lines_of(path)) for path in code}

    assert len(counts) > 100
    assert {name: n for name, n in counts.items() if n > MOST_LINES} == {}


def test_no_function_is_too_long():
    lengths = {
        f"{path.relative_to(ROOT)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, node in functions()
    }

    assert len(lengths) > 300
    assert {name: n for name, n in lengths.items() if n > MOST_FUNCTION_LINES} == {}


API = ROOT / "prisma_assets" / "platform" / "__init__.py"
"""The specification's names stand in the package itself."""


def test_a_package_file_holds_only_its_docstring():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            if path == API:
                continue
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert len(body) == 1, path
            assert isinstance(body[0], ast.Expr), path


# Written so that they do not find themselves.
MACHINE = re.compile(
    r"[/](?:work|root|home|tmp|Users)/|pypi[.]|[p]ythonhosted|(?<!emit-)[i]ndex-url|[.][i]nternal\b"
)


def test_nothing_names_the_machine_it_was_made_on_or_a_registry():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked()
        if path.suffix not in (".png", ".parquet", ".xlsx")
        for number, line in enumerate(lines_of(path), start=1)
        if MACHINE.search(line)
    ]

    assert found == []


def test_every_table_says_what_it_is():
    schema = lines_of(ROOT / "migrations" / "schema.sql")
    made = [i for i, line in enumerate(schema) if re.match(r"CREATE (TABLE|VIEW) ", line)]

    assert len(made) >= 14
    assert [schema[i] for i in made if not schema[i - 1].startswith("-- ")] == []


def decisions():
    return sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


def test_decisions_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in decisions()] == list(range(1, len(decisions()) + 1))


@pytest.mark.parametrize("path", decisions(), ids=lambda p: p.stem)
def test_a_decision_has_a_number_a_date_and_its_parts(path):
    text = path.read_text(encoding="utf-8")

    assert re.match(rf"# {int(path.name[:4])}\. \S", text)
    assert re.search(r"^\d{4}-\d\d-\d\d · (accepted|superseded by \d+)$", text, re.MULTILINE)
    for part in ("Context", "Decision", "Consequence"):
        assert f"**{part}.**" in text


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(word: str) -> list[str]:
    """What the documents tell people to type that begins with the word, in blocks and in the midst of a line."""
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    blocks = [line for text in texts for block in text.split("```")[1::2] for line in block.split("\n")]  # fmt: skip
    inline = [span for text in texts for part in text.split("```")[::2] for span in re.findall(r"`([^`\n]+)`", part)]  # fmt: skip
    return [c for c in (*blocks, *inline) if re.search(rf"(^|[ /]){word} ", c)]


def test_the_documents_name_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {c.split("make ", 1)[1].split()[0] for c in commands("make")}

    assert {"up", "test"} <= named
    assert named <= targets


def test_the_documents_name_commands_and_options_that_exist():
    root = typer.main.get_command(app)
    named = [use for c in commands("prisma-assets") for use in uses(c)]

    assert {"run", "approve", "resume"} <= {words[0] for words in named}
    for words in named:
        assert words[0] in root.commands, words
        command = root.commands[words[0]]
        inner = getattr(command, "commands", {})
        for name in words[1].split("|") if inner and len(words) > 1 else ():
            assert name in inner, words
            command = inner[name]
        known = {option for param in command.params for option in param.opts} | {"--help"}
        assert {w for w in words if w.startswith("--")} <= known, words


def uses(line: str) -> list[list[str]]:
    """The commands a line shows: `migrate | verify` are two; what follows two spaces explains."""
    shown = re.split(r"\s{2,}", line.split("prisma-assets ", 1)[1])[0]
    return [
        [word.strip("[]") for word in part.split()]
        for part in shown.split(" | ")
        if not part.startswith("--help")
    ]


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in memory after the statement, in a Python of its own."""
    program = f"{statement}; import sys, json; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


HEAVY = {
    "pandas",
    "numpy",
    "scipy",
    "pyarrow",
    "openpyxl",
    "sklearn",
    "great_expectations",
    "ruptures",
}
"""Together more than Dagster itself; a step that needs one imports it when it runs."""


def test_the_code_location_loads_without_the_heavy_libraries():
    loaded = loaded_by("import prisma_assets.definitions; prisma_assets.definitions.defs()")

    assert "dagster" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    "statement",
    [
        "import prisma_assets.cli",
        "import sys, prisma_assets.cli as c; sys.argv[1:] = ['--help']; c._run()",
        "import sys, prisma_assets.cli as c; sys.argv[1:] = ['run', '--help']; c._run()",
    ],
    ids=["import", "help", "help-of-a-command"],
)
def test_the_command_line_answers_without_dagster(statement):
    loaded = loaded_by(statement)

    assert "typer" in loaded
    assert loaded & (HEAVY | {"dagster", "celpy", "sqlalchemy", "psycopg"}) == set()


def test_the_domain_loads_without_the_rest():
    modules = sorted((ROOT / "prisma_assets" / "domain").rglob("*.py"))
    names = (
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules
    )
    loaded = loaded_by("; ".join(f"import {name}" for name in names))

    assert loaded & {"dagster", "sqlalchemy", "psycopg", "starlette", "typer"} == set()
