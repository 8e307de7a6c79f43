#!/usr/bin/env bash
# Renews the query data (`.sqlx/`) of the PostgreSQL adapters, so that everybody else can build
# without a database. Run it after you changed a migration or the text of a query.
#
#   scripts/sqlx-prepare.sh                        all crates
#   scripts/sqlx-prepare.sh tenon-pg-execution     one of them
#   scripts/sqlx-prepare.sh --check [CRATE...]     change nothing; fail when the data is stale
#
# It starts a private PostgreSQL (unix socket, temporary directory), applies the migrations of
# each crate to a database of its own (those in folders below `migrations/`, for a crate with
# several databases, to one and the same), lets the macros describe every query there, and replaces
# the crate's `.sqlx/` as a whole, so that data of removed queries goes too.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
check=false
crates=()
for argument in "$@"; do
  case "$argument" in
    --check) check=true ;;
    tenon-pg-*) crates+=("$argument") ;;
    *) echo "usage: $0 [--check] [tenon-pg-config] [tenon-pg-execution] [tenon-pg-vault]" >&2; exit 2 ;;
  esac
done
if [ ${#crates[@]} -eq 0 ]; then
  crates=(tenon-pg-config tenon-pg-execution tenon-pg-vault)
fi

find_postgres() {
  local candidate
  for candidate in "${TENON_POSTGRES_BIN:-}" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr) \
    "$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")"; do
    if [ -x "$candidate/initdb" ] && [ -x "$candidate/psql" ]; then echo "$candidate"; return; fi
  done
  echo "no PostgreSQL found; install the package postgresql or set TENON_POSTGRES_BIN" >&2
  return 1
}
bin=$(find_postgres)

# PostgreSQL refuses to run as root.
as_server_user() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

work=$(mktemp -d /tmp/tenon-sqlx.XXXXXX)
stop() {
  as_server_user "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap stop EXIT
if [ "$(id -u)" = 0 ]; then chown postgres "$work"; fi
chmod 755 "$work"

as_server_user "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --no-locale -N \
  >"$work.log" 2>&1 || { cat "$work.log" >&2; rm -f "$work.log"; exit 1; }
rm -f "$work.log"
as_server_user "$bin/pg_ctl" -D "$work/data" -w -s -l "$work/data/server.log" \
  -o "-c listen_addresses= -c unix_socket_directories=$work -c fsync=off" start
sql() { "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$work" "$@"; }
sql -U postgres -d postgres -c "CREATE ROLE tenon LOGIN"

prepare() {
  local crate=$1 folder="$root/crates/adapters/$1" database=${1//-/_} fresh="$work/$1" migration
  if [ ! -d "$folder/migrations" ]; then echo "$crate: has no migrations folder" >&2; return 1; fi
  sql -U postgres -d postgres -c "CREATE DATABASE $database OWNER tenon"
  for migration in "$folder"/migrations/*.sql "$folder"/migrations/*/*.sql; do
    [ -e "$migration" ] || continue
    if head -n 1 "$migration" | grep -q '^-- no-transaction'; then
      sql -U tenon -d "$database" -f "$migration"
    else
      sql -1 -U tenon -d "$database" -f "$migration"
    fi
  done
  mkdir "$fresh"
  touch "$folder/src/lib.rs" # the macros run only when the crate is compiled again
  (
    cd "$root"
    DATABASE_URL="postgres://tenon@localhost/$database?host=$work" SQLX_OFFLINE=false \
      SQLX_OFFLINE_DIR="$fresh" cargo check --quiet -p "$crate" --lib
  )
  touch "$folder/src/lib.rs" # the next build reads the new data
  if "$check"; then
    diff -r "$folder/.sqlx" "$fresh" >&2 \
      || { echo "$crate: .sqlx is stale; run scripts/sqlx-prepare.sh $crate" >&2; return 1; }
  else
    rm -rf "$folder/.sqlx"
    cp -r "$fresh" "$folder/.sqlx"
  fi
  echo "$crate: $(find "$fresh" -name 'query-*.json' | wc -l) queries"
}

for crate in "${crates[@]}"; do prepare "$crate"; done
