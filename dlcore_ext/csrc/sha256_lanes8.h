/* Eight lanes of 256-bit registers in and out of memory, for `sha256_lanes.h`. */
#define LANES 8
#define VECTOR __m256i

/* On return `rows[i]` holds word i of all eight. */
INLINE void transpose(VECTOR rows[8]) {
    VECTOR pairs[8], quads[8];
    UNROLL for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    UNROLL for (int i = 0; i < 8; i += 4) {
        quads[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
        quads[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
        quads[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        quads[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        rows[i] = _mm256_permute2x128_si256(quads[i], quads[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2x128_si256(quads[i], quads[i + 4], 0x31);
    }
}

INLINE void load_message(VECTOR words[16], const uint8_t *const *at, size_t offset) {
    const VECTOR big_endian = _mm256_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL,
                                                0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    for (int half = 0; half < 16; half += 8) {
        UNROLL for (int lane = 0; lane < LANES; lane++) {
            const uint8_t *from = at[lane] + offset + 4 * half;
            VECTOR little_endian = _mm256_loadu_si256((const VECTOR *)from);
            words[half + lane] = _mm256_shuffle_epi8(little_endian, big_endian);
        }
        transpose(words + half);
    }
}

INLINE void load_states(VECTOR variables[8], uint32_t *const *states) {
    UNROLL for (int lane = 0; lane < LANES; lane++)
        variables[lane] = _mm256_loadu_si256((const VECTOR *)states[lane]);
    transpose(variables);
}

INLINE void store_states(uint32_t *const *states, VECTOR variables[8]) {
    transpose(variables);
    UNROLL for (int lane = 0; lane < LANES; lane++)
        _mm256_storeu_si256((VECTOR *)states[lane], variables[lane]);
}
