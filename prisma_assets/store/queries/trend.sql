-- delete_trends --
-- Forgets what was said of a day.
delete from performance_trends where as_of = %(as_of)s

-- insert_trends --
-- Keeps the trends of a day.
insert into performance_trends (
    as_of, agent_id, metric, days, level, slope, relative_slope, change, p, q, is_significant, direction)
select %(as_of)s, agent_id, metric, days, level, slope, relative_slope, change, p, q, is_significant, direction
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    agent_id text, metric text, days integer, level double precision, slope double precision,
    relative_slope double precision, change double precision, p double precision, q double precision,
    is_significant boolean, direction text)

-- latest_trends --
-- Trends of the latest day judged, of one agent or all, the surest first. Key: agent_id, metric.
select as_of, agent_id, metric, days, level, slope, relative_slope, change, p, q, is_significant, direction
from performance_trends
where as_of = (select max(as_of) from performance_trends)
    and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
order by is_significant desc, q, p, agent_id, metric

-- delete_change_points --
-- Forgets what was found on a day.
delete from change_points where found_as_of = %(as_of)s

-- insert_change_points --
-- Keeps the change points found on a day.
insert into change_points (found_as_of, agent_id, metric, at, before, after, size, q, direction)
select %(as_of)s, agent_id, metric, at, before, after, size, q, direction
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    agent_id text, metric text, at date, before double precision, after double precision,
    size double precision, q double precision, direction text)

-- latest_change_points --
-- Change points found on the latest day judged, of one agent or all, the newest first. Key: agent_id, metric, at.
select found_as_of, agent_id, metric, at, before, after, size, q, direction
from change_points
where found_as_of = (select max(as_of) from performance_trends)
    and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
order by at desc, size desc, agent_id, metric

-- delete_forecasts --
-- Forgets the forecasts made on a day.
delete from agent_forecasts where as_of = %(as_of)s

-- insert_forecasts --
-- Keeps the forecasts made on a day.
insert into agent_forecasts (as_of, agent_id, metric, day, value, low, high)
select %(as_of)s, agent_id, metric, day, value, low, high
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    agent_id text, metric text, day date, value double precision, low double precision, high double precision)

-- latest_forecasts --
-- What was forecast last, for one agent or all. Key: agent_id, metric, day.
select as_of, agent_id, metric, day, value, low, high
from agent_forecasts
where as_of = (select max(as_of) from agent_forecasts)
    and (%(agent_id)s::text is null or agent_id = %(agent_id)s)
order by agent_id, metric, day
