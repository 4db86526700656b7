-- database_prisma_exists --
select 1 from pg_database where datname = 'prisma'

-- create_database_prisma --
create database prisma

-- schema_dagster_exists --
select to_regnamespace('dagster') is not null

-- create_schema_dagster --
create schema if not exists dagster
