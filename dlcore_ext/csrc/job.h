/* Verifies runs of blocks and writes the good ones to their files.
 *
 * A *run* is whole blocks that lie one after the other in memory, wherever they go on disk. A *job*
 * is several runs, so that the blocks of several connections fill the lanes of the hash. The caller
 * provides all memory; nothing is allocated here. A job is for one thread at a time.
 */
#ifndef DLCORE_JOB_H
#define DLCORE_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "sha256.h"

struct job_extent {
    int fd;
    uint64_t offset;
    size_t length;
};

struct job_run {
    const uint8_t *data;
    size_t length, block_bytes; /* the last block may be shorter */
    const uint8_t *expected;    /* a SHA-256 for each block; null: every block counts as good */
    uint8_t *found;             /* room for a SHA-256 of each block; unused if `expected` is null */
    uint8_t *bad;               /* room for a flag for each block */
    const struct job_extent *extents; /* in order; together `length` bytes */
    size_t written;             /* good blocks that end at or before this offset are on disk */
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
    size_t run, block;
};

/* A `sha256_next`: the digest goes to its place in `found`. */
int job_next_message(void *messages, struct sha256_message *message);

/* Compares each block's digest with the expected one and sets `bad`. */
void job_judge(const struct job *job);

/* Writes the good blocks to their extents, run by run. Parts that adjoin on disk are written in
 * one call, even if they come from several runs. A failure ends the writing of its run only. */
void job_write(const struct job *job);

#endif
