/* XXH3-128 with the default secret and without a seed: to recognise one's own bytes, not for trust.
 *
 * A *way* is how the long loop is vectorised; all give the same digests. No allocation, no mutable
 * global state, no Python; any thread may call anything here.
 */
#ifndef DLCORE_XXH3_H
#define DLCORE_XXH3_H

#include <stddef.h>
#include <stdint.h>

#define XXH3_DIGEST_BYTES 16
#define XXH3_LONG_BYTES 241 /* from this length on the vectorised loop is used */

struct xxh3_way {
    const char *name;
    int (*usable)(void); /* whether this CPU and operating system can run it */
    /* Takes the whole of a long message into the eight accumulators. */
    void (*absorb)(uint64_t *accumulators, const uint8_t *data, size_t length);
};

/* The ways this program was compiled with, the fastest first; null ends the list. The last but
 * null is plain C and usable everywhere. */
extern const struct xxh3_way *const xxh3_ways[];

/* The default secret, of which the length classes use various stretches. */
extern const uint8_t xxh3_secret[192];

/* Writes the canonical (big-endian) digest of a message of at least one byte. */
void xxh3_128(const struct xxh3_way *way, const uint8_t *data, size_t length, uint8_t *digest);

/* Writes the digest of each block of `data` to `digests` (16 bytes each, in order). The last block
 * may be shorter; `block_bytes` is at least 1. No data, no digests. */
void xxh3_128_blocks(const struct xxh3_way *way, const uint8_t *data, size_t length,
                     size_t block_bytes, uint8_t *digests);

#endif
