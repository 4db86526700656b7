-- any_execution --
-- One row: whether any workflow was ever started in this database.
select exists (select from workflow_executions) as found
