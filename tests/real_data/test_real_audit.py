"""The whole audit on real books, through the command: what was found, and what could not be performed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real_data

COMMAND = Path(sys.executable).with_name("prisma-assets")
SIGN_OFFS = """\
sign_offs:
{entries}
"""


@pytest.fixture(scope="module")
def audit(real_engagement, server, tmp_path_factory) -> dict[str, Any]:
    """The finished audit of 142,882 real payments and one company's real statements."""
    folder, _filing = real_engagement
    home = tmp_path_factory.mktemp("home")
    sign_offs = home / "sign_offs.yaml"
    sign_offs.write_text(SIGN_OFFS.format(entries="\n".join(_entries(folder))), encoding="utf-8")
    environ = {**os.environ, "PRISMA_HOME": str(home), "DATABASE_URL": server.prisma}
    done = subprocess.run(
        [
            COMMAND,
            "run",
            "annual_audit",
            "--engagement",
            folder,
            "--sign-offs",
            sign_offs,
            "--json",
        ],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _entries(folder: Path) -> list[str]:
    """A sign-off by everybody on the team for every step that asks for their role."""
    from prisma_assets.agents.cards import firm_cards
    from prisma_assets.engagement.facts import read_facts
    from prisma_assets.engine.library import SHIPPED, read_template

    agents = frozenset(c.id for c in firm_cards())
    template = read_template(SHIPPED / "annual_audit.yaml", agents=agents)
    team = read_facts(folder).team
    entries = [
        f"  - {{step: {step.id}, user: {member.user}, role: {role.role}, comment: Seen in a test.}}"
        for step in template.steps
        if step.sign_off is not None
        for role in step.sign_off.roles
        for member in team
        if role.role in member.roles
    ]
    return list(dict.fromkeys(entries))


def papers(audit: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {s["step_id"]: s["workpaper"] for s in audit["steps"] if s["workpaper"]}


def procedures(audit: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {p["name"]: p for paper in papers(audit).values() for p in paper["procedures"]}


def test_the_audit_of_real_books_comes_to_its_end(audit):
    assert audit["status"] == "COMPLETED"
    assert {s["status"] for s in audit["steps"]} <= {"COMPLETED", "SKIPPED"}


def test_it_says_what_was_found(audit):
    """The payments were made by people: some of them twice, and the statements of the chosen filing foot."""
    found = [f for paper in papers(audit).values() for f in paper["findings"]]
    repeated = {f["record_id"] for f in found if f["kind"] == "duplicate_payment"}
    sources = {source for paper in papers(audit).values() for source in paper["sources"]}

    assert 1_000 < len(repeated) < 142_882 * 0.02
    assert any("corporate_payments" in s and "142,882 rows" in s for s in sources)


def test_it_says_what_could_not_be_performed_and_why(audit):
    """No ledger, no customers, no shipments: each missing procedure is named with its reason, and nothing stands in for it."""
    missing = [p for p in procedures(audit).values() if p["status"] == "not performed"]

    assert len(missing) >= 5
    assert all(p["reason"] for p in missing)
    assert not any(p["result"] for p in missing)
    assert any("gl_detail" in p["reason"] for p in missing)


def test_an_opinion_without_the_ledger_is_not_clean(audit):
    drafted = next(s for s in audit["steps"] if s["step_id"] == "a12")["outputs"]["opinion"]

    assert drafted in {"QUALIFIED", "DISCLAIMER"}
