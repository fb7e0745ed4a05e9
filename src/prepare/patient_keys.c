/* SPDX-License-Identifier: MIT */
#include "prepare/patient_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/regular_file.h"

/* ---- the salt ---- */

enum { SALT_TEXT = 2 * SLR_SALT_BYTES };

static int hex_value(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static void write_hex(const unsigned char *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}

static selora_status make_salt(const char *path, slr_patient_keys *keys, slr_error *err)
{
    char text[SALT_TEXT + 1];
    if (RAND_bytes(keys->salt, SLR_SALT_BYTES) != 1)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: no random numbers can be had for the salt", path);
    write_hex(keys->salt, SLR_SALT_BYTES, text);
    text[SALT_TEXT] = '\n';
    return slr_atomic_write(path, 0600, text, sizeof text, err);
}

static bool parse_salt(const char *text, size_t size, slr_patient_keys *keys)
{
    if (size != SALT_TEXT && !(size == SALT_TEXT + 1 && text[SALT_TEXT] == '\n'))
        return false;
    for (int i = 0; i < SLR_SALT_BYTES; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        keys->salt[i] = (unsigned char)(16 * high + low);
    }
    return true;
}

static selora_status read_salt(const char *path, int fd, slr_patient_keys *keys, slr_error *err)
{
    struct stat info;
    char text[SALT_TEXT + 2];
    size_t size = 0;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: is not a plain file, the salt of the keys was expected",
                        path);
    if (info.st_mode & 077)
        (void)fchmod(fd, 0600); /* some file systems know no modes: the salt works there, too */
    SLR_TRY(slr_read_some(fd, path, text, sizeof text, &size, err));
    if (!parse_salt(text, size, keys))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: %d hex digits were expected. With another salt all keys change: restore the "
                        "file, or prepare into a new folder", path, SALT_TEXT);
    return SELORA_OK;
}

selora_status slr_patient_keys_open(const char *path, slr_patient_keys *keys, slr_error *err)
{
    *keys = (slr_patient_keys){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return make_salt(path, keys, err);
    if (fd < 0)
        return slr_fail_errno(err, path, "open the salt of the keys");
    selora_status status = read_salt(path, fd, keys, err);
    close(fd);
    return status;
}

selora_status slr_patient_key(const slr_patient_keys *keys, const char *value, char key[SLR_PATIENT_KEY],
                              slr_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!HMAC(EVP_sha256(), keys->salt, SLR_SALT_BYTES, (const unsigned char *)value, strlen(value), digest,
              &length) ||
        length < SLR_PATIENT_KEY / 2)
        return slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute an HMAC");
    write_hex(digest, SLR_PATIENT_KEY / 2, key);
    key[SLR_PATIENT_KEY - 1] = 0;
    return SELORA_OK;
}

/* ---- the expression ---- */

struct slr_patient_regex {
    regex_t compiled;
};

selora_status slr_patient_regex_new(const char *expression, slr_patient_regex **regex, slr_error *err)
{
    char reason[200];
    *regex = NULL;
    slr_patient_regex *made = slr_alloc(1, sizeof *made);
    if (!made)
        return slr_fail_memory(err, sizeof *made, "--patient-regex");
    int code = *expression ? regcomp(&made->compiled, expression, REG_EXTENDED) : REG_BADPAT;
    if (code == 0) {
        *regex = made;
        return SELORA_OK;
    }
    regerror(code, &made->compiled, reason, sizeof reason);
    free(made);
    return slr_fail(err, SELORA_USAGE,
                    "--patient-regex: %s; a POSIX extended expression was expected, such as ^([^_]+)_",
                    *expression ? reason : "is empty");
}

void slr_patient_regex_free(slr_patient_regex *regex)
{
    if (regex)
        regfree(&regex->compiled);
    free(regex);
}

/* ---- the choice ---- */

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

/* The text without blanks at its ends, as a copy; NULL when memory lacks. */
static char *trimmed(const char *text, size_t length)
{
    while (length > 0 && is_blank(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    return slr_copy_text_n(text, length);
}

/* "set/p12_3.dcm" -> "p12_3", as a copy. */
static char *stem_of(const char *name)
{
    const char *base = name;
    for (const char *at = name; *at; at++)
        if (*at == '/' || *at == '\\')
            base = at + 1;
    const char *dot = strrchr(base, '.');
    return slr_copy_text_n(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static char *match(const slr_patient_regex *regex, const char *stem)
{
    regmatch_t found[2];
    if (regexec(&regex->compiled, stem, 2, found, 0) != 0)
        return slr_copy_text("");
    const regmatch_t *part = regex->compiled.re_nsub > 0 && found[1].rm_so >= 0 ? &found[1] : &found[0];
    return trimmed(stem + part->rm_so, (size_t)(part->rm_eo - part->rm_so));
}

static char *value_from(slr_patient_source source, const char *column, const char *patient_id,
                        const char *name,
                        const slr_patient_regex *regex)
{
    const char *text = source == SLR_PATIENT_COLUMN ? column : patient_id;
    if (source != SLR_PATIENT_REGEX)
        return trimmed(text ? text : "", text ? strlen(text) : 0);
    char *stem = stem_of(regex && name ? name : ""), *value = stem && regex ? match(regex,
                                                                                    stem) : slr_copy_text("");
    free(stem);
    return value;
}

selora_status slr_patient_choose(const char *column, const char *patient_id, const char *name,
                                 const slr_patient_regex *regex,
                                 char **patient, slr_patient_source *source, slr_error *err)
{
    for (int i = SLR_PATIENT_COLUMN; i < SLR_PATIENT_SOURCES; i++) {
        *patient = value_from(i, column, patient_id, name, regex);
        if (!*patient)
            return slr_fail_memory(err, 0, "the key of a patient");
        *source = i;
        if (**patient)
            return SELORA_OK;
        if (i + 1 < SLR_PATIENT_SOURCES)
            free(*patient);
    }
    *source = SLR_PATIENT_NONE;
    return SELORA_OK;
}
