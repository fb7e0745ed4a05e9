#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads the event file of a run with TensorBoard itself and compares it with log.jsonl and ranks.csv.

    tools/check_tensorboard.py build/selora [FOLDER]

Makes pictures, trains on models/tiny, stops and kills the training on the way, resumes it; works in FOLDER (a temporary one).
"""
import collections
import csv
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2

passed = failed = 0


def check(what, holds):
    global passed, failed
    passed, failed = passed + bool(holds), failed + (not holds)
    if not holds:
        print("FAILED:", what)


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def train(selora, root, folder):
    """Killed twice, then run to its end."""
    subprocess.run([selora, "phantom", "--out", f"{folder}/data", "--count", "24", "--size", "32", "--quiet"], check=True)
    command = [selora, "train", "--model", f"{root}/models/tiny", "--data", f"{folder}/data", "--out", f"{folder}/run",
               "--size", "32", "--steps", "60", "--batch-size", "2", "--probe-every", "10", "--lambda", "1.1",
               "--checkpoint-every", "15", "--validate-every", "20", "--validation-images", "3", "--validation-steps", "2",
               "--resume", "--quiet"]
    log = f"{folder}/run/log.jsonl"
    for lines in (18, 43):
        process = subprocess.Popen(command)
        for _ in range(2000):
            if process.poll() is not None or (os.path.exists(log) and sum(1 for _ in open(log)) >= lines):
                break
            time.sleep(0.01)
        process.kill()
        process.wait()
    subprocess.run(command, check=True)
    return f"{folder}/run"


def compare(run):
    files = [name for name in os.listdir(run) if "tfevents" in name]
    check("one event file", len(files) == 1)
    check("a neutral host name", files[0].split(".")[4] == "selora")
    raw = [event_pb2.Event.FromString(data) for data in RawEventFileLoader(f"{run}/{files[0]}").Load()]
    seen = collections.Counter((event.step, value.tag) for event in raw for value in event.summary.value)
    check("every step of every tag once", max(seen.values()) == 1)
    check("steps in order", [event.step for event in raw] == sorted(event.step for event in raw))

    lines = [json.loads(line) for line in open(f"{run}/log.jsonl")]
    steps = [line for line in lines if "loss" in line]
    validations = [line for line in lines if "validation_loss" in line]
    everything = event_accumulator.EventAccumulator(run, size_guidance={"scalars": 0, "images": 0, "histograms": 0,
                                                                        "compressedHistograms": 1, "tensors": 0})
    everything.Reload()
    columns = {"train/loss": "loss", "train/learning_rate": "lr", "train/gradient_norm": "gradient_norm",
               "train/seconds_per_step": "seconds", "adapter/total_rank": "rank", "adapter/parameters": "parameters"}
    for tag, key in columns.items():
        found = {event.step: event.value for event in everything.Scalars(tag)}
        check(f"{tag} equals the log", found.keys() == {line["step"] for line in steps} and
              all(abs(found[line["step"]] - single(line[key])) <= 1e-5 * abs(line[key]) for line in steps))
    found = {event.step: event.value for event in everything.Scalars("validation/loss")}
    check("validation losses", found == {line["step"]: single(line["validation_loss"]) for line in validations})
    text = everything.Tensors("run/options/text_summary")
    check("options, without paths", len(text) == 1 and b"| lambda | 1.1" in text[0].tensor_proto.string_val[0] and
          b"/" not in text[0].tensor_proto.string_val[0])
    images = [tag for tag in everything.Tags()["images"]]
    check("three sample pictures", sorted(images) == [f"validation/sample_{i}" for i in range(3)])
    for tag in images:
        events = everything.Images(tag)
        check(f"{tag}: steps and sizes", [(e.step, e.width, e.height) for e in events] == [(s, 32, 32) for s in (20, 40, 60)])
        check(f"{tag}: PNG", all(e.encoded_image_string[:4] == b"\x89PNG" for e in events))
    ranks = collections.defaultdict(list)
    for row in csv.DictReader(open(f"{run}/ranks.csv")):
        ranks[int(row["step"])].append(int(row["rank_after"]))
    found = {event.step: event.histogram_value for event in everything.Histograms("adapter/ranks")}
    check("a histogram for every probe", found.keys() == ranks.keys())
    check("histograms count the layers", all(
        (h.min, h.max, h.num, h.sum) == (min(ranks[s]), max(ranks[s]), len(ranks[s]), sum(ranks[s])) and
        sum(h.bucket) == len(ranks[s]) for s, h in found.items()))


def main():
    selora = os.path.abspath(sys.argv[1])
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with tempfile.TemporaryDirectory() as temporary:
        compare(train(selora, root, sys.argv[2] if len(sys.argv) > 2 else temporary))
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
