#!/usr/bin/env bash
# Makes sure that the packages of the example app (examples/connect-app) and of its provider
# (tests/oidc) are there. It starts nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
  echo "the example app needs Node.js 20.19 or later, with npm" >&2
  exit 1
fi
for folder in examples/connect-app tests/oidc; do
  if [ ! -d "$folder/node_modules" ] || [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    echo "installing the packages of $folder"
    npm ci --prefix "$folder" --ignore-scripts --silent
  fi
done
