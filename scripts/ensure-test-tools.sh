#!/usr/bin/env bash
# Makes sure that the tests find PostgreSQL, redis-server, an authorization server and stand-ins for
# providers. The tests start and stop their own; no service of the machine is started, used or
# changed.
set -euo pipefail
cd "$(dirname "$0")/.."

has_postgres() {
  [ -n "${TENON_POSTGRES_BIN:-}" ] || command -v initdb >/dev/null \
    || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}
has_redis() { command -v redis-server >/dev/null; }

# Installs packages and keeps their services stopped: a package asks policy-rc.d before it starts
# one, and 101 means no.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  missing=()
  has_postgres || missing+=(postgresql)
  has_redis || missing+=(redis-server)
  # For the processes whose clock is wrong, and the disks that fail, of `tenon chaos`.
  command -v faketime >/dev/null || missing+=(faketime)
  command -v strace >/dev/null || missing+=(strace)
  if [ ${#missing[@]} -gt 0 ]; then
    echo "installing for the tests: ${missing[*]}"
    install_quietly "${missing[@]}"
  fi
fi

scripts/ensure-postgres.sh

if ! has_redis; then
  cat >&2 <<'HELP'
redis-server is not installed, and the tests of the Redis adapter need it.
  Debian, Ubuntu:  sudo apt-get install redis-server
  Fedora:          sudo dnf install redis
  macOS:           brew install redis
The tests start their own; the service may stay off.
HELP
  exit 1
fi

# The tests that need oidc-provider say so and are passed over where it is missing.
if [ ! -f tests/oidc/node_modules/oidc-provider/package.json ]; then
  if command -v npm >/dev/null; then
    echo "installing for the tests: oidc-provider"
    npm ci --prefix tests/oidc --ignore-scripts --silent \
      || echo "oidc-provider could not be installed: its tests will be passed over" >&2
  else
    echo "npm is not installed: the tests with oidc-provider will be passed over" >&2
  fi
fi

# So do the tests of the published SDK, which need Chromium as well.
if [ ! -f tests/connect/node_modules/playwright-core/package.json ] && command -v npm >/dev/null; then
  echo "installing for the tests: the published SDK, in three versions"
  npm ci --prefix tests/connect --ignore-scripts --silent \
    || echo "the published SDK could not be installed: its tests will be passed over" >&2
fi
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  echo "Chromium is not installed (set CHROMIUM to one): the tests in a browser will be passed over" >&2
fi

# So do the tests with stand-ins for providers.
if [ ! -f tests/emulate/node_modules/emulate/package.json ] && command -v npm >/dev/null; then
  echo "installing for the tests: emulate"
  npm ci --prefix tests/emulate --ignore-scripts --silent \
    || echo "emulate could not be installed: its tests will be passed over" >&2
fi
if [ ! -f tests/azurite/node_modules/azurite/package.json ] && command -v npm >/dev/null; then
  echo "installing for the tests: azurite"
  npm ci --prefix tests/azurite --ignore-scripts --silent \
    || echo "azurite could not be installed: its tests will be passed over" >&2
fi
for tool in backlot seaweedfs fakegcs; do
  tests/providers/install.sh "$tool" \
    || echo "$tool could not be installed: its tests will be passed over" >&2
done
