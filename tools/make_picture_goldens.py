#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/golden/pictures: pictures made and decoded by PIL, and PIL's resampling of known numbers.

    python3 tools/make_picture_goldens.py tests/golden/pictures        (needs pillow, numpy, safetensors)

X.jpg or X.png is the input, X.expected.png what PIL's convert("RGB") or convert("L") makes of it.
resize.safetensors: the ramp (7 y + 13 x + 3 x y) mod 32 resampled in float mode; noise.png and
noise.HxW.FILTER.png: the same in 8-bit mode.
"""
import sys
import numpy
from pathlib import Path
from PIL import Image
from safetensors.numpy import save_file

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}


def smooth(height, width, channels, seed):
    """A picture with gradients and some noise."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [
        127 + 90 * numpy.sin(x / (5 + c)) * numpy.cos(y / (7 - c)) + 8 * random.standard_normal((height, width))
        for c in range(channels)
    ]
    picture = numpy.stack(planes, axis=-1).clip(0, 255).astype(numpy.uint8)
    return picture[..., 0] if channels == 1 else picture


def write_jpegs(folder):
    grey = Image.fromarray(smooth(29, 37, 1, 1))
    colour = Image.fromarray(smooth(29, 37, 3, 2))
    ink = Image.frombytes("CMYK", (37, 29), smooth(29, 37, 4, 3).tobytes())
    grey.save(folder / "grey.jpg", quality=90)
    colour.save(folder / "colour420.jpg", quality=85, subsampling=2)
    colour.save(folder / "colour444.jpg", quality=95, subsampling=0)
    colour.save(folder / "progressive.jpg", quality=85, progressive=True, optimize=True)
    ink.save(folder / "ink.jpg", quality=90)
    for path in folder.glob("*.jpg"):
        picture = Image.open(path)
        picture.convert("L" if picture.mode == "L" else "RGB").save(path.with_suffix(".expected.png"), optimize=True)


def write_pngs(folder):
    grey_alpha = Image.fromarray(smooth(9, 11, 2, 4))
    grey_alpha.save(folder / "grey_alpha.png")
    colour_alpha = Image.fromarray(smooth(9, 11, 4, 5))
    colour_alpha.save(folder / "colour_alpha.png")
    indexed = Image.fromarray(smooth(9, 11, 3, 6)).quantize(13)
    indexed.save(folder / "indexed_transparent.png", transparency=bytes([0, 90, 200]))
    bilevel = Image.fromarray(smooth(9, 11, 1, 7)).convert("1")
    bilevel.save(folder / "bilevel.png")
    for name in ("grey_alpha", "colour_alpha", "indexed_transparent", "bilevel"):
        picture = Image.open(folder / f"{name}.png")
        mode = "L" if picture.mode in ("1", "LA") else "RGB"
        picture.convert("RGB").convert(mode).save(folder / f"{name}.expected.png", optimize=True)


def write_resizes(folder):
    y, x = numpy.mgrid[0:12, 0:12]
    ramp = Image.fromarray(((7 * y + 13 * x + 3 * x * y) % 32).astype(numpy.float32))
    tensors = {}
    for name, how in FILTERS.items():
        for width, height in ((5, 5), (12, 12), (7, 12), (31, 29), (1, 1), (3, 40)):
            tensors[f"{name}.{height}x{width}"] = numpy.asarray(ramp.resize((width, height), how))
    save_file(tensors, folder / "resize.safetensors")
    noise = Image.fromarray(numpy.random.default_rng(8).integers(0, 256, (61, 47, 3), dtype=numpy.uint8))
    noise.save(folder / "noise.png")
    for width, height in ((16, 20), (64, 70)):
        noise.resize((width, height), Image.BILINEAR).save(folder / f"noise.{height}x{width}.bilinear.png")
    noise.resize((16, 20), Image.LANCZOS).save(folder / "noise.20x16.lanczos.png")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_jpegs(folder)
    write_pngs(folder)
    write_resizes(folder)


main()
