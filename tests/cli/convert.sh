#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora convert: every format there and back, refusals, nothing overwritten.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
expect 0 "$SELORA" phantom --out data --count 8 --size 32 --seed 1
expect 0 "$SELORA" train --model model --data data --out run --steps 2 --batch-size 1 --validation-images 0 \
    --size 32 --lambda 1 --probe-every 1 --lr 1e-2 --quiet
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

# several at once: halves of one are the whole
expect 0 "$SELORA" generate --model model --adapter kohya.safetensors:0.5 --adapter peft:0.5 --prompt chest --out halves \
    --steps 2 --size 32
check "two halves are one" cmp halves/grid.png drawn-kohya/grid.png
expect 0 "$SELORA" generate --model model --adapter kohya.safetensors:1 --adapter peft:-1 --prompt chest --out nothing --steps 2 --size 32
expect 0 "$SELORA" generate --model model --prompt chest --out plain --steps 2 --size 32
check "one less the other is none" cmp nothing/grid.png plain/grid.png
check "an adapter changes the picture" bash -c '! cmp -s plain/grid.png drawn-kohya/grid.png'

# training goes on from any format, with its ranks, and leaves what was asked for
more=("$SELORA" train --model model --data data --steps 1 --batch-size 1 --validation-images 0 --size 32 --quiet)
expect 0 "${more[@]}" --out on-kohya --init-adapter kohya.safetensors --lr 0 --save-as kohya,peft --lambda inf
check "the other format is there" test -s on-kohya/adapter-kohya.safetensors
expect 0 "$SELORA" generate --model model --adapter on-kohya/adapter-peft --prompt chest --out on --steps 2 --size 32
check "it went on from there" cmp on/grid.png drawn-kohya/grid.png
expect 3 "${more[@]}" --out x-run --init-adapter kohya.safetensors --train unet
says err "--train leaves it out"
says err "selora convert --components"
says on-kohya/run.json "\"init_adapter_sha256\": \"$(sha256sum <kohya.safetensors | cut -d' ' -f1)\""
expect 2 "${more[@]}" --out x-run --save-as tiff
says err "--save-as: found"

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
