#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Train the embedded default model (models/tiny) from nothing, on phantoms that selora draws.

    python3 -m venv venv && venv/bin/pip install -r tools/requirements.txt
    venv/bin/python tools/train_tiny.py --selora build/selora --work /tmp/tiny --out models/tiny

Three steps, each kept in --work so that a stopped run goes on where it was:
  1. `selora phantom` draws --pictures pictures of 64 x 64 with captions;
  2. a VAE (64 x 64 x 3 to 16 x 16 x 4) learns to keep them;
  3. a U-Net and a CLIP text encoder learn together to draw latents from captions.
The result is a diffusers folder in 16-bit floats. All randomness comes from --seed and the step
number, so a run that was stopped and resumed equals one that was not.
"""
import argparse
import csv
import json
import math
import os
import subprocess
import time

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

SIZE = 64
POSITIONS = 24          # tokens of a prompt, with both ends
VAE_BATCH = 16
SCALING = 0.18215       # as in SD 1.x: latents times this have standard deviation 1
PLACES = {"upper left": (-0.36, -0.34), "upper right": (0.36, -0.34), "centre": (0.0, 0.0),
          "lower left": (-0.36, 0.34), "lower right": (0.36, 0.34)}

# Each of these becomes one token; any other word falls to letters.
WORDS = """axial head frontal chest abdomen pelvis lateral knee oblique breast normal bright mass
small nodule dark cyst ring lesion calcifications metal plate upper lower left right centre middle
centered a an of the with and no in on to at x ray radiograph image scan ct mri view posteroanterior
anteroposterior pa ap lung lungs opacity opacities pneumonia covid bacterial viral effusion heart
bone fracture tumor tumour implant device tube line finding findings bilateral unilateral large
multiple single male female patient year old years adult intensive care""".split()


# ---- pictures ----

def draw_pictures(args):
    """Pictures (N, 64, 64) uint8 and their captions, drawn by the program."""
    folder = os.path.join(args.work, "phantoms")
    if not os.path.exists(os.path.join(folder, "metadata.csv")):
        subprocess.run([args.selora, "phantom", "--out", folder, "--count", str(args.pictures),
                        "--size", str(SIZE), "--seed", str(args.seed)], check=True)
    from PIL import Image
    pictures, captions = [], []
    with open(os.path.join(folder, "metadata.csv"), newline="") as file:
        for row in csv.DictReader(file):
            with Image.open(os.path.join(folder, row["file_name"])) as picture:
                pictures.append(np.asarray(picture.convert("L")))
            captions.append(row["text"])
    return np.stack(pictures), captions


def generator_at(*key):
    """A generator that depends on the key alone."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


class Team:
    """Worker processes of one thread each that share every batch (on CPUs with few cores they are
    much faster than one process with threads)."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size

    def mine(self, count):
        """The part of a batch that this worker computes."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def average_gradients(self, parameters):
        flat = torch.cat([p.grad.reshape(-1) for p in parameters])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        for p, grad in zip(parameters, flat.split([p.numel() for p in parameters])):
            p.grad.copy_(grad.view_as(p))

    def gather(self, tensor):
        """The workers' tensors, one after the other."""
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        torch.distributed.all_gather(parts, tensor)
        return torch.cat(parts)

    def say(self, text):
        if self.rank == 0:
            print(text, flush=True)

    def save(self, state, path):
        if self.rank == 0:
            torch.save(state, path + ".new")
            os.replace(path + ".new", path)
        torch.distributed.barrier()


# ---- tokenizer ----

def byte_symbols():
    """The 256 printable characters that stand for bytes in CLIP's and GPT-2's vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def write_tokenizer(folder):
    """Learns byte pairs until every word of WORDS is one token."""
    os.makedirs(folder, exist_ok=True)
    words = [list(w[:-1]) + [w[-1] + "</w>"] for w in sorted(set(WORDS))]
    merges = []
    while True:
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = [word[i] + word[i + 1]]
                i += 1
    symbols = byte_symbols()
    tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    files = {
        "vocab.json": json.dumps(vocabulary, ensure_ascii=False),
        "merges.txt": "\n".join(["#version: 0.2"] + [" ".join(m) for m in merges]) + "\n",
        "special_tokens_map.json": json.dumps(
            {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>",
             "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}, indent=2) + "\n",
        "tokenizer_config.json": json.dumps(
            {"add_prefix_space": False, "bos_token": "<|startoftext|>", "do_lower_case": True,
             "eos_token": "<|endoftext|>", "errors": "replace", "model_max_length": POSITIONS,
             "pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer",
             "unk_token": "<|endoftext|>"}, indent=2) + "\n",
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return len(vocabulary)


# ---- VAE ----

def new_vae():
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, block_out_channels=(16, 32, 64),
        layers_per_block=1, latent_channels=4, norm_num_groups=8, sample_size=SIZE,
        scaling_factor=SCALING)
    vae.set_attn_processor(AttnProcessor())
    return vae


def as_input(pictures):
    """uint8 (B, 64, 64) to (B, 3, 64, 64) in -1..1."""
    grey = torch.from_numpy(pictures).float() / 127.5 - 1
    return grey[:, None].expand(-1, 3, -1, -1).contiguous()


def spread(x, generator):
    """Mirrors pictures and draws bars and ellipses over some, so that the VAE keeps what the
    phantoms do not show."""
    grey = x[:, :1]
    if torch.rand(1, generator=generator) < 0.5:
        grey = grey.flip(3)
    if torch.rand(1, generator=generator) < 0.3:
        grey = grey.flip(2)
    axis = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    py, px = torch.meshgrid(axis, axis, indexing="ij")
    count = len(x)
    for _ in range(2):
        r = torch.rand(6, count, 1, 1, 1, generator=generator)
        a, b = 0.05 + 0.4 * r[0] ** 2, 0.05 + 0.25 * r[1] ** 2
        u, v = px - (r[2] * 1.8 - 0.9), py - (r[3] * 1.8 - 0.9)
        angle = r[4] * math.pi
        p = (torch.cos(angle) * u + torch.sin(angle) * v) / a
        q = (torch.cos(angle) * v - torch.sin(angle) * u) / b
        inside = (1 - torch.sqrt(p * p + q * q)) * torch.minimum(a, b)
        mask = (0.5 + inside * 16).clamp(0, 1)
        drawn = (torch.rand(count, 1, 1, 1, generator=generator) < 0.2).float()
        grey = grey + drawn * mask * ((r[5] * 2 - 1) - grey)
    contrast = 1 + 0.3 * (torch.rand(count, 1, 1, 1, generator=generator) - 0.5)
    grey = (grey * contrast).clamp(-1, 1)
    return grey.expand(-1, 3, -1, -1).contiguous()


def gradients(x):
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def vae_loss(vae, x, noise):
    with torch.autocast("cpu", torch.bfloat16):
        moments = vae.quant_conv(vae.encoder(x))
    mean, logvar = moments.float().chunk(2, dim=1)
    logvar = logvar.clamp(-30, 20)
    with torch.autocast("cpu", torch.bfloat16):
        y = vae.decoder(vae.post_quant_conv(mean + torch.exp(0.5 * logvar) * noise))
    y = y.float()
    kl = 0.5 * (mean ** 2 + logvar.exp() - 1 - logvar).mean()
    edges = sum((g - h).abs().mean() for g, h in zip(gradients(x), gradients(y)))
    error = x - y
    return error.abs().mean() + 0.5 * edges + 2 * (error ** 2).mean() + 5e-4 * kl


def train_vae(args, team, pictures):
    path = os.path.join(args.work, "vae.pt")
    torch.manual_seed(args.seed)
    vae = new_vae()
    if os.path.exists(path):
        vae.load_state_dict(torch.load(path))
        return vae.eval()
    parameters = list(vae.parameters())
    optimizer = torch.optim.AdamW(parameters, 2e-3, betas=(0.9, 0.99), fused=True)
    start, mine = time.time(), team.mine(VAE_BATCH)
    for step in range(args.vae_steps):
        generator = generator_at(args.seed, 1, step)
        rate = min(1, (step + 1) / 60) * 0.5 * (1 + math.cos(math.pi * step / args.vae_steps))
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * rate
        rows = torch.randint(len(pictures), (VAE_BATCH,), generator=generator).numpy()
        x = spread(as_input(pictures[rows]), generator)
        noise = torch.randn(VAE_BATCH, 4, 16, 16, generator=generator)
        loss = vae_loss(vae, x[mine], noise[mine])
        optimizer.zero_grad()
        loss.backward()
        team.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if step % 50 == 0:
            team.say(f"vae {step} loss {loss.item():.4f} {time.time() - start:.0f} s")
    vae.eval()
    centre_latents(vae, pictures[:1024])
    team.save(vae.state_dict(), path)
    return vae


@torch.no_grad()
def centre_latents(vae, pictures):
    """Folds mean and deviation of each latent channel into the two 1 x 1 convolutions, so that
    latents have mean 0 and deviation 1 / SCALING."""
    mean, _ = encode(vae, pictures)
    flat = mean.permute(1, 0, 2, 3).reshape(4, -1)
    shift, scale = flat.mean(1), flat.std(1) * SCALING
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] /= scale[:, None, None, None]
    quant.bias[:4] = (quant.bias[:4] - shift) / scale
    quant.bias[4:] -= 2 * torch.log(scale)
    post.bias += (post.weight[:, :, 0, 0] * shift).sum(1)
    post.weight *= scale[None, :, None, None]


@torch.no_grad()
def encode(vae, pictures):
    means, deviations = [], []
    for i in range(0, len(pictures), 64):
        with torch.autocast("cpu", torch.bfloat16):
            moments = vae.quant_conv(vae.encoder(as_input(pictures[i:i + 64])))
        mean, logvar = moments.float().chunk(2, dim=1)
        means.append(mean)
        deviations.append(torch.exp(0.5 * logvar.clamp(-30, 20)))
    return torch.cat(means), torch.cat(deviations)


# ---- U-Net and text encoder ----

def new_unet():
    unet = UNet2DConditionModel(
        sample_size=16, in_channels=4, out_channels=4, block_out_channels=(64, 96, 128),
        layers_per_block=1, cross_attention_dim=128, attention_head_dim=4, norm_num_groups=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"))
    unet.set_attn_processor(AttnProcessor())
    return unet


def new_text_encoder(tokens):
    config = CLIPTextConfig(
        vocab_size=tokens, hidden_size=128, intermediate_size=512, num_hidden_layers=3,
        num_attention_heads=4, max_position_embeddings=POSITIONS, hidden_act="quick_gelu",
        projection_dim=128, bos_token_id=tokens - 2, eos_token_id=tokens - 1,
        pad_token_id=tokens - 1)
    config._attn_implementation = "eager"  # its backward is much faster here
    return CLIPTextModel(config)


def new_scheduler():
    return PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                         num_train_timesteps=1000, prediction_type="v_prediction",
                         skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1)


def place_weights(captions, weight):
    """(N, 1, 16, 16): `weight` around the place that a caption names, 1 elsewhere."""
    axis = (torch.arange(16) + 0.5) / 8 - 1
    result = torch.ones(len(captions), 1, 16, 16)
    for i, caption in enumerate(captions):
        x, y = PLACES.get(caption.rsplit(", ", 1)[-1], (9, 9))
        near = ((axis - y).abs() < 0.34)[:, None] & ((axis - x).abs() < 0.34)[None, :]
        result[i, 0][near] = weight
    return result


def vary(caption, draw):
    """Most captions as they are, a tenth empty, some with their parts in another order."""
    if draw < 0.10:
        return ""
    parts = caption.split(", ")
    if draw < 0.20:
        return ", ".join(reversed(parts))
    if draw < 0.25:
        return ", ".join(parts[1:] + parts[:1])
    return caption


class Painter:
    """The U-Net and text encoder in training, and their running averages."""

    def __init__(self, args):
        torch.manual_seed(args.seed + 1)
        folder = os.path.join(args.work, "tokenizer")
        tokens = write_tokenizer(folder)
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)
        self.unet, self.text = new_unet(), new_text_encoder(tokens)
        groups = [{"params": list(self.unet.parameters()), "base": args.rate},
                  {"params": list(self.text.parameters()), "base": args.text_rate}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.01,
                                           fused=True)
        self.parameters = groups[0]["params"] + groups[1]["params"]
        self.average = [p.detach().clone() for p in self.parameters]
        self.step = 0

    def hidden(self, captions):
        """Text states of each caption; every different one is encoded once."""
        different = sorted(set(captions))
        ids = self.tokenizer(different, padding="max_length", max_length=POSITIONS,
                             truncation=True, return_tensors="pt").input_ids
        states = self.text(ids).last_hidden_state
        return states[[different.index(c) for c in captions]]

    def update(self, team, loss, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * rate
        self.optimizer.zero_grad()
        loss.backward()
        team.average_gradients(self.parameters)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(0.999, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.parameters, 1 - keep)

    def state(self):
        return {"unet": self.unet.state_dict(), "text": self.text.state_dict(),
                "average": self.average, "optimizer": self.optimizer.state_dict(),
                "step": self.step}

    def load(self, path):
        state = torch.load(path)
        self.unet.load_state_dict(state["unet"])
        self.text.load_state_dict(state["text"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step = state["average"], state["step"]

    @torch.no_grad()
    def take_average(self):
        for p, a in zip(self.parameters, self.average):
            p.copy_(a)


def timesteps(count, generator):
    """Half uniform, half from the noisy range where place and kind of a finding are decided."""
    any_t = torch.randint(0, 1000, (count,), generator=generator)
    noisy = torch.randint(400, 1000, (count,), generator=generator)
    return torch.where(torch.arange(count) % 2 == 0, any_t, noisy)


def train_painter(args, team, latents, captions):
    painter = Painter(args)
    path = os.path.join(args.work, "painter.pt")
    if os.path.exists(path):
        painter.load(path)
    mean, deviation = latents
    kinds = sorted(set(captions))
    kind = np.array([kinds.index(c) for c in captions])
    weights = place_weights(kinds, args.place_weight)
    cumulative = new_scheduler().alphas_cumprod
    start, first, shown = time.time(), painter.step, []
    mine = team.mine(args.batch)
    while painter.step < args.steps:
        step = painter.step
        generator = generator_at(args.seed, 2, step)
        rows = torch.randint(len(captions), (args.batch,), generator=generator)
        noise = torch.randn(2, args.batch, 4, 16, 16, generator=generator)
        x = (mean[rows] + deviation[rows] * noise[0]) * SCALING
        t = timesteps(args.batch, generator)
        a = cumulative[t].view(-1, 1, 1, 1)
        noisy = a.sqrt() * x + (1 - a).sqrt() * noise[1]
        target = a.sqrt() * noise[1] - (1 - a).sqrt() * x
        draws = torch.rand(args.batch, generator=generator).tolist()
        texts = [vary(kinds[kind[r]], d) for r, d in zip(rows.tolist(), draws)]
        with torch.autocast("cpu", torch.bfloat16):
            predicted = painter.unet(noisy[mine], t[mine], painter.hidden(texts[mine])).sample
        weight = weights[kind[rows[mine].numpy()]]
        loss = (weight * (predicted.float() - target[mine]) ** 2).mean()
        left = (args.steps - step) / max(1, args.decay_steps)
        painter.update(team, loss, min(1, (step + 1) / 100) * min(1, left))
        shown.append(loss.item())
        if painter.step % 50 == 0:
            speed = (painter.step - first) / (time.time() - start)
            team.say(f"step {painter.step} loss {np.mean(shown):.4f} {speed:.2f} steps/s")
            shown = []
        if painter.step % 250 == 0:
            team.save(painter.state(), path)
    team.save(painter.state(), path)
    painter.take_average()
    return painter


# ---- result ----

def write_model(folder, vae, painter):
    """A diffusers folder in 16-bit floats."""
    vae.half().save_pretrained(os.path.join(folder, "vae"))
    painter.unet.half().save_pretrained(os.path.join(folder, "unet"))
    text = painter.text.half()
    state = {name if name.startswith("text_model.") else "text_model." + name: value
             for name, value in text.state_dict().items() if "position_ids" not in name}
    text.config.architectures = ["CLIPTextModel"]
    text.config.save_pretrained(os.path.join(folder, "text_encoder"))
    save_file(state, os.path.join(folder, "text_encoder", "model.safetensors"),
              {"format": "pt"})
    write_tokenizer(os.path.join(folder, "tokenizer"))
    scheduler = new_scheduler()
    scheduler.register_to_config(clip_sample=False)
    scheduler.save_pretrained(os.path.join(folder, "scheduler"))
    index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
             "feature_extractor": [None, None], "requires_safety_checker": False,
             "safety_checker": [None, None],
             "scheduler": ["diffusers", "PNDMScheduler"],
             "text_encoder": ["transformers", "CLIPTextModel"],
             "tokenizer": ["transformers", "CLIPTokenizer"],
             "unet": ["diffusers", "UNet2DConditionModel"],
             "vae": ["diffusers", "AutoencoderKL"]}
    with open(os.path.join(folder, "model_index.json"), "w") as file:
        file.write(json.dumps(index, indent=2) + "\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--selora", default="build/selora", help="the program that draws phantoms")
    parser.add_argument("--work", required=True, help="folder for pictures and check-points")
    parser.add_argument("--out", default="models/tiny")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pictures", type=int, default=20000)
    parser.add_argument("--vae-steps", type=int, default=850)
    parser.add_argument("--latents", type=int, default=10000, help="pictures the U-Net sees")
    parser.add_argument("--steps", type=int, default=5800)
    parser.add_argument("--decay-steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--text-rate", type=float, default=1.2e-3)
    parser.add_argument("--place-weight", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=2, help="part of the result: sums differ")
    return parser.parse_args()


def work(rank, args, pictures, captions):
    torch.set_num_threads(1)
    rendezvous = "file://" + os.path.abspath(os.path.join(args.work, "team"))
    torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=rank,
                                         world_size=args.workers)
    team = Team(rank, args.workers)
    vae = train_vae(args, team, pictures)
    captions = captions[:args.latents]
    mine = team.mine(len(captions))
    mean, deviation = (team.gather(part) for part in encode(vae, pictures[mine]))
    painter = train_painter(args, team, (mean, deviation), captions)
    if rank == 0:
        write_model(args.out, vae, painter)


def main():
    args = parse()
    os.makedirs(args.work, exist_ok=True)
    if os.path.exists(os.path.join(args.work, "team")):
        os.remove(os.path.join(args.work, "team"))
    pictures, captions = draw_pictures(args)
    torch.multiprocessing.start_processes(work, (args, pictures, captions), args.workers,
                                          start_method="fork")


if __name__ == "__main__":
    main()
