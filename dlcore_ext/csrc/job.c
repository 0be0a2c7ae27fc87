#include "job.h"

#include <string.h>

#include "write_at.h"

size_t job_blocks(const struct job_run *run) {
    return run->length / run->block_bytes + (run->length % run->block_bytes != 0);
}

static size_t end_of_block(const struct job_run *run, size_t block) {
    size_t rest = run->length - block * run->block_bytes;
    return block * run->block_bytes + (rest < run->block_bytes ? rest : run->block_bytes);
}

int job_next_message(void *source, struct sha256_message *message) {
    struct job_messages *messages = source;
    for (; messages->run < messages->job->count; messages->run++, messages->block = 0) {
        const struct job_run *run = &messages->job->runs[messages->run];
        if (!run->expected || messages->block == job_blocks(run)) continue;
        size_t block = messages->block++, start = block * run->block_bytes;
        message->data = run->data + start;
        message->length = end_of_block(run, block) - start;
        message->digest = run->found + block * SHA256_DIGEST_BYTES;
        return 1;
    }
    return 0;
}

static void judge_run(const struct job_run *run) {
    if (!run->expected) return;
    for (size_t block = 0; block < job_blocks(run); block++) {
        size_t at = block * SHA256_DIGEST_BYTES;
        run->bad[block] = memcmp(run->found + at, run->expected + at, SHA256_DIGEST_BYTES) != 0;
    }
}

void job_judge(const struct job *job) {
    for (size_t i = 0; i < job->count; i++) judge_run(&job->runs[i]);
}

/* How many parts to write in one call: far below every system's limit, and more than adjoin in
 * practice. */
#define MAX_STRETCHES 64

/* How far a job has been written. */
struct cursor {
    const struct job *job;
    size_t run;
    size_t at;                       /* in the run */
    const struct job_extent *extent; /* the one that `at` is in */
    size_t in_extent;
};

static void start_run(struct cursor *cursor, size_t run) {
    cursor->run = run;
    cursor->at = cursor->in_extent = 0;
    cursor->extent = run < cursor->job->count ? cursor->job->runs[run].extents : NULL;
}

static void move(struct cursor *cursor, size_t bytes) {
    cursor->at += bytes;
    cursor->in_extent += bytes;
}

static size_t smaller(size_t x, size_t y) { return x < y ? x : y; }

/* Moves to the next byte that is to be written. Returns its run; null at the end. */
static struct job_run *seek_good(struct cursor *cursor) {
    while (cursor->run < cursor->job->count) {
        struct job_run *run = &cursor->job->runs[cursor->run];
        if (cursor->at == run->length) {
            start_run(cursor, cursor->run + 1);
        } else if (cursor->in_extent == cursor->extent->length) {
            cursor->extent++;
            cursor->in_extent = 0;
        } else if (run->bad[cursor->at / run->block_bytes]) {
            size_t to_next = end_of_block(run, cursor->at / run->block_bytes) - cursor->at;
            move(cursor, smaller(to_next, cursor->extent->length - cursor->in_extent));
        } else {
            return run;
        }
    }
    return NULL;
}

/* How many bytes from the cursor on are good, adjoin in memory and belong to one extent. */
static size_t stretch(const struct cursor *cursor, const struct job_run *run) {
    size_t end = cursor->at + (cursor->extent->length - cursor->in_extent);
    size_t block = cursor->at / run->block_bytes, good = cursor->at;
    while (good < end && !run->bad[block]) good = end_of_block(run, block++);
    return smaller(good, end) - cursor->at;
}

/* Fills `parts` with what one call can write at the cursor's place in its file. */
static int gather(struct cursor cursor, struct iovec *parts) {
    const struct job_extent *first = cursor.extent;
    uint64_t end = first->offset + cursor.in_extent;
    int count = 0;
    while (count < MAX_STRETCHES) {
        const struct job_run *run = seek_good(&cursor);
        if (!run || cursor.extent->fd != first->fd ||
            cursor.extent->offset + cursor.in_extent != end)
            break;
        size_t bytes = stretch(&cursor, run);
        parts[count].iov_base = (void *)(run->data + cursor.at);
        parts[count++].iov_len = bytes;
        move(&cursor, bytes);
        end += bytes;
    }
    return count;
}

/* Moves the cursor past bytes that are on disk now. */
static void account(struct cursor *cursor, size_t bytes) {
    while (bytes) {
        struct job_run *run = seek_good(cursor);
        size_t here = smaller(bytes, stretch(cursor, run));
        move(cursor, here);
        run->written = cursor->at;
        bytes -= here;
    }
}

void job_write(const struct job *job) {
    struct iovec parts[MAX_STRETCHES];
    struct cursor cursor = {.job = job};
    start_run(&cursor, 0);
    for (struct job_run *run; (run = seek_good(&cursor));) {
        uint64_t offset = cursor.extent->offset + cursor.in_extent;
        size_t written = 0;
        int count = gather(cursor, parts);
        int error = write_at(cursor.extent->fd, parts, count, offset, &written);
        if (error) {
            run->error = error;
            start_run(&cursor, cursor.run + 1);
        } else {
            account(&cursor, written);
        }
    }
}
