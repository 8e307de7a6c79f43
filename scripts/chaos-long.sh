#!/usr/bin/env bash
# Runs 1,000 faults (somewhat more than an hour on two processors) and writes their table into
# docs/ops/reliability.md, with the commit and the machine.
#
# The faults come in parts, each with a seed and an installation of its own. A part that is done is
# not done again: run the script again after an interruption. CHAOS_FAULTS sets how many faults there
# are, CHAOS_PART how many in one part, CHAOS_DIR where results go. It builds a debug build, since
# only that has the points at which a process can be killed amid its work (F3, F4, F24). CHAOS_OTHER
# is another build of tenon (a release build, say), which rolling restarts (F31) change to and back.
set -euo pipefail
cd "$(dirname "$0")/.."

faults=${CHAOS_FAULTS:-1000}
part=${CHAOS_PART:-50}
dir=${CHAOS_DIR:-target/chaos-long}
parts=$(((faults + part - 1) / part))
page=docs/ops/reliability.md
mkdir -p "$dir"

# A copy, for a later build must not change what is tried.
if [ ! -x "$dir/tenon" ]; then
  cargo build -p tenon
  cp "${CARGO_TARGET_DIR:-target}/debug/tenon" "$dir/tenon"
  git rev-parse --short=12 HEAD >"$dir/commit"
fi
program=$dir/tenon
other=${CHAOS_OTHER:-}

# Every fifth part runs on a Redis cluster or under Sentinels. The last two hold the faults that take
# long and are not drawn by weight, and a fail-over done by the servers themselves.
for ((seed = 1; seed <= parts + 2; seed++)); do
  result=$dir/part-$(printf '%03d' "$seed").json
  if [ -s "$result" ]; then
    echo "part $seed of $((parts + 2)) is done"
    continue
  fi
  options=() count=$part tried=$program
  case $((seed % 10)) in
    4) options+=(--topology sentinel) ;;
    9) options+=(--topology cluster) ;;
  esac
  if ((seed == parts + 1)); then
    options=(--faults F23,F32 --in-order --queues "${CHAOS_QUEUES:-10000}" --patience 10m) count=2
    # Thousands of projects are made: in a release build where there is one.
    if [ -x "$other" ]; then tried=$other; fi
  elif ((seed == parts + 2)); then
    options=(--faults F8,F1 --in-order --topology sentinel) count=4
  fi
  # Rolling restarts change to this build and back.
  if [ -x "$other" ]; then options+=(--other-binary "$other"); fi
  echo "part $seed of $((parts + 2)), $(date -u +%H:%M:%S)"
  # A broken promise (1) is a result, and the parts after it are run as well.
  "$tried" chaos --seed "$seed" --duration 2h --faults-max "$count" --hold 2s --gap 500ms \
    --output "$result.part" "${options[@]}" || [ $? -eq 1 ]
  mv "$result.part" "$result"
done

table=$(mktemp)
trap 'rm -f "$table"' EXIT
verdict=0
{
  echo "Commit $(cat "$dir/commit"), $(date -u +%Y-%m-%d), debug build;" \
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
