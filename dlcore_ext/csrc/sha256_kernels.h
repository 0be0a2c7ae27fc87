/* What the kernels share, and their names; `sha256_compress` says what each of them does. */
#ifndef DLCORE_SHA256_KERNELS_H
#define DLCORE_SHA256_KERNELS_H

#include "sha256.h"

/* Intrinsics beyond the baseline are compiled per function, which GCC and Clang can and MSVC
 * cannot: there no backend exists and the caller hashes in another way. */
#if defined(__GNUC__) && defined(__x86_64__)
#define SHA256_X86 1
#elif defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define SHA256_ARM 1
#endif

/* Loops over lanes and rounds vanish: the arrays they index are meant to live in registers. */
#define UNROLL _Pragma("GCC unroll 16")

extern const uint32_t sha256_constants[64];

sha256_compress sha256_sha_ni_x1, sha256_sha_ni_x2, sha256_sha_ni_x3;
sha256_compress sha256_avx512_x8, sha256_avx512_x16;
sha256_compress sha256_avx2_x8;
sha256_compress sha256_armv8_x1, sha256_armv8_x2, sha256_armv8_x3;

#endif
