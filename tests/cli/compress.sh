#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora compress: ranks, energy, one budget; every format; refusals.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
expect 0 "$SELORA" phantom --out data --count 8 --size 32 --seed 1
expect 0 "$SELORA" train --model model --data data --out run --steps 3 --batch-size 1 --validation-images 0 \
    --size 32 --method lora --rank 4 --lr 1e-2 --quiet
draw=("$SELORA" generate --model model --prompt chest --steps 2 --size 32)
for format in kohya diffusers diffusers-compact selora peft; do
    out=$format.safetensors
    [[ $format != peft ]] || out=peft
    expect 0 "$SELORA" compress run/adapter.safetensors "$out" --rank 2 --to $format
    says out "rank before"
    expect 0 "${draw[@]}" --adapter "$out" --out "drawn-$format" --strict
    check "the picture is the same from $format" cmp "drawn-$format/grid.png" drawn-kohya/grid.png
done
expect 0 "$SELORA" inspect kohya.safetensors --json
says out '"largest_rank": 2,'

# all that is there, in one's own format; and what it says in JSON
expect 0 "$SELORA" compress kohya.safetensors same.safetensors --energy 1
says err "layers as kohya"
expect 0 "${draw[@]}" --adapter same.safetensors --out drawn-same
check "nothing was lost" cmp drawn-same/grid.png drawn-kohya/grid.png
expect 0 "$SELORA" compress run small.safetensors --to kohya --parameters 1K --json --quiet
kept=$(sed -n 's/^  "parameters": \([0-9]*\),$/\1/p' out)
check "it is within the budget" test "${kept:-0}" -gt 800 -a "${kept:-5000}" -le 1000
check "what it says is what is stored" test "$(grep -cE '"rank": [1-9]' out)" = \
    "$(grep -aoE '\[[1-9], [0-9.]*\]' small.safetensors | wc -l)"
says out '"layers_left_out": '
check "the file knows" grep -aq '"selora.compressed":"parameters-1000"' small.safetensors
expect 0 "$SELORA" compress run one.safetensors --to kohya --parameters 1K --threads 1 --quiet
check "threads change nothing" cmp one.safetensors small.safetensors

expect 2 "$SELORA" compress run x.safetensors
says err "expected one of --rank N, --energy SHARE, --parameters N"
expect 2 "$SELORA" compress run x.safetensors --rank 2 --energy 0.5
expect 2 "$SELORA" compress run x.safetensors --energy 1.5
expect 2 "$SELORA" compress run x.safetensors --rank -1
for budget in 0 x 5G -3; do
    expect 2 "$SELORA" compress run x.safetensors --parameters "$budget"
    one_line
done
expect 2 "$SELORA" compress run x.safetensors --parameters 3
says err "no component of any layer fits"
expect 2 "$SELORA" compress run kohya.safetensors --to kohya --rank 1
says err "exists already"
expect 2 "$SELORA" compress run --rank 1
expect 3 "$SELORA" compress model x.safetensors --rank 1
check "nothing was left behind" bash -c '! ls | grep -q "^x"'
finish
