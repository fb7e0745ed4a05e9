#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Features of selora beside those of PyRadiomics, PyWavelets and PIL.

    tools/check_radiomics.py --selora build/selora

Every one of the 380 radiomic features of pictures of many kinds is computed by PyRadiomics (force2D,
a mask of the whole picture) on bands that PyWavelets made; metric pictures of many sizes are resized
by PIL in float. The last line is "N passed, N failed".
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile

import numpy as np
import pywt
import SimpleITK as sitk
from PIL import Image
from radiomics import firstorder, glcm, glrlm, glszm, ngtdm

logging.getLogger("radiomics").setLevel(logging.ERROR)
SIDE = 64
FAMILIES = {
    "firstorder": (firstorder.RadiomicsFirstOrder, """Mean Median Minimum Maximum Range Variance
        Skewness Kurtosis Energy RootMeanSquared MeanAbsoluteDeviation RobustMeanAbsoluteDeviation
        InterquartileRange 10Percentile 90Percentile Entropy Uniformity"""),
    "glcm": (glcm.RadiomicsGLCM, """Autocorrelation JointAverage ClusterTendency ClusterShade
        ClusterProminence Contrast Correlation DifferenceAverage DifferenceVariance DifferenceEntropy
        JointEnergy JointEntropy MaximumProbability SumEntropy SumSquares Id Idn Idm Idmn
        InverseVariance Imc1 Imc2"""),
    "glrlm": (glrlm.RadiomicsGLRLM, """ShortRunEmphasis LongRunEmphasis GrayLevelNonUniformity
        GrayLevelNonUniformityNormalized RunLengthNonUniformity RunLengthNonUniformityNormalized
        RunPercentage GrayLevelVariance RunVariance RunEntropy LowGrayLevelRunEmphasis
        HighGrayLevelRunEmphasis ShortRunLowGrayLevelEmphasis ShortRunHighGrayLevelEmphasis
        LongRunLowGrayLevelEmphasis LongRunHighGrayLevelEmphasis"""),
    "glszm": (glszm.RadiomicsGLSZM, """SmallAreaEmphasis LargeAreaEmphasis GrayLevelNonUniformity
        GrayLevelNonUniformityNormalized SizeZoneNonUniformity SizeZoneNonUniformityNormalized
        ZonePercentage GrayLevelVariance ZoneVariance ZoneEntropy LowGrayLevelZoneEmphasis
        HighGrayLevelZoneEmphasis SmallAreaLowGrayLevelEmphasis SmallAreaHighGrayLevelEmphasis
        LargeAreaLowGrayLevelEmphasis LargeAreaHighGrayLevelEmphasis"""),
    "ngtdm": (ngtdm.RadiomicsNGTDM, "Coarseness Contrast Busyness Complexity Strength"),
}
counts = {"passed": 0, "failed": 0}


def report(name, ok, detail):
    counts["passed" if ok else "failed"] += 1
    print(f"{'ok    ' if ok else 'FAILED'} {name}: {detail}", flush=True)


def features(selora, folder, extractor, *more):
    out = os.path.join(folder, f"{extractor}.npy")
    done = subprocess.run([selora, "features", folder, "--extractor", extractor, "--out", out, *more],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return np.load(out)


def pictures():
    """Grey, colour, 8 and 16 bits; noise, edges, flat parts, few and thousands of levels."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    smooth = np.sin(0.13 * x) * np.cos(0.09 * y + 1)
    disc = ((x - 30) ** 2 + (y - 25) ** 2 < 300) * 1.0
    spike = np.zeros((SIDE, SIDE))
    spike[13, 41] = 1
    grey = {
        "noise, 8 bits": (rng.random((SIDE, SIDE)), 8),
        "noise, 16 bits": (rng.random((SIDE, SIDE)), 16),
        "waves": (0.5 + 0.45 * smooth, 8),
        "waves, 16 bits, noisy": (np.clip(0.5 + 0.3 * smooth + 0.02 * rng.standard_normal((SIDE, SIDE)), 0, 1), 16),
        "disc on black": (0.8 * disc, 8),
        "disc, blurred, noisy": (np.clip(0.3 + 0.4 * disc + 0.05 * rng.standard_normal((SIDE, SIDE)), 0, 1), 8),
        "one white pixel": (spike, 8),
        "steps": (np.floor(x / 9 + y / 17) / 12 + 0.0003 * rng.random((SIDE, SIDE)), 16),
        "checkerboard": (0.2 + 0.5 * ((x + y) % 2), 8),
        "gamma noise": (np.clip(rng.gamma(2, 0.08, (SIDE, SIDE)), 0, 1), 16),
    }
    for name, (values, bits) in grey.items():
        yield name, values, bits
    yield "colours", rng.random((SIDE, SIDE, 3)), 8
    yield "colours, smooth", np.stack([0.5 + 0.4 * smooth, 0.4 + 0.3 * smooth * disc, 0.1 + 0.8 * disc], 2), 8


def write(path, values, bits):
    """Writes a PNG; returns its greys as selora should see them: f32, BT.601."""
    top = 2 ** bits - 1
    stored = np.rint(np.clip(values, 0, 1) * top).astype(np.uint16 if bits == 16 else np.uint8)
    Image.fromarray(stored).save(path)
    decoded = stored.astype(np.float32) / np.float32(top)
    if decoded.ndim == 3:
        r, g, b = np.moveaxis(decoded.astype(np.float64), 2, 0)
        decoded = (0.299 * r + 0.587 * g + 0.114 * b).astype(np.float32)
    return decoded


def bands(values):
    """x = 100 (g - mean) / sd, and one undecimated wavelet level. H along y first: LH is PyWavelets' d along rows."""
    x = 100 * (values - values.mean()) / values.std(ddof=1)
    low, (horizontal, vertical, diagonal) = pywt.swt2(x, "coif1", level=1)[0]
    result = {"LH": horizontal, "HL": vertical, "HH": diagonal, "LL": low}
    # Flat parts are 0 but for rounding, which is an edge between two levels: selora takes them as 0, above the edge.
    # (PyRadiomics' edges are rounded sums: a little above 0 is surely above, but for a band that is 0 everywhere.)
    for name, band in result.items():
        flat = np.abs(band) < 1e-9
        result[name] = np.where(flat, 0 if flat.all() else 1e-10, band)
    return {"orig": x, **result}


def peers_features(values):
    result = []
    for band, picture in bands(values.astype(np.float64)).items():
        image = sitk.GetImageFromArray(picture[None])
        mask = sitk.GetImageFromArray(np.ones((1, *picture.shape), np.uint8))
        for family, (maker, names) in FAMILIES.items():
            made = maker(image, mask, binWidth=5, force2D=True, force2Ddimension=0, voxelArrayShift=300)
            made.enableAllFeatures()
            values_of = made.execute()
            result += [(f"{band}/{family}/{name}", float(values_of[name])) for name in names.split()]
    return result


def check_features(selora, folder):
    """selora's are f64 from the same f32 greys: 1e-9 relative, or of the feature's natural size where it is 0."""
    expected = []
    for i, (name, values, bits) in enumerate(pictures()):
        expected.append((name, write(os.path.join(folder, f"{i:02d}.png"), values, bits)))
    ours = features(selora, folder, "radiomics", "--size", str(SIDE))
    for row, (name, grey) in zip(ours, expected):
        theirs = peers_features(grey)
        values = np.array([value for _, value in theirs])
        size = np.maximum(np.abs(values), 1)
        error = np.abs(row - values) / size
        worst = int(np.argmax(error))
        report(f"380 features of {name}", error[worst] < 1e-8 and len(row) == len(values),
               f"largest error {error[worst]:.1e} ({theirs[worst][0]}: {row[worst]:.10g}, {values[worst]:.10g})")
    return ours


def check_resize(selora, folder):
    """Covers 32 x 32, the centre, bicubic a = -0.5 with antialiasing, float throughout."""
    rng = np.random.default_rng(3)
    sizes = [(32, 32), (33, 31), (200, 100), (77, 301), (1, 1), (5, 3), (640, 480), (31, 64)]
    expected = []
    for i, (width, height) in enumerate(sizes):
        bits = 16 if i % 2 else 8
        grey = write(os.path.join(folder, f"{i:02d}.png"), rng.random((height, width)), bits)
        scale = max(32 / width, 32 / height)
        cover = (32 if scale * width == 32 or width < height else 32 * width // height,
                 32 if width >= height else 32 * height // width)
        resized = np.asarray(Image.fromarray(grey, mode="F").resize(cover, Image.BICUBIC))
        left, top = round((cover[0] - 32) / 2), round((cover[1] - 32) / 2)
        expected.append(np.clip(resized[top:top + 32, left:left + 32], 0, 1).ravel())
    ours = features(selora, folder, "pixels")
    for (width, height), row, values in zip(sizes, ours, expected):
        error = np.abs(row - values).max()
        report(f"{width} x {height} resized", error < 1e-5, f"largest error {error:.1e}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--selora", required=True)
    selora = os.path.abspath(parser.parse_args().selora)
    with tempfile.TemporaryDirectory() as folder:
        check_features(selora, folder)
    with tempfile.TemporaryDirectory() as folder:
        check_resize(selora, folder)
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main()
