/* SPDX-License-Identifier: MIT
 *
 * SHA-256 of memory and files (libcrypto), as 64 lower-case hex digits.
 *
 *     char hex[SLR_SHA256_HEX];
 *     SLR_TRY(slr_sha256_file("model.safetensors", hex, err));
 */
#ifndef SLR_CHECKSUM_H
#define SLR_CHECKSUM_H

#include "core/status.h"

enum { SLR_SHA256_BYTES = 32, SLR_SHA256_HEX = 65 };

/* All of a block of memory or of a plain file, read in pieces. */
selora_status slr_sha256_memory(const void *data, size_t size, char hex[SLR_SHA256_HEX], slr_error *err);
selora_status slr_sha256_file(const char *path, char hex[SLR_SHA256_HEX], slr_error *err);

/* Bit by bit. */
typedef struct slr_sha256 slr_sha256;
slr_sha256 *slr_sha256_new(void); /* NULL when memory lacks */
void slr_sha256_update(slr_sha256 *hash, const void *data, size_t size);
/* Writes 64 hex digits and a NUL (an empty text if libcrypto failed); frees `hash`. */
void slr_sha256_finish(slr_sha256 *hash, char hex[SLR_SHA256_HEX]);
void slr_sha256_free(slr_sha256 *hash); /* discards; NULL is legal */

#endif
