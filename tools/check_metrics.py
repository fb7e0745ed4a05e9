#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Metrics of selora evaluate against scipy, prdc, scikit-image and plain numpy.

    tools/check_metrics.py --selora build/selora

Random features of many shapes go through files of every format; distances, neighbours, jackknife and likeness must be those
of the other programs. The last line is "N passed, N failed".
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

NEIGHBOURS = ("precision", "recall", "density", "coverage")
counts = {"passed": 0, "failed": 0}


def check(what, found, wanted, tolerance):
    good = found is not None and abs(found - wanted) <= tolerance * max(1, abs(wanted))
    counts["passed" if good else "failed"] += 1
    if not good:
        print(f"{what}: found {found}, expected {wanted}")


def frechet(x, y):
    if min(len(x), len(y)) > x.shape[1]:
        cross = np.trace(np.real(sqrtm(np.atleast_2d(np.cov(x, rowvar=False)) @ np.atleast_2d(np.cov(y, rowvar=False)))))
    else:  # the square root of a singular matrix loses half its digits
        xc, yc = x - x.mean(0), y - y.mean(0)
        cross = np.linalg.svd(xc @ yc.T, compute_uv=False).sum() / np.sqrt((len(x) - 1) * (len(y) - 1))
    spread = x.var(0, ddof=1).sum() + y.var(0, ddof=1).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + spread - 2 * cross


def kid(x, y):
    def kernel(a, b):
        return (a @ b.T / x.shape[1] + 1) ** 3
    n, m, xx, yy = len(x), len(y), kernel(x, x), kernel(y, y)
    return ((xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
            - 2 * kernel(x, y).mean())


def prdc(x, y, k=5):
    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(x, y, k)
    return np.array([found[name] for name in NEIGHBOURS])


def jackknife(statistic, x, y, x_groups, y_groups, folds=20):
    square = 0
    for side, groups in ((0, x_groups), (1, y_groups)):
        count = min(folds, groups.max() + 1)
        theta = []
        for g in range(count):
            kept = groups % count != g
            theta.append(statistic(x[kept], y) if side == 0 else statistic(x, y[kept]))
        square = square + (count - 1) / count * ((np.array(theta) - np.mean(theta, 0)) ** 2).sum(0)
    return np.sqrt(square)


def evaluate(selora, out, *arguments):
    subprocess.run([selora, "evaluate", "--out", str(out), "--quiet", *map(str, arguments)], check=True,
                   stdout=subprocess.DEVNULL)
    return json.loads((out / "metrics.json").read_text())["metrics"]


def save_csv(path, values, groups):
    with open(path, "w") as file:
        print("group," + ",".join(f"x{j}" for j in range(values.shape[1])), file=file)
        for group, row in zip(groups, values):
            print(f"p{group}," + ",".join(repr(float(v)) for v in row), file=file)


def features(selora, folder, rng):
    for number, (n, m, dim) in enumerate([(30, 30, 4), (60, 60, 40), (40, 40, 90), (35, 35, 1), (120, 120, 24), (50, 80, 16)]):
        x = rng.normal(size=(n, dim)) @ rng.normal(size=(dim, dim))
        y = rng.normal(0.3, 0.9, size=(m, dim)) @ rng.normal(size=(dim, dim))
        x_groups, y_groups = np.arange(n) // 2, np.arange(m)
        if number % 2:
            np.save(folder / "x.npy", x)
            np.save(folder / "y.npy", y)
            names, x_groups = ("x.npy", "y.npy"), np.arange(n)
        else:
            save_csv(folder / "x.csv", x, x_groups)
            save_csv(folder / "y.csv", y, y_groups)
            names = ("x.csv", "y.csv")
        found = evaluate(selora, folder / f"out{number}", "--real", folder / names[0], "--synthetic", folder / names[1])
        where = f"{n} x {m} x {dim}"
        if n == m:  # else rows are drawn
            check(f"fid {where}", found["fid/file"]["value"], frechet(x, y), 1e-7)
            check(f"fid se {where}", found["fid/file"]["se"], jackknife(frechet, x, y, x_groups, y_groups), 1e-6)
        check(f"kid {where}", found["kid/file"]["value"], kid(x, y), 1e-9)
        check(f"kid se {where}", found["kid/file"]["se"], jackknife(kid, x, y, x_groups, y_groups), 1e-8)
        errors = jackknife(prdc, x, y, x_groups, y_groups)
        for name, theirs, error in zip(NEIGHBOURS, prdc(x, y), errors):
            check(f"{name} {where}", found[f"{name}/file"]["value"], theirs, 1e-12)
            check(f"{name} se {where}", found[f"{name}/file"]["se"], error, 1e-9)


def ms_ssim(a, b):
    weights, total = [.0448, .2856, .3001, .2363, .1333], 1.0
    for scale, weight in enumerate(weights):
        _, full = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1,
                                        full=True)
        ma, mb = (gaussian_filter(v, 1.5, truncate=3.5) for v in (a, b))
        light = (2 * ma * mb + 1e-4) / (ma ** 2 + mb ** 2 + 1e-4)
        inner = (full if scale == 4 else full / light)[5:-5, 5:-5]
        total *= max(inner.mean(), 0) ** weight
        if scale < 4:
            a, b = (v.reshape(v.shape[0] // 2, 2, v.shape[1] // 2, 2).mean((1, 3)) for v in (a, b))
    return total


def pictures(selora, folder, rng):
    for side in ("real", "synthetic"):
        (folder / side).mkdir()
        count = 12 if side == "real" else 2
        for i in range(count):
            noise = gaussian_filter(rng.normal(size=(176, 176)), 2 + i % 3)
            grey = 0.5 + 0.2 * noise / noise.std() + 0.1 * np.sin(np.arange(176) / 9)
            Image.fromarray((np.clip(grey, 0, 1) * 255).round().astype(np.uint8)).save(folder / side / f"{i}.png")
    found = evaluate(selora, folder / "judged", "--real", folder / "real", "--synthetic", folder / "synthetic", "--size", 176,
                     "--force")
    def read(side, i):
        return np.asarray(Image.open(folder / side / f"{i}.png"), dtype=np.float64) / 255
    check("ms-ssim of one pair", found["ms-ssim/any-pair"]["value"], ms_ssim(read("synthetic", 0), read("synthetic", 1)), 1e-6)
    values = [ms_ssim(read("real", i), read("real", j)) for i in range(12) for j in range(i)]
    check("ms-ssim of all pairs", found["ms-ssim/any-pair"]["floor"], np.mean(values), 1e-6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--selora", required=True)
    options = parser.parse_args()
    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as folder:
        features(options.selora, Path(folder), rng)
        pictures(options.selora, Path(folder), rng)
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return counts["failed"] > 0


if __name__ == "__main__":
    sys.exit(main())
