/* SHA-256 of eight messages at once with AVX2, for CPUs that have nothing better. */
#include "sha256_kernels.h"

#ifdef DLCORE_X86
#include <immintrin.h>

#define TARGET FEATURES("avx2")
#define INLINE ALWAYS_INLINE TARGET

#include "sha256_lanes8.h"

#define add _mm256_add_epi32
#define shift _mm256_srli_epi32
#define broadcast _mm256_set1_epi32
#define rotate(x, count)                                                                          \
    _mm256_or_si256(_mm256_srli_epi32(x, count), _mm256_slli_epi32(x, 32 - (count)))


INLINE VECTOR xor3(VECTOR x, VECTOR y, VECTOR z) {
    return _mm256_xor_si256(_mm256_xor_si256(x, y), z);
}

INLINE VECTOR choose(VECTOR x, VECTOR y, VECTOR z) {
    return _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)));
}

INLINE VECTOR majority(VECTOR x, VECTOR y, VECTOR z) {
    return _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y)));
}

#include "sha256_lanes.h"

TARGET void sha256_avx2_x8(uint32_t *const *states, const uint8_t *const *at, size_t steps) {
    compress_lanes(states, at, steps);
}
#else
typedef int sha256_avx2_absent; /* a translation unit is never empty */
#endif
