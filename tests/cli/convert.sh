#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora convert: every format there and back, refusals, nothing overwritten.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
expect 0 "$SELORA" phantom --out data --count 8 --size 32 --seed 1
expect 0 "$SELORA" train --model model --data data --out run --steps 2 --batch-size 1 --validation-images 0 \
    --size 32 --lambda 1 --probe-every 1 --quiet
for format in kohya diffusers diffusers-compact selora peft; do
    out=$format.safetensors
    [[ $format != peft ]] || out=peft
    expect 0 "$SELORA" convert run/adapter.safetensors --to $format "$out"
    says err "layers, read as"
    expect 0 "$SELORA" convert "$out" --to selora "$format-back.safetensors"
    expect 0 "$SELORA" generate --model model --adapter "$out" --prompt chest --out "drawn-$format" --steps 2 --size 32 --strict
    check "the picture is the same from $format" cmp "drawn-$format/grid.png" drawn-kohya/grid.png
done
expect 0 "$SELORA" convert run --to diffusers folder
check "diffusers' own name in a folder" test -s folder/pytorch_lora_weights.safetensors
expect 0 "$SELORA" convert run/adapter.safetensors --to kohya half.safetensors --dtype f16 --pad-rank max --components unet
says err "rounding to F16 changes dW by"
check "no text encoder in it" bash -c '! grep -q lora_te_ half.safetensors'

expect 2 "$SELORA" convert run/adapter.safetensors --to kohya kohya.safetensors
says err "exists already"
expect 2 "$SELORA" convert run/adapter.safetensors --to kohya elsewhere
expect 2 "$SELORA" convert run/adapter.safetensors --to peft x.safetensors
expect 2 "$SELORA" convert run/adapter.safetensors --to diffusers x.safetensors --te-keys both
expect 2 "$SELORA" convert run/adapter.safetensors x.safetensors
expect 2 "$SELORA" convert run/adapter.safetensors --to kohya
expect 3 "$SELORA" convert model --to kohya x.safetensors
says err "no adapter"
check "nothing was left behind" bash -c '! ls | grep -q "^x"'
finish
