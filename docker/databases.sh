#!/bin/sh
# Create one user and one database for each service, and one for searches that several machines share. You can run
# this again; it then sets the passwords again.
set -eu

psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\getenv dagster_password DAGSTER_POSTGRES_PASSWORD
\getenv mlflow_password MLFLOW_POSTGRES_PASSWORD
select 'create role ' || name || ' login' from unnest(array['dagster', 'mlflow']) as name
    where not exists (select from pg_roles where rolname = name) \gexec
select 'create database ' || name || ' owner ' || name from unnest(array['dagster', 'mlflow']) as name
    where not exists (select from pg_database where datname = name) \gexec
select 'create database tuning owner dagster' where not exists (select from pg_database where datname = 'tuning') \gexec
alter role dagster password :'dagster_password';
alter role mlflow password :'mlflow_password';
revoke all on database dagster, mlflow, tuning, postgres from public;
SQL
