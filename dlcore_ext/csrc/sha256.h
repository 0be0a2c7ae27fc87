/* SHA-256 (FIPS 180-4) of many independent blocks at once.
 *
 * A *backend* is a way to hash that this CPU may or may not offer. It consists of *kernels*, each
 * of which advances a fixed number of *lanes* (independent messages) by the same number of
 * *steps* (64 bytes of each message). `sha256_messages` feeds the lanes: it alone deals with padding,
 * unequal lengths, and more or fewer messages than lanes; kernels know only full steps.
 *
 * No allocation, no mutable global state, no Python; any thread may call anything here.
 */
#ifndef DLCORE_SHA256_H
#define DLCORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_STEP_BYTES 64
#define SHA256_DIGEST_BYTES 32
#define SHA256_MAX_LANES 16

/* Takes `steps * 64` bytes from `at[lane]` into `states[lane]`, for each lane of the kernel. */
typedef void sha256_compress(uint32_t *const *states, const uint8_t *const *at, size_t steps);

struct sha256_kernel {
    sha256_compress *compress;
    size_t lanes;
    size_t from_lanes; /* worth its cost from this number of messages on */
};

struct sha256_backend {
    const char *name;
    int (*usable)(void);             /* whether this CPU and operating system can run it */
    struct sha256_kernel kernels[5]; /* widest first; null ends the list */
};

/* The backends this program was compiled with, the best guess first; null ends the list. */
extern const struct sha256_backend *const sha256_backends[];

/* How many of `messages` messages of equal length to hash here. The others would leave most lanes
 * of the narrowest kernel idle: a library that hashes one at a time is faster for them. */
size_t sha256_worthwhile(const struct sha256_backend *backend, size_t messages);

struct sha256_message {
    const uint8_t *data;
    size_t length;
    uint8_t *digest; /* where it goes */
};

/* Gives the next message of a source, anywhere in memory; returns 0 if none is left. */
typedef int sha256_next(void *source, struct sha256_message *message);

/* Hashes the next `count` messages of a source, or all of them if there are fewer. */
void sha256_messages(const struct sha256_backend *backend, sha256_next *next, void *source,
                     size_t count);

/* Writes the digest of each block of `data` to `digests` (32 bytes each, in order). The last
 * block may be shorter; `block_bytes` is at least 1. No data, no digests. */
void sha256_blocks(const struct sha256_backend *backend, const uint8_t *data, size_t length,
                   size_t block_bytes, uint8_t *digests);

#endif
