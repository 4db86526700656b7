"""The schema editors get: what people may write is allowed, and what a key means is said."""

from prisma_assets.domain.workflow.json_schema import template_schema

DEFINITIONS = template_schema()["$defs"]
STEP = DEFINITIONS["Step"]["properties"]


def test_keys_carry_the_meaning_that_stands_below_them_in_the_model():
    assert STEP["when"]["description"].startswith("A false condition records the step as SKIPPED")
    assert DEFINITIONS["Expiry"]["properties"]["to"]["description"].startswith("Role an escalation")
    inherited = DEFINITIONS["ForEach"]["properties"]["key"]["description"]
    assert inherited.startswith("Gives a branch's name")


def test_a_duration_is_a_text_with_a_unit():
    assert STEP["timeout"]["type"] == "string"
    assert STEP["timeout"]["default"] == "300s"


def test_a_condition_may_be_a_constant():
    assert STEP["when"]["anyOf"][0]["type"] == ["string", "boolean"]


def test_a_role_may_be_its_name_alone():
    alone, whole = DEFINITIONS["RequiredRole"]["anyOf"]
    assert "MANAGER" in alone["enum"]
    assert whole["required"] == ["role"]


def test_what_only_the_product_sets_is_not_offered():
    assert not {"scope", "given"} & STEP.keys()
