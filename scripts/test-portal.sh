#!/usr/bin/env bash
# The linters and unit tests of the Connect Portal, and its size. Passed over, and said so, where
# npm is not installed.
set -euo pipefail
cd "$(dirname "$0")/../web/portal"

if ! command -v npm >/dev/null; then
  echo "SKIPPED, npm is not installed: the tests of the Connect Portal" >&2
  exit 0
fi
npm run --silent lint
npm test --silent
npm run --silent size
