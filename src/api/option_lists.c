/* SPDX-License-Identifier: MIT
 * Every option of the long jobs: name, range, meaning, default. The program's --help, run files and the
 * library's own checks are made from these tables. */
#include <math.h>

#include "api/context.h"
#include "api/option_rows.h"

#define COMPUTE_HELP "numbers that matrix products multiply; bf16 is faster and coarser (f32)"

#define T selora_train_options
static const selora_option train_list[] = {
    NEED(T, "model", model, "DIR|FILE", "base model: a diffusers folder or one LDM .safetensors file"),
    NEED(T, "data", data, "DIR", "images with metadata.csv, metadata.jsonl, or .txt/.caption files beside them"),
    NEED(T, "out", out, "RUN", "run folder: log, checkpoints, samples, adapter.safetensors"),
    TEXT(T, "variant", variant, "NAME", "weight files of a variant, such as fp16"),
    TEXT(T, "tokenizer", tokenizer, "DIR|FILE", "tokenizer; needed with a single-file model"),
    TEXT(T, "model-config", model_config, "DIR", "diffusers folder with the configs of a single-file model"),
    CHOICE(T, "weights", weights, "keep|auto|f16|bf16|f32", "base weights in memory: keep as stored; auto: 16 bits, f32 of the file becomes f16, with --compute bf16 bf16 (auto)"),
    FLAG(T, "prepare", prepare, "--data is a source of `selora prepare` (DICOM, NIfTI, pictures, reports): the data set is made in RUN/data"),
    TEXT(T, "prepare-with", prepare_with, "FILE", "options of `selora prepare` from a JSON file (defaults)"),
    TEXT(T, "caption-column", caption_column, "NAME", "metadata column with the captions (text)"),
    TEXT(T, "group-column", group_column, "NAME", "metadata column that no two parts may share, such as patient_id"),
    TEXT(T, "size", size, "PX|WxH", "training size in pixels (the model's own size)"),
    CHOICE(T, "crop", crop, "centre|random", "which part of a picture that is not square (centre); random: eight cuts by turns, encoded as they come"),
    CHOICE(T, "resample", resample, "bilinear|lanczos", "filter of the antialiased resize (bilinear)"),
    FLAG(T, "random-flip", flip, "mirror half of the pictures; off, since left and right have a meaning"),
    CHOICE(T, "method", method, "selora|selora-authors|lora", "how ranks are chosen (selora)"),
    TEXT(T, "targets", targets, "SET", "layers: selora, attention, all-linear, or a regular expression over full paths (selora)"),
    TEXT(T, "train", train, "LIST", "what gets adapters: unet,text or one of them (unet,text)"),
    INT(T, "rank", rank, 1, 1024, "rank at the start (1)"),
    INT(T, "rank-max", rank_max, 0, 4096, "no layer grows past this rank; 0: no cap (0)"),
    NUM(T, "scale", scale, 1e-6, 1e6, "scale s of s B A, or alpha with the other scale modes (8)"),
    CHOICE(T, "scale-mode", scale_mode, "fixed|alpha_over_r|rslora", "s, alpha / r, or alpha / sqrt(r) (fixed)"),
    CHOICE(T, "init", init, "kaiming|lora", "A from U(+-sqrt(6/in)) or U(+-1/sqrt(in)) (kaiming)"),
    TEXT(T, "init-adapter", init_adapter, "ADAPTER", "go on from this adapter, of any format, with its ranks"),
    FLAG(T, "strict", strict, "parts of --init-adapter that cannot be used are an error instead of a warning"),
    TEXT(T, "rank-pattern", rank_pattern, "RUN|FILE", "layers and their ranks at the start, instead of --targets and --rank: those of a run's last adapter, of an adapter, or of a JSON file {\"layer\": rank}"),
    NUM(T, "lambda", lambda, 1, INFINITY, "a layer grows when its Fisher ratio reaches this (1.3)"),
    INT(T, "probe-every", probe_every, 1, 1 << 30, "steps between decisions (40)"),
    NUM(T, "expand-until", expand_until, 0, 1, "no growth after this part of the steps (1)"),
    INT(T, "probe-rows", probe_rows, 1, 63, "candidate rows a layer is asked with (1)"),
    INT(T, "probe-window", probe_window, 1, 100000, "steps that a decision is averaged over (1)"),
    NUM(T, "probe-z", probe_z, 0, 100, "standard errors by which the ratio must pass lambda (0)"),
    CHOICE(T, "fisher", fisher, "batch|sample|cross", "Fisher information of the batch mean, of samples, or across batches (batch)"),
    CHOICE(T, "normalise", normalise, "none|rank|param", "compare the ratio as it is, by rank, or by parameter (none)"),
    NUM(T, "mu", mu, 0, INFINITY, "with --normalise rank: a layer of rank r grows when r (R - 1) reaches this (1)"),
    CHOICE(T, "probe-norm", probe_norm, "kaiming|match", "length of candidate rows (kaiming)"),
    FLAG(T, "warm-v", warm_v, "start Adam's second moment of a new component from the probe"),
    CHOICE(T, "probe-pass", probe_pass, "fused|extra", "score in the step's own backward pass, or in one of its own (the method's)"),
    CHOICE(T, "probe-init", probe_init, "kaiming|zero|power", "candidate rows at the start (the method's)"),
    CHOICE(T, "adopt", adopt, "tested|fresh", "the row that joins: the tested one or a new draw (the method's)"),
    CHOICE(T, "opt-on-expand", opt_on_expand, "carry|reset", "Adam's state of a layer that grows (the method's)"),
    INT(T, "steps", steps, 0, BIG, "optimiser steps; this or --epochs"),
    INT(T, "epochs", epochs, 0, BIG, "passes over the training part; this or --steps"),
    INT(T, "batch-size", batch_size, 1, 4096, "images a step (8)"),
    INT(T, "gradient-accumulation-steps", accumulate, 1, 65536, "batches a step (1)"),
    CHOICE(T, "optimizer", optimizer, "adam|adamw", "(adam)"),
    NUM(T, "lr", lr, 0, 1e3, "learning rate (1e-4)"),
    NUM(T, "lr-text", lr_text, 0, 1e3, "learning rate of the text encoder (as --lr)"),
    CHOICE(T, "lr-scheduler", lr_schedule,
           "constant|constant_with_warmup|linear|cosine|cosine_with_restarts|polynomial", "(constant)"),
    INT(T, "lr-warmup-steps", warmup, 0, BIG, "steps of linear warm-up (0)"),
    NUM(T, "lr-num-cycles", lr_cycles, 0, 1e6, "cycles of the cosine schedules (cosine 0.5, restarts 1)"),
    NUM(T, "lr-power", lr_power, 0, 100, "power of the polynomial schedule (1)"),
    NUM(T, "adam-beta1", beta1, 0, 0.999999, "(0.9)"),
    NUM(T, "adam-beta2", beta2, 0, 0.9999999, "(0.999)"),
    NUM(T, "adam-epsilon", epsilon, 0, 1, "(1e-8)"),
    NUM(T, "adam-weight-decay", weight_decay, 0, 1e3, "decoupled; adamw only (0.01)"),
    NUM(T, "max-grad-norm", max_grad_norm, 0, 1e30, "clip the gradient to this norm; 0: off (0)"),
    NUM(T, "snr-gamma", min_snr_gamma, 0, 1e6, "min-SNR loss weights; 0: off (0)"),
    NUM(T, "noise-offset", noise_offset, 0, 10, "0: off (0)"),
    NUM(T, "caption-dropout", caption_dropout, 0, 1, "part of the captions replaced by an empty one (0)"),
    NUM(T, "ema-decay", ema, 0, 0.9999999, "average of the adapter over steps, used for validation and saving; 0: off (0)"),
    SEED(T, "seed", seed, "(42)"),
    CHOICE(T, "compute", compute, "f32|bf16", COMPUTE_HELP),
    INT(T, "checkpoint-every", checkpoint_every, 0, BIG, "steps between checkpoints; 0: at the end only (100)"),
    INT(T, "checkpoints-total-limit", checkpoints_keep, 1, 100000, "checkpoints kept (2)"),
    INT(T, "validate-every", validate_every, 0, BIG, "steps between validations; 0: once an epoch, or after the epochs that make 50 steps (0)"),
    INT(T, "validation-images", validation_images, 0, 64, "pictures of the sample grid; 0: none (4)"),
    INT(T, "validation-steps", validation_steps, 1, 1000, "sampler steps of the grid (25)"),
    NUM(T, "validation-guidance", validation_guidance, 0, 100, "guidance of the grid (7.5)"),
    TEXT(T, "validation-prompt", validation_prompts, "TEXT", "prompts of the grid, separated by | (captions of the validation part)"),
    CHOICE(T, "memory", memory, "auto|A|A+|B|B+|C", "what backward computes again instead of keeping it, more from A to C, with equal results; auto: no more than fits (auto)"),
    TEXT(T, "max-memory", max_memory, "SIZE", "what the process may hold, such as 3G or 500M (what is free)"),
    TEXT(T, "save-as", save_as, "LIST", "write the adapter for other tools, too: kohya, diffusers, diffusers-compact, peft"),
    CHOICE(T, "audit", audit, "none|small|full", "look for leaks when training is done: small: can training pictures be told from held-out ones, in a twentieth of the time; full: as `selora audit` (small)"),
    FLAG(T, "resume", resume, "go on from the newest checkpoint of --out"),
    FLAG(T, "dry-run", dry_run, "check everything, print the plan and its memory, train nothing"),
};
#undef T

#define G selora_generate_options
static const selora_option generate_list[] = {
    NEED(G, "model", model, "DIR|FILE", "base model: a diffusers folder or one LDM .safetensors file"),
    {"adapter", SELORA_OPTION_TEXTS, FIELD(G, adapter), 0, 0, "FILE[:X]", "adapter of any format and its strength (1); several add up", 0},
    CHOICE(G, "merge", merge, "auto|never|always", "adapters in the weights instead of beside them: faster, rounded as the weights are; auto: layers where it pays (auto)"),
    FLAG(G, "strict", strict, "parts of the adapter that this model cannot use are an error instead of a warning"),
    TEXT(G, "prompt", prompt, "TEXT", "what to draw"),
    TEXT(G, "prompts", prompts, "FILE", "a prompt a line; or .csv/.jsonl with a column `text`, one picture a row"),
    TEXT(G, "negative", negative, "TEXT", "what to avoid (an empty text)"),
    NEED(G, "out", out, "DIR", "folder for the pictures, grid.png and metadata.csv"),
    INT(G, "count", count, 1, 10000000, "pictures for each prompt (1)"),
    INT(G, "batch-size", batch_size, 0, 256, "pictures computed together; 0: up to 8, as half of the free memory allows (0)"),
    TEXT(G, "size", size, "PX|WxH", "multiples of 8 (the model's own size)"),
    INT(G, "steps", steps, 1, 1000, "sampler steps (50)"),
    NUM(G, "guidance", guidance, 0, 1000, "1 and below: without guidance (7.5)"),
    CHOICE(G, "sampler", sampler, "pndm|ddim|dpmpp_2m|euler", "(pndm)"),
    SEED(G, "seed", seed, "picture i is drawn from seed and i alone (0)"),
    CHOICE(G, "compute", compute, "f32|bf16", COMPUTE_HELP),
    TEXT(G, "variant", variant, "NAME", "weight files of a variant, such as fp16"),
    TEXT(G, "tokenizer", tokenizer, "DIR|FILE", "tokenizer; needed with a single-file model"),
    TEXT(G, "model-config", model_config, "DIR", "diffusers folder with the configs of a single-file model"),
    CHOICE(G, "weights", weights, "keep|auto|f16|bf16|f32", "base weights in memory: keep as stored; auto: 16 bits, f32 of the file becomes f16, with --compute bf16 bf16 (auto)"),
    FLAG(G, "embed-prompt", embed_prompt, "write prompts into the PNG text chunks, not into metadata.csv alone"),
    FLAG(G, "watermark", watermark, "draw SYNTHETIC into every picture"),
    FLAG(G, "dicom", dicom, "write DICOM files, too: Secondary Capture, marked as synthetic in every place"),
    TEXT(G, "dicom-modality", dicom_modality, "TERM", "modality of the DICOM files, such as DX (OT)"),
    CHOICE(G, "dicom-bits", dicom_bits, "8|16", "bits of their pixels (8)"),
    FLAG(G, "dicom-prompt", dicom_prompt, "write the prompt into them; prompts can hold a patient's words"),
    FLAG(G, "dry-run", dry_run, "check everything, print the memory needed, draw nothing"),
};
#undef G

#define B selora_bench_options
static const selora_option bench_list[] = {
    TEXT(B, "config", config, "NAME|DIR", "sd15, tiny, or a diffusers folder (sd15); weights are random"),
    CHOICE(B, "task", task, "train|denoise|decode|encode|generate", "a training step, a guided network call, the VAE, a whole picture (train)"),
    CHOICE(B, "method", method, "selora|selora-authors|lora", "(selora)"),
    CHOICE(B, "weights", weights, "keep|auto|f16|bf16|f32", "in memory; auto is f16, for bf16 bf16 (auto)"),
    CHOICE(B, "memory", memory, "auto|A|A+|B|B+|C", "as for train (auto)"),
    TEXT(B, "max-memory", max_memory, "SIZE", "as for train (what is free)"),
    INT(B, "size", size, 8, 8192, "pixels (224)"),
    INT(B, "batch", batch, 1, 4096, "(1)"),
    INT(B, "repeat", repeat, 1, 100000, "timed runs (3)"),
    CHOICE(B, "compute", compute, "f32|bf16", COMPUTE_HELP),
    CHOICE(B, "by", by, "class|shape", "costs of ops by class, or by class and shape (class)"),
    FLAG(B, "json", json, "print JSON"),
};
#undef B

#define P selora_phantom_options
static const selora_option phantom_list[] = {
    NEED(P, "out", out, "DIR", "folder for the pictures and metadata.csv"),
    INT(P, "count", count, 1, 10000000, "pictures (100)"),
    INT(P, "size", size, 32, 4096, "pixels (64)"),
    SEED(P, "seed", seed, "(0)"),
    CHOICE(P, "classes", classes, "seen|held-out|all", "what the embedded model was trained on, what it was not, or both (seen)"),
    TEXT(P, "region", region, "NAME", "head, chest, abdomen, pelvis, knee, breast (any)"),
    TEXT(P, "finding", finding, "NAME", "normal, mass, nodule, cyst, ring, calcifications, plate (any)"),
    TEXT(P, "place", place, "NAME", "upper-left, upper-right, centre, lower-left, lower-right (any)"),
};
#undef P

#define R selora_prepare_options
static const selora_option prepare_list[] = {
    NEED(R, "out", out, "DATASET", "folder for pictures, metadata.csv, split.csv, manifest.json; an earlier one is added to"),
    TEXT(R, "size", size, "PX|WxH", "size of the pictures (as they are)"),
    CHOICE(R, "fit", fit, "crop|pad|stretch", "cut the centre, add black, or change the shape (crop)"),
    CHOICE(R, "resample", resample, "bilinear|bicubic|lanczos", "filter of the antialiased resize (bilinear)"),
    TEXT(R, "window", window, "NAME|C/W", "one window for all: lung, mediastinum, brain, bone, abdomen (CT), or CENTRE/WIDTH (those of the files)"),
    INT(R, "voi-item", voi_item, 0, 1000, "which window or table of files that have several (0)"),
    CHOICE(R, "no-voi", no_voi, "percentile|minmax|full", "range of files without window and table (percentile: 0.5 to 99.5)"),
    FLAG(R, "mixed-voi", mixed_voi, "a given window and windows of files may mix in a modality"),
    CHOICE(R, "padding", padding, "black|keep", "what stated padding becomes (black)"),
    TEXT(R, "slice", slice, "RULE", "slices of volumes: mid, all, every:N, index:K, largest (mid)"),
    CHOICE(R, "axis", axis, "axial|coronal|sagittal", "slices of NIfTI volumes (axial)"),
    INT(R, "volume", volume, 0, BIG, "which of several volumes in a NIfTI file (0)"),
    FLAG(R, "neurological", neurological, "NIfTI: the patient's left is left in the picture, not right"),
    FLAG(R, "grey-only", grey_only, "leave true colour out"),
    FLAG(R, "localizers", localizers, "take localizers, too"),
    FLAG(R, "for-processing", for_processing, "take pictures FOR PROCESSING, too"),
    FLAG(R, "allow-burned-in", allow_burned_in, "take pictures that say they have text burned in"),
    TEXT(R, "blackout", blackout, "X,Y,W,H", "black out a part of every picture, in pixels of the file; several with ; between them"),
    FLAG(R, "exif-rotate", exif_rotate, "turn JPEG files as EXIF says instead of refusing them"),
    INT(R, "png-max", png_max, 0, 65535, "16-bit PNG: the value that is white, such as 4095; 0: 65535 (0)"),
    TEXT(R, "reports", reports, "PATH", "table (.csv, .jsonl), XML report, or a folder of them, beside those among the sources"),
    TEXT(R, "columns", columns, "MAP", "columns of tables: image=Name,findings=Befund,... (usual names)"),
    CHOICE(R, "text", text, "findings|impression|both", "part of a report that {text} is; the other stands in where it is missing (findings)"),
    TEXT(R, "template", text_template, "TEXT", "the prompt, with {text}, {findings}, {view}, {modality}, {age}, {sex} and others ({text})"),
    CHOICE(R, "xxxx", xxxx, "keep|drop|split", "words taken out of reports: keep the XXXX, drop it, or leave such reports out (keep)"),
    CHOICE(R, "truncate", truncate, "tokens|sentence", "end prompts that are too long after a sentence (tokens: as the tokenizer cuts)"),
    TEXT(R, "tokenizer", tokenizer, "DIR|FILE", "model or tokenizer that counts the tokens of prompts (not counted)"),
    CHOICE(R, "no-text", no_text, "skip|keep", "pictures without a text: leave out, or keep with an empty prompt (skip)"),
    FLAG(R, "exact-age", exact_age, "ages in years, not in groups of five; over 89 is 90+ in any case"),
    FLAG(R, "fail-on-phi", fail_on_phi, "stop when a prompt may tell who somebody is"),
    TEXT(R, "patient-col", patient_col, "NAME", "column of the table that names the patient (Patient ID of the header)"),
    TEXT(R, "patient-regex", patient_regex, "RE", "part of a file's name that names the patient, such as ^([^_]+)_"),
    CHOICE(R, "split", split, "auto|hash|exact", "sides by hash of the patient, or filled to exact shares (auto: exact with --stratify)"),
    TEXT(R, "split-shares", split_shares, "A/B/C", "train, validation, test (80/16/4)"),
    TEXT(R, "stratify", stratify, "NAME", "column with a label whose shares hold in every part"),
    SEED(R, "seed", seed, "of the split (42)"),
    INT(R, "jobs", jobs, -1, 256, "worker processes; 0: none, for debuggers; -1: one for each processor (-1)"),
    INT(R, "max-bad", max_bad, 0, BIG, "damaged files that are accepted; more end in exit code 3, with all others prepared (0)"),
    FLAG(R, "show-paths", show_paths, "names of files in messages, not their numbers alone"),
};
#undef R

#define C selora_convert_options
static const selora_option convert_list[] = {
    {"to", SELORA_OPTION_CHOICE, FIELD(C, to), 0, 0, "kohya|diffusers|diffusers-compact|peft|selora",
     "who is to read it: user interfaces and sd-scripts; diffusers; diffusers from 0.34 in less space; PEFT; selora", 1},
    CHOICE(C, "dtype", dtype, "f32|f16|bf16", "numbers in the file; the rounding error is told (f32)"),
    CHOICE(C, "pad-rank", pad_rank, "needed|max", "max: all layers get the largest rank, for tools that know one only (needed)"),
    CHOICE(C, "te-keys", te_keys, "one|both", "both: kohya names of the text encoder for transformers before and after 5.6 (one)"),
    TEXT(C, "components", components, "LIST", "what is written: unet,text or one of them (unet,text)"),
    FLAG(C, "strict", strict, "tensors that are not understood are an error instead of a warning"),
};
#undef C

#define K selora_compress_options
static const selora_option compress_list[] = {
    INT(K, "rank", rank, 0, 65536, "no layer keeps more than N components"),
    NUM(K, "energy", energy, 0, 1, "share of each layer's squared norm that stays, such as 0.99"),
    TEXT(K, "parameters", parameters, "N", "budget of all layers together, such as 200K or 1.5M: what holds most for its size stays"),
    CHOICE(K, "to", to, "same|kohya|diffusers|diffusers-compact|peft|selora", "format of the output, as of convert (same)"),
    CHOICE(K, "dtype", dtype, "f32|f16|bf16", "numbers in the file; the rounding error is told (f32)"),
    CHOICE(K, "pad-rank", pad_rank, "needed|max", "as of convert (needed)"),
    CHOICE(K, "te-keys", te_keys, "one|both", "as of convert (one)"),
    FLAG(K, "strict", strict, "tensors that are not understood are an error instead of a warning"),
    FLAG(K, "json", json, "print JSON"),
};
#undef K

#define M selora_merge_options
static const selora_option merge_list[] = {
    NEED(M, "model", model, "DIR|FILE", "base model: a diffusers folder or one LDM .safetensors file"),
    {"adapter", SELORA_OPTION_TEXTS, FIELD(M, adapter), 0, 0, "FILE[:X]", "adapter of any format and its strength (1); several add up", 1},
    NEED(M, "out", out, "DIR|FILE", "the merged model: a diffusers folder, or one LDM file when the name ends in .safetensors"),
    CHOICE(M, "dtype", dtype, "keep|f32|f16|bf16", "numbers of all three networks; keep: as stored, with files and variants named as they are (keep)"),
    TEXT(M, "variant", variant, "NAME", "weight files of a variant, such as fp16"),
    TEXT(M, "model-config", model_config, "DIR", "diffusers folder with the configs of a single-file model; a merged folder gets its other files"),
    FLAG(M, "strict", strict, "parts of an adapter that this model cannot use are an error instead of a warning"),
};
#undef M

const selora_option *selora_train_option_list(size_t *count)
{
    *count = COUNT(train_list);
    return train_list;
}

const selora_option *selora_generate_option_list(size_t *count)
{
    *count = COUNT(generate_list);
    return generate_list;
}

const selora_option *selora_bench_option_list(size_t *count)
{
    *count = COUNT(bench_list);
    return bench_list;
}

const selora_option *selora_phantom_option_list(size_t *count)
{
    *count = COUNT(phantom_list);
    return phantom_list;
}

const selora_option *selora_prepare_option_list(size_t *count)
{
    *count = COUNT(prepare_list);
    return prepare_list;
}

const selora_option *selora_convert_option_list(size_t *count)
{
    *count = COUNT(convert_list);
    return convert_list;
}

const selora_option *selora_compress_option_list(size_t *count)
{
    *count = COUNT(compress_list);
    return compress_list;
}

selora_compress_options selora_compress_defaults(void)
{
    return (selora_compress_options){.to = "same", .dtype = "f32", .pad_rank = "needed", .te_keys = "one", .energy = NAN};
}

const selora_option *selora_merge_option_list(size_t *count)
{
    *count = COUNT(merge_list);
    return merge_list;
}

selora_merge_options selora_merge_defaults(void)
{
    return (selora_merge_options){.dtype = "keep"};
}

selora_convert_options selora_convert_defaults(void)
{
    return (selora_convert_options){.dtype = "f32", .pad_rank = "needed", .te_keys = "one", .components = "unet,text"};
}

selora_train_options selora_train_defaults(void)
{
    return (selora_train_options){
        .caption_column = "text", .crop = "centre", .resample = "bilinear", .method = "selora",
        .targets = "selora", .train = "unet,text", .rank = 1, .scale = 8, .scale_mode = "fixed",
        .init = "kaiming", .lambda = 1.3, .probe_every = 40, .expand_until = 1, .probe_rows = 1,
        .probe_window = 1, .fisher = "batch", .normalise = "none", .mu = 1, .probe_norm = "kaiming",
        .batch_size = 8, .accumulate = 1, .optimizer = "adam", .lr = 1e-4, .lr_text = NAN,
        .lr_schedule = "constant", .lr_cycles = NAN, .lr_power = 1, .beta1 = 0.9, .beta2 = 0.999,
        .epsilon = 1e-8, .weight_decay = 0.01, .seed = 42, .compute = "f32",
        .checkpoint_every = 100, .checkpoints_keep = 2, .validation_images = 4, .validation_steps = 25,
        .validation_guidance = 7.5, .memory = "auto",
        .audit = "small",
    };
}

selora_generate_options selora_generate_defaults(void)
{
    return (selora_generate_options){.negative = "", .sampler = "pndm", .steps = 50, .guidance = 7.5,
                                     .compute = "f32", .merge = "auto", .count = 1, .dicom_bits = "8"};
}

selora_bench_options selora_bench_defaults(void)
{
    return (selora_bench_options){.config = "sd15", .task = "train", .method = "selora", .memory = "auto",
                                  .size = 224, .batch = 1, .repeat = 3, .compute = "f32", .by = "class"};
}

selora_phantom_options selora_phantom_defaults(void)
{
    return (selora_phantom_options){.count = 100, .size = 64, .classes = "seen"};
}

selora_prepare_options selora_prepare_defaults(void)
{
    return (selora_prepare_options){.fit = "crop", .resample = "bilinear", .no_voi = "percentile", .padding = "black",
                                    .slice = "mid", .axis = "axial", .text = "findings", .xxxx = "keep", .truncate = "tokens",
                                    .no_text = "skip", .split = "auto", .seed = 42, .jobs = -1};
}
