#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a small Stable Diffusion 1.x-layout model with random weights, for tests.

    tools/make_model.py OUT --random 7                 a configuration drawn from a seed
    tools/make_model.py OUT --spec FILE.json           one from a file (print one with --show)
    tools/make_model.py --show --random 7

A spec is JSON: {"seed": 1, "unet": {..}, "vae": {..}, "text": {..}, "scheduler": {..},
"tokenizer": {..}, "store": {..}}. unet, vae and text are the arguments of UNet2DConditionModel,
AutoencoderKL and CLIPTextConfig, scheduler is the text of scheduler_config.json, and store says how
it is written: dtype f32|f16|bf16, shard_bytes, variant, old_vae_names, text_prefix, old_configs
(drops the keys that early diffusers versions did not write), single_file (a second file beside the
folder, OUT.safetensors, in LDM names).
"""

import argparse
import json
import os
import random
import shutil
import sys

import torch
import diffusers
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

diffusers.logging.set_verbosity_error()
diffusers.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
CORPUS = """frontal chest radiograph of a patient with a small nodule in the upper left lobe the heart
is normal in size the lungs are clear no pleural effusion or pneumothorax lateral view of the abdomen
brain mri axial slice with a round lesion right side left side large mass there is cardiomegaly and
mild edema of the lower right lung a photo of an ellipse with bright texture
acute finding stable since the last examination 12 mm 3.5 cm it's isn't they'll"""


# ---- tokenizer ---------------------------------------------------------------


def byte_symbols():
    """The printable stand-in of each byte, in the order of CLIP's ids."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


def learn_merges(count):
    """Byte-pair merges of the corpus above, most frequent first, ties by text."""
    words = {}
    for word in CORPUS.split():
        parts = tuple(word[:-1]) + (word[-1] + "</w>",)
        words[parts] = words.get(parts, 0) + 1
    merges = []
    while len(merges) < count:
        pairs = {}
        for parts, times in words.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] = pairs.get(pair, 0) + times
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        merged = {}
        for parts, times in words.items():
            out, i = [], 0
            while i < len(parts):
                if parts[i : i + 2] == best:
                    out.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    out.append(parts[i])
                    i += 1
            merged[tuple(out)] = merged.get(tuple(out), 0) + times
        words = merged
    return merges


def read_bpe(path):
    """The merges of CLIP's bpe_simple_vocab_16e6.txt.gz."""
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    return [tuple(line.split()) for line in lines]


def vocabulary(merges):
    symbols = list(byte_symbols().values())
    tokens = symbols + [s + "</w>" for s in symbols] + [a + b for a, b in merges] + [BOS, EOS]
    vocab = {}
    for token in tokens:
        vocab.setdefault(token, len(vocab))
    return vocab


def write_tokenizer(folder, spec):
    """spec: files "vocab" | "json" | "both", pad (a token), merges (count) or bpe (path)."""
    merges = read_bpe(spec["bpe"]) if spec.get("bpe") else learn_merges(spec.get("merges", 160))
    vocab, pad = vocabulary(merges), spec.get("pad", EOS)
    files = spec.get("files", "vocab")
    os.makedirs(folder, exist_ok=True)
    if files in ("json", "both"):
        CLIPTokenizer(
            vocab=vocab, merges=merges, pad_token=pad, model_max_length=77
        ).save_pretrained(folder)
    if files in ("vocab", "both"):
        with open(f"{folder}/vocab.json", "w", encoding="utf-8") as file:
            json.dump(vocab, file, ensure_ascii=bool(spec.get("ascii")))
        with open(f"{folder}/merges.txt", "w", encoding="utf-8") as file:
            file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    if files == "vocab":

        def token(text):
            return {
                "content": text,
                "lstrip": False,
                "normalized": True,
                "rstrip": False,
                "single_word": False,
            }

        special = {
            "bos_token": token(BOS),
            "eos_token": token(EOS),
            "unk_token": token(EOS),
            "pad_token": pad,
        }
        with open(f"{folder}/special_tokens_map.json", "w", encoding="utf-8") as file:
            json.dump(special, file, indent=2)
        config = {
            "add_prefix_space": False,
            "do_lower_case": True,
            "errors": "replace",
            "model_max_length": 77,
            "tokenizer_class": "CLIPTokenizer",
        }
        config |= {
            key: {"__type": "AddedToken", **value} if isinstance(value, dict) else value
            for key, value in special.items()
        }
        with open(f"{folder}/tokenizer_config.json", "w", encoding="utf-8") as file:
            json.dump(config, file, indent=2)
    return len(vocab)


# ---- weights -----------------------------------------------------------------


@torch.no_grad()
def draw_weights(module, generator, dtype):
    """Norms away from 1 and 0 and visible biases, so that no mistake hides behind a default."""
    for name, parameter in module.named_parameters():
        value = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        if parameter.ndim == 1 and "norm" in name and name.endswith("weight"):
            value = 1 + 0.2 * value
        elif parameter.ndim == 1:
            value = 0.1 * value
        elif "embedding" in name and "text" not in name and "linear" not in name:
            value = 0.5 * value
        else:
            fan_in = parameter[0].numel()
            value = value * (1.2 / fan_in) ** 0.5
        parameter.copy_(value.to(dtype).to(parameter.dtype))


def rename_file(path, rename):
    tensors = load_file(path)
    save_file(
        {rename(name): tensor.contiguous() for name, tensor in tensors.items()},
        path,
        {"format": "pt"},
    )


def old_vae_name(name):
    if ".attentions.0." not in name:
        return name
    for new, old in (
        ("to_q", "query"),
        ("to_k", "key"),
        ("to_v", "value"),
        ("to_out.0", "proj_attn"),
    ):
        name = name.replace(f".{new}.", f".{old}.")
    return name


def rename_weights(folder, rename):
    """Every weight file of a component, its index too."""
    for entry in sorted(os.listdir(folder)):
        path = f"{folder}/{entry}"
        if entry.endswith(".safetensors"):
            rename_file(path, rename)
        elif ".safetensors.index" in entry:
            with open(path, encoding="utf-8") as file:
                index = json.load(file)
            index["weight_map"] = {
                rename(name): shard for name, shard in index["weight_map"].items()
            }
            with open(path, "w", encoding="utf-8") as file:
                json.dump(index, file, indent=2)


def text_prefix_name(wanted):
    def rename(name):
        bare = name.removeprefix("text_model.")
        return f"text_model.{bare}" if wanted else bare

    return rename


OLD_KEYS = {
    "unet": {
        "_class_name",
        "act_fn",
        "attention_head_dim",
        "block_out_channels",
        "center_input_sample",
        "cross_attention_dim",
        "down_block_types",
        "downsample_padding",
        "flip_sin_to_cos",
        "freq_shift",
        "in_channels",
        "layers_per_block",
        "mid_block_scale_factor",
        "norm_eps",
        "norm_num_groups",
        "out_channels",
        "sample_size",
        "up_block_types",
        "use_linear_projection",
        "_diffusers_version",
    },
    "vae": {
        "_class_name",
        "act_fn",
        "block_out_channels",
        "down_block_types",
        "in_channels",
        "latent_channels",
        "layers_per_block",
        "norm_num_groups",
        "out_channels",
        "sample_size",
        "scaling_factor",
        "up_block_types",
        "_diffusers_version",
    },
}


def clean_config(path, keep):
    """Drops what names this machine, and keys that old versions did not have."""
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config = {
        key: value
        for key, value in config.items()
        if key != "_name_or_path" and (keep is None or key in keep)
    }
    if keep is not None and config.get("scaling_factor") == 0.18215:
        del config["scaling_factor"]
    if keep is not None and config.get("use_linear_projection") is False:
        del config["use_linear_projection"]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")


# ---- single file -------------------------------------------------------------


def ldm_unet_name(name, per_block):
    """down_blocks and so on to input_blocks and so on; `per_block` is layers_per_block."""
    parts = name.split(".")
    top = {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
    resnet = {
        "norm1": "in_layers.0",
        "conv1": "in_layers.2",
        "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0",
        "conv2": "out_layers.3",
        "conv_shortcut": "skip_connection",
    }
    if parts[0] in top:
        return ".".join([top[parts[0]], *parts[1:]])
    if parts[0] == "time_embedding":
        return ".".join(["time_embed", {"linear_1": "0", "linear_2": "2"}[parts[1]], *parts[2:]])
    if parts[0] == "mid_block":
        if parts[1] == "resnets":
            return ".".join(["middle_block", str(2 * int(parts[2])), resnet[parts[3]], *parts[4:]])
        return ".".join(["middle_block.1", *parts[3:]])
    level, kind, j = int(parts[1]), parts[2], int(parts[3])
    down = parts[0] == "down_blocks"
    side, first = (
        ("input_blocks", (per_block + 1) * level + 1)
        if down
        else ("output_blocks", (per_block + 1) * level)
    )
    if kind == "resnets":
        return ".".join([side, str(first + j), "0", resnet[parts[4]], *parts[5:]])
    if kind == "attentions":
        return ".".join([side, str(first + j), "1", *parts[4:]])
    if kind == "downsamplers":
        return ".".join([side, str((per_block + 1) * (level + 1)), "0.op", *parts[5:]])
    return ".".join([side, str(first + per_block), "UP", *parts[4:]])


def ldm_vae_name(name, levels):
    parts = name.split(".")
    if parts[0] not in ("encoder", "decoder"):
        return name
    side, rest = parts[0], parts[1:]
    if rest[0] == "conv_norm_out":
        return ".".join([side, "norm_out", *rest[1:]])
    if rest[0] == "mid_block":
        if rest[1] == "resnets":
            return ".".join([side, "mid", f"block_{int(rest[2]) + 1}", *rest[3:]])
        short = ".".join(rest[3:])
        for new, old in (
            ("group_norm.", "norm."),
            ("to_q.", "q."),
            ("to_k.", "k."),
            ("to_v.", "v."),
            ("to_out.0.", "proj_out."),
        ):
            if short.startswith(new):
                short = old + short[len(new) :]
        return f"{side}.mid.attn_1.{short}"
    if rest[0] in ("down_blocks", "up_blocks"):
        way = rest[0].split("_")[0]
        level = int(rest[1]) if way == "down" else levels - 1 - int(rest[1])
        if rest[2] == "resnets":
            tail = ".".join(rest[4:]).replace("conv_shortcut", "nin_shortcut")
            return f"{side}.{way}.{level}.block.{rest[3]}.{tail}"
        return f"{side}.{way}.{level}.{way}sample.{'.'.join(rest[4:])}"
    return ".".join([side, *rest])


def write_single_file(path, unet, vae, text, text_prefix):
    tensors = {}
    for name, tensor in unet.state_dict().items():
        mapped = ldm_unet_name(name, unet.config.layers_per_block)
        if ".UP." in mapped:
            attends = "CrossAttn" in unet.config.up_block_types[int(name.split(".")[1])]
            mapped = mapped.replace(".UP.", ".2." if attends else ".1.")
        tensors["model.diffusion_model." + mapped] = tensor
    for name, tensor in vae.state_dict().items():
        if ".attentions.0." in name and tensor.ndim == 2:
            tensor = tensor[:, :, None, None]
        tensors["first_stage_model." + ldm_vae_name(name, len(vae.config.block_out_channels))] = (
            tensor
        )
    for name, tensor in text.state_dict().items():
        tensors["cond_stage_model.transformer." + text_prefix_name(text_prefix)(name)] = tensor
    tensors["alphas_cumprod"] = torch.ones(1000)
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in tensors.items()},
        path,
        {"format": "pt"},
    )


# ---- the whole folder --------------------------------------------------------


def build(spec, out):
    """Writes the model."""
    store = spec.get("store", {})
    generator = torch.Generator().manual_seed(spec.get("seed", 0))
    dtype = DTYPES[store.get("dtype", "f32")]
    shutil.rmtree(out, ignore_errors=True)
    words = write_tokenizer(f"{out}/tokenizer", spec.get("tokenizer", {}))
    unet = UNet2DConditionModel(**spec["unet"])
    vae = AutoencoderKL(**spec["vae"])
    text = CLIPTextModel(CLIPTextConfig(**{"vocab_size": words, **spec["text"]}))
    save = {"safe_serialization": True}
    if store.get("shard_bytes"):
        save["max_shard_size"] = store["shard_bytes"]
    for name, module in (("unet", unet), ("vae", vae), ("text_encoder", text)):
        draw_weights(module, generator, dtype)
        module.to(dtype).eval()
        if store.get("variant"):
            save["variant"] = store["variant"]
        if name == "text_encoder":
            save.pop("safe_serialization", None)
        module.save_pretrained(f"{out}/{name}", **save)
        keep = OLD_KEYS.get(name) if store.get("old_configs") else None
        clean_config(f"{out}/{name}/config.json", keep)
    if store.get("old_vae_names"):
        rename_weights(f"{out}/vae", old_vae_name)
    rename_weights(f"{out}/text_encoder", text_prefix_name(store.get("text_prefix", True)))
    os.makedirs(f"{out}/scheduler", exist_ok=True)
    scheduler = {
        "_class_name": "PNDMScheduler",
        "num_train_timesteps": 1000,
        **spec.get("scheduler", {}),
    }
    with open(f"{out}/scheduler/scheduler_config.json", "w", encoding="utf-8") as file:
        json.dump(scheduler, file, indent=2)
        file.write("\n")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "requires_safety_checker": False,
        "feature_extractor": [None, None],
        "safety_checker": [None, None],
        "scheduler": ["diffusers", scheduler["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    with open(f"{out}/model_index.json", "w", encoding="utf-8") as file:
        json.dump(index, file, indent=2)
        file.write("\n")
    if store.get("single_file"):
        write_single_file(f"{out}.safetensors", unet, vae, text, store.get("text_prefix", True))
    open_to_all(out)


# ---- random configurations ---------------------------------------------------


def divisors(number, most):
    return [d for d in range(1, most + 1) if number % d == 0]


def random_unet(rng, width):
    levels = rng.choice([2, 3, 4])
    groups = rng.choice([1, 2, 3, 4, 5, 8])
    channels = [
        groups * rng.randint(3, max(4, 28 // groups)) for _ in range(levels)
    ]  # no tiny groups: their gradients vanish
    down = [rng.choice(["CrossAttnDownBlock2D", "DownBlock2D"]) for _ in range(levels)]
    up = [rng.choice(["CrossAttnUpBlock2D", "UpBlock2D"]) for _ in range(levels)]
    common = [d for d in divisors(min(channels), 8) if all(c % d == 0 for c in channels)]
    heads = (
        rng.choice(common) if rng.random() < 0.4 else [rng.choice(divisors(c, 8)) for c in channels]
    )
    return {
        "in_channels": 4,
        "out_channels": 4,
        "sample_size": rng.choice([8, 16, 64]),
        "block_out_channels": channels,
        "down_block_types": down,
        "up_block_types": up,
        "layers_per_block": rng.choice([1, 2]),
        "attention_head_dim": heads,
        "cross_attention_dim": width,
        "norm_num_groups": groups,
        "use_linear_projection": rng.random() < 0.4,
    }


def random_vae(rng):
    levels = rng.choice([2, 3, 4])
    groups = rng.choice([1, 2, 4, 5])
    channels = [groups * rng.randint(3, max(4, 20 // groups)) for _ in range(levels)]
    return {
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "block_out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": rng.choice([1, 2]),
        "norm_num_groups": groups,
        "sample_size": 32,
        "scaling_factor": rng.choice([0.18215, 0.13025, 0.5, 1.0]),
    }


def random_text(rng):
    heads = rng.choice([1, 2, 3, 4])
    width = heads * rng.choice([4, 5, 7, 8, 12])
    return {
        "hidden_size": width,
        "intermediate_size": rng.randint(width, 4 * width),
        "num_hidden_layers": rng.randint(1, 3),
        "num_attention_heads": heads,
        "hidden_act": rng.choice(["quick_gelu", "gelu"]),
        "max_position_embeddings": 77,
    }


def random_scheduler(rng):
    config = {
        "_class_name": rng.choice(
            [
                "PNDMScheduler",
                "DDIMScheduler",
                "EulerDiscreteScheduler",
                "DPMSolverMultistepScheduler",
            ]
        ),
        "num_train_timesteps": 1000,
        "trained_betas": None,
        "beta_start": rng.choice([0.00085, 0.0015, 0.0001]),
        "beta_end": rng.choice([0.012, 0.0195, 0.02]),
        "beta_schedule": rng.choice(["scaled_linear", "scaled_linear", "linear"]),
        "prediction_type": rng.choice(["epsilon", "epsilon", "v_prediction"]),
    }
    optional = {
        "steps_offset": rng.choice([0, 1]),
        "set_alpha_to_one": rng.random() < 0.5,
        "clip_sample": False,
        "timestep_spacing": rng.choice(["leading", "trailing", "linspace"]),
        "skip_prk_steps": True,
    }
    for key, value in optional.items():
        if rng.random() < 0.6:
            config[key] = value
    return config


def random_spec(seed):
    rng = random.Random(seed)
    text = random_text(rng)
    dtype = rng.choice(["f32", "f32", "f16", "bf16"])
    spec = {
        "seed": seed,
        "text": text,
        "unet": random_unet(rng, text["hidden_size"]),
        "vae": random_vae(rng),
        "scheduler": random_scheduler(rng),
        "tokenizer": {
            "files": rng.choice(["vocab", "json", "both"]),
            "pad": rng.choice([EOS, EOS, "!"]),
            "merges": rng.choice([40, 160]),
        },
        "store": {
            "dtype": dtype,
            "shard_bytes": rng.choice([None, None, "60KB"]),
            "variant": rng.choice([None, None, "fp16"]),
            "old_vae_names": rng.random() < 0.3,
            "text_prefix": rng.random() < 0.5,
            "old_configs": rng.random() < 0.3,
            "single_file": rng.random() < 0.3,
        },
    }
    if spec["store"]["shard_bytes"]:
        spec["store"]["old_vae_names"] = False  # diffusers does not rename in shards
    return spec


def open_to_all(out):
    """safetensors writes files that only their owner may read."""
    for folder, _, files in os.walk(out):
        for file in files:
            os.chmod(f"{folder}/{file}", 0o644)
    if os.path.exists(f"{out}.safetensors"):
        os.chmod(f"{out}.safetensors", 0o644)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", nargs="?", help="folder; an existing one is replaced")
    parser.add_argument("--random", type=int, metavar="SEED", help="draw the configuration")
    parser.add_argument("--spec", metavar="FILE", help="the configuration as JSON")
    parser.add_argument("--show", action="store_true", help="print the spec, write nothing")
    options = parser.parse_args()
    if (options.random is None) == (options.spec is None):
        parser.error("one of --random and --spec is needed")
    if options.spec:
        with open(options.spec, encoding="utf-8") as file:
            spec = json.load(file)
    else:
        spec = random_spec(options.random)
    if options.show:
        json.dump(spec, sys.stdout, indent=2)
        print()
    elif options.out:
        build(spec, options.out)
    else:
        parser.error("OUT is needed")


if __name__ == "__main__":
    main()
