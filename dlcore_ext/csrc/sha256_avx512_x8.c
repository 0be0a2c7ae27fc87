/* SHA-256 of eight messages at once with AVX-512's rotations and ternary logic on 256 bits.
 *
 * Half the lanes of the full width at about three quarters of its speed: a third vector port
 * works on 256 bits.
 */
#include "sha256_kernels.h"

#ifdef DLCORE_X86
#include <immintrin.h>

#define TARGET FEATURES("avx2,avx512f,avx512vl")
#define INLINE ALWAYS_INLINE TARGET

#include "sha256_lanes8.h"

#define add _mm256_add_epi32
#define shift _mm256_srli_epi32
#define rotate _mm256_ror_epi32
#define broadcast _mm256_set1_epi32
#define xor3(x, y, z) _mm256_ternarylogic_epi32(x, y, z, 0x96) /* the truth tables of x, y, z */
#define choose(x, y, z) _mm256_ternarylogic_epi32(x, y, z, 0xCA)
#define majority(x, y, z) _mm256_ternarylogic_epi32(x, y, z, 0xE8)

#include "sha256_lanes.h"

TARGET void sha256_avx512_x8(uint32_t *const *states, const uint8_t *const *at, size_t steps) {
    compress_lanes(states, at, steps);
}
#else
typedef int sha256_avx512_x8_absent; /* a translation unit is never empty */
#endif
