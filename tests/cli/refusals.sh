#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Wrong options of the long jobs: exit code, one line that names the option, nothing written.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 6 --size 32 --quiet || exit 1
train=("$SELORA" train --model model --data data --size 16 --batch-size 2 --steps 2 --validation-images 1
       --validation-steps 1 --threads 1 --quiet --out none)

# refused CODE TEXT OPTION...: training with these ends so, and says TEXT.
refused() {
    local code=$1 text=$2
    shift 2
    expect "$code" "${train[@]}" "$@"
    one_line
    says err "$text"
    check "$*: nothing is written" test ! -e none
}

# Every message names the option as it is spelt.
refused 2 "--lambda" --lambda 0.5
refused 2 "--probe-window" --probe-window 50
refused 2 "--probe-rows" --probe-rows 64
refused 2 "--fisher" --fisher cross
refused 2 "--probe-init" --probe-init power --probe-rows 2
refused 2 "--probe-pass" --probe-pass extra --probe-window 2
refused 2 "--adam-beta2" --adam-beta2 0
refused 2 "--targets" --targets '^nothing$'
refused 2 "--targets" --targets '('
refused 2 "--validation-steps" --validation-steps 1000
refused 2 "--tokenizer" --tokenizer=
refused 2 "--variant" --variant ''
refused 2 "--out" --out ''

# The data folder is no place for a run.
refused 2 "lies in the data folder" --out data
refused 2 "lies in the data folder" --out data/below/run
ln -s data link
refused 2 "lies in the data folder" --out link/run
refused 2 "lies in the data folder" --out "$PWD/model/../data"
check "the data folder is as it was" test "$(find data | wc -l)" = 8
touch file
refused 3 "file is not a folder" --out file

# Nothing is saved before the first step: an early stop leaves no damaged checkpoint behind.
expect 0 "${train[@]}" --checkpoint-every 1 --checkpoints-total-limit 10 --out run
check "checkpoints of steps 1 and 2 only" test "$(ls run/checkpoints | tr '\n' ' ')" = "step-000001 step-000002 "
finish
