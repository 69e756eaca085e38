#!/usr/bin/env bash
# Makes the secrets of compose.yaml in ./secrets, each once: what is there stays.
# The folder is closed (0700), and the files in it are readable (0444), because the
# containers read them under users of their own and compose mounts files as they are.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
chmod 0700 secrets

# keep NAME TEXT: writes the text there, unless something is there already.
keep() {
  [[ -s secrets/$1 ]] && return
  printf '%s' "$2" >"secrets/.new"
  chmod 0444 secrets/.new
  mv -f secrets/.new "secrets/$1"
}
random() {
  local text
  text=$(head -c 48 /dev/urandom | base64 | tr -d '+/=\n')
  printf '%s' "${text:0:40}"
}

for name in postgres_password owner_password app_password monitor_password metrics_token grafana_password; do
  keep "$name" "$(random)"
done
# In the form of .pgpass; the passwords hold letters and digits only.
owner=$(<secrets/owner_password) app=$(<secrets/app_password) monitor=$(<secrets/monitor_password)
keep owner_pgpass "*:*:*:ovasabi_owner:$owner"
keep app_pgpass "*:*:*:ovasabi_app:$app"$'\n'"*:*:*:ovasabi_monitor:$monitor"
keep pgbouncer_users "\"ovasabi_app\" \"$app\""$'\n'"\"ovasabi_monitor\" \"$monitor\""

if [[ ! -s secrets/token_keys.json ]]; then
  # The platform makes the keys itself: its image, or the binary that OVASABI names.
  if [[ -n ${OVASABI:-} ]]; then
    "$OVASABI" token keys "$PWD/secrets/token_keys.json"
  else
    docker compose build --quiet ovasabi
    docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD/secrets:/secrets" "${OVASABI_IMAGE:-ovasabi:dev}" token keys /secrets/token_keys.json
  fi
  chmod 0444 secrets/token_keys.json
fi
echo "the secrets are in $PWD/secrets; keep them, and keep them to yourself"
