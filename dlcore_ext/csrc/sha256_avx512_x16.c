/* SHA-256 of sixteen messages at once with AVX-512. */
#include "sha256_kernels.h"

#ifdef DLCORE_X86
#include <immintrin.h>

#define TARGET FEATURES("avx512f,avx512bw")
#define INLINE ALWAYS_INLINE TARGET

#define LANES 16
#define VECTOR __m512i

#define add _mm512_add_epi32
#define shift _mm512_srli_epi32
#define rotate _mm512_ror_epi32
#define broadcast _mm512_set1_epi32
#define xor3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96) /* the truth tables of x, y, z */
#define choose(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xCA)
#define majority(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xE8)

/* On return `rows[i]` holds word i of all sixteen. */
INLINE void transpose(VECTOR rows[16]) {
    VECTOR pairs[16], quads[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4) {
        quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        VECTOR even_low = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0x88);
        VECTOR odd_low = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0xDD);
        VECTOR even_high = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0x88);
        VECTOR odd_high = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0xDD);
        rows[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        rows[i + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xDD);
        rows[i + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xDD);
    }
}

INLINE void load_message(VECTOR words[16], const uint8_t *const *at, size_t offset) {
    const VECTOR big_endian = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    UNROLL for (int lane = 0; lane < LANES; lane++)
        words[lane] = _mm512_shuffle_epi8(_mm512_loadu_si512(at[lane] + offset), big_endian);
    transpose(words);
}

INLINE void load_states(VECTOR variables[8], uint32_t *const *states) {
    VECTOR rows[LANES];
    UNROLL for (int lane = 0; lane < LANES; lane++)
        rows[lane] = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)states[lane]));
    transpose(rows);
    UNROLL for (int i = 0; i < 8; i++) variables[i] = rows[i];
}

INLINE void store_states(uint32_t *const *states, const VECTOR variables[8]) {
    VECTOR rows[LANES];
    UNROLL for (int i = 0; i < 8; i++) rows[i] = rows[i + 8] = variables[i];
    transpose(rows);
    UNROLL for (int lane = 0; lane < LANES; lane++)
        _mm256_storeu_si256((__m256i *)states[lane], _mm512_castsi512_si256(rows[lane]));
}

#include "sha256_lanes.h"

TARGET void sha256_avx512_x16(uint32_t *const *states, const uint8_t *const *at, size_t steps) {
    compress_lanes(states, at, steps);
}
#else
typedef int sha256_avx512_x16_absent; /* a translation unit is never empty */
#endif
