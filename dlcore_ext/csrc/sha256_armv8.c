/* SHA-256 with the cryptographic extensions of ARMv8, one to three messages interleaved.
 *
 * The rounds of one message wait for each other; two messages at once nearly double the speed on
 * the Cortex and Neoverse cores, three gain a little more where two units exist.
 */
#include "sha256_kernels.h"

#ifdef DLCORE_ARM
#include <arm_neon.h>

#ifdef __clang__
#define TARGET FEATURES("sha2")
#else
#define TARGET FEATURES("+crypto")
#endif
#define INLINE ALWAYS_INLINE TARGET
#define EACH_LANE UNROLL for (int lane = 0; lane < lanes; lane++)

#define MAX_LANES 3

struct lane {
    uint32x4_t abcd, efgh;
    uint32x4_t words[4]; /* sixteen words of the message schedule, a ring */
};

/* Words 4i .. 4i+3 of the schedule: the first sixteen are the message, big-endian. */
INLINE uint32x4_t next_words(struct lane *lane, const uint8_t *message, int i) {
    uint32x4_t *words = lane->words;
    if (i < 4) return words[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(message + 16 * i)));
    uint32x4_t sum = vsha256su0q_u32(words[i & 3], words[(i + 1) & 3]);
    return words[i & 3] = vsha256su1q_u32(sum, words[(i + 2) & 3], words[(i + 3) & 3]);
}

INLINE void four_rounds(struct lane *lane, uint32x4_t sum) {
    uint32x4_t abcd = lane->abcd;
    lane->abcd = vsha256hq_u32(abcd, lane->efgh, sum);
    lane->efgh = vsha256h2q_u32(lane->efgh, abcd, sum);
}

INLINE void compress(int lanes, uint32_t *const *states, const uint8_t *const *at, size_t steps) {
    struct lane now[MAX_LANES], before[MAX_LANES];
    EACH_LANE now[lane].abcd = vld1q_u32(states[lane]);
    EACH_LANE now[lane].efgh = vld1q_u32(states[lane] + 4);
    for (size_t offset = 0; offset < steps * SHA256_STEP_BYTES; offset += SHA256_STEP_BYTES) {
        EACH_LANE before[lane] = now[lane];
        UNROLL for (int i = 0; i < 16; i++) {
            uint32x4_t sums[MAX_LANES];
            EACH_LANE sums[lane] = vaddq_u32(next_words(&now[lane], at[lane] + offset, i),
                                             vld1q_u32(sha256_constants + 4 * i));
            EACH_LANE four_rounds(&now[lane], sums[lane]);
        }
        EACH_LANE now[lane].abcd = vaddq_u32(now[lane].abcd, before[lane].abcd);
        EACH_LANE now[lane].efgh = vaddq_u32(now[lane].efgh, before[lane].efgh);
    }
    EACH_LANE vst1q_u32(states[lane], now[lane].abcd);
    EACH_LANE vst1q_u32(states[lane] + 4, now[lane].efgh);
}

#define KERNEL(lanes)                                                                             \
    TARGET void sha256_armv8_x##lanes(uint32_t *const *states, const uint8_t *const *at,          \
                                      size_t steps) {                                             \
        compress(lanes, states, at, steps);                                                       \
    }

KERNEL(1)
KERNEL(2)
KERNEL(3)
#else
typedef int sha256_armv8_absent; /* a translation unit is never empty */
#endif
