"""Templates written to files: the same template comes back, whatever its words are."""

from hypothesis import given
from hypothesis import strategies as st

from prisma_assets.domain.workflow.source import parse_template
from prisma_assets.domain.workflow.template import Template
from prisma_assets.domain.workflow.template_text import template_text

AGENTS = frozenset({"audit-plan-012"})
TRAPS = st.sampled_from(
    ["yes", "no", "null", "~", "1.10", "010", "0o17", "1e3", "2024-01-31", "12:30", "# not a comment", "a: b", "- a",
     "{x}", "&a", "*a", "!t", "%d", "'", '"', "\\n", " padded ", "ends:", "| pipe", "true", ".5", "<<", "="]
)  # fmt: skip
WORDS = TRAPS | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029\x85")
)


def template(title: str, value: object) -> Template:
    return Template.model_validate(
        {
            "name": "t", "title": title, "version": "1", "description": title,
            "steps": [
                {"id": "a", "name": "first", "title": title, "objective": title, "agent": "audit-plan-012",
                 "parameters": {"told": value}, "timeout": "90s", "retries": 2,
                 "sign_off": {"kind": "K", "roles": ["MANAGER", {"role": "PARTNER", "when": "output.big"}]}},
                {"id": "b", "name": "second", "title": "B", "objective": "B", "after": ["a"],
                 "compute": {"done": 'status.a == "COMPLETED"'}},
            ],
        }
    )  # fmt: skip


@given(
    title=WORDS,
    value=st.recursive(
        WORDS | st.booleans() | st.integers(-9, 9) | st.none(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_words_survive(title, value):
    written = template(title, value)

    assert parse_template(template_text(written, comment="x"), file="t", agents=AGENTS) == written


def test_the_file_reads_like_one_written_by_hand():
    text = template_text(template("Look", "at it"), comment="First line.\n\nThird line.")

    assert text.startswith("# First line.\n#\n# Third line.\nname: t\n")
    assert "      roles:\n        - MANAGER\n        - role: PARTNER\n" in text
    assert "timeout: 90s" in text
    assert text == template_text(template("Look", "at it"), comment="First line.\n\nThird line.")
