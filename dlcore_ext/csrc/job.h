/* Verifies runs of blocks and writes the good ones to their files.
 *
 * A *run* is whole blocks that lie one after the other in memory, wherever they go to on disk. A
 * *job* is many runs, so that the blocks of several connections fill the lanes of the hash. The
 * caller lays everything out; nothing is allocated here. Not thread-safe per job.
 */
#ifndef DLCORE_JOB_H
#define DLCORE_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "sha256.h"
#include "xxh3.h"

struct job_extent {
    int fd;
    uint64_t offset;
    size_t length;
};

struct job_run {
    const uint8_t *data;
    size_t length, block_bytes; /* the last block may be shorter */
    const uint8_t *expected;    /* a SHA-256 for each block; null: whatever it is, it is good */
    uint8_t *found;             /* room for as many; unused if `expected` is null */
    uint8_t *xxh3;              /* room for the digest of each block; bad ones get none */
    struct xxh3_progress *progress; /* of each block, zero at first */
    uint8_t *bad;               /* room for a flag for each block */
    const struct job_extent *extents; /* `length` bytes together, in order */
    size_t written;             /* good blocks that end here or before are on disk */
    int error;                  /* the errno that ended the writing of this run, or 0 */
};

struct job {
    struct job_run *runs;
    size_t count;
};

/* The number of blocks of a run. */
size_t job_blocks(const struct job_run *run);

/* The blocks to be hashed, as a source for `sha256_messages`. */
struct job_messages {
    const struct job *job;
    const struct xxh3_way *way;
    size_t run, block;
};

/* A `sha256_next`: the digest goes to its place in `found`. */
int job_next_message(void *messages, struct sha256_message *message);

/* A `sha256_hashed`: XXH3-128 takes the bytes from the cache, and not once more from memory. */
void job_message_hashed(void *messages, const struct sha256_message *message, size_t end);

/* Compares each block's digest with the expected one, and gives the good ones their XXH3-128. */
void job_judge(const struct job *job, const struct xxh3_way *way);

/* Whether `job_write` can write on this system; where it cannot each run gets ENOSYS. */
extern const int job_can_write;

/* Writes the good blocks, run by run, to their extents. What adjoins on disk is written at once,
 * even if it comes from several runs. A failure ends the writing of its run, not of others. */
void job_write(const struct job *job);

/* Closes the gaps in `xxh3`: those of the blocks that are on disk remain, in order. Returns how
 * many they are. */
size_t job_close_up(const struct job_run *run);

#endif
