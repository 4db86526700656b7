"""Templates as pictures: every step and dependency is there, and text from templates cannot break out."""

from xml.etree import ElementTree as ET

from prisma_assets.domain.workflow.graph import mermaid, svg
from prisma_assets.domain.workflow.template import Template

TEMPLATE = Template.model_validate(
    {
        "name": "small", "title": "A <b>small</b> one", "version": "1", "description": "d",
        "steps": [
            {"id": "s1", "name": "one", "title": 'Say "hello" & <script>', "objective": "o", "agent": "x"},
            {"id": "s2", "name": "two", "title": "Two", "objective": "o", "agent": "x", "after": ["s1"], "when": "true"},
            {
                "id": "s3", "name": "three", "title": "Three", "objective": "o", "agent": "x", "after": ["s1", "s2"],
                "sign_off": {"kind": "K", "roles": ["MANAGER"], "rework": ["s1"]},
            },
        ],
    }
)  # fmt: skip


def test_mermaid_names_every_step_and_edge():
    text = mermaid(TEMPLATE)

    assert text.startswith("flowchart TD\n")
    assert 's1["s1 Say #quot;hello#quot; & <script>"]' in text
    assert "s1 -.-> s2" in text
    assert "s2 --> s3" in text
    assert "s3 -. changes .-> s1" in text


def test_svg_is_well_formed_and_draws_every_step_and_edge():
    root = ET.fromstring(svg(TEMPLATE))  # noqa: S314 - our own text
    names = [e.tag.split("}")[1] for e in root.iter()]

    assert names.count("rect") == 1 + len(TEMPLATE.steps)
    edges = [e for e in root.iter() if e.get("marker-end")]
    assert len(edges) == 2  # s1 -> s2 -> s3; that s3 also comes after s1 follows.


def test_svg_boxes_do_not_overlap():
    root = ET.fromstring(svg(TEMPLATE))  # noqa: S314 - our own text
    boxes = [
        (float(e.get("x")), float(e.get("y")))
        for e in root.iter()
        if e.tag.endswith("rect") and e.get("x") is not None
    ]

    assert len(set(boxes)) == len(boxes) == len(TEMPLATE.steps)
