/* What the kernels share, and their names; `sha256_compress` says what each of them does. */
#ifndef DLCORE_SHA256_KERNELS_H
#define DLCORE_SHA256_KERNELS_H

#include "platform.h"
#include "sha256.h"

extern const uint32_t sha256_constants[64];

sha256_compress sha256_sha_ni_x1, sha256_sha_ni_x2, sha256_sha_ni_x3;
sha256_compress sha256_avx512_x8, sha256_avx512_x16;
sha256_compress sha256_avx2_x8;
sha256_compress sha256_armv8_x1, sha256_armv8_x2, sha256_armv8_x3;

#endif
