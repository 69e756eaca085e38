#!/usr/bin/env bash
# Prints the Secrets that the other files name, with new passwords and keys:
#
#   ./secrets.sh | kubectl apply -f -
#
# Run it once. It needs kubectl, and the binary of the platform (or OVASABI names it).
set -euo pipefail
umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

random() {
  local text
  text=$(head -c 48 /dev/urandom | base64 | tr -d '+/=\n')
  printf '%s' "${text:0:40}"
}
secret() { kubectl create secret generic "$@" --namespace=ovasabi --dry-run=client --output=yaml; echo ---; }

for role in owner app monitor; do
  random >"$dir/$role"
  printf 'ovasabi_%s' "$role" >"$dir/$role.name"
done
printf '*:*:*:ovasabi_owner:%s\n' "$(<"$dir/owner")" >"$dir/owner.pgpass"
printf '*:*:*:ovasabi_app:%s\n*:*:*:ovasabi_monitor:%s\n' "$(<"$dir/app")" "$(<"$dir/monitor")" >"$dir/app.pgpass"
random >"$dir/metrics_token"
"${OVASABI:-ovasabi}" token keys "$dir/token_keys.json"

basic=(--type=kubernetes.io/basic-auth)
secret ovasabi-owner "${basic[@]}" --from-file=username="$dir/owner.name" --from-file=password="$dir/owner" --from-file=pgpass="$dir/owner.pgpass"
secret ovasabi-app "${basic[@]}" --from-file=username="$dir/app.name" --from-file=password="$dir/app" --from-file=pgpass="$dir/app.pgpass"
secret ovasabi-monitor "${basic[@]}" --from-file=username="$dir/monitor.name" --from-file=password="$dir/monitor"
secret ovasabi-platform --from-file="$dir/token_keys.json" --from-file="$dir/metrics_token"
