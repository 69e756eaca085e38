#!/usr/bin/env bash
# Run once by the image of PostgreSQL, after roles.sql, when it makes the database.
# psql reads and quotes the passwords: they are in no argument and in no log.
set -euo pipefail
secrets=${SECRETS:-/run/secrets}
for role in owner app monitor; do
  [[ -s $secrets/${role}_password ]] || { echo "$secrets/${role}_password is empty or missing: run secrets.sh" >&2; exit 1; }
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<SQL
\set password \`cat '$secrets/${role}_password'\`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
ALTER ROLE ovasabi_${role} PASSWORD :'password';
SQL
done
