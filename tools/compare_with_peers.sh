#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Proves afresh that selora computes what diffusers, transformers and torch compute: models of random configurations and
# reference cases of every kind are made with Python, selora runs them and compares.
#     tools/compare_with_peers.sh PYTHON SELORA [SEED...]
# Closes with "N passed, N failed"; exit 1 when a case failed. PYTHON has the packages of tools/requirements.txt.
set -uo pipefail
python=$1 selora=$(realpath "$2")
shift 2
(($# > 0)) || set -- 1 2 3
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

names=$(dirname "$selora")/tests/test_weight_names # the weights of Stable Diffusion 1.5, by name and shape
if [[ -x $names ]]; then
    if "$names" --list | "$python" check_weight_names.py >"$work/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -n 8 "$work/out"
    fi
fi

for seed; do
    model=$work/model-$seed cases=$work/cases-$seed
    if ! "$python" make_model.py "$model" --random "$seed" ||
        ! "$python" make_case.py --model "$model" --kind all --seed "$seed" --out "$cases"; then
        echo "seed $seed: the reference could not be made"
        failed=$((failed + 1))
        continue
    fi
    for file in "$cases"/*.safetensors; do
        if "$selora" verify --model "$model" "$file" >"$work/out" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "seed $seed, $(basename "$file"):"
            tail -n 5 "$work/out"
        fi
    done
done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
