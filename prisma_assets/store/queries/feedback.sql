-- insert_feedback --
-- One row per row given: what is wrong with it, or whether it is stored now (else it was before). Key: number.
with given as (
    select * from jsonb_to_recordset(%(rows)s::jsonb) as r (
        number integer, live_version text, agent_id text, source text, feedback_type text, dedupe_key text, task_id text,
        agent_version text, workflow_execution_id uuid, step_execution_id uuid, rating smallint, accuracy_rating smallint,
        helpfulness_rating smallint, clarity_rating smallint, completeness_rating smallint, comment text,
        corrected_output jsonb, issue_categories jsonb, ab_test_id uuid, variant text, submitted_by text,
        created_at timestamptz)
), checked as (
    select g.*, s.step_id, s.agent_version as step_version, s.workflow_execution_id as step_workflow,
        s.ab_test_id as step_test, s.variant as step_variant,
        case
            when g.step_execution_id is not null and s.step_execution_id is null
                then 'no step has the `step_execution_id` ' || g.step_execution_id
            when s.agent_id <> g.agent_id then 'the step was done by ' || s.agent_id || ', not by ' || g.agent_id
            when s.workflow_execution_id <> g.workflow_execution_id
                then 'the step belongs to the execution ' || s.workflow_execution_id
            when g.workflow_execution_id is not null and e.workflow_execution_id is null
                then 'no execution has the `workflow_execution_id` ' || g.workflow_execution_id
            when g.ab_test_id is not null and a.ab_test_id is null
                then 'no experiment has the `ab_test_id` ' || g.ab_test_id
        end as problem
    from given g
    left join workflow_step_executions s using (step_execution_id)
    left join workflow_executions e on e.workflow_execution_id = g.workflow_execution_id
    left join ab_tests a on a.ab_test_id = g.ab_test_id
), live as (
    select distinct on (agent_id) agent_id, version from live_agent_versions order by agent_id, live_version_id desc
), first as (
    select distinct on (dedupe_key) * from checked where problem is null order by dedupe_key, number
), inserted as (
    insert into agent_feedback (
        agent_id, agent_version, task_id, workflow_execution_id, step_execution_id, source, feedback_type, rating,
        accuracy_rating, helpfulness_rating, clarity_rating, completeness_rating, comment, corrected_output,
        issue_categories, ab_test_id, variant, submitted_by, dedupe_key, created_at)
    select f.agent_id, coalesce(f.agent_version, f.step_version, l.version, f.live_version), coalesce(task_id, step_id),
        coalesce(workflow_execution_id, step_workflow), step_execution_id, source, feedback_type, rating,
        accuracy_rating, helpfulness_rating, clarity_rating, completeness_rating, comment, corrected_output,
        array(select jsonb_array_elements_text(issue_categories)), coalesce(ab_test_id, step_test),
        coalesce(variant, step_variant), submitted_by, dedupe_key,
        coalesce(created_at, now())
    from first f
    left join live l using (agent_id)
    -- In the order of the keys: two imports at once wait for each other, never in a circle.
    order by dedupe_key
    on conflict (org_id, dedupe_key) do nothing
    returning dedupe_key
)
-- Looked up by hash: joined, every row would be compared with every other, for the planner expects few.
select number, problem,
    number in (select number from first) and dedupe_key in (select dedupe_key from inserted) as is_new
from checked
order by number

-- recent_feedback --
-- The latest feedback, about one agent or all, after the piece a page ended with. Key: feedback_id.
select feedback_id::text, created_at, agent_id, agent_version, task_id, workflow_execution_id::text,
    step_execution_id::text, source, feedback_type, rating, accuracy_rating, helpfulness_rating, clarity_rating,
    completeness_rating, comment, corrected_output, issue_categories, submitted_by, status
from agent_feedback
where (%(agent_id)s::text is null or agent_id = %(agent_id)s)
  and (%(created_before)s::timestamptz is null or (created_at, feedback_id) < (%(created_before)s, %(id_before)s::uuid))
order by created_at desc, feedback_id desc
limit %(limit)s

-- feedback_of_step --
-- The latest feedback about one step's work. Key: feedback_id.
select feedback_id::text, created_at, source, feedback_type, rating, comment, submitted_by
from agent_feedback
where step_execution_id = %(step_execution_id)s
order by created_at desc, feedback_id
limit %(limit)s
