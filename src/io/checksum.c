/* SPDX-License-Identifier: MIT */
#include "io/checksum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/memory.h"

struct slr_sha256 {
    EVP_MD_CTX *context;
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
    EVP_DigestUpdate(hash->context, data, size);
}

void slr_sha256_finish(slr_sha256 *hash, char hex[SLR_SHA256_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex(hash->context, digest, NULL);
    for (int i = 0; i < SLR_SHA256_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * SLR_SHA256_BYTES] = 0;
    slr_sha256_free(hash);
}

selora_status slr_sha256_memory(const void *data, size_t size, char hex[SLR_SHA256_HEX], slr_error *err)
{
    slr_sha256 *hash = slr_sha256_new();
    if (!hash)
        return slr_fail_memory(err, size, "a checksum");
    slr_sha256_update(hash, data, size);
    slr_sha256_finish(hash, hex);
    return SELORA_OK;
}

selora_status slr_sha256_file(const char *path, char hex[SLR_SHA256_HEX], slr_error *err)
{
    enum { CHUNK = 1 << 20 };
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return slr_fail_errno(err, path, "open the file");
    slr_sha256 *hash = slr_sha256_new();
    char *buffer = malloc(CHUNK);
    ssize_t part = 0;
    if (hash && buffer)
        while ((part = read(fd, buffer, CHUNK)) > 0)
            slr_sha256_update(hash, buffer, (size_t)part);
    close(fd);
    free(buffer);
    if (!hash || !buffer || part < 0) {
        slr_sha256_free(hash);
        return part < 0 ? slr_fail_errno(err, path, "read the file") : slr_fail_memory(err, CHUNK, "a checksum");
    }
    slr_sha256_finish(hash, hex);
    return SELORA_OK;
}
