"""The content of templates and cards: as JSON it says all there is to say, and the same again when it is read back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.agents.cards import firm_cards
from prisma_assets.agents.contract import AgentCard
from prisma_assets.agents.registry import AgentRegistry
from prisma_assets.domain.workflow.template import Template
from prisma_assets.engine.library import TemplateLibrary, product_library
from prisma_assets.settings import Settings

AGENTS = AgentRegistry(firm_cards())
SHIPPED = product_library(Settings.from_environ({}), agents=AGENTS.ids)
STEP = {"id": "s", "name": "s", "title": "S", "objective": "O", "agent": "audit-plan-012"}


def template(**extra):
    return Template.model_validate(
        {
            "name": "t",
            "title": "T",
            "version": "1",
            "description": "D",
            "steps": [{**STEP, **extra}],
        }
    )


@pytest.mark.parametrize("name", SHIPPED.templates)
def test_a_shipped_template_reads_back_as_it_was(name):
    found = SHIPPED.templates[name]
    again = Template.model_validate_json(found.content)

    assert again == found
    assert again.sha256 == found.sha256


@pytest.mark.parametrize("card", firm_cards(), ids=lambda c: c.id)
def test_a_card_reads_back_as_it_was(card):
    assert AgentCard.model_validate_json(card.content) == card


@given(
    st.floats(min_value=1e-6, max_value=1e8, allow_nan=False),
    st.sampled_from(["ms", "s", "m", "h", "d"]),
)
def test_a_duration_reads_back_as_it_was(number, unit):
    found = template(timeout=f"{number:f}{unit}" if float(f"{number:f}") else f"1{unit}")

    assert Template.model_validate_json(found.content) == found


def test_every_part_of_a_step_reads_back_as_it_was():
    found = template(
        parameters={"a": [1, 2.5, None, {"b": "c"}]},
        when="inputs == inputs",
        repeat={"until": "output.n > 1", "max": 3, "delay": "90s", "otherwise": "go_on"},
        sign_off={
            "kind": "K", "roles": ["PARTNER", {"role": "EQR", "when": "output.x"}], "remind": "1d",
            "expires": {"after": "5d", "then": "escalate", "to": "PARTNER"},
        },
        ends=[{"when": "output.bad", "status": "DECLINED", "reason": "R"}],
        compensate={"task": "undo", "parameters": {"k": 1}, "timeout": "1500ms"},
        schedule_to_close="2h", heartbeat="0.5s", cache="1d", retries=2,
    )  # fmt: skip

    assert Template.model_validate_json(found.content) == found


def test_todays_content_has_the_plain_name_and_any_other_has_its_hash():
    today, earlier = template(), template(retries=3)
    library = TemplateLibrary(templates={"t": today}, earlier=(earlier,))

    assert library.jobs == {"t_job": today, f"t_{earlier.sha256[:8]}_job": earlier}
    assert replace(library, templates={}).job_of("t", today.sha256) == f"t_{today.sha256[:8]}_job"


def test_a_file_that_takes_the_name_of_an_earlier_content_keeps_it():
    """A name like that is nobody's accident; nothing may stop the definitions from loading."""
    earlier = template(retries=3)
    taken = template().model_copy(update={"name": f"t_{earlier.sha256[:8]}"})
    library = TemplateLibrary(templates={taken.name: taken}, earlier=(earlier,))

    assert list(library.jobs.values()) == [taken]
