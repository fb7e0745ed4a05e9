/* SPDX-License-Identifier: MIT */
#include "prepare/patient_split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/split_file.h"
#include "io/checksum.h"

enum { SIDES = SLR_SIDE_TEST + 1 };

/* ---- shares ---- */

selora_status slr_split_shares_parse(const char *text, double shares[3], slr_error *err)
{
    double found[3] = {0}, sum = 0;
    int count = 0;
    for (const char *at = text; count < 3;) {
        char *end;
        double value = strtod(at, &end);
        if (end == at || !(value >= 0) || value > 1e9)
            break;
        sum += found[count++] = value;
        if (*end == 0 && count >= 2 && found[0] > 0) {
            for (int i = 0; i < 3; i++)
                shares[i] = found[i] / sum;
            return SELORA_OK;
        }
        if (*end != '/' && *end != ',' && *end != ':')
            break;
        at = end + 1;
    }
    return slr_fail(err, SELORA_USAGE,
                    "--split-shares: found \"%s\", expected train, validation and test, such as 80/16/4",
                    text);
}

/* ---- groups ---- */

/* What is never cut. */
typedef struct group {
    char hash[SLR_SHA256_HEX]; /* the smallest of its patients' */
    const char *label;         /* the commonest of its pictures */
    uint32_t root, size;
    slr_side side;
} group;

typedef struct splitter {
    const slr_patient_split_options *options;
    const slr_split_picture *pictures;
    size_t count;
    slr_clusters *clusters;
    double shares[SIDES]; /* [slr_side]; they sum up to 1 */
    group *groups;        /* (count) at most */
    uint32_t *group_of;   /* (count) */
    size_t group_count;
    size_t taken[SIDES]; /* pictures that have their side */
} splitter;

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static const char *key_of(const slr_split_picture *picture)
{
    return *text_or_empty(picture->patient) ? picture->patient : text_or_empty(picture->picture);
}

/* Who it is: "" for nobody known. */
static const char *identity(const slr_split_picture *picture)
{
    return text_or_empty(picture->key ? picture->key : picture->patient);
}

static selora_status hash_key(uint64_t seed, const char *key, char hex[SLR_SHA256_HEX], slr_error *err)
{
    char number[32];
    slr_sha256 *hash = slr_sha256_new();
    if (hash) {
        snprintf(number, sizeof number, "%llu\n", (unsigned long long)seed);
        slr_sha256_update(hash, number, strlen(number));
        slr_sha256_update(hash, key, strlen(key));
        slr_sha256_finish(hash, hex);
    }
    return hash && *hex ? SELORA_OK : slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
}

static selora_status join_patients(splitter *s, slr_error *err)
{
    const char **patients = slr_alloc(s->count, sizeof *patients);
    if (!patients)
        return slr_fail_memory(err, s->count * sizeof *patients, "the split");
    for (size_t i = 0; i < s->count; i++)
        patients[i] = identity(&s->pictures[i]);
    selora_status status = slr_clusters_join_equal(s->clusters, patients, NULL, err);
    free(patients);
    return status;
}

/* A picture of a group with an earlier side elsewhere, for the message. */
static size_t picture_on(const splitter *s, uint32_t number, slr_side side)
{
    size_t i = 0;
    while (s->group_of[i] != number || s->pictures[i].known != side)
        i++;
    return i + 1;
}

static selora_status add_member(splitter *s, uint32_t item, slr_error *err)
{
    const slr_split_picture *picture = &s->pictures[item];
    uint32_t root = slr_clusters_root(s->clusters, item); /* root <= item: its group exists */
    char hash[SLR_SHA256_HEX];
    if (!*key_of(picture))
        return slr_fail(err, SELORA_USAGE, "picture %u has neither patient nor checksum to split by",
                        item + 1);
    SLR_TRY(hash_key(s->options->seed, key_of(picture), hash, err));
    if (root == item) {
        s->group_of[item] = (uint32_t)s->group_count++;
        s->groups[s->group_of[item]] = (group){.root = root, .label = "", .hash = "g"}; /* above digits */
    }
    uint32_t number = s->group_of[item] = s->group_of[root];
    group *own = &s->groups[number];
    own->size++;
    if (strcmp(hash, own->hash) < 0)
        memcpy(own->hash, hash, sizeof hash);
    if (own->side != SLR_SIDE_NONE && picture->known != SLR_SIDE_NONE && own->side != picture->known)
        return slr_fail(err, SELORA_BAD_INPUT, "pictures %zu (%s) and %u (%s) of the earlier split now belong "
                        "together: one patient, one report, or copies of each other; remove the split file, and all "
                        "sides are drawn anew", picture_on(s, number, own->side), slr_side_name(own->side), item + 1,
                        slr_side_name(picture->known));
    if (own->side == SLR_SIDE_NONE)
        own->side = picture->known;
    return SELORA_OK;
}

typedef struct labelled {
    uint32_t group;
    const char *label;
} labelled;

static int by_group_and_label(const void *a, const void *b)
{
    const labelled *left = a, *right = b;
    int order = (left->group > right->group) - (left->group < right->group);
    return order ? order : strcmp(left->label, right->label);
}

/* The commonest label of each group, the first by name among equals. */
static selora_status label_groups(splitter *s, slr_error *err)
{
    labelled *list = slr_alloc(s->count, sizeof *list);
    size_t best = 0, run = 0;
    if (!list)
        return slr_fail_memory(err, s->count * sizeof *list, "the split");
    for (size_t i = 0; i < s->count; i++)
        list[i] = (labelled){s->group_of[i], text_or_empty(s->pictures[i].label)};
    qsort(list, s->count, sizeof *list, by_group_and_label);
    for (size_t i = 0; i < s->count; i++) {
        bool same = i > 0 && list[i].group == list[i - 1].group;
        best = same ? best : 0;
        run = same && strcmp(list[i].label, list[i - 1].label) == 0 ? run + 1 : 1;
        if (run > best) {
            best = run;
            s->groups[list[i].group].label = list[i].label;
        }
    }
    free(list);
    return SELORA_OK;
}

static selora_status find_groups(splitter *s, slr_error *err)
{
    SLR_TRY(join_patients(s, err));
    for (size_t i = 0; i < s->count; i++)
        SLR_TRY(add_member(s, (uint32_t)i, err));
    return s->options->stratify ? label_groups(s, err) : SELORA_OK;
}

/* ---- sides by hash ---- */

static slr_side side_at(const splitter *s, double at)
{
    double held = at - s->shares[SLR_SIDE_TRAIN];
    if (held < 0)
        return SLR_SIDE_TRAIN;
    bool validates = held < s->shares[SLR_SIDE_VALIDATION] || s->shares[SLR_SIDE_TEST] <= 0;
    return validates ? SLR_SIDE_VALIDATION : SLR_SIDE_TEST;
}

static void split_by_hash(splitter *s)
{
    for (size_t i = 0; i < s->group_count; i++) {
        char digits[17] = "";
        memcpy(digits, s->groups[i].hash, 16);
        if (s->groups[i].side == SLR_SIDE_NONE)
            s->groups[i].side = side_at(s, (double)strtoull(digits, NULL, 16) / 18446744073709551616.0);
    }
}

/* ---- sides to exact sizes ---- */

static int by_label_and_hash(const void *a, const void *b)
{
    const group *left = *(const group *const *)a, *right = *(const group *const *)b;
    int order = strcmp(left->label, right->label);
    order = order ? order : strcmp(left->hash, right->hash);
    return order ? order : (left->root > right->root) - (left->root < right->root);
}

/* Sizes of the parts of `count` pictures: what is held out, and of that the test part, is rounded up. */
static void wanted_sizes(const splitter *s, size_t count, size_t wanted[SIDES])
{
    static const double slack = 1e-9; /* 0.2 * 35 is 7, not 7.000000000000001 */
    double out = s->shares[SLR_SIDE_VALIDATION] + s->shares[SLR_SIDE_TEST];
    size_t held = out > 0 ? (size_t)ceil(out * (double)count - slack) : 0;
    size_t test = held > 0 ? (size_t)ceil(s->shares[SLR_SIDE_TEST] / out * (double)held - slack) : 0;
    if (held == 1 && s->shares[SLR_SIDE_VALIDATION] > 0)
        test = 0;
    wanted[SLR_SIDE_TRAIN] = count - held;
    wanted[SLR_SIDE_VALIDATION] = held - test;
    wanted[SLR_SIDE_TEST] = test;
}

/* The first part that the group fits into; else an empty one; else the one that lacks most. */
static slr_side choose_side(const splitter *s, const size_t wanted[SIDES], size_t size)
{
    slr_side most = SLR_SIDE_TRAIN;
    if (s->taken[SLR_SIDE_TRAIN] == 0)
        return SLR_SIDE_TRAIN;
    for (int side = SLR_SIDE_TRAIN; side < SIDES; side++)
        if (s->taken[side] + size <= wanted[side])
            return side;
    for (int side = SLR_SIDE_TRAIN; side < SIDES; side++) {
        if (s->taken[side] == 0 && wanted[side] > 0)
            return side;
        if ((double)wanted[side] - (double)s->taken[side] > (double)wanted[most] - (double)s->taken[most])
            most = side;
    }
    return most;
}

/* Label by label; the sizes wanted are those of all pictures up to this label, so roundings do not add up. */
static selora_status split_exactly(splitter *s, slr_error *err)
{
    group **order = slr_alloc(s->group_count, sizeof *order);
    size_t seen = 0, wanted[SIDES] = {0};
    if (!order)
        return slr_fail_memory(err, s->group_count * sizeof *order, "the split");
    for (size_t i = 0; i < s->group_count; i++)
        order[i] = &s->groups[i];
    qsort(order, s->group_count, sizeof(group *), by_label_and_hash);
    for (size_t begin = 0, end; begin < s->group_count; begin = end) {
        for (end = begin; end < s->group_count && strcmp(order[end]->label,
                                                         order[begin]->label) == 0; end++) {
            seen += order[end]->size;
            if (order[end]->side != SLR_SIDE_NONE)
                s->taken[order[end]->side] += order[end]->size;
        }
        wanted_sizes(s, seen, wanted);
        for (size_t i = begin; i < end; i++) {
            if (order[i]->side != SLR_SIDE_NONE)
                continue;
            order[i]->side = choose_side(s, wanted, order[i]->size);
            s->taken[order[i]->side] += order[i]->size;
        }
    }
    free(order);
    return SELORA_OK;
}

/* ---- the report ---- */

typedef struct placed {
    const char *text; /* patient or label */
    slr_side side;
} placed;

static int by_placed_text(const void *a, const void *b)
{
    return strcmp(((const placed *)a)->text, ((const placed *)b)->text);
}

static void count_patients(placed *list, size_t count, slr_split_report *report)
{
    qsort(list, count, sizeof *list, by_placed_text);
    for (size_t begin = 0, end; begin < count; begin = end) {
        bool crosses = false;
        for (end = begin; end < count && strcmp(list[end].text, list[begin].text) == 0; end++)
            crosses = crosses || list[end].side != list[begin].side;
        report->patients[list[begin].side]++;
        report->patients_on_two_sides += crosses;
        if (end - begin > report->largest_patient)
            report->largest_patient = end - begin;
    }
}

static selora_status count_labels(placed *list, size_t count, slr_split_report *report, slr_error *err)
{
    size_t capacity = 0;
    qsort(list, count, sizeof *list, by_placed_text);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0) {
            char *label = slr_copy_text(list[i].text);
            if (!label || !slr_grow((void **)&report->labels, &capacity, report->label_count,
                                    sizeof *report->labels)) {
                free(label);
                return slr_fail_memory(err, 0, "the labels of the split");
            }
            report->labels[report->label_count++] = (slr_label_count){.label = label};
        }
        size_t *pictures = report->labels[report->label_count - 1].pictures;
        pictures[list[i].side]++;
        pictures[SLR_SIDE_NONE]++;
    }
    return SELORA_OK;
}

selora_status slr_split_report_fill(const slr_split_picture *pictures, const slr_side *sides, size_t count,
                                    slr_split_report *report, slr_error *err)
{
    size_t known = 0, with_label = 0;
    placed *list = slr_alloc(count, sizeof *list);
    if (!list)
        return slr_fail_memory(err, count * sizeof *list, "the split");
    for (size_t i = 0; i < count; i++) {
        report->pictures[sides[i]]++;
        with_label += *text_or_empty(pictures[i].label) != 0;
        if (*identity(&pictures[i]))
            list[known++] = (placed){identity(&pictures[i]), sides[i]};
        else
            report->patients[sides[i]]++;
    }
    report->unknown = count - known;
    count_patients(list, known, report);
    for (int side = SLR_SIDE_TRAIN; side < SIDES; side++) {
        report->pictures[SLR_SIDE_NONE] += report->pictures[side];
        report->patients[SLR_SIDE_NONE] += report->patients[side];
    }
    for (size_t i = 0; i < count; i++)
        list[i] = (placed){text_or_empty(pictures[i].label), sides[i]};
    selora_status status = with_label > 0 ? count_labels(list, count, report, err) : SELORA_OK;
    free(list);
    return status;
}

void slr_split_report_free(slr_split_report *report)
{
    for (size_t i = 0; i < report->label_count; i++)
        free(report->labels[i].label);
    free(report->labels);
    *report = (slr_split_report){0};
}

/* ---- all of it ---- */

static selora_status take_shares(splitter *s, slr_error *err)
{
    static const double paper[3] = {0.8, 0.16, 0.04};
    const double *asked = s->options->shares;
    double sum = asked[0] + asked[1] + asked[2];
    if (sum == 0)
        asked = paper;
    sum = asked[0] + asked[1] + asked[2];
    if (!(asked[0] > 0) || !(asked[1] >= 0) || !(asked[2] >= 0) || !isfinite(sum))
        return slr_fail(err, SELORA_USAGE, "the shares of the split are no shares, or none trains");
    for (int i = 0; i < 3; i++)
        s->shares[SLR_SIDE_TRAIN + i] = asked[i] / sum;
    return SELORA_OK;
}

static selora_status split(splitter *s, slr_side *sides, slr_split_report *report, slr_error *err)
{
    slr_split_rule rule = s->options->rule;
    if (rule == SLR_SPLIT_HASH && s->options->stratify)
        return slr_fail(err, SELORA_USAGE,
                        "--stratify fills the parts label by label, --split hash lets each patient's hash "
                        "decide alone; choose --split exact");
    SLR_TRY(take_shares(s, err));
    SLR_TRY(find_groups(s, err));
    if (rule == SLR_SPLIT_EXACT || s->options->stratify)
        SLR_TRY(split_exactly(s, err));
    else
        split_by_hash(s);
    for (size_t i = 0; i < s->count; i++)
        sides[i] = s->groups[s->group_of[i]].side;
    report->groups = s->group_count;
    for (size_t i = 0; i < s->group_count; i++)
        if (s->groups[i].size > report->largest_group)
            report->largest_group = s->groups[i].size;
    return slr_split_report_fill(s->pictures, sides, s->count, report, err);
}

selora_status slr_patient_split(const slr_patient_split_options *options, const slr_split_picture *pictures,
                                size_t count, slr_clusters *clusters, slr_side *sides,
                                slr_split_report *report, slr_error *err)
{
    splitter s = {.options = options, .pictures = pictures, .count = count, .clusters = clusters};
    *report = (slr_split_report){0};
    if (count == 0 || clusters->count != count)
        return slr_fail(err, SELORA_USAGE, "nothing to split");
    s.groups = slr_alloc(count, sizeof *s.groups);
    s.group_of = slr_alloc(count, sizeof *s.group_of);
    selora_status status = s.groups && s.group_of ? split(&s, sides, report, err)
                                                  : slr_fail_memory(err, count * sizeof *s.groups,
                                                                    "the split");
    if (status != SELORA_OK)
        slr_split_report_free(report);
    free(s.groups);
    free(s.group_of);
    return status;
}
