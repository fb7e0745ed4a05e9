#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Reference cases on the command line: rows, the worst of them last, exit codes, refusals.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cases=$(cd "$(dirname "${BASH_SOURCE[0]}")/../cases/two-levels" && pwd)
verify=("$SELORA" verify --model "$cases/model")

expect 0 "${verify[@]}" "$cases/unet.safetensors" "$cases/vae_encode.safetensors"
check "a row a tensor and the worst again" test "$(wc -l <out)" = 4
says out "unet.safetensors: expect.output"
check "the last row is one of the others" grep -qxF "$(tail -n 1 out)" <(head -n 3 out)
check "nothing is said beside the rows" test ! -s err

expect 0 "${verify[@]}" --json "$cases/train_step.safetensors" "$cases/adam.safetensors" --threads 1
check "every line is JSON" test -z "$(grep -v '^{"file": ".*", "kind": ".*", "tensor": ".*", "max_abs": .*, "relative": .*, "tolerance": .*, "passed": true}$' out)"

expect 1 "${verify[@]}" --rtol 1e-12 "$cases/unet.safetensors"
says out FAIL
expect 0 "${verify[@]}" --rtol 1e-2 "$cases/unet.safetensors"
expect 0 "${verify[@]}" --backend ref "$cases/text_encoder.safetensors"
expect 0 "$SELORA" verify --model "$cases/model.safetensors" --model-config "$cases/model" "$cases/unet.safetensors"

head -c 3000 "$cases/unet.safetensors" >cut.safetensors
expect 3 "${verify[@]}" cut.safetensors
one_line
expect 3 "${verify[@]}" cut.safetensors "$cases/unet.safetensors"
says out "unet.safetensors: expect.output"
expect 3 "${verify[@]}" missing.safetensors
one_line
expect 3 "$SELORA" verify --model nothing "$cases/unet.safetensors"
one_line
expect 3 "$SELORA" verify --model "$cases/../three-levels/model" "$cases/unet.safetensors"
one_line
expect 3 "${verify[@]}" "$cases/unet.safetensors" --adapter "$cases/train_step.safetensors"
one_line
expect 3 "${verify[@]}" "$cases/sample_pndm.safetensors" --adapter missing.safetensors
one_line
expect 2 "${verify[@]}"
expect 2 "$SELORA" verify "$cases/unet.safetensors"
expect 2 "${verify[@]}" --rtol x "$cases/unet.safetensors"
expect 0 "$SELORA" verify --help
says out "--rtol"
"${verify[@]}" "$cases/unet.safetensors" >/dev/full 2>err
check "a full disk is an error" test $? = 4
finish
