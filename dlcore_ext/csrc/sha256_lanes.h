/* The kernel that gives each message one 32-bit lane of every vector register, for any width.
 *
 * The including file first defines INLINE, LANES and VECTOR; the operations `add`, `xor3`,
 * `choose`, `majority`, `rotate`, `shift` (both right) and `broadcast`; and how lanes get in and
 * out of memory: `load_message`, `load_states`, `store_states`. It then has `compress_lanes`.
 */

/* Macros, since rotations take nothing but a literal count. */
#define BIG_SIGMA(x, i, j, k) xor3(rotate(x, i), rotate(x, j), rotate(x, k))
#define SMALL_SIGMA(x, i, j, k) xor3(rotate(x, i), rotate(x, j), shift(x, k))

/* Word i+16 of the schedule, in place of word i. */
INLINE void extend(VECTOR words[16], int i) {
    VECTOR early = words[(i + 1) & 15], late = words[(i + 14) & 15];
    VECTOR sigmas = add(SMALL_SIGMA(early, 7, 18, 3), SMALL_SIGMA(late, 17, 19, 10));
    words[i] = add(add(words[i], words[(i + 9) & 15]), sigmas);
}

/* The working variables stay where they are; their roles move on by one each round. */
INLINE void one_round(VECTOR variables[8], int i, VECTOR word_and_constant) {
#define ROLE(n) variables[((n) - i) & 7]
    VECTOR a = ROLE(0), e = ROLE(4);
    VECTOR chosen = add(BIG_SIGMA(e, 6, 11, 25), choose(e, ROLE(5), ROLE(6)));
    VECTOR first = add(add(ROLE(7), word_and_constant), chosen);
    ROLE(3) = add(ROLE(3), first);
    ROLE(7) = add(first, add(BIG_SIGMA(a, 2, 13, 22), majority(a, ROLE(1), ROLE(2))));
#undef ROLE
}

INLINE void sixteen_rounds(VECTOR variables[8], VECTOR words[16], const uint32_t *constants,
                           int more) {
    UNROLL for (int i = 0; i < 16; i++) {
        one_round(variables, i, add(words[i], broadcast((int)constants[i])));
        if (more) extend(words, i);
    }
}

INLINE void compress_lanes(uint32_t *const *states, const uint8_t *const *at, size_t steps) {
    VECTOR variables[8], before[8], words[16];
    load_states(variables, states);
    for (size_t offset = 0; offset < steps * SHA256_STEP_BYTES; offset += SHA256_STEP_BYTES) {
        load_message(words, at, offset);
        UNROLL for (int i = 0; i < 8; i++) before[i] = variables[i];
        for (int round = 0; round < 48; round += 16)
            sixteen_rounds(variables, words, sha256_constants + round, 1);
        sixteen_rounds(variables, words, sha256_constants + 48, 0);
        UNROLL for (int i = 0; i < 8; i++) variables[i] = add(variables[i], before[i]);
    }
    store_states(states, variables);
}
