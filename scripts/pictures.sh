#!/usr/bin/env bash
# Draws the pictures of the documentation anew, from a real run of `tenon demo`. Run it when the
# tables or the demo look different. It needs Python 3 with venv, and a network for one package.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/ensure-postgres.sh
cargo build --quiet -p tenon

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rich==15.0.0

mkdir -p docs/images
"$work/venv/bin/python" scripts/pictures.py "${CARGO_TARGET_DIR:-target}/debug/tenon" docs/images
