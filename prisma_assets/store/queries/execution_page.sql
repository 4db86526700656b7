-- execution_page --
-- Executions from the newest on, after the one a page ended with. Key: workflow_execution_id.
select workflow_execution_id, template_name, template_version, status, client_id, engagement_id, period, created_by,
       created_at, started_at, completed_at, cost_usd
from workflow_executions
where (%(status)s::text is null or status = %(status)s)
  and (%(template)s::text is null or template_name = %(template)s)
  and (%(created_before)s::timestamptz is null
       or (created_at, workflow_execution_id) < (%(created_before)s, %(id_before)s::uuid))
order by created_at desc, workflow_execution_id desc
limit %(limit)s
