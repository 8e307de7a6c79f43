#!/usr/bin/env bash
# Makes sure that what `tenon bench queue queues --peers` measures beside Tenon is there: BullMQ, from
# npm, and its edition for Rust, from crates.io, in the versions that are locked in scripts/bench-peers.
# Both are under the MIT licence. Nothing of them is part of Tenon or shipped with it, and nothing is
# started.
#
# Argument: where to; target/bench-peers when left out.
set -euo pipefail
cd "$(dirname "$0")/.."

from=scripts/bench-peers
to=${1:-target/bench-peers}
mkdir -p "$to"

if command -v npm >/dev/null; then
  if [ ! -d "$to/node_modules/bullmq" ] || [ "$from/package-lock.json" -nt "$to/node_modules/.package-lock.json" ]; then
    echo "installing BullMQ into $to"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    # Not `npm ci`: a mirror may lack optional packages of other platforms, and then it refuses the
    # lock. This takes the locked versions just as well.
    npm install --prefix "$to" --ignore-scripts --no-audit --no-fund --silent
  fi
else
  echo "npm is not installed: BullMQ will be left out" >&2
fi

echo "building BullMQ's edition for Rust into $to"
cargo build --release --locked --quiet --manifest-path "$from/rust/Cargo.toml" --target-dir "$to/rust"
