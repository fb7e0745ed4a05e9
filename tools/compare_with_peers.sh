#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Proves afresh that selora computes what diffusers, transformers and torch compute: names and shapes of all weights, then
# reference cases of every kind over models of random configurations (tools/verify_sweep.py).
#     tools/compare_with_peers.sh PYTHON SELORA [SWEEP OPTION...]
# Closes with "N passed, N failed"; exit 1 when a check failed. PYTHON has the packages of tools/requirements.txt.
set -uo pipefail
python=$1 selora=$(realpath "$2")
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

names=$(dirname "$selora")/tests/test_weight_names # the weights of Stable Diffusion 1.5, by name and shape
if [[ -x $names ]]; then
    if "$names" --list | "$python" check_weight_names.py >"$log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -n 8 "$log"
    fi
fi

"$python" verify_sweep.py --selora "$selora" "$@" 2>&1 | tee "$log"
read -r p _ f _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1) || { p=0 f=1; }
echo "$((passed + p)) passed, $((failed + f)) failed"
((failed + f == 0 && passed + p > 0))
