#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What is around the program: closed streams, readers that go away, full disks, limits.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 8 --size 32 --quiet || exit 1
train=("$SELORA" train --model model --data data --size 16 --batch-size 2 --probe-every 2 --validation-images 1
       --validation-steps 1 --threads 1)

# What is printed must not land in a file that took the number of a closed stream.
"${train[@]}" --steps 4 --out closed <&- >&- 2>&-
check "exit 0 with all streams closed" test $? = 0
check "no message in a file of the run" test -z "$(grep -rl 'best so far' closed)"
check "the log is whole" test "$(grep -c '^{"step": .*}$' closed/log.jsonl)" = "$(wc -l <closed/log.jsonl)"

# Standard output that takes nothing.
if [[ -w /dev/full ]]; then
    "$SELORA" inspect data >/dev/full 2>err
    check "exit 4 when standard output is full" test $? = 4
    says err "standard output"
fi
"$SELORA" inspect --json data 2>err | head -c 1 >out
check "a reader that has enough is no failure" test "${PIPESTATUS[0]}" = 0
"${train[@]}" --steps 4 --out unread 2>&1 | head -n 1 >out
check "training goes on when nobody reads" test "${PIPESTATUS[0]}" = 0
check "the adapter is there" test -s unread/adapter.safetensors

# No file may grow past a size: what was saved before stays as it was, and a resumed run goes on from it.
expect 0 "${train[@]}" --quiet --steps 4 --checkpoint-every 2 --out limited
before=$(sha256sum limited/*.safetensors limited/checkpoints/step-00000[24]/*)
expect 4 bash -c 'ulimit -f 20; exec "$@"' - "${train[@]}" --quiet --steps 6 --checkpoint-every 2 --out limited --resume
says err "limited/"
says err "File too large"
check "what was saved is untouched" test "$before" = \
    "$(sha256sum limited/*.safetensors limited/checkpoints/step-00000[24]/*)"
check "no temporary is left" test -z "$(find limited -name '*.tmp*')"
expect 0 "${train[@]}" --quiet --steps 6 --checkpoint-every 2 --out limited --resume
expect 0 "${train[@]}" --quiet --steps 6 --checkpoint-every 2 --out whole
check "it ends as an undisturbed run does" cmp -s limited/last.safetensors whole/last.safetensors
# Threads that are bound to processors are as many as others. LLVM's runtime counts one processor then.
if ! ldd "$SELORA" | grep -q libomp; then
    "$SELORA" bench --config tiny --size 16 --repeat 1 --quiet --json >free.json || exit 1
    OMP_PROC_BIND=true "$SELORA" bench --config tiny --size 16 --repeat 1 --quiet --json >bound.json || exit 1
    check "as many threads" cmp <(grep '"threads"' free.json) <(grep '"threads"' bound.json)
fi
finish
