-- lock_migrations --
-- One migration at a time in this database; the lock goes with the transaction. The key is only a number of our own.
select pg_advisory_xact_lock(7266315502)

-- create_schema_migrations --
create table if not exists schema_migrations (
    name       text primary key,
    sha256     text not null,
    applied_at timestamptz not null default now()
)

-- schema_migrations_exists --
select to_regclass('schema_migrations') is not null as is_there

-- applied_migrations --
-- One row per applied file: name, sha256 of its text.
select name, sha256 from schema_migrations order by applied_at, name

-- insert_schema_migration --
insert into schema_migrations (name, sha256) values (%(name)s, %(sha256)s)

-- enter_scratch_schema --
-- Only ever inside a transaction that is rolled back.
create schema prisma_scratch; set local search_path to prisma_scratch

-- catalog --
-- One row per table or view, column, constraint, index and trigger of the current schema, with the definition as PostgreSQL
-- writes it. NOT NULL belongs to the column: only from PostgreSQL 18 on is it a constraint as well.
with ours as (
    select c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v')
)
select relname as table_name, 'table' as kind, '' as name,
       case relkind when 'v' then pg_get_viewdef(oid, true) else concat_ws(' ', relkind, relpersistence, relrowsecurity) end as definition
from ours
union all
select o.relname, 'column', a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                 case when a.attcollation <> t.typcollation then a.attcollation::regcollation::text end,
                 case when a.attnotnull then 'not null' end,
                 case when a.attidentity <> '' then 'identity ' || a.attidentity::text end,
                 case when a.attgenerated <> '' then 'generated ' || a.attgenerated::text end,
                 'default ' || pg_get_expr(d.adbin, d.adrelid, true))
from ours o join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     left join pg_attrdef d on d.adrelid = o.oid and d.adnum = a.attnum
union all
select o.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid, true)
from ours o join pg_constraint k on k.conrelid = o.oid and k.contype not in ('n', 't')
union all
select o.relname, 'index', x.relname, concat_ws(' ', pg_get_indexdef(i.indexrelid, 0, true), case when not i.indisvalid then 'invalid' end)
from ours o join pg_index i on i.indrelid = o.oid join pg_class x on x.oid = i.indexrelid
where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = o.oid)
union all
select o.relname, 'trigger', g.tgname, concat_ws(' ', pg_get_triggerdef(g.oid, true), g.tgenabled, f.prosrc)
from ours o join pg_trigger g on g.tgrelid = o.oid and not g.tgisinternal
     join pg_proc f on f.oid = g.tgfoid
