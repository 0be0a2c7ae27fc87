/* SHA-256 with the SHA extensions of x86-64, one to three messages interleaved.
 *
 * The rounds of one message wait for each other. On AMD Zen that leaves most of the unit idle, and
 * two and three messages at once are about 1.9 and 2.2 times as fast. On Intel one message nearly
 * fills the unit (two gain 1.2, a third nothing): there AVX-512 is better for many messages.
 */
#include "sha256_kernels.h"

#ifdef DLCORE_X86
#include <immintrin.h>

#define TARGET FEATURES("sha,sse4.1")
#define INLINE ALWAYS_INLINE TARGET
#define EACH_LANE UNROLL for (int lane = 0; lane < lanes; lane++)

#define MAX_LANES 3

struct lane {
    __m128i abef, cdgh; /* the order in which the instructions want the working variables */
    __m128i words[4];   /* sixteen words of the message schedule, a ring */
};

INLINE __m128i load(const void *from) { return _mm_loadu_si128((const __m128i *)from); }

INLINE void load_state(struct lane *lane, const uint32_t *state) {
    __m128i cdab = _mm_shuffle_epi32(load(state), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1B);
    lane->abef = _mm_alignr_epi8(cdab, efgh, 8);
    lane->cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
}

INLINE void store_state(const struct lane *lane, uint32_t *state) {
    __m128i feba = _mm_shuffle_epi32(lane->abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(lane->cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Words 4i .. 4i+3 of the schedule: the first sixteen are the message, big-endian. */
INLINE __m128i next_words(struct lane *lane, const uint8_t *message, int i) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i *words = lane->words;
    if (i < 4) return words[i] = _mm_shuffle_epi8(load(message + 16 * i), big_endian);
    __m128i last = words[(i + 3) & 3];
    __m128i middle = _mm_alignr_epi8(last, words[(i + 2) & 3], 4);
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(words[i & 3], words[(i + 1) & 3]), middle);
    return words[i & 3] = _mm_sha256msg2_epu32(sum, last);
}

INLINE void four_rounds(struct lane *lane, __m128i sum) {
    lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, sum);
    lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

INLINE void compress(int lanes, uint32_t *const *states, const uint8_t *const *at, size_t steps) {
    struct lane now[MAX_LANES], before[MAX_LANES];
    EACH_LANE load_state(&now[lane], states[lane]);
    for (size_t offset = 0; offset < steps * SHA256_STEP_BYTES; offset += SHA256_STEP_BYTES) {
        EACH_LANE before[lane] = now[lane];
        UNROLL for (int i = 0; i < 16; i++) {
            __m128i sums[MAX_LANES];
            EACH_LANE sums[lane] = _mm_add_epi32(
                next_words(&now[lane], at[lane] + offset, i), load(sha256_constants + 4 * i));
            EACH_LANE four_rounds(&now[lane], sums[lane]);
        }
        EACH_LANE now[lane].abef = _mm_add_epi32(now[lane].abef, before[lane].abef);
        EACH_LANE now[lane].cdgh = _mm_add_epi32(now[lane].cdgh, before[lane].cdgh);
    }
    EACH_LANE store_state(&now[lane], states[lane]);
}

#define KERNEL(lanes)                                                                             \
    TARGET void sha256_sha_ni_x##lanes(uint32_t *const *states, const uint8_t *const *at,         \
                                       size_t steps) {                                            \
        compress(lanes, states, at, steps);                                                       \
    }

KERNEL(1)
KERNEL(2)
KERNEL(3)
#else
typedef int sha256_sha_ni_absent; /* a translation unit is never empty */
#endif
