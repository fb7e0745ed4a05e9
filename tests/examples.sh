#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the compiled examples: draws phantoms with the installed program, trains on two of them, draws with the adapter.
#     tests/examples.sh SELORA FOLDER       FOLDER holds NAME-pc, NAME-static and cmake/NAME
set -euo pipefail
selora=$(realpath "$1") examples=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# waiting threads sleep soon: other work may share the processors
export GOMP_SPINCOUNT=1000
LD_LIBRARY_PATH=$(dirname "$selora")/../lib
export LD_LIBRARY_PATH

"$selora" phantom --out "$work/data" --count 2 --classes held-out --quiet
for form in "%s-pc" "%s-static" "cmake/%s"; do
    # shellcheck disable=SC2059
    train=$examples/$(printf "$form" train) generate=$examples/$(printf "$form" generate)
    "$train" models/tiny "$work/adapter.safetensors" 3 "$work/data/000000.png" "metal plate" "$work/data/000001.png" "breast"
    "$generate" models/tiny "frontal chest, normal" "$work/before.png"
    "$generate" models/tiny "frontal chest, normal" "$work/after.png" "$work/adapter.safetensors"
    cmp -s "$work/before.png" "$work/after.png" && { echo "the adapter changed nothing"; exit 1; }
    rm "$work/adapter.safetensors"
done
