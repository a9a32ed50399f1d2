#!/bin/sh
# Run once, when the database is made: the role of our nodes and the database it owns. It owns it because read models
# are made anew in tables of their own, which then take the places of the old ones; it can do nothing beside it.
set -eu
read -r password </run/secrets/postgres_password
# On standard input: other processes see arguments.
{
  printf "\\\\set password '%s'\n" "$password"
  cat <<'SQL'
create role mobilesync login nosuperuser nocreatedb nocreaterole noreplication nobypassrls
  password :'password';
create database mobilesync owner mobilesync;
revoke all on database mobilesync from public;
revoke all on database postgres from public;
SQL
} | psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres
