"""Rules the tables keep whatever writes to them: four eyes, one open change per agent, no step done twice, no free unknown."""

import psycopg
import pytest

SHA = "0" * 64
AGENT = "audit-ethics-045"
OPPORTUNITY = (
    "insert into improvement_opportunities (opportunity_id, agent_id, agent_version, improvement_type, detector, "
    "title, description, evidence, sample_size, priority, risk_level, fingerprint) values "
    f"('00000000-0000-0000-0000-00000000000a', '{AGENT}', '1', 'prompt', 'manual', 't', 'd', '{{}}', 1, 'low', 'low', 'f')"
)
TEST = (
    "insert into ab_tests (agent_id, name, control_version, variant_b_changes, assignment_salt, metrics, "
    "primary_metric, risk_level, status, created_by, decision) values "
    f"('{AGENT}', 'n', '1', '{{{{\"prompt\": \"x\"}}}}', gen_random_uuid(), '{{{{accuracy}}}}', '{{primary}}', '{{risk}}', "
    "'{status}', 'anna', {decision})"
)
DEPLOYMENT = (
    "insert into improvement_deployments (opportunity_id, agent_id, from_version, to_version, change_set, change_hash, "
    "risk_level, strategy, stage, auto_deployed, created_by, approved_by, approved_at) values "
    f"('00000000-0000-0000-0000-00000000000a', '{AGENT}', '1', '{{to}}', '{{{{}}}}', '{SHA}', '{{risk}}', 'canary', "
    "'{stage}', {auto}, 'anna', {approver}, now())"
)
EXECUTION = (
    "insert into workflow_executions (workflow_execution_id, template_name, template_version, template_sha256, "
    "dagster_job, created_by, idempotency_key) values "
    f"('00000000-0000-0000-0000-00000000000{{n}}', 't', '1', '{SHA}', 't_job', 'anna', {{key}})"
)
STEP = (
    "insert into workflow_step_executions (workflow_execution_id, step_id, step_name, iteration, map_key, status, output) "
    "values ('00000000-0000-0000-0000-000000000001', 'a01', 's', {iteration}, '{key}', '{status}', null)"
)
SIGN_OFF = (
    "insert into step_sign_offs (workflow_execution_id, step_id, iteration, role, user_id, decision, given_in_advance) "
    "values ('00000000-0000-0000-0000-000000000001', 'a01', {iteration}, {role}, '{user}', 'approve', {advance})"
)


def a_test(primary="accuracy", risk="low", status="draft", decision="null"):
    return TEST.format(primary=primary, risk=risk, status=status, decision=decision)


def a_deployment(to="2", risk="low", stage="canary", auto="false", approver="'ben'"):
    return DEPLOYMENT.format(to=to, risk=risk, stage=stage, auto=auto, approver=approver)


def an_execution(n=1, key="null"):
    return EXECUTION.format(n=n, key=key)


def a_step(iteration=1, key="", status="PENDING"):
    return STEP.format(iteration=iteration, key=key, status=status)


def a_sign_off(iteration=1, role="'PARTNER'", user="anna", advance="false"):
    return SIGN_OFF.format(iteration=iteration, role=role, user=user, advance=advance)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param([a_test(status="running"), a_test(status="paused")], id="one test runs"),
        pytest.param([OPPORTUNITY, a_deployment()], id="approved by a second person"),
        pytest.param(
            [OPPORTUNITY, a_deployment(auto="true", approver="null")], id="low risk goes by itself"
        ),
        pytest.param(
            [an_execution(), an_execution(2)], id="executions without a key are never the same"
        ),
        pytest.param(
            [an_execution(), a_step(), a_step(2), a_step(1, "DE")], id="passes and items of a step"
        ),
        pytest.param(
            [an_execution(), a_sign_off(), a_sign_off(user="ben")], id="a role that two people hold"
        ),
    ],
)
def test_tables_take_what_the_firm_does(database_url, statements):
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statements", "rule"),
    [
        pytest.param(
            [a_test(status="running"), a_test(status="running")],
            "ab_tests_one_running",
            id="two tests run",
        ),
        pytest.param(
            [a_test(primary="cost")],
            "ab_tests_primary_is_measured",
            id="primary metric not measured",
        ),
        pytest.param(
            [a_test(risk="high", decision="'adopt_treatment'")],
            "ab_tests_person_decides_risk",
            id="risky decision by nobody",
        ),
        pytest.param(
            [OPPORTUNITY, OPPORTUNITY.replace("00000a", "00000b")],
            "improvement_opportunities_open",
            id="one need twice",
        ),
        pytest.param(
            [OPPORTUNITY, a_deployment(approver="'anna'")],
            "improvement_deployments_second_person",
            id="own approval",
        ),
        pytest.param(
            [OPPORTUNITY, a_deployment(approver="null")],
            "improvement_deployments_approved",
            id="live without approval",
        ),
        pytest.param(
            [OPPORTUNITY, a_deployment(risk="high")],
            "improvement_deployments_risk_was_tested",
            id="risky change untested",
        ),
        pytest.param(
            [OPPORTUNITY, a_deployment(), a_deployment(to="3")],
            "improvement_deployments_one_open",
            id="two open changes",
        ),
        pytest.param(
            [an_execution(1, "'k'"), an_execution(2, "'k'")],
            "workflow_executions_idempotent",
            id="one request twice",
        ),
        pytest.param(
            [an_execution(), a_step(), a_step()],
            "workflow_step_executions_one_result",
            id="one step twice",
        ),
        pytest.param(
            [an_execution(), a_step(status="COMPLETED")],
            "workflow_step_executions_has_output",
            id="done without output",
        ),
        pytest.param(
            [an_execution(), a_sign_off(), a_sign_off()], "step_sign_offs_once", id="signed twice"
        ),
        pytest.param(
            [an_execution(), a_sign_off(iteration="null")],
            "step_sign_offs_has_pass",
            id="signature on no pass",
        ),
    ],
)
def test_tables_refuse_what_the_firm_forbids(database_url, statements, rule):
    with psycopg.connect(database_url) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        with pytest.raises(psycopg.IntegrityError) as broken:
            connection.execute(statements[-1])
        connection.rollback()

    assert broken.value.diag.constraint_name == rule
