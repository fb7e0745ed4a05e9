/* SPDX-License-Identifier: MIT
 *
 * selora: adapt a Stable Diffusion 1.x-layout model with SeLoRA, draw images, without Python.
 * The sections below grow from simple to advanced. A whole program:
 *
 *     selora_context *context;
 *     if (selora_context_new(NULL, &context) != SELORA_OK)
 *         return 1;
 *     selora_model *model = NULL;
 *     selora_adapter *adapter = NULL;
 *     selora_image image = {0};
 *     selora_generate_options options = selora_generate_defaults();
 *     options.prompt = "frontal chest, nodule, upper left";
 *     if (selora_model_load(context, "models/tiny", NULL, &model) != SELORA_OK ||
 *         selora_adapter_load(context, model, "run/adapter.safetensors", 1.0, &adapter) != SELORA_OK ||
 *         selora_generate(context, model, adapter, &options, &image) != SELORA_OK ||
 *         selora_image_write(context, &image, "chest.png") != SELORA_OK)
 *         fprintf(stderr, "%s\n", selora_error(context));
 *     selora_image_free(&image);
 *     selora_adapter_free(adapter);
 *     selora_model_free(model);
 *     selora_context_free(context);
 *
 * There is no global state: everything lives in a context and what was made with it. One thread at a time may use
 * a context; different contexts may be used by different threads. Every free function takes NULL.
 */
#ifndef SELORA_H
#define SELORA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every function that can fail returns one of these. The values never change. */
typedef enum selora_status {
    SELORA_OK = 0,
    SELORA_CHECK_FAILED = 1, /* a comparison did not hold */
    SELORA_USAGE = 2,        /* an option or argument makes no sense */
    SELORA_BAD_INPUT = 3,    /* a file is missing, damaged, hostile or not supported */
    SELORA_NO_RESOURCE = 4,  /* memory, disk space or permission is lacking */
    SELORA_NUMERIC = 5,      /* a loss, gradient or weight is not finite */
    SELORA_INTERRUPTED = 6   /* the caller asked to stop; what was done so far is saved */
} selora_status;

const char *selora_version(void); /* "0.1.0" */

/* ---- context: threads, backend, messages ------------------------------------------------------------ */

typedef struct selora_context selora_context;

typedef enum selora_log_level { SELORA_LOG_NOTE, SELORA_LOG_WARNING } selora_log_level;

/* How far a long job is. Texts are valid during the call only. */
typedef struct selora_progress {
    const char *task; /* "train", "generate", "encode images", ... */
    int64_t done, total;
    double seconds;     /* since the task began */
    const char *detail; /* a short text such as "loss 0.1234  rank 214"; "" for none */
} selora_progress;

/* What the library calls back; each may be NULL. */
typedef struct selora_hooks {
    void *user;
    void (*log)(void *user, selora_log_level level, const char *line);
    void (*progress)(void *user, const selora_progress *progress);
    int (*interrupted)(void *user); /* polled between steps; non-zero ends the job cleanly */
} selora_hooks;

typedef struct selora_settings {
    int threads;         /* 0: the processors this process may use */
    const char *backend; /* "auto" (or NULL) or "cpu", "ref", or one of "generic", "avx2", "avx512", "avx512bf16", "amx" */
    selora_hooks hooks;
    const char *compute; /* of selora_verify(), which has no options: "f32" (or NULL), "bf16" */
} selora_settings;

/* `settings` may be NULL: all defaults. SELORA_USAGE: threads make no sense, or the processor lacks what the backend needs. */
selora_status selora_context_new(const selora_settings *settings, selora_context **context);
void selora_context_free(selora_context *context);

/* The detail of the last failure on this context, "" when there was none: which file or option, what was found, what
 * was expected, what to do. Valid until the next call on the context. */
const char *selora_error(const selora_context *context);

/* ---- pictures ---------------------------------------------------------------------------------------- */

/* Rows from the top, channels interleaved; 1 (grey) or 3 (RGB) channels; values 0..1. */
typedef struct selora_image {
    int width, height, channels;
    float *pixels;
} selora_image;

selora_status selora_image_read(selora_context *context, const char *path, selora_image *image); /* PNG, JPEG */
selora_status selora_image_write(selora_context *context, const selora_image *image, const char *path); /* PNG */
void selora_image_free(selora_image *image); /* the pixels; zeroes the struct */

/* ---- models ------------------------------------------------------------------------------------------ */

typedef struct selora_model selora_model;

typedef struct selora_model_options {
    const char *variant;   /* weight files of a variant, such as "fp16"; NULL: the plain ones */
    const char *tokenizer; /* folder or file; needed with a single-file model */
    const char *config;    /* for a single file: a diffusers folder with the config files; NULL: Stable Diffusion 1.x */
    const char *weights;   /* in memory: keep (as stored), auto (16 bits, f16 where the file has f32), f16, bf16, f32;
                            * NULL: auto */
} selora_model_options;

/* A diffusers folder or one LDM .safetensors file. Everything is checked, all problems are listed in one error. `options` may be NULL. The model must be freed before its context. */
selora_status selora_model_load(selora_context *context, const char *path, const selora_model_options *options,
                                selora_model **model);
void selora_model_free(selora_model *model);

/* ---- adapters ---------------------------------------------------------------------------------------- */

typedef struct selora_adapter selora_adapter;

/* One adapted layer: dW = scale * B A, rank rows of A. */
typedef struct selora_adapter_layer {
    const char *path; /* "unet.mid_block..." or "text_encoder.text_model..."; owned by the adapter */
    int64_t in, out;
    int rank;
    double scale; /* as trained, without the strength */
} selora_adapter_layer;

/* Any format. Layers that `model` has not are warned of, other shapes refused. strength multiplies the effect: 1 is as
 * trained. */
selora_status selora_adapter_load(selora_context *context, const selora_model *model, const char *path,
                                  double strength, selora_adapter **adapter);
selora_status selora_adapter_save(selora_context *context, const selora_adapter *adapter, const char *path);
/* Writes a diffusers folder with W + strength * scale * B A; `folder` must not exist. The model itself is not
 * changed and must come from a folder. selora_merge() does more. */
selora_status selora_adapter_merge(selora_context *context, const selora_model *model,
                                   const selora_adapter *adapter, const char *folder);
void selora_adapter_free(selora_adapter *adapter);
int selora_adapter_layer_count(const selora_adapter *adapter);
selora_adapter_layer selora_adapter_layer_at(const selora_adapter *adapter, int index);

/* An adapter of any format for other tools, at the same strength. */
typedef struct selora_convert_options {
    const char *adapter;  /* file or folder; the format is recognised from its names */
    const char *out;      /* must not exist */
    const char *to;       /* kohya, diffusers, diffusers-compact, peft, selora */
    const char *dtype;    /* f32, f16, bf16 */
    const char *pad_rank; /* needed, max */
    const char *te_keys;  /* one, both */
    const char *components; /* unet,text or one of them */
    int strict;           /* 1: what is not understood is an error */
} selora_convert_options;

selora_convert_options selora_convert_defaults(void);
/* Tells format, layers, rounding error and what was not used through the hooks. */
selora_status selora_convert(selora_context *context, const selora_convert_options *options);

/* Smaller ranks: of every layer the largest singular values of s B A stay. One of rank, energy, parameters is given. */
typedef struct selora_compress_options {
    const char *adapter, *out; /* as of selora_convert_options */
    const char *to;            /* as there; same: the format of `adapter` */
    const char *dtype, *pad_rank, *te_keys;
    int64_t rank;           /* no layer above it; 0: not given */
    double energy;          /* share of each layer's squared norm that stays; NaN: not given */
    const char *parameters; /* of all layers together: "200000", "200K", "1.5M"; NULL: not given */
    int strict, json;
} selora_compress_options;

selora_compress_options selora_compress_defaults(void);
/* *report: ranks and errors by layer, as text or JSON; free() it. NULL on failure. */
selora_status selora_compress(selora_context *context, const selora_compress_options *options, char **report);

/* A model with adapters folded into its weights: W + sum of strength s B A, rounded once. */
typedef struct selora_merge_options {
    const char *model;        /* a diffusers folder or one LDM .safetensors file */
    const char *adapter;      /* FILE or FILE:strength; several with line ends between them */
    const char *out;          /* must not exist; a name that ends in .safetensors: one LDM file, else a diffusers folder */
    const char *dtype;        /* keep, f32, f16, bf16 */
    const char *variant;      /* weight files of a variant; NULL: the plain ones */
    const char *model_config; /* diffusers folder with configs (and tokenizer) for a single-file model */
    int strict;               /* 1: what of the adapters cannot be used is an error */
} selora_merge_options;

selora_merge_options selora_merge_defaults(void);
selora_status selora_merge(selora_context *context, const selora_merge_options *options);

/* ---- drawing images ---------------------------------------------------------------------------------- */

typedef struct selora_generate_options {
    /* what selora_generate() reads */
    const char *prompt;   /* "" is legal */
    const char *negative; /* negative prompt */
    const char *sampler;  /* pndm, ddim, dpmpp_2m, euler */
    const char *size;     /* "512" or "512x448" (width x height), multiples of 8; NULL: the model's own size */
    int64_t steps;
    double guidance; /* above 1: e_neg + guidance (e_pos - e_neg) */
    uint64_t seed;   /* picture i of a job draws its noise from (seed, i) */
    const char *compute; /* f32, bf16: what matrix products round their operands to */
    /* what only selora_generate_folder() reads */
    const char *model, *variant, *tokenizer, *model_config, *weights;
    const char *adapter; /* FILE or FILE:strength; several with line ends between them add up */
    int strict;          /* 1: tensors and layers of the adapter that cannot be used are an error */
    const char *merge;   /* auto, never, always: adapters beside the weights or in them, with the rounding of these */
    const char *prompts; /* a text file, a prompt a line; or .csv/.jsonl with a column `text`, an image a row */
    int64_t count;       /* images for each prompt */
    int64_t batch_size;  /* images computed together; 0: up to 8, as memory allows */
    const char *out;     /* folder: 000000.png ..., grid.png, metadata.csv */
    int embed_prompt;    /* 1: the prompt goes into the PNG text chunks too */
    int watermark;       /* 1: SYNTHETIC is drawn into the pictures */
    int dicom;           /* 1: DICOM files beside the PNG files: 000000.dcm ... */
    const char *dicom_modality; /* a defined term; NULL: OT */
    const char *dicom_bits;     /* 8, 16 */
    int dicom_prompt;    /* 1: the prompt goes into the DICOM files too */
    int dry_run;         /* 1: check everything, report memory, draw nothing */
} selora_generate_options;

selora_generate_options selora_generate_defaults(void);
/* One image. `adapter` may be NULL. selora_image_free() it. */
selora_status selora_generate(selora_context *context, const selora_model *model, const selora_adapter *adapter,
                              const selora_generate_options *options, selora_image *image);
/* The whole job of `selora generate`. */
selora_status selora_generate_folder(selora_context *context, const selora_generate_options *options);

/* ---- training ---------------------------------------------------------------------------------------- */

/* Texts are borrowed and must live as long as the options are used. Meanings: selora_train_option_list(). */
typedef struct selora_train_options {
    const char *model, *variant, *tokenizer, *model_config, *weights, *data, *out;
    /* data */
    int prepare;              /* 1: data is a source of selora_prepare(); the data set is made in OUT/data */
    const char *prepare_with; /* a JSON file with options of selora_prepare_option_list(); NULL: the defaults */
    const char *caption_column, *group_column;
    const char *size;     /* "224" or "WxH"; NULL: the model's own size */
    const char *crop;     /* centre, random */
    const char *resample; /* bilinear, lanczos */
    int flip;
    /* method (selora, selora-authors, lora) */
    const char *method, *targets, *train;
    int64_t rank, rank_max;
    double scale;
    const char *scale_mode; /* fixed, alpha_over_r, rslora */
    const char *init;       /* kaiming, lora */
    const char *init_adapter; /* an adapter of any format to go on from; NULL: none */
    int strict;               /* 1: parts of init_adapter that cannot be used are an error */
    const char *rank_pattern; /* layers and start ranks, instead of targets and rank: a run folder (its last adapter), an
                               * adapter of any format, or a JSON file {"unet....to_q": 4, ...}; NULL: none */
    double lambda;
    int64_t probe_every;
    double expand_until;
    int64_t probe_rows, probe_window;
    double probe_z;
    const char *fisher;     /* batch, sample, cross */
    const char *normalise;  /* none, rank, param */
    double mu;              /* with rank */
    const char *probe_norm; /* kaiming, match */
    int warm_v;
    const char *probe_pass;    /* fused, extra; NULL: the method's own */
    const char *probe_init;    /* kaiming, zero, power; NULL: the method's own */
    const char *adopt;         /* tested, fresh; NULL: the method's own */
    const char *opt_on_expand; /* carry, reset; NULL: the method's own */
    /* optimisation */
    int64_t steps, epochs; /* one of them; 0: not given */
    int64_t batch_size, accumulate;
    const char *optimizer; /* adam, adamw */
    double lr, lr_text;    /* lr_text: NaN, as lr */
    const char *lr_schedule;
    int64_t warmup;
    double lr_cycles, lr_power;
    double beta1, beta2, epsilon, weight_decay, max_grad_norm;
    double min_snr_gamma, noise_offset, caption_dropout, ema; /* 0: off */
    uint64_t seed;
    /* run */
    const char *compute; /* f32, bf16: what matrix products round their operands to */
    int64_t checkpoint_every, checkpoints_keep, validate_every;
    int64_t validation_images, validation_steps;
    double validation_guidance;
    const char *memory;     /* auto, A, A+, B, B+, C: what is computed again instead of being kept, less memory from A to C; equal bits */
    const char *max_memory; /* what the process may hold, such as "3G" or "500M"; NULL: what is free */
    const char *validation_prompts; /* prompts for the sample grid, separated by '|'; NULL: captions of the validation part */
    const char *save_as; /* formats as of selora_convert_options.to, with commas, that the adapter is written in as well */
    const char *audit; /* none, small, full: what looks for leaked training pictures when training is done */
    int resume, dry_run;
} selora_train_options;

selora_train_options selora_train_defaults(void);
/* The whole job of `selora train`: run folder, log, checkpoints, validation. */
selora_status selora_train(selora_context *context, const selora_train_options *options);

/* Training step by step, with pictures that the caller brings (any size; resized and cropped as the options say). */
typedef struct selora_trainer selora_trainer;
typedef struct selora_step_result {
    int64_t step; /* steps done */
    double loss, gradient_norm, learning_rate;
    int64_t total_rank;
} selora_step_result;

/* The model must outlive the trainer. steps must be given (schedules and expand_until need it); data, out, and the run's
 * options are not read. */
selora_status selora_trainer_new(selora_context *context, const selora_model *model,
                                 const selora_train_options *options, selora_trainer **trainer);
void selora_trainer_free(selora_trainer *trainer);
/* `count` must be batch_size times accumulate of the options. */
selora_status selora_train_step(selora_trainer *trainer, const selora_image *images, const char *const *captions,
                                int count, selora_step_result *result);
/* The adapter as it is now; belongs to the trainer. */
const selora_adapter *selora_trainer_adapter(const selora_trainer *trainer);

/* ---- proofs and measurements ------------------------------------------------------------------------- */

/* One compared tensor of a reference case. Texts are valid during the call only. */
typedef struct selora_verify_row {
    const char *file, *kind, *tensor;
    double max_abs, relative, tolerance;
    int passed;
} selora_verify_row;

typedef void (*selora_verify_report)(void *user, const selora_verify_row *row);

/* Runs the inputs of a reference case and compares. rtol <= 0: the default tolerances, wider in bf16. SELORA_CHECK_FAILED when a tensor
 * differs, SELORA_BAD_INPUT for a malformed case. An adapter (NULL for none) joins sample cases that bring none.
 * `model` may be NULL for cases of kind features, which bring weights of their own. */
selora_status selora_verify(selora_context *context, const selora_model *model, const selora_adapter *adapter,
                            const char *case_file, double rtol, selora_verify_report report, void *user);

typedef struct selora_bench_options {
    const char *config; /* sd15, tiny, or a diffusers folder or its unet/config.json */
    const char *task;   /* train, denoise, decode, encode, generate */
    const char *method; /* as for training */
    const char *weights; /* in memory; NULL: auto */
    const char *memory, *max_memory; /* as for training */
    int64_t size, batch, repeat;
    const char *compute; /* as for training */
    const char *by;      /* costs by class of op, or by class and shape: class, shape */
    int json;
} selora_bench_options;

selora_bench_options selora_bench_defaults(void);
/* Random weights; *text (free() it) is a table for people, or JSON. */
selora_status selora_bench(selora_context *context, const selora_bench_options *options, char **text);

/* What a model, adapter, run or data folder holds, as text or JSON; free() it. */
selora_status selora_inspect(selora_context *context, const char *path, int json, char **text);

/* ---- phantoms: synthetic training pictures ------------------------------------------------------------ */

typedef struct selora_phantom_options {
    const char *out; /* folder: 000000.png ..., metadata.csv */
    int64_t count, size;
    uint64_t seed;
    const char *classes;                 /* seen, held-out, all */
    const char *region, *finding, *place; /* short names; NULL: any */
} selora_phantom_options;

selora_phantom_options selora_phantom_defaults(void);
selora_status selora_phantom_folder(selora_context *context, const selora_phantom_options *options);

/* ---- preparing: from medical files to a data set ------------------------------------------------------- */

/* Texts are borrowed. Meanings: selora_prepare_option_list(), docs/data.md. */
typedef struct selora_prepare_options {
    const char *const *sources; /* folders and files: DICOM, NIfTI, PNG, JPEG, reports */
    int64_t source_count;
    const char *out;
    /* pictures */
    const char *size, *fit, *resample;
    const char *window, *no_voi, *padding, *slice, *axis, *blackout; /* blackout: X,Y,W,H, several with ';' between them */
    int64_t voi_item, volume, png_max;
    int mixed_voi, neurological, grey_only, localizers, for_processing, allow_burned_in, exif_rotate;
    /* texts */
    const char *reports, *columns, *text, *text_template, *xxxx, *truncate, *tokenizer, *no_text;
    int exact_age, fail_on_phi;
    /* patients */
    const char *patient_col, *patient_regex, *split, *split_shares, *stratify;
    uint64_t seed;
    /* run */
    int64_t jobs, max_bad; /* jobs -1: one worker for each processor */
    int show_paths;
} selora_prepare_options;

selora_prepare_options selora_prepare_defaults(void);
/* The whole job of `selora prepare`. The counts go to the log hook. SELORA_BAD_INPUT with everything done when more than
 * max_bad files are damaged. */
selora_status selora_prepare(selora_context *context, const selora_prepare_options *options);

/* Removes what a data set or run keeps of patients in private (keys, cached latents); all: pictures and tables, too. */
selora_status selora_purge(selora_context *context, const char *folder, int all);

/* ---- options as tables: for programs that read them from a command line or a file ---------------------- */

typedef enum selora_option_kind {
    SELORA_OPTION_TEXT,   /* const char *: borrowed */
    SELORA_OPTION_TEXTS,  /* const char *: may be given several times; a line each */
    SELORA_OPTION_CHOICE, /* const char *: one of `values`, separated by '|' */
    SELORA_OPTION_INT,    /* int64_t in [low, high] */
    SELORA_OPTION_NUMBER, /* double in [low, high] */
    SELORA_OPTION_SEED,   /* uint64_t */
    SELORA_OPTION_FLAG    /* int: 0 or 1 */
} selora_option_kind;

typedef struct selora_option {
    const char *name; /* "batch-size" */
    selora_option_kind kind;
    size_t offset; /* into the options struct */
    double low, high;
    const char *values; /* choices, or a word for the value in help texts ("DIR") */
    const char *help;
    int required;
} selora_option;

const selora_option *selora_train_option_list(size_t *count);
const selora_option *selora_generate_option_list(size_t *count);
const selora_option *selora_bench_option_list(size_t *count);
const selora_option *selora_phantom_option_list(size_t *count);
const selora_option *selora_prepare_option_list(size_t *count);
const selora_option *selora_convert_option_list(size_t *count);
const selora_option *selora_compress_option_list(size_t *count);
const selora_option *selora_merge_option_list(size_t *count);

/* Sets one option from text, which must outlive the options. SELORA_USAGE names what was expected. */
selora_status selora_option_set(selora_context *context, const selora_option *list, size_t count, void *options,
                                const char *name, const char *text);
/* Sets every option that a JSON file holds: its members, or the members of its "options" (RUN/run.json).
 * Texts are kept by the context. Unknown names are an error. */
selora_status selora_options_load(selora_context *context, const selora_option *list, size_t count, void *options,
                                  const char *path);
/* Checks that required options are there. */
selora_status selora_options_check(selora_context *context, const selora_option *list, size_t count,
                                   const void *options);

#ifdef __cplusplus
}
#endif

#include "selora_judge.h" /* features, metrics */
#include "selora_audit.h" /* audits, utility */
#include "selora_sweep.h" /* many runs and their comparison */
#endif
