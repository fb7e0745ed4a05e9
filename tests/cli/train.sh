#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Training through the program: files of a run, exit codes, signals, kill -9, resuming, repeating from run.json.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 20 --size 32 --seed 3 --quiet || exit 1
base=("$SELORA" train --model model --data data --size 16 --batch-size 2 --lr 1e-2 --lambda 1.02 --probe-every 5
      --checkpoint-every 10 --validate-every 20 --validation-images 1 --validation-steps 2 --threads 1 --quiet)

# timeless RUN: all of a run that does not depend on the clock.
timeless() {
    sed 's/, "seconds".*/}/' "$1/log.jsonl"
    cat "$1/ranks.csv"
    sha256sum <"$1/adapter.safetensors"
    sha256sum <"$1/last.safetensors"
    sha256sum <"$1/checkpoints/step-000040/state.safetensors"
    sha256sum <"$1/samples/step-000020.png"
}

expect 0 "${base[@]}" --steps 40 --dry-run --out whole
check "a dry run writes nothing" test ! -e whole
expect 0 "${base[@]}" --steps 40 --out whole
for file in run.json log.jsonl ranks.csv adapter.safetensors last.safetensors samples/step-000040.png \
            checkpoints/step-000040/state.safetensors checkpoints/step-000030/checkpoint.json; do
    check "whole/$file is there" test -s "whole/$file"
done
check "two checkpoints are kept" test "$(find whole/checkpoints -mindepth 1 -maxdepth 1 | wc -l)" = 2
check "the cache is private" test "$(stat -c %a whole/cache)" = 700
check "no captions" test -z "$(grep -rlE 'frontal|axial|coronal|lateral' whole)"
expect 0 "$SELORA" generate --model model --adapter whole/adapter.safetensors --prompt x --size 16 --steps 2 --out drawn --quiet

expect 2 "${base[@]}" --steps 40 --out whole
one_line
says err "--resume"
expect 0 "${base[@]}" --steps 40 --out whole --resume
expect 0 "${base[@]:0:${#base[@]}-1}" --steps 42 --checkpoint-every 0 --out longer
says err "ready after"
says err "42 steps of"
expect 2 "${base[@]}" --steps 40 --out whole --resume --rank 2
says err "--rank"

# The run's own file repeats it.
expect 0 "$SELORA" train --config whole/run.json --out again --quiet --threads 1
check "run.json repeats the run" cmp -s <(timeless whole) <(timeless again)

# kill -9 at random moments, then once more to the end.
kills=0
for ((try = 0; try < 60 && kills < 5; try++)); do
    "${base[@]}" --steps 40 --out killed --resume >out 2>err </dev/null &
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    if kill -9 $! 2>/dev/null; then kills=$((kills + 1)); fi
    wait $! 2>/dev/null
done
mkdir -p killed/cache killed/samples
touch killed/run.json.77-0.tmp killed/cache/0.latent.77-0.tmp killed/samples/step-000020.png.77-1.tmp
expect 0 "${base[@]}" --steps 40 --out killed --resume
check "nothing half is left" test -z "$(find killed -name '*.tmp')"
mkdir -p early && touch early/run.json.77-0.tmp
expect 0 "${base[@]}" --steps 1 --out early --resume
check "nothing half is left of a run without run.json" test -z "$(find early -name '*.tmp')"
check "a run that was killed $kills times ends as a whole one" cmp -s <(timeless whole) <(timeless killed)

# SIGTERM: the running step is finished, a checkpoint written, exit 130.
"${base[@]}" --steps 100000 --validate-every 1000000 --checkpoint-every 0 --out stopped >out 2>err </dev/null &
for ((wait = 0; wait < 600; wait++)); do
    [[ $(cat stopped/log.jsonl 2>/dev/null | wc -l) -ge 3 ]] && break
    sleep 0.1
done
check "no checkpoint before the signal" test ! -e stopped/checkpoints
kill -TERM $!
wait $!
check "exit 130 after SIGTERM" test $? = 130
check "a checkpoint after SIGTERM" test "$(find stopped/checkpoints -name state.safetensors | wc -l)" = 1
check "the log ends with the checkpoint's step" \
    test "$(tail -n 1 stopped/log.jsonl | sed 's/.*"step": \([0-9]*\),.*/\1/')" = \
         "$(ls stopped/checkpoints | sed 's/step-0*//')"

expect 2 "${base[@]}" --out none
says err "--steps"
expect 2 "${base[@]}" --steps 5 --size 20 --out none
says err "multiple of 8"
expect 3 "${base[@]}" --steps 5 --data missing --out none
one_line
expect 3 "${base[@]}" --steps 5 --model missing --out none
one_line
expect 4 "${base[@]}" --steps 5 --size 8192 --batch-size 64 --out none
one_line
expect 5 "${base[@]}" --steps 200 --lr 1000 --validate-every 1000 --out diverged
check "a layer is to blame" grep -qE "finite|too large to be squared" err
mkdir empty
expect 3 "${base[@]}" --steps 5 --data empty --out none
one_line
cp -r data damaged && head -c 100 data/000003.png >damaged/000003.png
expect 3 "${base[@]}" --steps 5 --data damaged --out none
says err "000003.png"
check "refused jobs wrote nothing" test ! -e none
finish
