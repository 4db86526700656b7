-- database_prisma_exists --
select 1 from pg_database where datname = 'prisma'

-- create_database_prisma --
create database prisma

-- schema_dagster_exists --
select to_regnamespace('dagster') is not null

-- create_schema_dagster --
create schema if not exists dagster

-- lock_dagster_tables --
-- One process makes Dagster's tables; the others wait. The key is only a number of our own.
select pg_advisory_lock(7266315503)

-- unlock_dagster_tables --
select pg_advisory_unlock(7266315503)
