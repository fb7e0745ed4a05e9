#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes tests/cases again: three small models and a reference case of every kind for each.

    tools/make_test_cases.py [tests/cases]

The models differ in everything that a configuration may choose; weights are stored in 16 bits to
keep them small.
"""

import os
import sys

import make_case
import make_model


def unet(width, channels, down, up, heads, groups, layers, linear):
    """down, up: a letter a level, a = with attention."""
    return {
        "in_channels": 4,
        "out_channels": 4,
        "sample_size": 8,
        "block_out_channels": channels,
        "down_block_types": ["CrossAttnDownBlock2D" if c == "a" else "DownBlock2D" for c in down],
        "up_block_types": ["CrossAttnUpBlock2D" if c == "a" else "UpBlock2D" for c in up],
        "attention_head_dim": heads,
        "norm_num_groups": groups,
        "layers_per_block": layers,
        "cross_attention_dim": width,
        "use_linear_projection": linear,
    }


def vae(channels, groups, layers, factor):
    return {
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "block_out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * len(channels),
        "up_block_types": ["UpDecoderBlock2D"] * len(channels),
        "layers_per_block": layers,
        "norm_num_groups": groups,
        "sample_size": 32,
        "scaling_factor": factor,
    }


def text(width, mlp, layers, heads, act):
    return {
        "hidden_size": width,
        "intermediate_size": mlp,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_act": act,
        "max_position_embeddings": 77,
    }


SPECS = {
    # As early folders: vocab.json + merges.txt, old VAE names, few keys, no timestep_spacing.
    "three-levels": {
        "seed": 31,
        "text": text(24, 60, 2, 3, "quick_gelu"),
        "vae": vae([8, 12, 12], 4, 1, 0.18215),
        "unet": unet(24, [12, 18, 24], "aad", "daa", [3, 2, 4], 6, 1, False),
        "scheduler": {
            "_class_name": "PNDMScheduler",
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "clip_sample": False,
            "skip_prk_steps": True,
        },
        "tokenizer": {"files": "vocab", "merges": 120},
        "store": {"dtype": "f16", "old_vae_names": True, "text_prefix": True, "old_configs": True},
    },
    # Much as SD 2: linear projections, gelu, v prediction, "!" as padding; shards of a variant.
    "four-levels": {
        "seed": 47,
        "text": text(20, 44, 1, 4, "gelu"),
        "vae": vae([10, 15], 5, 2, 0.5),
        "unet": unet(20, [8, 12, 16, 12], "dada", "adad", [2, 3, 1, 4], 4, 2, True),
        "scheduler": {
            "_class_name": "DDIMScheduler",
            "beta_start": 0.0015,
            "beta_end": 0.0195,
            "beta_schedule": "linear",
            "prediction_type": "v_prediction",
            "steps_offset": 0,
            "set_alpha_to_one": True,
            "timestep_spacing": "trailing",
        },
        "tokenizer": {"files": "json", "pad": "!", "merges": 60},
        "store": {"dtype": "bf16", "variant": "fp16", "text_prefix": False, "shard_bytes": "90KB"},
    },
    # The same weights as a folder and as one file in LDM names.
    "two-levels": {
        "seed": 53,
        "text": text(15, 31, 2, 3, "quick_gelu"),
        "vae": vae([4, 6, 8, 10], 2, 1, 0.18215),
        "unet": unet(15, [9, 21], "aa", "aa", 3, 3, 1, False),
        "scheduler": {
            "_class_name": "EulerDiscreteScheduler",
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction_type": "epsilon",
            "steps_offset": 1,
            "timestep_spacing": "linspace",
        },
        "tokenizer": {"files": "both", "merges": 30},
        "store": {"dtype": "f16", "text_prefix": True, "single_file": True},
    },
}

SIZES = {"three-levels": (7, 9), "four-levels": (9, 10), "two-levels": (3, 8)}
SAMPLES = {
    "three-levels": ("pndm", "dpmpp_2m"),
    "four-levels": ("ddim", "euler"),
    "two-levels": ("euler", "pndm"),
}


def cases(name, model, out):
    height, width = SIZES[name]
    common = [
        "--model",
        model,
        "--height",
        str(height),
        "--width",
        str(width),
        "--rank-max",
        "4",
        "--share",
        "0.35",
    ]
    jobs = [
        ("tokenizer", "tokenizer", []),
        ("text_encoder", "text_encoder", []),
        ("unet", "unet", ["--tokens", "13", "--fractional"] if name == "two-levels" else []),
        ("vae_encode", "vae_encode", ["--odd", "1", "--batch", "1"]),
        ("vae_decode", "vae_decode", []),
        (
            "train_step",
            "train_step",
            ["--probes", "3", "--scale", "8" if name != "two-levels" else "1.5"],
        ),
        (
            "adam",
            "adam",
            ["--steps", "7", "--weight-decay", "0" if name == "two-levels" else "0.01"],
        ),
    ]
    for i, sampler in enumerate(SAMPLES[name]):
        more = (
            ["--with-adapters", "--image", "--batch", "1", "--negative", "noise"]
            if i == 0
            else ["--guidance", "1"]
        )
        jobs.append(
            ("sample", f"sample_{sampler}", ["--sampler", sampler, "--steps", str(5 + i), *more])
        )
    for sampler in make_case.SAMPLERS:
        jobs.append(("schedule", f"schedule_{sampler}", ["--sampler", sampler, "--steps", "13"]))
    loaded = make_case.Model(model)
    for kind, file, more in jobs:
        path = f"{out}/{file}.safetensors"
        make_case.write_case(
            loaded, kind, path, make_case.parse([*common, "--kind", kind, "--out", path, *more])
        )


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "tests/cases"
    for name, spec in SPECS.items():
        os.makedirs(f"{root}/{name}", exist_ok=True)
        make_model.build(spec, f"{root}/{name}/model")
        cases(name, f"{root}/{name}/model", f"{root}/{name}")


if __name__ == "__main__":
    main()
