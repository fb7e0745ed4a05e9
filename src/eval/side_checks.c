/* SPDX-License-Identifier: MIT
 * What makes two sides of pictures incomparable. Texts of patients are compared, never told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/problems.h"
#include "eval/compare_pictures.h"

static const char *const words[SLR_ROLES] = {"real", "training", "synthetic", "base"};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef const char *text_of(const slr_image_set *set, size_t index);

static const char *hash_of(const slr_image_set *set, size_t index)
{
    return slr_image_set_item(set, index)->sha256;
}

static const char *prompt_of(const slr_image_set *set, size_t index)
{
    return slr_image_set_item(set, index)->prompt;
}

/* How many pictures of `a` have a text that some picture of `b` has; empty texts are none. -1: no memory. */
static int64_t count_shared(const slr_image_set *a, const slr_image_set *b, text_of *text)
{
    size_t count = slr_image_set_count(b);
    const char **texts = slr_alloc(count, sizeof *texts);
    int64_t shared = 0;
    if (!texts)
        return -1;
    for (size_t i = 0; i < count; i++)
        texts[i] = text(b, i);
    qsort(texts, count, sizeof *texts, by_text);
    for (size_t i = 0; i < slr_image_set_count(a); i++) {
        const char *own = text(a, i);
        shared += *own && bsearch(&own, texts, count, sizeof *texts, by_text);
    }
    free(texts);
    return shared;
}

size_t slr_shared_prompts(const slr_image_set *real, const slr_image_set *synthetic)
{
    int64_t shared = count_shared(synthetic, real, prompt_of);
    return shared > 0 ? (size_t)shared : 0;
}

static size_t count_lossy(const slr_image_set *set)
{
    size_t lossy = 0;
    for (size_t i = 0; i < slr_image_set_count(set); i++)
        lossy += slr_image_set_item(set, i)->lossy;
    return lossy;
}

static size_t count_deep(const slr_image_set *set)
{
    size_t deep = 0;
    for (size_t i = 0; i < slr_image_set_count(set); i++)
        deep += slr_image_set_item(set, i)->bits > 8;
    return deep;
}

/* Pictures that become metric pictures by enlarging. */
static size_t count_small(const slr_image_set *set, int size)
{
    size_t small = 0;
    for (size_t i = 0; i < slr_image_set_count(set); i++)
        small += slr_image_set_item(set, i)->width < size || slr_image_set_item(set, i)->height < size;
    return small;
}

/* Enlarged pictures are smooth: compared with others they look blurred, whoever drew them. */
static void warn_of_small(const slr_picture_comparison *c)
{
    for (int role = 0; role < SLR_ROLES; role++) {
        size_t small = c->sides[role] ? count_small(c->sides[role], c->size) : 0;
        if (small > 0)
            slr_warn(c->hooks, "%zu of %zu %s pictures are smaller than the metric pictures of %d pixels: enlarged they are "
                     "smooth; choose --size not above the smallest of all sides", small,
                     slr_image_set_count(c->sides[role]), words[role], c->size);
    }
}

/* Of the real side and another one. */
static void check_pair(const slr_picture_comparison *c, slr_role role, slr_problems *problems)
{
    const slr_image_set *real = c->sides[SLR_ROLE_REAL], *other = c->sides[role];
    size_t n = slr_image_set_count(real), m = slr_image_set_count(other);
    size_t real_lossy = count_lossy(real), other_lossy = count_lossy(other);
    const char *window = slr_image_set_window_rule(real), *window2 = slr_image_set_window_rule(other);
    if ((real_lossy == 0) != (other_lossy == 0) || (real_lossy == n) != (other_lossy == m))
        slr_problems_add(problems, "files with losses (JPEG) are %zu of %zu on the real side and %zu of %zu on the %s side: that "
                         "alone moves every distance; store both the same way", real_lossy, n, other_lossy, m, words[role]);
    if (*window && *window2 && strcmp(window, window2) != 0)
        slr_problems_add(problems, "greys were made differently: real \"%s\", %s \"%s\"; prepare both the same way", window,
                         words[role], window2);
    if (m < SLR_FEWEST_PICTURES)
        slr_problems_add(problems, "%zu %s pictures are too few to judge; expected %d or more", m, words[role],
                         SLR_FEWEST_PICTURES);
}

static void check_train(const slr_picture_comparison *c, slr_problems *problems)
{
    const slr_image_set *real = c->sides[SLR_ROLE_REAL], *train = c->sides[SLR_ROLE_TRAIN];
    int64_t patients = count_shared(real, train, slr_image_set_patient), pictures = count_shared(real, train, hash_of);
    if (patients)
        slr_problems_add(problems, "%lld real pictures are of patients who are in the training pictures, too: floors and copies "
                         "mean nothing with them", (long long)patients);
    if (pictures)
        slr_problems_add(problems, "%lld real pictures are training pictures, pixel for pixel", (long long)pictures);
}

/* Depths: what has more than 8 bits is rounded where another side has 8. */
static void round_depths(const slr_picture_comparison *c)
{
    bool shallow = false, deep = false;
    for (int role = 0; role < SLR_ROLES; role++)
        shallow = shallow || (c->sides[role] && count_deep(c->sides[role]) < slr_image_set_count(c->sides[role]));
    for (int role = 0; shallow && role < SLR_ROLES; role++)
        if (c->sides[role] && count_deep(c->sides[role]) > 0) {
            slr_note(c->hooks, "the %s pictures of 16 bits are rounded to 8, as the others are", words[role]);
            deep = true;
        }
    for (int role = 0; shallow && deep && role < SLR_ROLES; role++)
        if (c->sides[role])
            slr_image_set_round_to_8(c->sides[role]);
}

selora_status slr_check_sides(const slr_picture_comparison *c, slr_error *err)
{
    slr_problems problems = {0};
    const slr_image_set *real = c->sides[SLR_ROLE_REAL];
    if (slr_image_set_count(real) < SLR_FEWEST_PICTURES)
        slr_problems_add(&problems, "%zu real pictures are too few to judge; expected %d or more", slr_image_set_count(real),
                         SLR_FEWEST_PICTURES);
    for (int role = 0; role < SLR_ROLES; role++)
        if (role != SLR_ROLE_REAL && c->sides[role])
            check_pair(c, (slr_role)role, &problems);
    if (c->sides[SLR_ROLE_TRAIN])
        check_train(c, &problems);
    warn_of_small(c);
    int64_t same = count_shared(c->sides[SLR_ROLE_SYNTHETIC], real, hash_of);
    if (same > 0)
        slr_warn(c->hooks, "%lld synthetic pictures are real ones, pixel for pixel", (long long)same);
    round_depths(c);
    if (problems.count == 0 || c->force) {
        if (problems.count)
            slr_warn(c->hooks, "judged all the same (--force): %s", problems.text);
        return SELORA_OK;
    }
    return slr_problems_report(&problems, "the two sides cannot be compared (--force does it anyway)", err);
}
