/* SPDX-License-Identifier: MIT */
#include "io/checksum.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/regular_file.h"

enum { CHUNK_BYTES = 1 << 20 };

struct slr_sha256 {
    EVP_MD_CTX *context;
    bool failed;
};

slr_sha256 *slr_sha256_new(void)
{
    slr_sha256 *hash = slr_alloc(1, sizeof *hash);
    if (hash && (!(hash->context = EVP_MD_CTX_new()) ||
                 EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1)) {
        slr_sha256_free(hash);
        return NULL;
    }
    return hash;
}

void slr_sha256_free(slr_sha256 *hash)
{
    if (hash)
        EVP_MD_CTX_free(hash->context);
    free(hash);
}

void slr_sha256_update(slr_sha256 *hash, const void *data, size_t size)
{
    if (size > 0 && EVP_DigestUpdate(hash->context, data, size) != 1)
        hash->failed = true;
}

void slr_sha256_finish(slr_sha256 *hash, char hex[SLR_SHA256_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    hex[0] = 0;
    if (!hash->failed && EVP_DigestFinal_ex(hash->context, digest, NULL) == 1) {
        for (int i = 0; i < SLR_SHA256_BYTES; i++) {
            hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
            hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
        }
        hex[2 * SLR_SHA256_BYTES] = 0;
    }
    slr_sha256_free(hash);
}

static selora_status finish(slr_sha256 *hash, char hex[SLR_SHA256_HEX], slr_error *err)
{
    slr_sha256_finish(hash, hex);
    return *hex ? SELORA_OK : slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
}

selora_status slr_sha256_memory(const void *data, size_t size, char hex[SLR_SHA256_HEX], slr_error *err)
{
    slr_sha256 *hash = slr_sha256_new();
    if (!hash)
        return slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
    slr_sha256_update(hash, data, size);
    return finish(hash, hex, err);
}

selora_status slr_sha256_file(const char *path, char hex[SLR_SHA256_HEX], slr_error *err)
{
    int fd;
    uint64_t size;
    SLR_TRY(slr_open_regular(path, &fd, &size, err));
    slr_sha256 *hash = slr_sha256_new();
    char *buffer = malloc(CHUNK_BYTES);
    selora_status status = SELORA_OK;
    if (!hash || !buffer)
        status = slr_fail_memory(err, CHUNK_BYTES, "a checksum");
    for (size_t got = 1; status == SELORA_OK && got > 0;) {
        status = slr_read_some(fd, path, buffer, CHUNK_BYTES, &got, err);
        if (status == SELORA_OK)
            slr_sha256_update(hash, buffer, got);
    }
    close(fd);
    free(buffer);
    if (status == SELORA_OK)
        return finish(hash, hex, err);
    slr_sha256_free(hash);
    return status;
}
