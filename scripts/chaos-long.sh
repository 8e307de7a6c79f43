#!/usr/bin/env bash
# Runs 1,000 faults (about an hour on two processors) and writes their table into
# docs/ops/reliability.md, with the commit and the machine.
#
# The faults come in parts, each with a seed and an installation of its own. A part that is done is
# not done again: run the script again after an interruption. CHAOS_FAULTS sets how many faults there
# are, CHAOS_PART how many in one part, CHAOS_DIR where results go. It builds a debug build, since
# only that has the points at which a process can be killed amid its work (F3, F4, F24).
set -euo pipefail
cd "$(dirname "$0")/.."

faults=${CHAOS_FAULTS:-1000}
part=${CHAOS_PART:-50}
dir=${CHAOS_DIR:-target/chaos-long}
parts=$(((faults + part - 1) / part))
page=docs/ops/reliability.md
mkdir -p "$dir"

cargo build -p tenon
program=${CARGO_TARGET_DIR:-target}/debug/tenon

# Two parts are special: a Redis cluster, and the faults that take long and are not drawn by weight.
for ((seed = 1; seed <= parts; seed++)); do
  result=$dir/part-$(printf '%03d' "$seed").json
  if [ -s "$result" ]; then
    echo "part $seed of $parts is done"
    continue
  fi
  options=()
  if ((seed % 10 == 9)); then options+=(--topology cluster); fi
  if ((seed == parts)); then options+=(--faults F23,F32,F33,F30 --queues 200); fi
  count=$part
  if ((seed == parts)); then count=8; fi
  echo "part $seed of $parts, $(date -u +%H:%M:%S)"
  # A broken promise (1) is a result, and the parts after it are run as well.
  "$program" chaos --seed "$seed" --duration 2h --faults-max "$count" --hold 2s --gap 500ms \
    --output "$result.part" "${options[@]}" || [ $? -eq 1 ]
  mv "$result.part" "$result"
done

table=$(mktemp)
trap 'rm -f "$table"' EXIT
verdict=0
{
  echo "Commit $(git rev-parse --short=12 HEAD), $(date -u +%Y-%m-%d), debug build;" \
    "$(nproc) processors ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1))," \
    "$(awk '/MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB, $(uname -sr)."
  echo
  "$program" chaos --merge "$dir"/part-*.json || verdict=$?
} >"$table"
cat "$table"

awk -v table="$table" '
  /<!-- the table begins -->/ { print; print ""; while ((getline line < table) > 0) print line; print ""; skips = 1 }
  /<!-- the table ends -->/ { skips = 0 }
  !skips { print }
' "$page" >"$page.new"
mv "$page.new" "$page"
echo "the table is in $page"
exit "$verdict"
