#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pictures a second of the extractors' networks, selora and PyTorch in turn, f32, random weights.

    bench/compare_features.py [--threads 2] [--batch 8] [--rounds 5] [--only NAME]

Needs what tools/feature_cases.py needs, and build/feature_speed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import feature_cases


def seconds_of(run, image):
    start = time.perf_counter()
    with torch.inference_mode():
        run(image)
    return time.perf_counter() - start


def compare(name, make, options, folder):
    case = make()
    case.model.eval()
    feature_cases.save_weights(folder, case, False)
    side = 299 if case.extractor == "inception" else case.side
    batch = max(options.batch // 4, 1) if side > 300 else options.batch
    image = torch.rand(batch, case.channels, side, side)
    if options.channels_last:
        case.model.to(memory_format=torch.channels_last)
        image = image.to(memory_format=torch.channels_last)
    ours = subprocess.Popen(["build/feature_speed", case.extractor, f"{folder}/weights.safetensors", str(options.threads),
                             str(batch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask():
        ours.stdin.write("\n")
        ours.stdin.flush()
        return float(ours.stdout.readline())

    ask(), seconds_of(case.run, image)
    pairs = [(ask(), seconds_of(case.run, image)) for _ in range(options.rounds)]
    ours.stdin.close()
    ours.wait()
    ratios = sorted(b / a for a, b in pairs)
    mine, theirs = (batch / statistics.median(p[i] for p in pairs) for i in (0, 1))
    print(f"| {name} | {side} | {mine:.1f} | {theirs:.1f} | "
          f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}) |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name, make in feature_cases.full():
        if (options.only or name) == name:
            torch.manual_seed(0)
            with tempfile.TemporaryDirectory() as folder:
                compare(name, make, options, folder)


if __name__ == "__main__":
    main()
