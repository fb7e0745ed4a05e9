/* SPDX-License-Identifier: MIT */
#include "prepare/association.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* ---- chi-square ---- */

/* Upper incomplete gamma function over gamma(a): a series below a + 1, a continued fraction above. */
static double upper_gamma(double a, double x)
{
    enum { MAX_TERMS = 10000 };
    double scale = exp(-x + a * log(x) - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (int n = 1; n < MAX_TERMS && term > sum * 1e-16; n++)
            sum += term *= x / (a + n);
        return 1 - sum * scale;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int n = 1; n < MAX_TERMS; n++) { /* Lentz */
        double an = -n * (n - a);
        b += 2;
        d = 1 / (fabs(an * d + b) < 1e-300 ? 1e-300 : an * d + b);
        c = fabs(b + an / c) < 1e-300 ? 1e-300 : b + an / c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return h * scale;
}

double slr_chi_square_tail(double x, double freedom)
{
    return x > 0 && freedom > 0 ? fmin(1, fmax(0, upper_gamma(freedom / 2, x / 2))) : 1;
}

double slr_independence_p(const uint32_t *counts, size_t rows, size_t columns)
{
    double total = 0, chi = 0;
    size_t used_rows = 0, used_columns = 0;
    for (size_t i = 0; i < rows * columns; i++)
        total += counts[i];
    for (size_t c = 0; c < columns; c++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++)
            sum += counts[r * columns + c];
        used_columns += sum > 0;
    }
    for (size_t r = 0; r < rows; r++) {
        double row = 0;
        for (size_t c = 0; c < columns; c++)
            row += counts[r * columns + c];
        used_rows += row > 0;
        for (size_t c = 0; c < columns && row > 0; c++) {
            double column = 0;
            for (size_t k = 0; k < rows; k++)
                column += counts[k * columns + c];
            double expected = row * column / total, off = counts[r * columns + c] - expected;
            chi += expected > 0 ? off * off / expected : 0;
        }
    }
    if (used_rows < 2 || used_columns < 2)
        return 1;
    return slr_chi_square_tail(chi, (double)(used_rows - 1) * (double)(used_columns - 1));
}

/* ---- area under the curve ---- */

typedef struct scored {
    double score;
    unsigned char class;
} scored;

static int by_score(const void *a, const void *b)
{
    double left = ((const scored *)a)->score, right = ((const scored *)b)->score;
    return (left > right) - (left < right);
}

selora_status slr_separation(const double *scores, const unsigned char *classes, size_t count, int either,
                             double *auc, slr_error *err)
{
    double below = 0, pairs = 0, ones = 0;
    *auc = 0.5;
    scored *list = slr_alloc(count + 1, sizeof *list);
    if (!list)
        return slr_fail_memory(err, count * sizeof *list, "a comparison of labels");
    for (size_t i = 0; i < count; i++) {
        list[i] = (scored){scores[i], classes[i] != 0};
        ones += classes[i] != 0;
    }
    if (count > 1)
        qsort(list, count, sizeof *list, by_score);
    for (size_t i = 0, end; i < count; i = end) {
        double here[2] = {0, 0};
        for (end = i; end < count && list[end].score == list[i].score; end++)
            here[list[end].class]++;
        pairs += here[1] * (below + 0.5 * here[0]);
        below += here[0];
    }
    free(list);
    if (ones > 0 && ones < (double)count)
        *auc = pairs / (ones * ((double)count - ones));
    if (either && *auc < 0.5)
        *auc = 1 - *auc;
    return SELORA_OK;
}

/* Halves by turns within a class, so that both know both classes. */
selora_status slr_category_separation(const uint32_t *categories, uint32_t category_count,
                                      const unsigned char *classes, size_t count, double *auc, slr_error *err)
{
    uint32_t *known = slr_alloc(4 * (size_t)category_count + 4, sizeof *known); /* (half, class, category) */
    double *scores = slr_alloc(count + 1, sizeof *scores);
    unsigned char *halves = slr_alloc(count + 1, 1);
    size_t seen[2] = {0, 0}, ones = 0;
    selora_status status =
        known && scores && halves ? SELORA_OK : slr_fail_memory(err, count, "a comparison of labels");
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        size_t class = classes[i] != 0;
        halves[i] = seen[class]++ & 1;
        known[(halves[i] * 2 + class) * category_count + categories[i]]++;
        ones += class;
    }
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        const uint32_t *other = known + (size_t)(!halves[i]) * 2 * category_count;
        double no = other[categories[i]], yes = other[category_count + categories[i]];
        scores[i] = (yes + (double)ones / (double)count) / (no + yes + 1);
    }
    if (status == SELORA_OK)
        status = slr_separation(scores, classes, count, 0, auc, err);
    free(known);
    free(scores);
    free(halves);
    return status;
}

/* ---- numbers for texts ---- */

typedef struct numbered {
    const char *text;
    size_t index;
} numbered;

static int by_text(const void *a, const void *b)
{
    const numbered *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static int by_index(const void *a, const void *b)
{
    const size_t left = *(const size_t *)a, right = *(const size_t *)b;
    return (left > right) - (left < right);
}

selora_status slr_number_texts(const char *const *texts, size_t count, uint32_t *numbers, uint32_t *different,
                               slr_error *err)
{
    numbered *list = slr_alloc(count + 1, sizeof *list);
    size_t *firsts = slr_alloc(count + 1, sizeof *firsts), groups = 0;
    if (!list || !firsts) {
        free(list);
        free(firsts);
        return slr_fail_memory(err, count * sizeof *list, "a comparison of texts");
    }
    for (size_t i = 0; i < count; i++)
        list[i] = (numbered){texts[i] ? texts[i] : "", i};
    if (count > 1)
        qsort(list, count, sizeof *list, by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0)
            firsts[groups++] = list[i].index;
    if (groups > 1)
        qsort(firsts, groups, sizeof *firsts, by_index);
    for (size_t i = 0, number = 0; i < count; i++) {
        if (i == 0 || strcmp(list[i].text, list[i - 1].text) != 0) {
            size_t *place = bsearch(&list[i].index, firsts, groups, sizeof *firsts, by_index);
            number = (size_t)(place - firsts);
        }
        numbers[list[i].index] = (uint32_t)number;
    }
    *different = (uint32_t)groups;
    free(list);
    free(firsts);
    return SELORA_OK;
}
