#!/usr/bin/env bash
# Builds the Connect Portal (web/portal) if it was never built or its sources changed. The program
# takes the built files in when it is compiled; without them everything works but the portal, which
# then says what is missing.
set -euo pipefail
cd "$(dirname "$0")/../web/portal"

built=dist/ui.html
if [ -f "$built" ] && [ -z "$(find src ui ui.html package-lock.json vite.config.ts -newer "$built" -print -quit)" ]; then
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "npm is not installed: Tenon is built without the Connect Portal (install Node.js 20 or later)" >&2
  exit 0
fi
echo "building the Connect Portal"
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --silent
fi
npm run --silent build
