/* XXH3-128 of messages of any length. Source: xxHash, doc/xxhash_spec.md, version 0.2.0.
 *
 * Each length class mixes the message with its own stretch of the secret, whose offsets and the
 * shifts below are the specification's and have no further meaning.
 */
#include "xxh3.h"

#include <string.h>

#include "xxh3_math.h"

#define MIX_1 UINT64_C(0x165667919E3779F9)
#define MIX_2 UINT64_C(0x9FB21C651E98DF25)

struct digest {
    uint64_t low, high;
};

const uint8_t xxh3_secret[192] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static uint64_t swap_bytes(uint64_t x, int bytes) {
    uint64_t swapped = 0;
    for (; bytes--; x >>= 8) swapped = swapped << 8 | (x & 0xFF);
    return swapped;
}

/* Two neighbouring words of the secret in one. */
static uint64_t secret_at(int at) { return read64(xxh3_secret + at) ^ read64(xxh3_secret + at + 8); }

static uint64_t avalanche(uint64_t x) {
    x = (x ^ x >> 37) * MIX_1;
    return x ^ x >> 32;
}

static uint64_t avalanche_of_xxh64(uint64_t x) {
    x = (x ^ x >> 33) * PRIME64_2;
    x = (x ^ x >> 29) * PRIME64_3;
    return x ^ x >> 32;
}

static struct digest of_1_to_3(const uint8_t *data, size_t length) {
    uint64_t last = data[length - 1], first = data[0], middle = data[length >> 1];
    uint64_t combined = last | (uint64_t)length << 8 | first << 16 | middle << 24;
    uint64_t swapped = swap_bytes(combined, 4);
    uint64_t rotated = low_half(swapped << 13) | swapped >> 19;
    uint64_t low = combined ^ read32(xxh3_secret) ^ read32(xxh3_secret + 4);
    uint64_t high = rotated ^ read32(xxh3_secret + 8) ^ read32(xxh3_secret + 12);
    return (struct digest){avalanche_of_xxh64(low), avalanche_of_xxh64(high)};
}

static struct digest of_4_to_8(const uint8_t *data, size_t length) {
    uint64_t combined = read32(data) | read32(data + length - 4) << 32;
    struct product mixed = multiply(combined ^ secret_at(16), PRIME64_1 + (length << 2));
    uint64_t high = mixed.high + (mixed.low << 1);
    uint64_t low = mixed.low ^ high >> 3;
    low = (low ^ low >> 35) * MIX_2;
    return (struct digest){low ^ low >> 28, avalanche(high)};
}

static struct digest of_9_to_16(const uint8_t *data, size_t length) {
    uint64_t first = read64(data), last = read64(data + length - 8), keyed = last ^ secret_at(48);
    struct product mixed = multiply(first ^ last ^ secret_at(32), PRIME64_1);
    uint64_t low = mixed.low + ((uint64_t)(length - 1) << 54);
    uint64_t high = mixed.high + keyed + low_half(keyed) * (PRIME32_2 - 1);
    struct product again = multiply(low ^ swap_bytes(high, 8), PRIME64_2);
    return (struct digest){avalanche(again.low), avalanche(again.high + high * PRIME64_2)};
}

static uint64_t mix(const uint8_t *data, int secret_at) {
    const uint8_t *secret = xxh3_secret + secret_at;
    return fold(read64(data) ^ read64(secret), read64(data + 8) ^ read64(secret + 8));
}

static void mix_two(struct digest *sums, const uint8_t *one, const uint8_t *other, int secret_at) {
    sums->low = (sums->low + mix(one, secret_at)) ^ (read64(other) + read64(other + 8));
    sums->high = (sums->high + mix(other, secret_at + 16)) ^ (read64(one) + read64(one + 8));
}

static struct digest finish(struct digest sums, uint64_t length) {
    uint64_t high = sums.low * PRIME64_1 + sums.high * PRIME64_4 + length * PRIME64_2;
    return (struct digest){avalanche(sums.low + sums.high), 0 - avalanche(high)};
}

static struct digest of_17_to_128(const uint8_t *data, size_t length) {
    struct digest sums = {length * PRIME64_1, 0};
    for (int i = (int)(length - 1) / 32; i >= 0; i--)
        mix_two(&sums, data + 16 * i, data + length - 16 * i - 16, 32 * i);
    return finish(sums, length);
}

static struct digest of_129_to_240(const uint8_t *data, size_t length) {
    struct digest sums = {length * PRIME64_1, 0};
    for (int i = 0; i < 4; i++) mix_two(&sums, data + 32 * i, data + 32 * i + 16, 32 * i);
    sums = (struct digest){avalanche(sums.low), avalanche(sums.high)};
    for (int i = 4; i < (int)length / 32; i++)
        mix_two(&sums, data + 32 * i, data + 32 * i + 16, 32 * (i - 4) + 3);
    mix_two(&sums, data + length - 16, data + length - 32, 103);
    return finish(sums, length);
}

static uint64_t merge(const uint64_t *accumulators, const uint8_t *secret, uint64_t sum) {
    for (int i = 0; i < 8; i += 2)
        sum += fold(accumulators[i] ^ read64(secret + 8 * i),
                    accumulators[i + 1] ^ read64(secret + 8 * i + 8));
    return avalanche(sum);
}

static const uint64_t initial_accumulators[8] = {
    PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1,
};

void xxh3_128_advance(const struct xxh3_way *way, struct xxh3_progress *progress,
                      const uint8_t *data, size_t end, size_t length) {
    if (end == length) end--; /* the last byte belongs to the rest */
    size_t sections = (end - progress->taken) / XXH3_SECTION_BYTES;
    if (!sections) return;
    if (!progress->taken)
        memcpy(progress->accumulators, initial_accumulators, sizeof initial_accumulators);
    way->take_sections(progress->accumulators, data + progress->taken, sections);
    progress->taken += sections * XXH3_SECTION_BYTES;
}

static struct digest of_long(const struct xxh3_way *way, const struct xxh3_progress *progress,
                             const uint8_t *data, size_t length) {
    uint64_t accumulators[8];
    memcpy(accumulators, progress->taken ? progress->accumulators : initial_accumulators,
           sizeof accumulators);
    way->take_rest(accumulators, data + progress->taken, length - progress->taken);
    return (struct digest){merge(accumulators, xxh3_secret + 11, length * PRIME64_1),
                           merge(accumulators, xxh3_secret + 117, ~(length * PRIME64_2))};
}

void xxh3_128_finish(const struct xxh3_way *way, const struct xxh3_progress *progress,
                     const uint8_t *data, size_t length, uint8_t *digest) {
    struct digest words = length >= XXH3_LONG_BYTES ? of_long(way, progress, data, length)
                          : length > 128            ? of_129_to_240(data, length)
                          : length > 16             ? of_17_to_128(data, length)
                          : length > 8              ? of_9_to_16(data, length)
                          : length > 3              ? of_4_to_8(data, length)
                                                    : of_1_to_3(data, length);
    for (int i = 0; i < 8; i++) {
        digest[i] = (uint8_t)(words.high >> (56 - 8 * i));
        digest[i + 8] = (uint8_t)(words.low >> (56 - 8 * i));
    }
}

void xxh3_128_blocks(const struct xxh3_way *way, const uint8_t *data, size_t length,
                     size_t block_bytes, uint8_t *digests) {
    const struct xxh3_progress nothing = {{0}, 0};
    for (; length; digests += XXH3_DIGEST_BYTES) {
        size_t block = length < block_bytes ? length : block_bytes;
        xxh3_128_finish(way, &nothing, data, block, digests);
        data += block;
        length -= block;
    }
}
