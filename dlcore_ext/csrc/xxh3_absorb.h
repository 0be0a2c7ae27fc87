/* The loop over a long message, for vectors of any width.
 *
 * The including file first defines WAY (the name to give it), INLINE and TARGET, VECTOR_BYTES and
 * VECTOR with +, ^, <<, >> on its 64-bit words, `load` from any address, and `product` (of the low
 * halves of the words). It then has `take_sections_WAY` and `take_rest_WAY`; the definitions are
 * gone, ready for others.
 */
#define NAME_(name, way) name##_##way
#define NAME__(name, way) NAME_(name, way)
#define NAME(name) NAME__(name, WAY)
#define VECTORS (STRIPE_BYTES / VECTOR_BYTES)
#define EACH_VECTOR UNROLL for (int i = 0; i < VECTORS; i++)

/* The words of the message go to each other's accumulators: that swap can wait to the end. */
INLINE void NAME(stripes)(VECTOR *accumulators, const uint8_t *data, const uint8_t *secret,
                          size_t count) {
    VECTOR sums[VECTORS];
    uint64_t words[STRIPE_WORDS], swapped[STRIPE_WORDS];
    EACH_VECTOR sums[i] = (VECTOR){0};
    for (; count--; data += STRIPE_BYTES, secret += 8) {
        PREFETCH(data + PREFETCH_BYTES);
        EACH_VECTOR {
            VECTOR value = load(data + i * VECTOR_BYTES);
            VECTOR keyed = value ^ load(secret + i * VECTOR_BYTES);
            sums[i] += value;
            accumulators[i] += product(keyed, keyed >> 32);
        }
    }
    memcpy(words, sums, sizeof words);
    for (int i = 0; i < STRIPE_WORDS; i++) swapped[i] = words[i ^ 1];
    memcpy(sums, swapped, sizeof sums);
    EACH_VECTOR accumulators[i] += sums[i];
}

INLINE void NAME(scramble)(VECTOR *accumulators) {
    VECTOR prime = (VECTOR){0} + PRIME32_1;
    EACH_VECTOR {
        VECTOR x = accumulators[i];
        x ^= x >> 47 ^ load(xxh3_secret + SCRAMBLE_AT + i * VECTOR_BYTES);
        accumulators[i] = product(x, prime) + (product(x >> 32, prime) << 32);
    }
}

TARGET static void NAME(take_sections)(uint64_t *words, const uint8_t *data, size_t count) {
    VECTOR accumulators[VECTORS];
    memcpy(accumulators, words, sizeof accumulators);
    for (; count--; data += XXH3_SECTION_BYTES) {
        NAME(stripes)(accumulators, data, xxh3_secret, XXH3_SECTION_BYTES / STRIPE_BYTES);
        NAME(scramble)(accumulators);
    }
    memcpy(words, accumulators, sizeof accumulators);
}

/* Whole sections but for the last, which is what stripes are left and the last 64 bytes again. */
TARGET static void NAME(take_rest)(uint64_t *words, const uint8_t *data, size_t length) {
    VECTOR accumulators[VECTORS];
    const uint8_t *last = data + length - STRIPE_BYTES;
    size_t sections = (length - 1) / XXH3_SECTION_BYTES;
    NAME(take_sections)(words, data, sections);
    data += sections * XXH3_SECTION_BYTES;
    length -= sections * XXH3_SECTION_BYTES;
    memcpy(accumulators, words, sizeof accumulators);
    NAME(stripes)(accumulators, data, xxh3_secret, (length - 1) / STRIPE_BYTES);
    NAME(stripes)(accumulators, last, xxh3_secret + LAST_AT, 1);
    memcpy(words, accumulators, sizeof accumulators);
}

#undef NAME_
#undef NAME__
#undef NAME
#undef VECTORS
#undef EACH_VECTOR
#undef WAY
#undef TARGET
#undef INLINE
#undef VECTOR
#undef VECTOR_BYTES
#undef load
#undef product
