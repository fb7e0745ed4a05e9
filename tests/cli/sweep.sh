#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora sweep: every combination, controls of equal size, nothing twice, killed and resumed to the same bits, diverged
# runs, the comparison.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 20 --size 32 --seed 3 --quiet || exit 1
cat >sweep.json <<'END'
{"model": "model", "data": "data", "size": "16", "steps": 8, "batch-size": 2, "lr": 0.01, "interval": 2, "checkpoint-every": 2,
 "validate-every": 4, "validation-images": 0, "lambda": [1.0, 1.1], "seeds": [1, 2, 3],
 "controls": ["static", "random", "uniform"], "out": "whole"}
END
sweep=("$SELORA" sweep sweep.json --threads 1)

# timeless RUN: all of a run that does not depend on the clock.
timeless() {
    sed 's/, "seconds".*/}/' "$1/log.jsonl"
    cat "$1/ranks.csv"
    sha256sum <"$1/adapter.safetensors"
    sha256sum <"$1/last.safetensors"
    sha256sum <"$1/checkpoints/step-000008/state.safetensors"
}
# value RUN COLUMN: of sweep.csv.
value() {
    awk -F, -v run="$1" -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } $1 == run { print $at }' whole/sweep.csv
}

expect 0 "${sweep[@]}" --dry-run
says err "lambda-1_seed-1_static: 8 steps of"
says err "24 runs, about"
check "a dry run writes nothing" test ! -e whole
expect 0 "${sweep[@]}"
says err "lambda-1.1 less lambda-1: "
says err "(3 seeds)"
check "every run is a folder" test "$(find whole -name run.json | wc -l)" = 24
check "one page over all runs" grep -q "lambda-1.1_seed-3_uniform" whole/report.html
says err "24 of 24 runs on one page"
check "a line a run" test "$(wc -l <whole/sweep.csv)" = 25
check "the last rank of a lambda of 1" test "$(value lambda-1_seed-1 largest_rank)" = 5
for control in static random uniform; do
    check "$control is plain LoRA" test "$(value lambda-1.1_seed-2_$control method)" = lora
done
for control in static random; do
    check "$control has as many parameters" test "$(value lambda-1.1_seed-2_$control parameters)" = "$(value lambda-1.1_seed-2 parameters)"
done
check "static has the last ranks" cmp <("$SELORA" inspect --json whole/lambda-1.1_seed-2/last.safetensors | grep '"rank":') \
    <("$SELORA" inspect --json whole/lambda-1.1_seed-2_static/last.safetensors | grep '"rank":')
check "random has others" bash -c '! cmp -s whole/patterns/lambda-1.1_seed-2_random.json whole/patterns/lambda-1.1_seed-2_static.json'
# Where every layer has grown at every decision, its ranks are the same everywhere: two controls are one.
check "static and uniform are the same run" cmp <(timeless whole/lambda-1_seed-1_static) <(timeless whole/lambda-1_seed-1_uniform)

# nothing twice; the order of data is that of the seed, whatever the method
before=$(stat -c %Y%s whole/*/last.safetensors | sha256sum)
expect 0 "${sweep[@]}"
says err "24 runs, 24 of them over"
check "no run begins again" bash -c '! grep -q "^run " err'
check "nothing is repeated" test "$before" = "$(stat -c %Y%s whole/*/last.safetensors | sha256sum)"
check "a run alone is that run" "$SELORA" train --config whole/lambda-1.1_seed-3/run.json --out alone --quiet --threads 1
check "a run alone gives the same bits" cmp <(timeless whole/lambda-1.1_seed-3) <(timeless alone)
expect 2 "${sweep[@]}" --set batch-size=1
says err "--batch-size"

# kill -9 at random moments, then to the end
kills=0
for ((try = 0; try < 40 && kills < 5; try++)); do
    "${sweep[@]}" --out killed --quiet >out 2>err </dev/null &
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    if kill -9 $! 2>/dev/null; then kills=$((kills + 1)); fi
    wait $! 2>/dev/null
done
expect 0 "${sweep[@]}" --out killed --quiet
for run in whole/*_seed-*/; do
    check "${run#whole/} after $kills kills" cmp <(timeless "$run") <(timeless "killed/${run#whole/}")
done

# SIGTERM ends it cleanly
"${sweep[@]}" --set steps=100000 --set validate-every=1000000 --out stopped --quiet >out 2>err </dev/null &
for ((wait = 0; wait < 600; wait++)); do
    [[ -s stopped/lambda-1_seed-1/log.jsonl ]] && break
    sleep 0.1
done
kill -TERM $!
wait $!
check "exit 130 after SIGTERM" test $? = 130
says err "the same command goes on"

# from the command line; a run that diverges is a result
expect 0 "$SELORA" sweep --model model --data data --set size=16 --set batch-size=2 --set validation-images=0 --steps 40 --lr 0.001,1000 \
    --method lora --seeds 5 --out diverged --threads 1
says err "lr-1000 has diverged"
says err "lr-1000: rank"
check "the other one is done" grep -q '^lr-0.001,.*,done,false' diverged/sweep.csv
check "this one failed" grep -q '^lr-1000,.*,failed,true' diverged/sweep.csv

# plain LoRA of given ranks
printf '{"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q": 3}' >one.json
expect 0 "$SELORA" train --model model --data data --size 16 --steps 1 --batch-size 2 --validation-images 0 --method lora \
    --rank-pattern one.json --out one --quiet
check "one layer of rank 3" test "$("$SELORA" inspect --json one/last.safetensors | grep -c '"rank": 3')" = 2
expect 2 "$SELORA" train --model model --data data --size 16 --steps 2 --batch-size 2 --validation-images 0 --method lora \
    --rank-pattern whole/lambda-1_seed-1 --out one --resume
says err "--rank-pattern"

expect 2 "$SELORA" sweep --model model --data data --steps 2
says err "--out DIR is missing"
expect 2 "$SELORA" sweep --model model --data data --steps 2 --out one
says err "is the folder of a run"
expect 3 "$SELORA" sweep missing.json --out x
one_line
expect 3 "$SELORA" sweep --model missing --data data --steps 2 --out x
says err "run: missing"
finish
