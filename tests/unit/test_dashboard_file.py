"""What a dashboard file may say; each mistake is told with its place and its mend."""

import pytest

from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.errors import InputError
from prisma_assets.learning.dashboard import read_dashboard

FIGURE = "  - {kind: figure, title: X, metric: p95_ms}\n"


def read(folder, text, name="mine.yaml"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return read_dashboard(file, AgentRegistry())


def test_without_a_filter_it_is_about_every_agent(tmp_path):
    found = read(tmp_path, f"title: All\nwidgets:\n{FIGURE}")

    assert found.name == "mine"
    assert len(found.agents) == 51


def test_agents_stand_in_the_order_of_the_file(tmp_path):
    found = read(tmp_path, f"title: T\nagents: [tax-vat-028, audit-plan-012]\nwidgets:\n{FIGURE}")

    assert [card.id for card in found.agents] == ["tax-vat-028", "audit-plan-012"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"title: T\ndomain: audt\nwidgets:\n{FIGURE}", 'mine.yaml:2:1: no agent has domain "audt"'),
        (f"title: T\nagents: [tax-vat-082]\nwidgets:\n{FIGURE}", 'mine.yaml:2:10: there is no agent "tax-vat-082"'),
        (f"title: T\ndomain: tax\nagents: [tax-vat-028]\nwidgets:\n{FIGURE}", "write `domain:` or `agents:`, not both"),
        ("title: T\nwidgets: []\n", "mine.yaml:2:1: widgets"),
        (f"titel: T\nwidgets:\n{FIGURE}", "mine.yaml:1:1: unknown key 'titel'; did you mean 'title'?"),
        ("title: T\nwidgets:\n  - {kind: table, title: X, metric: p95_ms}\n", "mine.yaml:3:5: widgets.0: a table names its columns"),
        ("title: T\nwidgets:\n  - {kind: line, title: X}\n", "a line shows one figure: write `metric:` with its name"),
        ("title: T\nwidgets:\n  - {kind: line, title: X, metric: p95_ms, by: agent}\n", "`by: agent` is for bars, not for a line"),
        ("title: T\nwidgets:\n  - {kind: pie, title: X, metric: p95_ms}\n", "widgets.0.kind: 'pie' is none of"),
        ("title: [\n", "mine.yaml:2:1: not valid YAML"),
    ],
    ids=["domain", "agent", "both", "empty", "key", "table", "no metric", "by agent", "kind", "yaml"],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path, text, said):
    with pytest.raises(InputError) as told:
        read(tmp_path, text)

    assert said in str(told.value)


def test_a_name_that_cannot_stand_in_an_address_is_refused(tmp_path):
    with pytest.raises(InputError, match="named in small letters"):
        read(tmp_path, f"title: T\nwidgets:\n{FIGURE}", name="My Desk.yaml")
