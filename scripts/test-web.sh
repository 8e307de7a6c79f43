#!/usr/bin/env bash
# The linters and unit tests of the Connect Portal and of the TypeScript SDK, and their sizes. Passed
# over, and said so, where npm is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
  echo "SKIPPED, npm is not installed: the tests of the Connect Portal and of the TypeScript SDK" >&2
  exit 0
fi
for folder in web/portal sdks/typescript; do
  echo "testing $folder"
  (
    cd "$folder"
    [ -d node_modules ] || npm ci --ignore-scripts --silent
    npm run --silent lint
    npm run --silent build
    npm test --silent
    npm run --silent size
  )
done
