#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora report: pages about runs, from their files alone; what they hold, what they never hold, damaged runs.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 20 --size 32 --seed 3 --quiet || exit 1
train=("$SELORA" train --model model --data data --size 16 --batch-size 2 --lr 1e-2 --lambda 1.02 --probe-every 5
       --validate-every 10 --validation-images 2 --validation-steps 2 --threads 1 --quiet)
expect 0 "${train[@]}" --steps 30 --validation-prompt "Mrs Secret" --out run
expect 0 "${train[@]}" --steps 20 --method lora --rank 2 --out plain

# has PAGE TEXT: the page holds the text; lacks PAGE TEXT: it does not.
has() { check "$1 has '$2'" grep -qF -- "$2" "$1"; }
lacks() { check "$1 lacks '$2'" test -z "$(grep -oF -m 1 -- "$2" "$1")"; }

# whole PAGE: well-formed where it matters, nothing from outside, no script, no dash where a number should be "nan".
whole() {
    sed 's/base64,[^"]*//g' "$1" >words.html # pixels may spell anything
    lacks words.html "<script"
    lacks words.html "nan"
    lacks words.html 'src="http'
    lacks words.html 'href="http'
    check "$1 ends" grep -q '</html>' "$1"
    for tag in table figure svg details dl tr td; do
        check "$1: $tag closed" test "$(grep -o "<${tag}[ >]" "$1" | wc -l)" = "$(grep -o "</$tag>" "$1" | wc -l)"
    done
}

check "train leaves a report" test -s run/report.html
whole run/report.html
[[ ! -e run/audit.json ]] || has run/report.html "audited; membership AUC"
mv run moved # from the folder alone, wherever it is
expect 0 "$SELORA" report moved --out one.html
says out "one.html"
whole one.html
for text in "What reviewers ask" "Training loss" "Validation loss" "Gradient norm" "Learning rate" "Trainable parameters" "U-Net" \
            "Text encoder" "Ratio of the probe" "Every layer over time" "Peak memory" "Arithmetic of a step" "own timer" \
            "of a step with a probe" "seed 42" "base model sha256" "host:" "--lambda" "pictures drawn after step 30" "median"; do
    has one.html "$text"
done
check "what no run answers is said" test "$(grep -c 'class="l none">not recorded' one.html)" -ge 1
for text in "Secret" "$PWD" "validation-prompt" "caption-column" "frontal" "axial"; do
    lacks words.html "$text"
done
check "no number is missing without a word" test "$(grep -c 'not recorded</td>' one.html)" -le 8

# Several runs beside each other, what they differ in.
expect 0 "$SELORA" report moved plain --out two.html --title "Two <methods> & more"
whole two.html
has two.html "Two &lt;methods&gt; &amp; more"
has two.html "2 runs side by side"
has two.html "Options in which the runs differ"
has two.html "no probe: ranks are fixed"
has two.html "2 methods in this report"

# Judgements beside the run.
cat >moved/metrics.json <<'END'
{"format": "selora-metrics/1", "metrics": {"fid/radiomics": {"value": 412.81, "se": 21.3, "floor": 118.4, "base": 1630.2, "n": 140, "m": 140,
 "note": "rank-deficient <b>"}, "clip100/x": {"value": 24.1}}}
END
cat >moved/audit.json <<'END'
{"format": "selora-audit/1", "verdict": "no sign of copying", "membership": {"loss": {"auc": 0.61, "low": 0.5, "high": 0.7},
 "ratio": {"auc": 0.625, "low": 0.5, "high": 0.7}, "text": "cannot be told"}, "copies": {"pixels": {"copy_rate": 0.05, "verdict": "none"}}}
END
expect 0 "$SELORA" report moved --out judged.html
whole judged.html
for text in "412.8" "118.4" "rank-deficient &lt;b&gt;" "0.6250" "no sign of copying" "cannot be told" "see Judging"; do
    has judged.html "$text"
done
rm moved/metrics.json moved/audit.json

# A picture at the top; old runs without costs and events; a run that is still working.
expect 0 "$SELORA" report moved --picture moved/samples/step-000030.png --picture-caption "Before & after" --out pictured.html
has pictured.html "<figcaption>Before &amp; after"
cp -r moved old
rm old/costs.json old/last.safetensors old/adapter.safetensors old/events.* old/ranks.csv
sed -i 's/, "parameters": [0-9]*//; s/, "probe_seconds": [0-9.e-]*//' old/log.jsonl
printf '{"step": 31, "lo' >>old/log.jsonl
expect 0 "$SELORA" report old --out old.html
whole old.html
has old.html "not recorded"
rm -r old/log.jsonl old/samples
expect 0 "$SELORA" report old --out empty.html
has empty.html "No step has been taken yet"

# broken FILE CONTENT TEXT: a run with such a file is refused, with the file and TEXT in the error.
broken() {
    rm -rf bad && cp -r moved bad
    printf '%b' "$2" >"bad/$1"
    expect 3 "$SELORA" report bad --out bad.html
    one_line
    says err "bad/$1"
    says err "$3"
    check "no page about a damaged $1" test ! -e bad.html
}
broken run.json '{"format": "selora-run/1"}' "not the file of a run"
broken run.json 'x' "run.json"
broken log.jsonl '{"step": 1}\nnonsense\n' "line 2"
broken log.jsonl '{"step": 5}\n{"step": 4}\n' "must not go back"
broken log.jsonl '{"loss": 5}\n' "number of a step"
broken ranks.csv 'step,layer,ratio,standard_error,rank_before,rank_after,note\n5,a.b,1.5,0,1,2,\n5,a.c,x,0,1,2,\n' "line 3"
broken ranks.csv '5,a.b,1.5,0,1,-2,\n' "line 1"
broken ranks.csv '5,a.b,1.5,0,1,2\n' "line 1"
broken costs.json '{"format": "selora-costs/1", "memory": {"peak_bytes": "long"}}' "peak_bytes"
broken costs.json '{}' "format"
broken last.safetensors 'xxxxxxxxxxxxx' "last.safetensors"
broken samples/step-000030.png 'no picture' "step-000030.png"
broken metrics.json '[' "metrics.json"

expect 3 "$SELORA" report nothing --out x.html
one_line
expect 3 "$SELORA" report data --out x.html
one_line
says err "no run.json"
expect 2 "$SELORA" report --out x.html
one_line
expect 2 "$SELORA" report moved
one_line
says err "--out"
expect 3 "$SELORA" report moved --out data
one_line

finish
