-- The database as it stands after every file in sql/, for reading; `prisma-assets verify` compares a database with it.
-- A test keeps it equal to what the migrations build. Change a table by a new file sql/NNNN_verb_object.sql, and here.
-- An org_id is 'firm' until there is more than one tenant. A cost that is NULL is unknown, never free.

-- What somebody or a detector found could be better about an agent, with the evidence for it.
CREATE TABLE improvement_opportunities (
    opportunity_id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id           text NOT NULL DEFAULT 'firm',
    agent_id         text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version    text NOT NULL,
    improvement_type text NOT NULL CHECK (improvement_type IN ('prompt', 'tool', 'knowledge', 'workflow', 'model', 'guardrail')),
    detector         text NOT NULL CHECK (detector IN ('low_rating', 'repeated_correction', 'high_error', 'slow_p95', 'cost_spike', 'drift', 'low_similarity', 'new_error_type', 'complaint_theme', 'manual')),
    title            text NOT NULL,
    description      text NOT NULL,
    evidence         jsonb NOT NULL,  -- feedback ids, metric windows
    sample_size      integer NOT NULL CHECK (sample_size >= 0),
    priority         text NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    risk_level       text NOT NULL CHECK (risk_level IN ('low', 'medium', 'high')),
    estimated_impact numeric(4,3) CHECK (estimated_impact BETWEEN 0 AND 1),
    confidence       numeric(4,3) CHECK (confidence BETWEEN 0 AND 1),
    fingerprint      text NOT NULL,
    status           text NOT NULL DEFAULT 'identified' CHECK (status IN ('identified', 'triaged', 'in_test', 'validated', 'rejected', 'deployed', 'rolled_back', 'superseded', 'resolved')),
    triaged_by       text,
    triaged_at       timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    metric           text,
    subject          text,  -- the error type, theme or category in question; NULL: all of the metric
    began_on         date,  -- likeliest first day of the trouble
    found_on         date,  -- day whose look found it first
    last_seen_on     date,  -- day whose look found it last
    size             double precision,  -- change for the worse, in the metric's unit
    usd_per_month    numeric(14,2),  -- what the trouble costs; NULL: unknown
    hours_per_month  numeric(14,2),  -- what people wait longer; NULL: unknown
    status_reason    text,  -- of rejected and resolved
    closed_at        timestamptz,
    CONSTRAINT improvement_opportunities_triaged CHECK ((triaged_by IS NULL) = (triaged_at IS NULL))
);
-- The same need is open once.
CREATE UNIQUE INDEX improvement_opportunities_open ON improvement_opportunities (org_id, agent_id, fingerprint)
    WHERE status IN ('identified', 'triaged', 'in_test', 'validated');

-- Experiments that send a share of an agent's work to a changed version; at most one runs per agent.
CREATE TABLE ab_tests (
    ab_test_id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id                  text NOT NULL DEFAULT 'firm',
    agent_id                text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    name                    text NOT NULL,
    hypothesis              text,
    opportunity_id          uuid REFERENCES improvement_opportunities,
    control_version         text NOT NULL,
    variant_b_changes       jsonb NOT NULL CHECK (jsonb_typeof(variant_b_changes) = 'object' AND variant_b_changes <> '{}'),
    traffic_split_b         numeric(4,3) NOT NULL DEFAULT 0.5 CHECK (traffic_split_b > 0 AND traffic_split_b < 1),
    assignment_unit         text NOT NULL DEFAULT 'user' CHECK (assignment_unit IN ('user', 'session', 'engagement', 'task')),
    assignment_salt         text NOT NULL UNIQUE,
    metrics                 text[] NOT NULL CHECK (metrics <@ ARRAY['accuracy', 'response_time', 'satisfaction', 'cost', 'error_rate']),
    primary_metric          text NOT NULL,
    guardrail_metrics       jsonb NOT NULL DEFAULT '{}',  -- {metric: largest regression allowed}
    min_samples_per_variant integer NOT NULL DEFAULT 100 CHECK (min_samples_per_variant > 0),
    min_duration_hours      integer NOT NULL DEFAULT 168 CHECK (min_duration_hours >= 0),
    max_duration_days       integer NOT NULL DEFAULT 14 CHECK (max_duration_days > 0),
    alpha                   numeric NOT NULL DEFAULT 0.05 CHECK (alpha > 0 AND alpha < 1),
    power                   numeric NOT NULL DEFAULT 0.8 CHECK (power > 0 AND power < 1),
    mde                     numeric CHECK (mde > 0),  -- smallest effect worth finding, in the primary metric's unit
    risk_level              text NOT NULL CHECK (risk_level IN ('low', 'medium', 'high')),
    status                  text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'approved', 'running', 'paused', 'completed', 'cancelled', 'aborted')),
    started_at              timestamptz,
    ended_at                timestamptz,
    p_value                 double precision CHECK (p_value BETWEEN 0 AND 1),
    effect                  double precision,
    ci_low                  double precision,
    ci_high                 double precision,
    decision                text CHECK (decision IN ('adopt_treatment', 'keep_control', 'inconclusive', 'rollback')),
    decided_by              text,
    decided_at              timestamptz,
    decision_notes          text,
    created_by              text NOT NULL,
    created_at              timestamptz NOT NULL DEFAULT now(),
    treatment_version       text,  -- the version of agent_versions that has the changes
    metric_plan             jsonb NOT NULL DEFAULT '[]',  -- what is measured: name, kind, direction, margin, role
    max_blocks              integer CHECK (max_blocks > 0),  -- declared maximum of the smaller arm; NULL: open-ended
    power_statement         text,  -- what was said before the start
    outcome_hours           double precision NOT NULL DEFAULT 1 CHECK (outcome_hours > 0),  -- a unit is read so long after its exposure
    approved_by             text,
    approved_role           text,
    approved_at             timestamptz,
    kind                    text NOT NULL DEFAULT 'experiment' CHECK (kind IN ('experiment', 'rollout')),  -- a rollout assigns work like an experiment
    mode                    text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'paired')),  -- paired: on tasks with known answers, never on live work
    CONSTRAINT ab_tests_primary_is_measured CHECK (primary_metric = ANY (metrics)),
    CONSTRAINT ab_tests_ends_after_start CHECK (ended_at >= started_at),
    CONSTRAINT ab_tests_interval CHECK (ci_low <= ci_high),
    CONSTRAINT ab_tests_person_decides_risk CHECK (decision IS NULL OR risk_level = 'low' OR decided_by IS NOT NULL),
    CONSTRAINT ab_tests_second_person CHECK (approved_by <> created_by),
    CONSTRAINT ab_tests_approved CHECK (num_nonnulls(approved_by, approved_role, approved_at) IN (0, 3))
);
CREATE UNIQUE INDEX ab_tests_one_running ON ab_tests (org_id, agent_id) WHERE status = 'running';

-- Sums per variant and metric at a moment: enough to compute a test again, without the single observations.
CREATE TABLE ab_test_metrics (
    ab_test_metric_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id        uuid NOT NULL REFERENCES ab_tests ON DELETE CASCADE,
    variant           text NOT NULL CHECK (variant IN ('A', 'B')),
    metric            text NOT NULL CHECK (metric IN ('accuracy', 'response_time', 'satisfaction', 'cost', 'error_rate')),
    snapshot_at       timestamptz NOT NULL,
    n                 integer NOT NULL CHECK (n >= 0),
    sum_value         double precision NOT NULL,  -- with sum_sq and n: enough to compute the test again
    sum_sq            double precision NOT NULL CHECK (sum_sq >= 0),
    success_count     integer CHECK (success_count BETWEEN 0 AND n),
    p95               double precision,
    cost_usd_total    numeric(14,6) CHECK (cost_usd_total >= 0),
    is_final          boolean NOT NULL DEFAULT false,
    CONSTRAINT ab_test_metrics_one_cell UNIQUE (ab_test_id, variant, metric, snapshot_at)
);

-- A change of an agent on its way to all its work, who let it pass, and why it was taken back.
CREATE TABLE improvement_deployments (
    deployment_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id           text NOT NULL DEFAULT 'firm',
    opportunity_id   uuid REFERENCES improvement_opportunities,
    ab_test_id       uuid REFERENCES ab_tests,
    agent_id         text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    from_version     text NOT NULL,
    to_version       text NOT NULL,
    change_set       jsonb NOT NULL,
    change_hash      text NOT NULL CHECK (change_hash ~ '^[0-9a-f]{64}$'),  -- sha256 of change_set
    risk_level       text NOT NULL CHECK (risk_level IN ('low', 'medium', 'high')),
    strategy         text NOT NULL CHECK (strategy IN ('immediate', 'gradual', 'canary')),
    stage            text NOT NULL DEFAULT 'pending_approval' CHECK (stage IN ('pending_approval', 'canary', 'ramp', 'full', 'completed', 'rolled_back', 'rejected')),
    traffic_pct      smallint NOT NULL DEFAULT 0 CHECK (traffic_pct BETWEEN 0 AND 100),
    auto_deployed    boolean NOT NULL DEFAULT false,
    approved_by      text,
    approved_at      timestamptz,
    baseline_metrics jsonb,
    observed_metrics jsonb,
    rollback_reason  text,
    rolled_back_at   timestamptz,
    created_by       text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    completed_at     timestamptz,
    rollout_test_id  uuid REFERENCES ab_tests,  -- how its work is assigned
    verdict_id       bigint,  -- the proof it was approved on, below
    stage_entered_at timestamptz,
    stage_units      jsonb,  -- units each version met in this stage
    paused_by        text,
    released_by      text,  -- answers for it reaching everybody although a guardrail is not shown unharmed
    waits_for        text,
    needs_person     boolean NOT NULL DEFAULT false,
    offline_evidence jsonb,  -- comparison on past tasks
    CONSTRAINT improvement_deployments_changes_version CHECK (from_version <> to_version),
    CONSTRAINT improvement_deployments_risk_was_tested CHECK (
        CASE risk_level WHEN 'low' THEN true WHEN 'medium' THEN ab_test_id IS NOT NULL
            ELSE num_nonnulls(offline_evidence, ab_test_id) > 0 END),
    CONSTRAINT improvement_deployments_auto_is_low_risk CHECK (NOT auto_deployed OR risk_level = 'low'),
    CONSTRAINT improvement_deployments_second_person CHECK (approved_by <> created_by),
    CONSTRAINT improvement_deployments_approved CHECK (
        stage IN ('pending_approval', 'rejected') OR auto_deployed OR (approved_by IS NOT NULL AND approved_at IS NOT NULL)),
    CONSTRAINT improvement_deployments_rollback_says_why CHECK (
        stage <> 'rolled_back' OR (rollback_reason IS NOT NULL AND rolled_back_at IS NOT NULL))
);
CREATE UNIQUE INDEX improvement_deployments_one_open ON improvement_deployments (org_id, agent_id)
    WHERE stage IN ('pending_approval', 'canary', 'ramp', 'full');

-- One run of a workflow for one client and period, from its first step to its end, across all its Dagster runs.
CREATE TABLE workflow_executions (
    workflow_execution_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id                text NOT NULL DEFAULT 'firm',
    template_name         text NOT NULL,
    template_version      text NOT NULL,
    template_sha256       text NOT NULL CHECK (template_sha256 ~ '^[0-9a-f]{64}$'),
    dagster_job           text NOT NULL,
    dagster_run_id        text UNIQUE,  -- the latest run; each resume is a further one
    client_id             text,  -- NULL: a workflow without an engagement
    engagement_id         text,
    period                text,
    context               jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(context) = 'object'),  -- inputs, engagement folder, sha256 of the books, file of sign-offs
    status                text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'RUNNING', 'WAITING_APPROVAL', 'COMPLETED', 'FAILED', 'CANCELLED', 'DECLINED')),
    idempotency_key       text,  -- the same request asked twice starts one execution
    created_by            text NOT NULL,
    cost_usd              numeric(14,6) DEFAULT 0 CHECK (cost_usd >= 0),
    tokens                bigint NOT NULL DEFAULT 0 CHECK (tokens >= 0),
    error                 jsonb,  -- {code, step_id, message}
    started_at            timestamptz,
    completed_at          timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    cancel_requested_at   timestamptz,  -- NULL: nobody asks for its end; a run looks here while it works
    cancel_requested_by   text,
    cancel_reason         text,
    run_asked_at          timestamptz,  -- somebody wants it run, and no run has taken it up yet
    CONSTRAINT workflow_executions_idempotent UNIQUE (org_id, idempotency_key),
    CONSTRAINT workflow_executions_cancel_says_who CHECK (num_nonnulls(cancel_requested_at, cancel_requested_by, cancel_reason) IN (0, 3))
);
CREATE INDEX workflow_executions_by_status ON workflow_executions (status, updated_at);
CREATE INDEX workflow_executions_by_client ON workflow_executions (client_id, engagement_id, created_at DESC);
CREATE INDEX workflow_executions_by_start ON workflow_executions (started_at);

-- One pass of one step: who did it, from what input, what came of it, what it cost. A rework is a new iteration.
CREATE TABLE workflow_step_executions (
    step_execution_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    step_name             text NOT NULL,
    iteration             integer NOT NULL DEFAULT 1 CHECK (iteration >= 1),  -- the pass of a loop or rework
    map_key               text NOT NULL DEFAULT '',  -- the item of a for-each step
    attempt               integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),  -- how often a run took the step up
    agent_id              text CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text,
    ab_test_id            uuid REFERENCES ab_tests,
    variant               text CHECK (variant IN ('A', 'B')),
    status                text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'READY', 'RUNNING', 'WAITING_APPROVAL', 'COMPLETED', 'SKIPPED', 'FAILED', 'CANCELLED', 'TIMED_OUT', 'BLOCKED')),
    condition_expr        text,
    condition_result      boolean,
    input_hash            text CHECK (input_hash ~ '^[0-9a-f]{64}$'),
    output_hash           text CHECK (output_hash ~ '^[0-9a-f]{64}$'),
    output                jsonb,  -- what later steps and conditions read
    workpaper             jsonb,
    approval_kind         text,
    required_roles        text[] NOT NULL DEFAULT '{}',
    error                 jsonb,  -- {class, message, retryable}
    retry_count           integer NOT NULL DEFAULT 0 CHECK (retry_count >= 0),  -- retries inside the last attempt
    duration_ms           bigint CHECK (duration_ms >= 0),
    tokens_in             bigint NOT NULL DEFAULT 0 CHECK (tokens_in >= 0),
    tokens_out            bigint NOT NULL DEFAULT 0 CHECK (tokens_out >= 0),
    cost_usd              numeric(14,6) CHECK (cost_usd >= 0),
    started_at            timestamptz,
    completed_at          timestamptz,
    scheduled_at          timestamptz,  -- first taken up, by whichever run; schedule-to-close counts from here
    cached_call_id        text,  -- the earlier call whose result answered; NULL when the agent was asked
    -- One row is one unit of work; a repeated attempt takes up the same row.
    CONSTRAINT workflow_step_executions_one_result UNIQUE (workflow_execution_id, step_id, iteration, map_key),
    CONSTRAINT workflow_step_executions_has_output CHECK (status <> 'COMPLETED' OR (output IS NOT NULL AND completed_at IS NOT NULL))
);
CREATE INDEX workflow_step_executions_branches ON workflow_step_executions (workflow_execution_id, step_id, iteration) WHERE map_key <> '';
CREATE INDEX workflow_step_executions_by_agent ON workflow_step_executions (agent_id, completed_at);
CREATE INDEX workflow_step_executions_by_end ON workflow_step_executions (completed_at) WHERE status = 'COMPLETED';

-- What people and checks say about an agent's work; each counts once.
CREATE TABLE agent_feedback (
    feedback_id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id                text NOT NULL DEFAULT 'firm',
    agent_id              text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text NOT NULL,
    task_id               text NOT NULL,
    workflow_execution_id uuid REFERENCES workflow_executions,
    step_execution_id     uuid REFERENCES workflow_step_executions,
    source                text NOT NULL CHECK (source IN ('user', 'manager', 'system', 'qa')),
    feedback_type         text NOT NULL CHECK (feedback_type IN ('rating', 'correction', 'suggestion', 'complaint', 'praise')),
    rating                smallint CHECK (rating BETWEEN 1 AND 5),
    accuracy_rating       smallint CHECK (accuracy_rating BETWEEN 1 AND 5),
    helpfulness_rating    smallint CHECK (helpfulness_rating BETWEEN 1 AND 5),
    clarity_rating        smallint CHECK (clarity_rating BETWEEN 1 AND 5),
    completeness_rating   smallint CHECK (completeness_rating BETWEEN 1 AND 5),
    comment               text,  -- redacted before it is stored
    corrected_output      jsonb,
    issue_categories      text[] NOT NULL DEFAULT '{}' CHECK (issue_categories <@ ARRAY['factual_error', 'incomplete', 'format', 'unclear', 'hallucination', 'missing_citation', 'policy', 'other']),
    ab_test_id            uuid REFERENCES ab_tests,
    variant               text CHECK (variant IN ('A', 'B')),
    submitted_by          text,
    status                text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'triaged', 'used', 'dismissed')),
    dedupe_key            text NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    archived_at           timestamptz,
    recorded_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agent_feedback_once UNIQUE (org_id, dedupe_key),
    CONSTRAINT agent_feedback_rating_given CHECK (feedback_type <> 'rating' OR rating IS NOT NULL),
    CONSTRAINT agent_feedback_correction_given CHECK (feedback_type <> 'correction' OR corrected_output IS NOT NULL),
    CONSTRAINT agent_feedback_has_author CHECK (source = 'system' OR submitted_by IS NOT NULL)
);
CREATE INDEX agent_feedback_by_agent ON agent_feedback (agent_id, created_at DESC);
CREATE INDEX agent_feedback_by_execution ON agent_feedback (workflow_execution_id);
CREATE INDEX agent_feedback_by_experiment ON agent_feedback (ab_test_id, created_at) WHERE ab_test_id IS NOT NULL;
CREATE INDEX agent_feedback_by_day ON agent_feedback (created_at);
CREATE INDEX agent_feedback_by_record ON agent_feedback (recorded_at);

-- How an agent version did in one window of time. No latency without a call, no average without a sample size.
CREATE TABLE agent_performance_metrics (
    metric_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id           text NOT NULL DEFAULT 'firm',
    agent_id         text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version    text NOT NULL,
    domain           text NOT NULL,
    granularity      text NOT NULL CHECK (granularity IN ('1m', '5m', '1h', '1d')),
    window_start     timestamptz NOT NULL,
    window_end       timestamptz NOT NULL,
    executions       integer NOT NULL CHECK (executions >= 0),
    successes        integer NOT NULL CHECK (successes >= 0),
    errors           integer NOT NULL CHECK (errors >= 0),
    timeouts         integer NOT NULL CHECK (timeouts >= 0),
    p50_ms           integer CHECK (p50_ms >= 0),
    p95_ms           integer,
    p99_ms           integer,
    tokens_in        bigint NOT NULL DEFAULT 0 CHECK (tokens_in >= 0),
    tokens_out       bigint NOT NULL DEFAULT 0 CHECK (tokens_out >= 0),
    cost_usd         numeric(14,6) CHECK (cost_usd >= 0),
    accuracy         numeric(5,4) CHECK (accuracy BETWEEN 0 AND 1),
    accuracy_n       integer NOT NULL DEFAULT 0 CHECK (accuracy_n >= 0),
    satisfaction_avg numeric(3,2) CHECK (satisfaction_avg BETWEEN 1 AND 5),
    satisfaction_n   integer NOT NULL DEFAULT 0 CHECK (satisfaction_n >= 0),
    error_types      jsonb NOT NULL DEFAULT '{}',  -- {type: count}
    max_concurrency  integer CHECK (max_concurrency >= 0),
    queue_depth      integer CHECK (queue_depth >= 0),
    cache_hit_rate   numeric(5,4) CHECK (cache_hit_rate BETWEEN 0 AND 1),
    escalation_rate  numeric(5,4) CHECK (escalation_rate BETWEEN 0 AND 1),
    rework_rate      numeric(5,4) CHECK (rework_rate BETWEEN 0 AND 1),
    computed_at      timestamptz NOT NULL DEFAULT now(),
    latency_sketch   bytea,  -- domain/learning/sketch.py, of milliseconds; NULL: no run was timed
    unpriced         integer NOT NULL DEFAULT 0 CHECK (unpriced >= 0),  -- runs without a price: cost_usd lacks theirs
    tokens_n         integer NOT NULL DEFAULT 0 CHECK (tokens_n >= 0),  -- runs that reported tokens
    tokens_cached    bigint NOT NULL DEFAULT 0 CHECK (tokens_cached >= 0),
    tokens_reasoning bigint NOT NULL DEFAULT 0 CHECK (tokens_reasoning >= 0),
    accuracy_sum     numeric NOT NULL DEFAULT 0 CHECK (accuracy_sum >= 0),
    satisfaction_sum integer NOT NULL DEFAULT 0 CHECK (satisfaction_sum >= 0),
    cache_hits       integer NOT NULL DEFAULT 0 CHECK (cache_hits >= 0),
    cache_n          integer NOT NULL DEFAULT 0 CHECK (cache_n >= 0),  -- runs that said whether a cache answered
    CONSTRAINT agent_performance_metrics_one_window UNIQUE (org_id, agent_id, agent_version, granularity, window_start),
    CONSTRAINT agent_performance_metrics_window CHECK (window_end > window_start),
    CONSTRAINT agent_performance_metrics_outcomes CHECK (successes + errors + timeouts <= executions),
    CONSTRAINT agent_performance_metrics_quantiles CHECK (p50_ms <= p95_ms AND p95_ms <= p99_ms),
    CONSTRAINT agent_performance_metrics_idle_has_no_latency CHECK (executions > 0 OR (p50_ms IS NULL AND p95_ms IS NULL AND p99_ms IS NULL)),
    CONSTRAINT agent_performance_metrics_sample_sizes CHECK (
        (accuracy IS NULL) = (accuracy_n = 0) AND (satisfaction_avg IS NULL) = (satisfaction_n = 0))
);
CREATE INDEX agent_performance_metrics_by_agent ON agent_performance_metrics (agent_id, window_start DESC);
CREATE INDEX agent_performance_metrics_by_window ON agent_performance_metrics (granularity, window_start);

-- A limit that was crossed; the same trouble again raises the count of the open alert.
CREATE TABLE agent_monitoring_alerts (
    alert_id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id                text NOT NULL DEFAULT 'firm',
    scope                 text NOT NULL CHECK (scope IN ('agent', 'workflow', 'system')),
    agent_id              text CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    workflow_execution_id uuid REFERENCES workflow_executions,
    rule_id               text NOT NULL,
    metric                text NOT NULL CHECK (metric IN ('error_rate', 'p50_ms', 'p95_ms', 'p99_ms', 'accuracy', 'satisfaction', 'cost_usd', 'tokens', 'throughput', 'queue_depth', 'drift', 'approval_age', 'budget_used', 'budget_hours_left', 'repeated_calls', 'silence', 'job_failure_rate', 'data_quality')),
    condition             text NOT NULL CHECK (condition IN ('greater_than', 'less_than', 'pct_change', 'zscore', 'unusual')),
    threshold             double precision,  -- NULL: the detector finds it unusual
    actual_value          double precision NOT NULL,
    baseline_value        double precision,
    window_seconds        integer NOT NULL CHECK (window_seconds > 0),
    n_observations        integer NOT NULL CHECK (n_observations >= 0),
    alert_type            text NOT NULL CHECK (alert_type IN ('threshold', 'change', 'anomaly', 'budget', 'sla', 'drift', 'absence', 'security', 'quality')),
    severity              text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message               text NOT NULL,
    suggested_action      text,
    status                text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'resolved', 'suppressed')),
    fingerprint           text NOT NULL,
    first_seen_at         timestamptz NOT NULL DEFAULT now(),
    last_seen_at          timestamptz NOT NULL DEFAULT now(),
    occurrences           integer NOT NULL DEFAULT 1 CHECK (occurrences >= 1),
    acknowledged_by       text,
    acknowledged_at       timestamptz,
    resolved_by           text,
    resolved_at           timestamptz,
    notified_channels     text[] NOT NULL DEFAULT '{}',
    subject_id            text NOT NULL DEFAULT '',  -- the agent, EXECUTION:STEP, the budget, the sensor
    subject_title         text NOT NULL DEFAULT '',
    tell                  text[] NOT NULL DEFAULT '{}',
    escalated_at          timestamptz,  -- told again, since nobody had acknowledged it
    resolution            text,  -- why it is over
    CONSTRAINT agent_monitoring_alerts_has_subject CHECK (
        (scope <> 'agent' OR agent_id IS NOT NULL) AND (scope <> 'workflow' OR workflow_execution_id IS NOT NULL))
);
-- What keeps firing is one alert that counts, not many.
CREATE UNIQUE INDEX agent_monitoring_alerts_active ON agent_monitoring_alerts (org_id, fingerprint) WHERE status <> 'resolved';
CREATE INDEX agent_monitoring_alerts_by_time ON agent_monitoring_alerts (first_seen_at DESC);
CREATE INDEX agent_monitoring_alerts_by_agent ON agent_monitoring_alerts (agent_id, last_seen_at DESC);

-- One row per attempt of a call to an agent: what it took and what it cost.
CREATE TABLE agent_cost_tracking (
    cost_id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id                text NOT NULL DEFAULT 'firm',
    call_id               text NOT NULL,
    attempt               integer NOT NULL CHECK (attempt >= 1),
    outcome               text NOT NULL CHECK (outcome IN ('ok', 'error', 'timeout')),
    error                 text NOT NULL DEFAULT '',
    task                  text NOT NULL,
    step_id               text NOT NULL,
    agent_id              text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text NOT NULL,
    user_id               text,
    client_id             text,
    engagement_id         text,
    workflow_execution_id uuid REFERENCES workflow_executions,
    step_execution_id     uuid REFERENCES workflow_step_executions,
    ab_test_id            uuid REFERENCES ab_tests,
    budget_id             text,
    call_type             text NOT NULL CHECK (call_type IN ('procedure', 'llm', 'embedding', 'ocr', 'search', 'tool', 'other')),
    provider              text NOT NULL,
    model                 text,
    duration_ms           bigint NOT NULL CHECK (duration_ms >= 0),
    tokens_in             integer CHECK (tokens_in >= 0),  -- NULL: the attempt broke off, nobody knows
    tokens_out            integer CHECK (tokens_out >= 0),
    tokens_cached         integer CHECK (tokens_cached >= 0),
    unit_price_in         numeric,  -- USD per token when the call was made, never computed again
    unit_price_out        numeric,
    price_version         text,
    cost_usd              numeric(14,6) CHECK (cost_usd >= 0),
    cache_hit             boolean NOT NULL DEFAULT false,
    saved_usd             numeric(14,6) CHECK (saved_usd >= 0),
    incurred_at           timestamptz NOT NULL DEFAULT now(),
    variant               text CHECK (variant IN ('A', 'B')),
    experiment_unit       text  -- whom the experiment assigned: a call, a user, an engagement
);
-- Every attempt may cost money and has its row; a call succeeds once.
CREATE UNIQUE INDEX agent_cost_tracking_one_success ON agent_cost_tracking (call_id) WHERE outcome = 'ok';
CREATE INDEX agent_cost_tracking_by_agent ON agent_cost_tracking (agent_id, incurred_at DESC);
CREATE INDEX agent_cost_tracking_by_client ON agent_cost_tracking (client_id, engagement_id, incurred_at DESC);
CREATE INDEX agent_cost_tracking_by_execution ON agent_cost_tracking (workflow_execution_id);
-- The ledger stamps the end of an attempt; a zone by name makes the arithmetic one that an index may hold.
CREATE INDEX agent_cost_tracking_by_start ON agent_cost_tracking
    (((incurred_at AT TIME ZONE 'UTC' - duration_ms * interval '1 millisecond') AT TIME ZONE 'UTC'));
CREATE INDEX agent_cost_tracking_by_record ON agent_cost_tracking (incurred_at);
CREATE INDEX agent_cost_tracking_by_unit ON agent_cost_tracking (ab_test_id, experiment_unit) WHERE ab_test_id IS NOT NULL;

-- Decisions of people on steps, each on the output they were shown.
CREATE TABLE step_sign_offs (
    sign_off_id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    iteration             integer CHECK (iteration >= 1),  -- NULL: given in advance, for whichever pass comes first
    role                  text,  -- NULL: given in advance without naming one; whichever role of the person is asked for counts
    user_id               text NOT NULL,
    decision              text NOT NULL CHECK (decision IN ('approve', 'reject', 'changes')),
    comment               text NOT NULL DEFAULT '',
    given_in_advance      boolean NOT NULL DEFAULT false,
    shown_sha256          text CHECK (shown_sha256 ~ '^[0-9a-f]{64}$'),  -- the output that was signed; another output needs another signature
    decided_at            timestamptz NOT NULL DEFAULT now(),
    shown                 jsonb,  -- {step id: {iteration, sha256}}; NULL: given in advance
    CONSTRAINT step_sign_offs_has_pass CHECK (given_in_advance OR iteration IS NOT NULL),
    -- A person decides once on what was shown; two partners may both sign as PARTNER.
    CONSTRAINT step_sign_offs_once UNIQUE NULLS NOT DISTINCT (workflow_execution_id, step_id, iteration, user_id, shown_sha256)
);

-- Each time a result was put before those who sign; asked again when what was shown has changed.
CREATE TABLE sign_off_requests (
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    iteration             integer NOT NULL CHECK (iteration >= 1),
    number                integer NOT NULL CHECK (number >= 1),  -- 2 and more: asked again, since what was shown had changed
    shown                 jsonb NOT NULL,  -- {step id: {iteration, sha256}}
    shown_sha256          text NOT NULL CHECK (shown_sha256 ~ '^[0-9a-f]{64}$'),
    asked_at              timestamptz NOT NULL,
    reminders             integer NOT NULL DEFAULT 0 CHECK (reminders >= 0),  -- number of the last reminder
    expired_at            timestamptz,  -- nobody had decided in time
    due_at                timestamptz,  -- next reminder or expiry; NULL: none to come
    PRIMARY KEY (workflow_execution_id, step_id, iteration, number)
);
CREATE INDEX sign_off_requests_due ON sign_off_requests (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sign_off_requests_expired ON sign_off_requests (expired_at) WHERE expired_at IS NOT NULL;

-- Finished work that somebody had done again, and why.
CREATE TABLE step_redos (
    redo_id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_ids              text[] NOT NULL CHECK (step_ids <> '{}'),  -- what was asked for
    opened_step_ids       text[] NOT NULL,  -- these and everything behind them that had begun
    requested_by          text NOT NULL,
    reason                text NOT NULL CHECK (reason <> ''),
    requested_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX step_redos_by_execution ON step_redos (workflow_execution_id, requested_at);
CREATE INDEX step_redos_by_time ON step_redos (requested_at);

-- What people are to be told, each once.
CREATE TABLE notifications (
    notification_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- receivers see it: a repeated delivery has the same one
    org_id                text NOT NULL DEFAULT 'firm',
    kind                  text NOT NULL,
    dedupe_key            text NOT NULL,
    subject               text NOT NULL,
    body                  text NOT NULL,
    audience              jsonb NOT NULL,  -- [{user, email}]
    facts                 jsonb NOT NULL,  -- for programs: what the text says
    workflow_execution_id uuid REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text,
    created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    routed_at             timestamptz,  -- NULL: not handed to the channels yet
    CONSTRAINT notifications_once UNIQUE (org_id, dedupe_key)
);
CREATE INDEX notifications_unrouted ON notifications (created_at) WHERE routed_at IS NULL;
CREATE INDEX notifications_by_time ON notifications (created_at);
CREATE INDEX notifications_by_execution ON notifications (workflow_execution_id);

-- A notification on its way to one receiver on one channel.
CREATE TABLE notification_deliveries (
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    channel         text NOT NULL CHECK (channel IN ('log', 'email', 'webhook')),
    recipient       text NOT NULL,  -- an address; empty where the channel has one receiver
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),  -- while one is under way: when another may take it over
    sent_at         timestamptz,
    error           text,  -- why the last attempt failed
    PRIMARY KEY (notification_id, channel, recipient),
    CONSTRAINT notification_deliveries_sent CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notification_deliveries_due ON notification_deliveries (next_attempt_at) WHERE status = 'pending';

-- The pass of each step that counts.
CREATE VIEW latest_step_executions AS
SELECT DISTINCT ON (workflow_execution_id, step_id, map_key) *
FROM workflow_step_executions
ORDER BY workflow_execution_id, step_id, map_key, iteration DESC;

-- What each successful agent call answered.
CREATE TABLE agent_calls (
    call_id     text PRIMARY KEY,
    result      json NOT NULL,  -- json, not jsonb: an answer is given again exactly as it was
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Which recorded call answers for equal work; asked for per step of a template.
CREATE TABLE step_result_cache (
    cache_key     text PRIMARY KEY CHECK (cache_key ~ '^[0-9a-f]{64}$'),  -- client, agent, procedure and input
    call_id       text NOT NULL REFERENCES agent_calls ON DELETE CASCADE,
    client_id     text,
    agent_id      text NOT NULL,
    agent_version text NOT NULL,  -- with the agent: a version that is rolled back takes its results with it
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX step_result_cache_by_agent ON step_result_cache (agent_id, agent_version);

-- Every Dagster run that worked on an execution.
CREATE TABLE execution_runs (
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    dagster_run_id        text NOT NULL,
    started_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind                  text NOT NULL DEFAULT 'work' CHECK (kind IN ('work', 'compensation')),
    ended_at              timestamptz,  -- NULL: under way, or its process died
    PRIMARY KEY (workflow_execution_id, dagster_run_id)
);

-- What undid the work of a step after its execution had failed or was cancelled; never done twice.
CREATE TABLE step_compensations (
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    iteration             integer NOT NULL CHECK (iteration >= 1),  -- the pass whose work is undone
    status                text NOT NULL CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED')),
    attempt               integer NOT NULL DEFAULT 1 CHECK (attempt >= 1),  -- how often a run took it up
    agent_id              text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text,
    output                jsonb,
    workpaper             jsonb,
    error                 jsonb,  -- {step_id, class, message}
    duration_ms           bigint CHECK (duration_ms >= 0),
    tokens                bigint NOT NULL DEFAULT 0 CHECK (tokens >= 0),
    cost_usd              numeric(14,6) CHECK (cost_usd >= 0),
    settled_by            text,  -- a person who undid the work by hand
    reason                text,
    started_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at          timestamptz,
    PRIMARY KEY (workflow_execution_id, step_id, iteration),
    CONSTRAINT step_compensations_by_hand_says_why CHECK ((settled_by IS NULL) = (reason IS NULL)),
    CONSTRAINT step_compensations_has_an_end CHECK ((status = 'RUNNING') = (completed_at IS NULL))
);

-- The content of every template an execution has worked by, as it was then.
CREATE TABLE template_versions (
    sha256            text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    name              text NOT NULL,
    version           text NOT NULL,
    content           json NOT NULL,  -- json, not jsonb: the hash is of this text
    compensated_steps text[] NOT NULL DEFAULT '{}',  -- ids of the steps that are undone when an execution fails
    first_used_at     timestamptz NOT NULL DEFAULT now(),
    last_used_at      timestamptz NOT NULL DEFAULT now()  -- an execution was opened by it, or a person resumed one
);

-- The card of every agent an execution has worked with, or a version has, as it was then.
CREATE TABLE agent_cards (
    sha256        text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    agent_id      text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version       text NOT NULL,
    card          json NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_cards_by_agent ON agent_cards (agent_id, first_used_at);

-- Every change of a status is told on the channel prisma_events, in the order of the commits.
CREATE FUNCTION notify_execution_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('prisma_events', json_build_object(
        'execution', NEW.workflow_execution_id, 'status', NEW.status,
        'at', clock_timestamp(), 'transaction', pg_current_xact_id()::text)::text);
    RETURN NULL;
END $$;

-- A notification holds 8,000 bytes; 1,000 characters of a branch's name are at most 6,000, whatever they are.
CREATE FUNCTION notify_step_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('prisma_events', json_build_object(
        'execution', NEW.workflow_execution_id, 'step', NEW.step_id, 'iteration', NEW.iteration,
        'map_key', left(NEW.map_key, 1000), 'status', NEW.status,
        'at', clock_timestamp(), 'transaction', pg_current_xact_id()::text)::text);
    RETURN NULL;
END $$;

CREATE TRIGGER execution_opened AFTER INSERT ON workflow_executions
    FOR EACH ROW EXECUTE FUNCTION notify_execution_status();
CREATE TRIGGER execution_changed AFTER UPDATE OF status ON workflow_executions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION notify_execution_status();
CREATE TRIGGER step_opened AFTER INSERT ON workflow_step_executions
    FOR EACH ROW EXECUTE FUNCTION notify_step_status();
CREATE TRIGGER step_changed AFTER UPDATE OF status ON workflow_step_executions
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION notify_step_status();

-- One row per run of an agent reported from outside: by OpenTelemetry traces, a file or the API.
CREATE TABLE agent_runs (
    agent_run_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id                text NOT NULL DEFAULT 'firm',
    run_key               text NOT NULL,  -- what a repeated delivery has in common: ids of trace and span, a hash of the row
    source                text NOT NULL CHECK (source IN ('otlp', 'file', 'api')),
    agent_id              text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    agent_version         text,  -- NULL here and below: not reported
    task_id               text,
    started_at            timestamptz NOT NULL,
    duration_ms           double precision CHECK (duration_ms >= 0),
    outcome               text NOT NULL CHECK (outcome IN ('ok', 'error', 'timeout')),
    error_type            text,
    provider              text,
    model                 text,
    tokens_in             bigint CHECK (tokens_in >= 0),  -- all tokens read, those from a cache among them
    tokens_out            bigint CHECK (tokens_out >= 0),  -- all tokens written, those of reasoning among them
    tokens_cached         bigint CHECK (tokens_cached >= 0),
    tokens_reasoning      bigint CHECK (tokens_reasoning >= 0),
    cost_usd              numeric(14,6) CHECK (cost_usd >= 0),  -- NULL: unpriced
    price_version         text,  -- the price list a cost was computed with; NULL: reported
    accuracy              double precision CHECK (accuracy BETWEEN 0 AND 1),
    client_id             text,
    engagement_id         text,
    workflow_execution_id uuid,  -- of this product or the reporter's own: no reference
    step_execution_id     uuid,
    ab_test_id            uuid,
    variant               text CHECK (variant IN ('A', 'B')),
    cache_hit             boolean,
    recorded_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agent_runs_once UNIQUE (org_id, run_key)
);
CREATE INDEX agent_runs_by_start ON agent_runs (started_at);
CREATE INDEX agent_runs_by_record ON agent_runs (recorded_at);
CREATE INDEX agent_runs_by_experiment ON agent_runs (ab_test_id, recorded_at) WHERE ab_test_id IS NOT NULL;
CREATE INDEX agent_runs_by_experiment_task ON agent_runs (ab_test_id, coalesce(task_id, run_key)) WHERE ab_test_id IS NOT NULL;
CREATE INDEX agent_runs_by_experiment_file ON agent_runs (ab_test_id, engagement_id) WHERE ab_test_id IS NOT NULL;

-- Calls of a model may be reported before or after the run they belong to, with other spans between the two.
CREATE TABLE agent_spans (
    org_id           text NOT NULL DEFAULT 'firm',
    trace_id         bytea NOT NULL CHECK (length(trace_id) = 16),
    span_id          bytea NOT NULL CHECK (length(span_id) = 8),
    parent_span_id   bytea CHECK (length(parent_span_id) = 8),
    kind             text NOT NULL CHECK (kind IN ('run', 'call', 'link')),
    provider         text,
    model            text,
    tokens_in        bigint CHECK (tokens_in >= 0),
    tokens_out       bigint CHECK (tokens_out >= 0),
    tokens_cached    bigint CHECK (tokens_cached >= 0),
    tokens_reasoning bigint CHECK (tokens_reasoning >= 0),
    cost_usd         numeric(14,6) CHECK (cost_usd >= 0),
    price_version    text,
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, trace_id, span_id)
);
CREATE INDEX agent_spans_by_record ON agent_spans USING brin (recorded_at);

-- Whether a version that serves nobody made the call: on tasks with known answers, or in the shadow. Such calls are no runs.
CREATE FUNCTION is_trial_call(call_id text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT call_id LIKE 'paired:%' OR call_id LIKE 'shadow:%'
$$;

-- Every run of every agent; of the gateway's calls one row per attempt. Both sides have equal types: only then is a
-- column that nobody asks for not computed, nor joined for.
CREATE VIEW agent_run_facts AS
SELECT agent_id, agent_version, task_id, started_at, duration_ms, outcome, error_type, provider, model,
    tokens_in, tokens_out, tokens_cached, tokens_reasoning, cost_usd, accuracy, client_id, engagement_id,
    workflow_execution_id, step_execution_id, ab_test_id, variant, cache_hit, source, recorded_at
FROM agent_runs
UNION ALL
SELECT c.agent_id, c.agent_version, c.task,
    (c.incurred_at AT TIME ZONE 'UTC' - c.duration_ms * interval '1 millisecond') AT TIME ZONE 'UTC',
    c.duration_ms::double precision, c.outcome, nullif(split_part(c.error, ':', 1), ''), c.provider, c.model,
    c.tokens_in::bigint, c.tokens_out::bigint, c.tokens_cached::bigint, NULL::bigint, c.cost_usd,
    NULL::double precision, c.client_id, c.engagement_id,
    c.workflow_execution_id, c.step_execution_id, coalesce(c.ab_test_id, s.ab_test_id), coalesce(c.variant, s.variant),
    c.cache_hit, 'gateway', c.incurred_at
FROM agent_cost_tracking c
LEFT JOIN workflow_step_executions s USING (step_execution_id)
WHERE NOT is_trial_call(c.call_id);

-- What agents may spend: for the firm, a client, an engagement, a template or an agent, by month or once for all.
CREATE TABLE budgets (
    budget_id  text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    org_id     text NOT NULL DEFAULT 'firm',
    level      text NOT NULL CHECK (level IN ('firm', 'client', 'engagement', 'workflow', 'agent')),
    scope      text,  -- id of the client, engagement, template or agent
    period     text NOT NULL CHECK (period IN ('month', 'whole')),
    limit_usd  numeric(14,6) NOT NULL CHECK (limit_usd > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    CONSTRAINT budgets_scope CHECK ((level = 'firm') = (scope IS NULL))
);
CREATE UNIQUE INDEX budgets_in_force ON budgets (org_id, level, scope, period) NULLS NOT DISTINCT WHERE ended_at IS NULL;

-- Who set which limit, and why.
CREATE TABLE budget_changes (
    budget_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    budget_id        text NOT NULL REFERENCES budgets,
    limit_usd        numeric(14,6) CHECK (limit_usd > 0),  -- NULL: the budget was ended
    changed_by       text NOT NULL CHECK (changed_by <> ''),
    reason           text NOT NULL CHECK (reason <> ''),
    changed_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A budget in one period: settled, and promised to calls under way.
CREATE TABLE budget_periods (
    budget_id       text NOT NULL REFERENCES budgets,
    starts_on       date NOT NULL,
    spent_usd       numeric(14,6) NOT NULL DEFAULT 0 CHECK (spent_usd >= 0),
    reserved_usd    numeric(14,6) NOT NULL DEFAULT 0 CHECK (reserved_usd >= 0),
    overridden_by   text,
    override_reason text,
    overridden_at   timestamptz,
    PRIMARY KEY (budget_id, starts_on),
    CONSTRAINT budget_periods_override_says_who CHECK (num_nonnulls(overridden_by, override_reason, overridden_at) IN (0, 3))
);

-- The most one attempt of a call can cost, until it is known what it did cost.
CREATE TABLE budget_reservations (
    reservation_id uuid PRIMARY KEY,
    call_id        text NOT NULL,
    budget_ids     text[] NOT NULL,
    starts_on      date[] NOT NULL,  -- period of each budget
    amount_usd     numeric(14,6) NOT NULL CHECK (amount_usd >= 0),
    settled_usd    numeric(14,6) CHECK (settled_usd >= 0),
    is_estimate    boolean NOT NULL DEFAULT false,  -- nobody knows the price: all that was promised counts as spent
    made_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL,  -- its process is dead if it has not settled by then
    settled_at     timestamptz,
    CONSTRAINT budget_reservations_pairs CHECK (cardinality(budget_ids) = cardinality(starts_on)),
    CONSTRAINT budget_reservations_settled CHECK ((settled_usd IS NULL) = (settled_at IS NULL))
);
CREATE INDEX budget_reservations_open ON budget_reservations (expires_at) WHERE settled_at IS NULL;
CREATE INDEX budget_reservations_by_settlement ON budget_reservations (settled_at);

-- Versions of agents that somebody proposed: what each changes about the one before it.
CREATE TABLE agent_versions (
    org_id         text NOT NULL DEFAULT 'firm',
    agent_id       text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version        text NOT NULL,
    parent_version text NOT NULL,  -- what the changes are relative to; a version without a row here is the card of the code
    changes        jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'object' AND changes <> '{}'),
    changes_sha256 text NOT NULL CHECK (changes_sha256 ~ '^[0-9a-f]{64}$'),
    card_sha256    text NOT NULL REFERENCES agent_cards,  -- the agent with the changes made
    reason         text NOT NULL,
    opportunity_id uuid REFERENCES improvement_opportunities,
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, agent_id, version),
    CONSTRAINT agent_versions_differ CHECK (version <> parent_version)
);

-- Which version of an agent is at work since when; the newest row counts, and without one the card of the code does.
CREATE TABLE live_agent_versions (
    live_version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id          text NOT NULL DEFAULT 'firm',
    agent_id        text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    version         text NOT NULL,
    card_sha256     text NOT NULL REFERENCES agent_cards,
    valid_from      timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_by          text NOT NULL,
    reason          text NOT NULL,
    deployment_id   uuid REFERENCES improvement_deployments
);
CREATE INDEX live_agent_versions_by_agent ON live_agent_versions (agent_id, live_version_id DESC);

-- Who met which arm of an experiment, once per unit, in the order in which units are compared.
CREATE TABLE experiment_exposures (
    exposure_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id       uuid NOT NULL REFERENCES ab_tests ON DELETE CASCADE,
    unit             text NOT NULL,
    variant          text NOT NULL CHECK (variant IN ('A', 'B')),
    split            double precision NOT NULL CHECK (split > 0 AND split < 1),
    agent_version    text,  -- NULL: not reported
    first_exposed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    source           text NOT NULL DEFAULT 'gateway' CHECK (source IN ('gateway', 'reported')),
    is_crossed       boolean NOT NULL DEFAULT false,  -- seen in the other arm, too
    CONSTRAINT experiment_exposures_once UNIQUE (ab_test_id, unit)
);
CREATE INDEX experiment_exposures_in_order ON experiment_exposures (ab_test_id, exposure_id);

-- What is remembered of each running experiment, so that a look costs what is new.
CREATE TABLE experiment_states (
    ab_test_id       uuid PRIMARY KEY REFERENCES ab_tests ON DELETE CASCADE,
    state            jsonb NOT NULL,
    last_exposure_id bigint NOT NULL,
    units            integer NOT NULL CHECK (units >= 0),
    data_sha256      text NOT NULL CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
    reported_until   timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now()
);

-- Verdicts, each with the hash of the data and of the declaration it rests on, and every number of it.
CREATE TABLE experiment_verdicts (
    verdict_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id        uuid NOT NULL REFERENCES ab_tests,
    as_of             timestamptz NOT NULL,
    verdict           text NOT NULL CHECK (verdict IN ('adopt', 'keep control', 'inconclusive', 'roll back', 'hold')),
    reason            text NOT NULL,
    decided_at_units  integer CHECK (decided_at_units BETWEEN 0 AND units),
    units             integer NOT NULL CHECK (units >= 0),
    data_sha256       text NOT NULL CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),
    plan_sha256       text NOT NULL CHECK (plan_sha256 ~ '^[0-9a-f]{64}$'),
    price_version     text,
    code_version      text NOT NULL,
    control_version   text NOT NULL,
    treatment_version text NOT NULL,
    numbers           jsonb NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT experiment_verdicts_once UNIQUE (ab_test_id, data_sha256, plan_sha256, code_version, verdict)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are evidence: they are added, never changed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER experiment_verdicts_stay BEFORE UPDATE OR DELETE ON experiment_verdicts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What both versions of an experiment did on one task with a known answer.
CREATE TABLE paired_outcomes (
    paired_outcome_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- the order in which pairs are looked at
    ab_test_id        uuid NOT NULL REFERENCES ab_tests,
    task              text NOT NULL CHECK (task <> ''),
    task_sha256       text NOT NULL CHECK (task_sha256 ~ '^[0-9a-f]{64}$'),  -- of what was asked and of the known answer
    control           jsonb NOT NULL CHECK (jsonb_typeof(control) = 'object'),  -- {metric: value}; null: it has none
    treatment         jsonb NOT NULL CHECK (jsonb_typeof(treatment) = 'object'),
    price_version     text,
    done_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT paired_outcomes_once UNIQUE (ab_test_id, task)
);
CREATE TRIGGER paired_outcomes_stay BEFORE UPDATE OR DELETE ON paired_outcomes
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A version of high risk beside the version at work: the same inputs, done later and elsewhere, compared and never shown.
CREATE TABLE shadow_runs (
    deployment_id uuid PRIMARY KEY REFERENCES improvement_deployments,
    agent_id      text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    from_version  text NOT NULL,
    to_version    text NOT NULL CHECK (to_version <> from_version),
    share         double precision NOT NULL CHECK (share > 0 AND share <= 1),  -- of calls whose inputs are kept
    most_calls    integer NOT NULL CHECK (most_calls BETWEEN 1 AND 100000),
    until         timestamptz NOT NULL,
    margins       jsonb NOT NULL CHECK (jsonb_typeof(margins) = 'object'),  -- {agreement, slower, dearer}, declared beforehand
    started_by    text NOT NULL CHECK (started_by <> ''),
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    verdict       text NOT NULL DEFAULT 'going on' CHECK (verdict IN ('going on', 'pass', 'hold', 'fail')),
    reason        text NOT NULL DEFAULT 'nothing has been compared yet',
    numbers       jsonb NOT NULL DEFAULT '{}',  -- all the verdict rests on
    data_sha256   text CHECK (data_sha256 ~ '^[0-9a-f]{64}$'),  -- of the comparisons
    code_version  text,
    judged_at     timestamptz,
    ended_at      timestamptz,
    CONSTRAINT shadow_runs_end_is_a_verdict CHECK (ended_at IS NULL OR verdict IN ('pass', 'fail'))
);

-- One call of the version at work and what the other one gave for the same inputs.
CREATE TABLE shadow_calls (
    shadow_call_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment_id  uuid NOT NULL REFERENCES shadow_runs,
    call_id        text NOT NULL,  -- of the version at work
    task           jsonb,  -- its inputs; NULL once compared
    attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    kept_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    compared_at    timestamptz,
    left_because   text,  -- why it could not be compared
    agreement      double precision CHECK (agreement BETWEEN 0 AND 1),
    error          text,  -- of the other version
    is_new_error   boolean,  -- the version at work has had no such error of late
    live_ms        bigint CHECK (live_ms >= 0),
    shadow_ms      bigint CHECK (shadow_ms >= 0),
    live_usd       numeric(14,6) CHECK (live_usd >= 0),  -- NULL: no price is known
    shadow_usd     numeric(14,6) CHECK (shadow_usd >= 0),
    CONSTRAINT shadow_calls_once UNIQUE (deployment_id, call_id),
    CONSTRAINT shadow_calls_inputs_go CHECK ((task IS NULL) = (compared_at IS NOT NULL)),
    CONSTRAINT shadow_calls_say_something CHECK (compared_at IS NULL OR num_nonnulls(left_because, agreement) = 1)
);
CREATE INDEX shadow_calls_to_compare ON shadow_calls (deployment_id, shadow_call_id) WHERE compared_at IS NULL;

-- Rules people set, beside those that ship.
CREATE TABLE alert_rules (
    rule_id    text PRIMARY KEY,
    org_id     text NOT NULL DEFAULT 'firm',
    rule       jsonb NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    ended_by   text,
    CONSTRAINT alert_rules_end_says_who CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

-- What a rule knew of a subject at its last look.
CREATE TABLE alert_rule_states (
    org_id      text NOT NULL DEFAULT 'firm',
    rule_id     text NOT NULL,
    subject_id  text NOT NULL,
    status      text NOT NULL CHECK (status IN ('OK', 'PENDING', 'FIRING', 'NO_DATA', 'RESOLVED')),
    since       timestamptz NOT NULL,
    bad_since   timestamptz,  -- in trouble, not yet told
    clean_since timestamptz,  -- calm again, alert still open
    is_open     boolean NOT NULL,
    value       double precision,
    n           integer CHECK (n >= 0),
    PRIMARY KEY (org_id, rule_id, subject_id)
);

-- Somebody does not want to be told for a while; the alert is kept all the same.
CREATE TABLE alert_silences (
    silence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id     text NOT NULL DEFAULT 'firm',
    rule_id    text,
    agent_id   text,
    until      timestamptz NOT NULL,
    reason     text NOT NULL CHECK (reason <> ''),
    created_by text NOT NULL CHECK (created_by <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT alert_silences_about_something CHECK (num_nonnulls(rule_id, agent_id) > 0)
);
CREATE INDEX alert_silences_until ON alert_silences (until);

-- What the detector remembers of an hourly series; deleted, it learns the series anew.
CREATE TABLE anomaly_series (
    org_id      text NOT NULL DEFAULT 'firm',
    agent_id    text NOT NULL,
    metric      text NOT NULL,
    last_bucket timestamptz NOT NULL,
    state       jsonb NOT NULL,
    PRIMARY KEY (org_id, agent_id, metric)
);

-- When the watchdog last looked, and what it saw.
CREATE TABLE alert_watches (
    name      text PRIMARY KEY,
    looked_at timestamptz NOT NULL,
    found     text NOT NULL
);

ALTER TABLE improvement_deployments
    ADD CONSTRAINT improvement_deployments_verdict_id_fkey FOREIGN KEY (verdict_id) REFERENCES experiment_verdicts;

-- Consents of people to a deployment.
CREATE TABLE deployment_approvals (
    deployment_id uuid NOT NULL REFERENCES improvement_deployments ON DELETE CASCADE,
    user_id       text NOT NULL,
    role          text NOT NULL,
    comment       text NOT NULL DEFAULT '',
    approved_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (deployment_id, user_id)
);

-- The history of a deployment.
CREATE TABLE deployment_events (
    deployment_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deployment_id       uuid NOT NULL REFERENCES improvement_deployments ON DELETE CASCADE,
    what                text NOT NULL,
    by_whom             text NOT NULL,
    reason              text NOT NULL DEFAULT '',
    facts               jsonb NOT NULL DEFAULT '{}',
    happened_at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deployment_events_by_deployment ON deployment_events (deployment_id, deployment_event_id);

-- Evidence that a deployment does harm, stored before anything acts on it; one breach is one rollback.
CREATE TABLE guardrail_breaches (
    breach_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    deployment_id uuid NOT NULL UNIQUE REFERENCES improvement_deployments,
    found_by      text NOT NULL,
    reason        text NOT NULL CHECK (reason <> ''),
    evidence      jsonb NOT NULL DEFAULT '{}',
    found_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts      integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error    text,
    served_at     timestamptz
);
CREATE INDEX guardrail_breaches_unserved ON guardrail_breaches (found_at) WHERE served_at IS NULL;

-- Every result a version wrote that was taken back, and what became of it.
CREATE TABLE reperformances (
    deployment_id         uuid NOT NULL REFERENCES improvement_deployments,
    step_execution_id     uuid NOT NULL REFERENCES workflow_step_executions ON DELETE CASCADE,
    workflow_execution_id uuid NOT NULL REFERENCES workflow_executions ON DELETE CASCADE,
    step_id               text NOT NULL,
    marked_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_at             timestamptz,
    left_because          text,
    PRIMARY KEY (deployment_id, step_execution_id),
    CONSTRAINT reperformances_one_end CHECK (opened_at IS NULL OR left_because IS NULL)
);
CREATE INDEX reperformances_to_open ON reperformances (workflow_execution_id) WHERE opened_at IS NULL AND left_because IS NULL;

-- Which files built this database; written by `prisma-assets migrate`.
CREATE TABLE schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,  -- of the file as applied: an applied file never changes
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- What people said of each agent on each day, in numbers. Rebuilt a day at a time.
CREATE TABLE feedback_daily (
    org_id           text NOT NULL DEFAULT 'firm',
    agent_id         text NOT NULL,
    day              date NOT NULL,  -- in UTC
    feedback         integer NOT NULL CHECK (feedback > 0),
    types            jsonb NOT NULL,  -- {feedback_type: count}
    sources          jsonb NOT NULL,  -- {source: count}
    categories       jsonb NOT NULL,  -- {issue category: count}
    rating_sum       integer NOT NULL,
    rating_n         integer NOT NULL,
    accuracy_sum     integer NOT NULL,
    accuracy_n       integer NOT NULL,
    helpfulness_sum  integer NOT NULL,
    helpfulness_n    integer NOT NULL,
    clarity_sum      integer NOT NULL,
    clarity_n        integer NOT NULL,
    completeness_sum integer NOT NULL,
    completeness_n   integer NOT NULL,
    computed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, agent_id, day),
    CONSTRAINT feedback_daily_ratings CHECK (rating_sum BETWEEN rating_n AND 5 * rating_n)
);
CREATE INDEX feedback_daily_by_day ON feedback_daily (day);

-- Up to when facts that became known have been looked at. One row.
CREATE TABLE facts_seen (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    through timestamptz NOT NULL  -- facts recorded from here on may be new
);
INSERT INTO facts_seen (through) VALUES ('-infinity');

-- Days (UTC) that facts are about, and when their facts changed last as far as was looked.
CREATE TABLE changed_days (
    day        date PRIMARY KEY,
    changed_at timestamptz NOT NULL
);

-- When each day was counted, by which roll-up; one that began before the day changed is to be done again.
CREATE TABLE roll_ups (
    roll_up  text NOT NULL,
    day      date NOT NULL,
    begun_at timestamptz NOT NULL,
    rows     integer NOT NULL CHECK (rows >= 0),
    PRIMARY KEY (roll_up, day)
);

-- Facts that are left out of all figures, and why; a released one counts from then on.
CREATE TABLE quarantined_facts (
    fact_key       text PRIMARY KEY,  -- hash of what the fact says: one that is corrected is another
    kind           text NOT NULL CHECK (kind IN ('run', 'feedback')),
    day            date NOT NULL,
    agent_id       text NOT NULL,
    reason         text NOT NULL,
    fact           jsonb NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    released_by    text,
    release_reason text,
    CONSTRAINT quarantined_facts_release CHECK (
        (released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason IS NULL))
);
CREATE INDEX quarantined_facts_by_day ON quarantined_facts (day);

-- Runs with what is doubtful about them. 5 min: clocks that are set by the network differ by seconds. 1 day: the
-- longest step of any workflow is given hours. 100 million tokens: a hundred times the largest context of 2026.
CREATE VIEW run_facts_checked AS
SELECT f.agent_id, coalesce(f.agent_version, 'unknown') AS agent_version, f.started_at, f.duration_ms, f.outcome,
    f.error_type, f.tokens_in, f.tokens_out, f.tokens_cached, f.tokens_reasoning, f.cost_usd, f.accuracy, f.cache_hit,
    CASE
        WHEN f.started_at > f.recorded_at + interval '5 minutes' THEN 'it began after it was reported'
        WHEN f.duration_ms > 86400000 THEN 'it took more than a day'
        WHEN f.tokens_in > 100000000 OR f.tokens_out > 100000000 THEN 'it has more tokens than any model takes'
        WHEN f.tokens_cached > f.tokens_in THEN 'it read more tokens from the cache than it read at all'
    END AS doubt,
    md5(concat_ws('|', f.source, f.agent_id, f.agent_version, f.task_id, extract(epoch FROM f.started_at),
        f.duration_ms, f.outcome, f.error_type, f.tokens_in, f.tokens_out, f.tokens_cached, f.cost_usd, f.accuracy,
        extract(epoch FROM f.recorded_at))) AS fact_key,
    f.task_id, f.source, f.recorded_at, f.provider, f.model, f.client_id, f.engagement_id, f.workflow_execution_id,
    f.ab_test_id, f.variant
FROM agent_run_facts f;

-- Feedback with what is doubtful about it.
CREATE VIEW feedback_facts_checked AS
SELECT f.agent_id, f.agent_version, f.created_at, f.source, f.feedback_type, f.issue_categories,
    f.rating, f.accuracy_rating, f.helpfulness_rating, f.clarity_rating, f.completeness_rating,
    CASE WHEN f.created_at > f.recorded_at + interval '5 minutes' THEN 'it was given after it was received' END AS doubt,
    md5('feedback|' || f.feedback_id) AS fact_key,
    f.feedback_id, f.task_id, f.recorded_at
FROM agent_feedback f;

-- What people speak of in their feedback; a theme keeps its identity while texts go on arriving.
CREATE TABLE feedback_themes (
    theme_id   text PRIMARY KEY CHECK (theme_id ~ '^[0-9a-f]{12}$'),
    org_id     text NOT NULL DEFAULT 'firm',
    name       text NOT NULL,
    terms      jsonb NOT NULL,  -- [term], the most telling first
    quotes     jsonb NOT NULL,  -- [{feedback_id, text}], the most typical first
    feedback   integer NOT NULL CHECK (feedback > 0),
    first_seen date NOT NULL,
    last_seen  date NOT NULL,
    founded_on date NOT NULL,  -- day whose look told it from the others
    is_new     boolean NOT NULL,  -- people did not speak of it before, and began to in the last weeks
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT feedback_themes_seen CHECK (first_seen <= last_seen)
);

-- Which theme a piece of feedback speaks of; one without a row stands alone so far and is looked at again.
CREATE TABLE feedback_theme_members (
    feedback_id uuid PRIMARY KEY REFERENCES agent_feedback ON DELETE CASCADE,
    theme_id    text NOT NULL REFERENCES feedback_themes
);
CREATE INDEX feedback_theme_members_by_theme ON feedback_theme_members (theme_id);

-- How often each agent was spoken to of each theme, by day (UTC).
CREATE VIEW feedback_theme_daily AS
SELECT m.theme_id, f.agent_id, (f.created_at AT TIME ZONE 'UTC')::date AS day, count(*)::integer AS feedback,
    (count(*) FILTER (WHERE f.feedback_type IN ('complaint', 'correction') OR f.rating <= 2))::integer AS unhappy
FROM feedback_theme_members m JOIN agent_feedback f USING (feedback_id)
GROUP BY m.theme_id, f.agent_id, day;

-- How each figure of each agent moved over eight weeks, judged together with all others.
CREATE TABLE performance_trends (
    org_id         text NOT NULL DEFAULT 'firm',
    as_of          date NOT NULL,  -- last day (UTC) of the window
    agent_id       text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    metric         text NOT NULL CHECK (metric IN ('p95_ms', 'error_rate', 'cost_per_run', 'tokens_per_run', 'accuracy', 'satisfaction')),
    days           integer NOT NULL CHECK (days > 0),  -- with data
    level          double precision NOT NULL,  -- median day
    slope          double precision NOT NULL,  -- per day, in the metric's unit
    relative_slope double precision,  -- share of the level per day; NULL: the level is 0
    change         double precision NOT NULL,  -- from the first day with data to the last
    p              double precision NOT NULL CHECK (p > 0 AND p <= 1),
    q              double precision NOT NULL CHECK (q > 0 AND q <= 1),  -- false-discovery rate at which this is a trend
    is_significant boolean NOT NULL,  -- beyond chance, and large enough to matter
    direction      text NOT NULL CHECK (direction IN ('better', 'worse', 'none')),
    computed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (as_of, agent_id, metric),
    CONSTRAINT performance_trends_direction CHECK (is_significant = (direction <> 'none'))
);

-- The days from which a figure of an agent has another level.
CREATE TABLE change_points (
    org_id      text NOT NULL DEFAULT 'firm',
    agent_id    text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    metric      text NOT NULL CHECK (metric IN ('p95_ms', 'error_rate', 'cost_per_run', 'tokens_per_run', 'accuracy', 'satisfaction')),
    at          date NOT NULL,  -- first day (UTC) at the new level
    before      double precision NOT NULL,  -- mean of the level before, in the metric's unit
    after       double precision NOT NULL,
    size        double precision NOT NULL CHECK (size >= 0),  -- distance in standard deviations of a day
    q           double precision NOT NULL CHECK (q > 0 AND q <= 1),
    direction   text NOT NULL CHECK (direction IN ('better', 'worse')),
    found_as_of date NOT NULL,  -- last day of the history that showed it
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (found_as_of, agent_id, metric, at),
    CONSTRAINT change_points_past CHECK (at <= found_as_of)
);

-- What the next four weeks are expected to bring each agent.
CREATE TABLE agent_forecasts (
    org_id      text NOT NULL DEFAULT 'firm',
    as_of       date NOT NULL,  -- last day (UTC) of the history
    agent_id    text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    metric      text NOT NULL CHECK (metric IN ('load', 'cost', 'quality')),  -- runs per day, US dollars per day, accuracy
    day         date NOT NULL,
    value       double precision NOT NULL CHECK (value >= 0),
    low         double precision NOT NULL CHECK (low >= 0),  -- four of five days are meant to lie from low to high
    high        double precision NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (as_of, agent_id, metric, day),
    CONSTRAINT agent_forecasts_interval CHECK (low <= value AND value <= high),
    CONSTRAINT agent_forecasts_ahead CHECK (day > as_of)
);

-- What became of acts on the work itself that say something about an agent: work rejected, sent back, done again.
CREATE TABLE feedback_signals (
    signal_key text PRIMARY KEY,  -- also the dedupe_key of the feedback
    reason     text,  -- why it is no feedback; NULL: it is
    heard_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX step_sign_offs_against ON step_sign_offs (decided_at) WHERE decision <> 'approve';

-- People who sign in with a password, or by the firm's identity provider.
CREATE TABLE users (
    user_name       text PRIMARY KEY CHECK (user_name ~ '^[a-z0-9][a-z0-9._@-]{0,99}$'),
    org_id          text NOT NULL DEFAULT 'firm',
    password_hash   text CHECK (password_hash LIKE '$argon2id$%'),
    roles           text[] NOT NULL CHECK (cardinality(roles) > 0),
    failed_attempts integer NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),  -- since the last success
    locked_until    timestamptz,
    disabled_at     timestamptz,
    created_by      text NOT NULL CHECK (created_by <> ''),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    issuer          text,  -- with the subject what the provider knows somebody by; NULL: a password alone
    subject         text,
    CONSTRAINT users_by_subject UNIQUE (issuer, subject),
    CONSTRAINT users_can_sign_in CHECK (
        (issuer IS NULL) = (subject IS NULL) AND (password_hash IS NOT NULL OR subject IS NOT NULL))
);

-- What a user's authenticator app shares with us: a row per user who has one.
CREATE TABLE second_factors (
    user_name       text PRIMARY KEY REFERENCES users,
    secret          text NOT NULL CHECK (secret ~ '^[A-Z2-7]{32}$'),  -- base32, 160 bits
    last_step       bigint NOT NULL DEFAULT 0,  -- whose code was taken last: no code is good twice
    recovery_sha256 text[] NOT NULL,  -- codes for a lost phone that are left, hashed
    failed_attempts integer NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),  -- since the last success
    locked_until    timestamptz,
    created_by      text NOT NULL CHECK (created_by <> ''),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Browsers that are signed in; the cookie holds the token, the database its hash.
CREATE TABLE web_sessions (
    token_sha256 text PRIMARY KEY CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    user_name    text REFERENCES users,  -- NULL: the development sign-in of whoever owns the data folder
    name         text NOT NULL CHECK (name <> ''),
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    second_factor_at timestamptz
);
CREATE INDEX web_sessions_by_user ON web_sessions (user_name);
CREATE INDEX web_sessions_by_end ON web_sessions (expires_at);

-- What programs sign in with.
CREATE TABLE api_tokens (
    token_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id       text NOT NULL DEFAULT 'firm',
    token_sha256 text NOT NULL UNIQUE CHECK (token_sha256 ~ '^[0-9a-f]{64}$'),
    name         text NOT NULL CHECK (name <> ''),
    roles        text[] NOT NULL CHECK (cardinality(roles) > 0),
    scopes       text[],  -- permissions it is limited to; NULL: all of its roles
    created_by   text NOT NULL CHECK (created_by <> ''),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
CREATE UNIQUE INDEX api_tokens_by_name ON api_tokens (org_id, name) WHERE revoked_at IS NULL;

-- What was spent on each day, by everything people ask spend by. Rebuilt a day at a time.
CREATE TABLE spend_daily (
    org_id          text NOT NULL DEFAULT 'firm',
    day             date NOT NULL,  -- in UTC
    agent_id        text NOT NULL,
    agent_version   text NOT NULL,
    provider        text,  -- NULL here and below: not known
    model           text,
    client_id       text,
    engagement_id   text,
    workflow        text,
    runs            integer NOT NULL CHECK (runs > 0),
    unpriced        integer NOT NULL CHECK (unpriced BETWEEN 0 AND runs),  -- runs without a price: no cost holds theirs
    cost_usd        numeric(18,6) CHECK (cost_usd >= 0),
    cost_sq         double precision NOT NULL DEFAULT 0 CHECK (cost_sq >= 0),  -- sum of squares
    failed          integer NOT NULL CHECK (failed BETWEEN 0 AND runs),
    failed_unpriced integer NOT NULL CHECK (failed_unpriced BETWEEN 0 AND failed),
    failed_usd      numeric(18,6) CHECK (failed_usd >= 0),
    failed_sq       double precision NOT NULL DEFAULT 0 CHECK (failed_sq >= 0),
    tokens_in       bigint NOT NULL DEFAULT 0 CHECK (tokens_in >= 0),
    tokens_out      bigint NOT NULL DEFAULT 0 CHECK (tokens_out >= 0),
    tokens_cached   bigint NOT NULL DEFAULT 0 CHECK (tokens_cached >= 0),
    tokens_n        integer NOT NULL DEFAULT 0 CHECK (tokens_n BETWEEN 0 AND runs),  -- runs that reported tokens
    accuracy_sum    double precision NOT NULL DEFAULT 0 CHECK (accuracy_sum >= 0),
    accuracy_sq     double precision NOT NULL DEFAULT 0 CHECK (accuracy_sq >= 0),
    accuracy_n      integer NOT NULL DEFAULT 0 CHECK (accuracy_n BETWEEN 0 AND runs),
    CONSTRAINT spend_daily_one_row UNIQUE NULLS NOT DISTINCT
        (org_id, day, agent_id, agent_version, provider, model, client_id, engagement_id, workflow),
    CONSTRAINT spend_daily_costs CHECK ((cost_usd IS NULL) = (unpriced = runs) AND (failed_usd IS NULL) = (failed_unpriced = failed))
);
CREATE INDEX spend_daily_by_day ON spend_daily (day);

-- How work went, by everything people ask it by, in hours and days.
CREATE TABLE metric_windows (
    org_id           text NOT NULL DEFAULT 'firm',
    dimension        text NOT NULL CHECK (dimension IN ('agent', 'version', 'domain', 'workflow', 'engagement', 'arm', 'provider', 'model', 'client')),
    value            text,  -- NULL: the facts do not say; of a version agent@version, of an arm experiment/A or B
    granularity      text NOT NULL CHECK (granularity IN ('1h', '1d')),
    window_start     timestamptz NOT NULL,
    executions       integer NOT NULL CHECK (executions >= 0),
    errors           integer NOT NULL CHECK (errors >= 0),
    timeouts         integer NOT NULL CHECK (timeouts >= 0),
    error_types      jsonb NOT NULL DEFAULT '{}',  -- {type: count}
    latency_sketch   bytea,  -- domain/learning/sketch.py, of milliseconds; NULL: no run was timed
    busy_ms          double precision NOT NULL CHECK (busy_ms >= 0),  -- durations of all runs that began in it
    tokens_in        bigint NOT NULL CHECK (tokens_in >= 0),
    tokens_out       bigint NOT NULL CHECK (tokens_out >= 0),
    tokens_cached    bigint NOT NULL CHECK (tokens_cached >= 0),
    tokens_reasoning bigint NOT NULL CHECK (tokens_reasoning >= 0),
    tokens_n         integer NOT NULL CHECK (tokens_n >= 0),  -- runs that reported tokens
    cost_usd         numeric(18,6) CHECK (cost_usd >= 0),
    unpriced         integer NOT NULL CHECK (unpriced >= 0),  -- runs without a price: cost_usd lacks theirs
    accuracy_sum     numeric NOT NULL CHECK (accuracy_sum >= 0),
    accuracy_n       integer NOT NULL CHECK (accuracy_n >= 0),
    satisfaction_sum integer NOT NULL CHECK (satisfaction_sum >= 0),
    satisfaction_n   integer NOT NULL CHECK (satisfaction_n >= 0),
    cache_hits       integer NOT NULL CHECK (cache_hits >= 0),
    cache_n          integer NOT NULL CHECK (cache_n >= 0),  -- runs that said whether a cache answered
    CONSTRAINT metric_windows_one_window UNIQUE NULLS NOT DISTINCT (org_id, dimension, value, granularity, window_start),
    CONSTRAINT metric_windows_outcomes CHECK (errors + timeouts <= executions)
);
CREATE INDEX metric_windows_by_window ON metric_windows (granularity, window_start, dimension);

-- How much of workflows' work went without a person's correction or rework; judged when later decisions are known.
CREATE TABLE step_windows (
    org_id       text NOT NULL DEFAULT 'firm',
    dimension    text NOT NULL CHECK (dimension IN ('agent', 'version', 'domain', 'workflow', 'engagement', 'arm', 'client')),
    value        text,  -- NULL: the step does not say
    granularity  text NOT NULL CHECK (granularity IN ('1h', '1d')),
    window_start timestamptz NOT NULL,
    steps        integer NOT NULL CHECK (steps >= 0),  -- passes that were completed in it
    automated    integer NOT NULL CHECK (automated BETWEEN 0 AND steps),  -- neither corrected nor done again for a person
    corrected    integer NOT NULL CHECK (corrected BETWEEN 0 AND steps),
    reworked     integer NOT NULL CHECK (reworked BETWEEN 0 AND steps),
    escalated    integer NOT NULL CHECK (escalated BETWEEN 0 AND steps),  -- nobody signed in time
    waited_ms    double precision NOT NULL CHECK (waited_ms >= 0),  -- executions that began in it, from being asked for until then
    waited_n     integer NOT NULL CHECK (waited_n >= 0),
    CONSTRAINT step_windows_one_window UNIQUE NULLS NOT DISTINCT (org_id, dimension, value, granularity, window_start)
);
CREATE INDEX step_windows_by_window ON step_windows (granularity, window_start, dimension);

-- Invoices of providers beside what was recorded; a match is added, never changed.
CREATE TABLE invoice_matches (
    invoice_match_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id           text NOT NULL DEFAULT 'firm',
    provider         text NOT NULL CHECK (provider <> ''),
    file_name        text NOT NULL,
    file_sha256      text NOT NULL CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    first_day        date NOT NULL,
    last_day         date NOT NULL,
    invoiced_usd     numeric(18,6) NOT NULL,  -- of the lines in dollars or in a currency with a rate
    recorded_usd     numeric(18,6) NOT NULL CHECK (recorded_usd >= 0),
    is_agreed        boolean NOT NULL,  -- nothing differs beyond rounding
    price_version    text NOT NULL,
    rates            jsonb NOT NULL,  -- {currency: US dollars}
    matched_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT invoice_matches_days CHECK (first_day <= last_day)
);
CREATE INDEX invoice_matches_by_provider ON invoice_matches (provider, invoice_match_id DESC);

-- One day or month and model of an invoice, beside what was recorded of it.
CREATE TABLE invoice_match_lines (
    invoice_match_id bigint NOT NULL REFERENCES invoice_matches,
    period           text NOT NULL,
    model            text NOT NULL,
    cause            text NOT NULL CHECK (cause IN ('agrees', 'rounding', 'missing in ours', 'missing in theirs', 'currency', 'quantity', 'price', 'recording', 'unexplained')),
    amount           numeric(18,6),  -- NULL: not on the invoice
    currency         text,
    tokens           bigint,
    invoiced_usd     numeric(18,6),
    runs             integer NOT NULL CHECK (runs >= 0),
    unpriced         integer NOT NULL CHECK (unpriced BETWEEN 0 AND runs),
    recorded_tokens  bigint,
    recorded_usd     numeric(18,6),
    listed_usd       numeric(18,6),  -- what the recorded usage costs by the lists
    difference_usd   numeric(18,6),
    tolerance_usd    numeric(18,9) NOT NULL,
    quantity_usd     numeric(18,6),  -- the three add up to the difference
    price_usd        numeric(18,6),
    recording_usd    numeric(18,6),
    PRIMARY KEY (invoice_match_id, period, model)
);

CREATE TRIGGER invoice_matches_stay BEFORE UPDATE OR DELETE ON invoice_matches
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_match_lines_stay BEFORE UPDATE OR DELETE ON invoice_match_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What was proposed for an opportunity, and how it did on tasks it was not chosen by.
CREATE TABLE improvement_candidates (
    candidate_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    org_id          text NOT NULL DEFAULT 'firm',
    opportunity_id  uuid NOT NULL REFERENCES improvement_opportunities,
    agent_id        text NOT NULL CHECK (agent_id ~ '^[a-z]+(-[a-z]+)+-[0-9]{3}$'),
    control_version text NOT NULL,  -- at work when it was looked for
    way             text NOT NULL CHECK (way IN ('search', 'rewrite')),
    is_proposed     boolean NOT NULL,
    reason          text NOT NULL,  -- why it is proposed, or not
    changes         jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'object'),
    measure         text,  -- what a score is; NULL here and below: no labelled tasks measured it
    seed            integer,
    tried           integer CHECK (tried > 0),  -- settings
    train_tasks     integer CHECK (train_tasks > 0),
    train_score     double precision CHECK (train_score BETWEEN 0 AND 1),  -- flattered: the settings were chosen by it
    holdout_tasks   integer CHECK (holdout_tasks > 0),
    present_score   double precision CHECK (present_score BETWEEN 0 AND 1),
    holdout_score   double precision CHECK (holdout_score BETWEEN 0 AND 1),
    effect          double precision,
    ci_low          double precision,
    ci_high         double precision,
    missed_more     integer,  -- errors overlooked beyond those overlooked at present
    cost_usd        numeric(14,6) CHECK (cost_usd >= 0),  -- of looking for it; NULL: no price is known
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT improvement_candidates_once UNIQUE (opportunity_id, control_version),
    CONSTRAINT improvement_candidates_change CHECK (NOT is_proposed OR changes <> '{}'),
    CONSTRAINT improvement_candidates_measured CHECK ((measure IS NULL) = (ci_low IS NULL) AND (ci_low IS NULL) = (ci_high IS NULL))
);

-- What a program was answered under an Idempotency-Key; kept for a day.
CREATE TABLE api_answers (
    caller          text NOT NULL CHECK (caller <> ''),
    idempotency_key text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 200),
    request_sha256  text NOT NULL CHECK (request_sha256 ~ '^[0-9a-f]{64}$'),  -- path, query and body
    status          smallint CHECK (status BETWEEN 200 AND 299),  -- NULL: not answered yet; refusals are not kept
    headers         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(headers) = 'object'),
    body            bytea,
    asked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, idempotency_key),
    CONSTRAINT api_answers_whole CHECK ((status IS NULL) = (body IS NULL))
);
CREATE INDEX api_answers_by_time ON api_answers (asked_at);
