/* SPDX-License-Identifier: MIT */
#include "prepare/header_words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A term and how a prompt says it; NULL: as it is. */
typedef struct term {
    const char *name, *words;
} term;

/* View Position of radiography and mammography. */
static const term views[] = {
    {"AP", NULL}, {"PA", NULL}, {"LL", "left lateral"}, {"RL", "right lateral"}, {"LATERAL", "lateral"},
    {"RLD", "right lateral decubitus"}, {"LLD", "left lateral decubitus"}, {"RLO", "right lateral oblique"},
    {"LLO", "left lateral oblique"}, {"RAO", "right anterior oblique"}, {"LAO", "left anterior oblique"},
    {"RPO", "right posterior oblique"}, {"LPO", "left posterior oblique"}, {"OBLIQUE", "oblique"},
    {"CC", NULL}, {"MLO", NULL}, {"LM", NULL}, {"ML", NULL}, {"LMO", NULL}, {"XCCL", NULL}, {"XCCM", NULL},
    {"FB", NULL}, {"SIO", NULL}, {"ISO", NULL}, {"CV", NULL}, {"AT", NULL},
};

static const term modalities[] = {
    {"CR", NULL}, {"DX", NULL}, {"CT", NULL}, {"MR", NULL}, {"MG", NULL}, {"US", NULL}, {"PT", NULL},
    {"NM", NULL}, {"XA", NULL}, {"RF", NULL}, {"RG", NULL}, {"IO", NULL}, {"PX", NULL}, {"SC", NULL},
    {"OT", NULL}, {"ES", NULL}, {"XC", NULL}, {"OP", NULL}, {"OPT", NULL}, {"OCT", NULL}, {"IVUS", NULL},
    {"GM", NULL}, {"SM", NULL}, {"BI", NULL}, {"DG", NULL}, {"TG", NULL}, {"LS", NULL}, {"EC", NULL},
    {"BMD", NULL}, {"IVOCT", NULL}, {"RTIMAGE", NULL}, {"OSS", NULL}, {"DMS", NULL},
};

/* Body Part Examined (PS3.16 annex L), those met in pictures of people. */
static const term body_parts[] = {
    {"ABDOMEN", NULL}, {"ABDOMENPELVIS", "abdomen and pelvis"}, {"ADRENAL", NULL}, {"ANKLE", NULL},
    {"AORTA", NULL}, {"ARM", NULL}, {"AXILLA", NULL}, {"BACK", NULL}, {"BILEDUCT", "bile duct"},
    {"BLADDER", NULL}, {"BRAIN", NULL}, {"BREAST", NULL}, {"BRONCHUS", NULL}, {"BUTTOCK", NULL},
    {"CALCANEUS", NULL}, {"CALF", NULL}, {"CAROTID", NULL}, {"CEREBELLUM", NULL}, {"CHEST", NULL},
    {"CHESTABDOMEN", "chest and abdomen"}, {"CHESTABDPELVIS", "chest, abdomen and pelvis"},
    {"CLAVICLE", NULL}, {"COCCYX", NULL}, {"COLON", NULL}, {"CORNEA", NULL}, {"CSPINE", "cervical spine"},
    {"CTSPINE", "cervical and thoracic spine"}, {"EAR", NULL}, {"ELBOW", NULL}, {"ESOPHAGUS", NULL},
    {"EXTREMITY", NULL}, {"EYE", NULL}, {"FACE", NULL}, {"FEMUR", NULL}, {"FINGER", NULL}, {"FOOT", NULL},
    {"FOREARM", NULL}, {"GALLBLADDER", NULL}, {"HAND", NULL}, {"HEAD", NULL}, {"HEADNECK", "head and neck"},
    {"HEART", NULL}, {"HIP", NULL}, {"HUMERUS", NULL}, {"IAC", "internal auditory canal"}, {"ILIUM", NULL},
    {"JAW", NULL}, {"JOINT", NULL}, {"KIDNEY", NULL}, {"KNEE", NULL}, {"LARYNX", NULL}, {"LEG", NULL},
    {"LIVER", NULL}, {"LSPINE", "lumbar spine"}, {"LSSPINE", "lumbosacral spine"}, {"LUNG", NULL},
    {"MANDIBLE", NULL}, {"MAXILLA", NULL}, {"MEDIASTINUM", NULL}, {"NECK", NULL},
    {"NECKCHEST", "neck and chest"}, {"NECKCHESTABDOMEN", "neck, chest and abdomen"}, {"NOSE", NULL},
    {"ORBIT", NULL}, {"OVARY", NULL}, {"PANCREAS", NULL}, {"PARATHYROID", NULL}, {"PAROTID", NULL},
    {"PATELLA", NULL}, {"PELVIS", NULL}, {"PHARYNX", NULL}, {"PROSTATE", NULL}, {"RECTUM", NULL},
    {"RIB", NULL}, {"RIBS", NULL}, {"SCALP", NULL}, {"SCAPULA", NULL}, {"SELLA", NULL}, {"SHOULDER", NULL},
    {"SIJOINT", "sacroiliac joint"}, {"SINUS", NULL}, {"SKULL", NULL}, {"SPINE", NULL}, {"SPLEEN", NULL},
    {"SSPINE", "sacral spine"}, {"STERNUM", NULL}, {"STOMACH", NULL}, {"TESTIS", NULL}, {"THIGH", NULL},
    {"THORAX", NULL}, {"THUMB", NULL}, {"THYMUS", NULL}, {"THYROID", NULL},
    {"TLSPINE", "thoracic and lumbar spine"}, {"TMJ", "temporomandibular joint"}, {"TOE", NULL},
    {"TRACHEA", NULL}, {"TSPINE", "thoracic spine"}, {"UTERUS", NULL}, {"WHOLEBODY", "whole body"},
    {"WRIST", NULL}, {"ZYGOMA", NULL},
};

static const term lateralities[] = {{"L", "left"}, {"R", "right"}, {"B", "bilateral"}};
static const term sexes[] = {{"M", "male"}, {"F", "female"}, {"O", "other"}};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const term *find(const term *terms, size_t count, const char *value)
{
    size_t length = value ? strlen(value) : 0;
    while (length > 0 && value[length - 1] == ' ')
        length--;
    for (; length > 0 && *value == ' '; length--)
        value++;
    for (size_t i = 0; i < count; i++) {
        const char *name = terms[i].name;
        size_t k = 0;
        while (k < length && name[k] && toupper((unsigned char)value[k]) == name[k])
            k++;
        if (length > 0 && k == length && !name[k])
            return &terms[i];
    }
    return NULL;
}

static const char *name_of(const term *terms, size_t count, const char *value)
{
    const term *found = find(terms, count, value);
    return found ? found->name : NULL;
}

static const char *words_of(const term *terms, size_t count, const char *value)
{
    const term *found = find(terms, count, value);
    return !found ? NULL : found->words ? found->words : found->name;
}

const char *slr_view_name(const char *value)
{
    return name_of(views, COUNT(views), value);
}

const char *slr_view_words(const char *name)
{
    return words_of(views, COUNT(views), name);
}

const char *slr_modality_name(const char *value)
{
    return name_of(modalities, COUNT(modalities), value);
}

const char *slr_body_part_name(const char *value)
{
    return name_of(body_parts, COUNT(body_parts), value);
}

const char *slr_laterality_name(const char *value)
{
    return name_of(lateralities, COUNT(lateralities), value);
}

const char *slr_laterality_words(const char *name)
{
    return words_of(lateralities, COUNT(lateralities), name);
}

const char *slr_sex_name(const char *value)
{
    return name_of(sexes, COUNT(sexes), value);
}

const char *slr_sex_words(const char *name)
{
    return words_of(sexes, COUNT(sexes), name);
}

bool slr_body_part_words(const char *name, char words[SLR_BODY_PART_WORDS])
{
    const char *found = words_of(body_parts, COUNT(body_parts), name);
    if (!found)
        return false;
    size_t i = 0;
    for (; found[i] && i + 1 < SLR_BODY_PART_WORDS; i++)
        words[i] = (char)tolower((unsigned char)found[i]);
    words[i] = 0;
    return true;
}

/* ---- captions ---- */

/* The word stands in the text alone, in any case. */
static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; *at; at++) {
        size_t k = 0;
        while (k < length && toupper((unsigned char)at[k]) == word[k])
            k++;
        if (k == length && !isalnum((unsigned char)at[k]) && (at == text || !isalnum((unsigned char)at[-1])))
            return true;
    }
    return false;
}

const char *slr_view_in_caption(const char *caption)
{
    if (!caption)
        return NULL;
    bool pa = has_word(caption, "PA"), ap = has_word(caption, "AP");
    bool lateral = has_word(caption, "LATERAL") || has_word(caption, "LAT");
    if (pa + ap + lateral != 1)
        return NULL;
    if (!lateral)
        return slr_view_name(pa ? "PA" : "AP");
    return slr_view_name(has_word(caption, "LEFT") ? "LL" : has_word(caption, "RIGHT") ? "RL" : "LATERAL");
}

/* ---- ages ---- */

bool slr_age_words(const char *value, bool exact, char text[SLR_AGE_TEXT])
{
    static const struct {
        char unit;
        double years;
    } units[] = {{0, 1}, {'Y', 1}, {'M', 1 / 12.0}, {'W', 1 / 52.2}, {'D', 1 / 365.25}};
    while (*value == ' ')
        value++;
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 3)
        return false;
    double age = strtol(value, NULL, 10);
    const char *at = value + digits;
    if (*at == '.' && at[1] >= '0' && at[1] <= '9') /* whole years have passed */
        at += 1 + strspn(at + 1, "0123456789");
    char unit = (char)toupper((unsigned char)*at);
    at += unit == 'Y' || unit == 'M' || unit == 'W' || unit == 'D';
    unit = at[-1] >= '0' && at[-1] <= '9' ? 0 : unit;
    while (*at == ' ')
        at++;
    if (*at)
        return false;
    for (size_t i = 0; i < COUNT(units); i++)
        if (units[i].unit == unit)
            age *= units[i].years;
    int years = (int)(age + 1e-9);
    if (years > 150)
        return false;
    if (years > 89)
        strcpy(text, "90+");
    else if (exact)
        snprintf(text, SLR_AGE_TEXT, "%d", years);
    else
        snprintf(text, SLR_AGE_TEXT, "%d-%d", years / 5 * 5, years / 5 * 5 + 4);
    return true;
}
