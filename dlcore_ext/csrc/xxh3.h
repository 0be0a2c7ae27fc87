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
#define XXH3_LONG_BYTES 241    /* from this length on the vectorised loop is used */
#define XXH3_SECTION_BYTES 1024 /* of a long message: after each the accumulators are scrambled */

struct xxh3_way {
    const char *name;
    int (*usable)(void); /* whether this CPU and operating system can run it */
    /* Takes that many whole sections of a long message, not its last, into the accumulators. */
    void (*take_sections)(uint64_t *accumulators, const uint8_t *data, size_t count);
    /* Takes the rest of a long message, at least one byte, of which the last 64 can be read. */
    void (*take_rest)(uint64_t *accumulators, const uint8_t *data, size_t length);
};

/* The ways this program was compiled with, the fastest first; null ends the list. The last but
 * null is plain C and usable everywhere. */
extern const struct xxh3_way *const xxh3_ways[];

/* The default secret, of which the length classes use various stretches. */
extern const uint8_t xxh3_secret[192];

/* A message of which the beginning was taken in; all zero before that. */
struct xxh3_progress {
    uint64_t accumulators[8]; /* void until something is taken */
    size_t taken;             /* bytes: whole sections */
};

/* Takes in the first `end` bytes of a message of that length, as far as whole sections go. */
void xxh3_128_advance(const struct xxh3_way *way, struct xxh3_progress *progress,
                      const uint8_t *data, size_t end, size_t length);

/* Writes the canonical (big-endian) digest of a message of at least one byte, taking in what is
 * left of it. */
void xxh3_128_finish(const struct xxh3_way *way, const struct xxh3_progress *progress,
                     const uint8_t *data, size_t length, uint8_t *digest);

/* Writes the digest of each block of `data` to `digests` (16 bytes each, in order). The last block
 * may be shorter; `block_bytes` is at least 1. No data, no digests. */
void xxh3_128_blocks(const struct xxh3_way *way, const uint8_t *data, size_t length,
                     size_t block_bytes, uint8_t *digests);

#endif
