-- exposed_executions --
-- Executions by workflow and status: those that have not ended, and those that ended since. Key: template_name, status.
select template_name, status, count(*) as n
from workflow_executions
where status in ('PENDING', 'RUNNING', 'WAITING_APPROVAL') or updated_at >= %(since)s
group by template_name, status

-- exposed_alerts --
-- Alerts that are not over. Key: severity, status.
select severity, status, count(*) as n from agent_monitoring_alerts where status <> 'resolved' group by severity, status
