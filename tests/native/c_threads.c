/* Runs jobs from several threads at once, for ThreadSanitizer.
 *
 * Receivers fill buffers and hand them to writers over a queue; writers hash, judge and write them
 * and hand the buffers back. Jobs of all writers go to one shared file and to a file for each
 * writer. With the argument "race" two threads run one job at once, which `job.h` forbids: the
 * sanitizer must report it. Prints the number of blocks that were written. Needs a folder.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

enum { RECEIVERS = 2, WRITERS = 4, BUFFERS = 6, JOBS = 96, RUNS = 2, BLOCKS = 5 };
enum { BLOCK_BYTES = 4096, LAST_BYTES = 1000 };
enum { RUN_BYTES = (BLOCKS - 1) * BLOCK_BYTES + LAST_BYTES, RUN_DIGESTS = BLOCKS * 32 };

struct buffer {
    uint8_t data[RUNS][RUN_BYTES], expected[RUNS][RUN_DIGESTS];
    uint8_t found[RUNS][RUN_DIGESTS], bad[RUNS][BLOCKS];
    int number; /* of the job that it is filled for */
    struct buffer *next;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buffer *first;
    int closed;
};

static struct queue idle = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, 0};
static struct queue filled = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, 0};
static const struct sha256_backend *backend;
static int shared_fd, own_fds[WRITERS];

static void put(struct queue *queue, struct buffer *buffer) {
    pthread_mutex_lock(&queue->lock);
    buffer->next = queue->first;
    queue->first = buffer;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* Null once the queue is closed and empty. */
static struct buffer *take(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->closed) pthread_cond_wait(&queue->changed, &queue->lock);
    struct buffer *buffer = queue->first;
    if (buffer) queue->first = buffer->next;
    pthread_mutex_unlock(&queue->lock);
    return buffer;
}

static void close_queue(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->closed = 1;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* Every third job has one wrong block. */
static void fill(struct buffer *buffer, int number) {
    buffer->number = number;
    for (int run = 0; run < RUNS; run++) {
        for (size_t at = 0; at < RUN_BYTES; at++)
            buffer->data[run][at] = (uint8_t)(number + run + at / 7);
        sha256_blocks(backend, buffer->data[run], RUN_BYTES, BLOCK_BYTES, buffer->expected[run]);
    }
    if (number % 3 == 0) buffer->expected[0][0] ^= 1;
}

/* Run 0 goes to the shared file in two extents; run 1 to the writer's own. */
static size_t work(struct buffer *buffer, int own_fd) {
    uint64_t offset = (uint64_t)buffer->number * RUN_BYTES;
    const struct job_extent shared[] = {{shared_fd, offset, 6000},
                                        {shared_fd, offset + 6000, RUN_BYTES - 6000}};
    const struct job_extent own[] = {{own_fd, offset, RUN_BYTES}};
    const struct job_extent *extents[RUNS] = {shared, own};
    struct job_run runs[RUNS];
    for (int i = 0; i < RUNS; i++)
        runs[i] = (struct job_run){buffer->data[i],  RUN_BYTES,      BLOCK_BYTES, buffer->expected[i],
                                   buffer->found[i], buffer->bad[i], extents[i],  0, 0};
    const struct job job = {runs, RUNS};
    struct job_messages messages = {&job, 0, 0};
    sha256_messages(backend, job_next_message, &messages, RUNS * BLOCKS);
    job_judge(&job);
    job_write(&job);
    size_t good = 0;
    for (int i = 0; i < RUNS; i++) {
        if (runs[i].error) exit(3);
        for (int block = 0; block < BLOCKS; block++) good += !buffer->bad[i][block];
    }
    return good;
}

/* Jobs first, first + RECEIVERS, ... */
static void *receive(void *first) {
    for (int number = *(const int *)first; number < JOBS; number += RECEIVERS) {
        struct buffer *buffer = take(&idle);
        fill(buffer, number);
        put(&filled, buffer);
    }
    return NULL;
}

static void *write_all(void *own_fd) {
    size_t good = 0;
    for (struct buffer *buffer; (buffer = take(&filled)); put(&idle, buffer))
        good += work(buffer, *(const int *)own_fd);
    return (void *)good;
}

static void *work_once(void *buffer) { return (void *)work(buffer, own_fds[0]); }

static int open_in(const char *folder, int number) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d", folder, number);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) exit(2);
    return fd;
}

static size_t joined(pthread_t *threads, int count) {
    size_t sum = 0;
    for (int i = 0; i < count; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (size_t)result;
    }
    return sum;
}

static size_t run_all(struct buffer *buffers) {
    pthread_t receivers[RECEIVERS], writers[WRITERS];
    int numbers[RECEIVERS];
    for (int i = 0; i < BUFFERS; i++) put(&idle, &buffers[i]);
    for (int i = 0; i < WRITERS; i++) pthread_create(&writers[i], NULL, write_all, &own_fds[i]);
    for (int i = 0; i < RECEIVERS; i++) {
        numbers[i] = i;
        pthread_create(&receivers[i], NULL, receive, &numbers[i]);
    }
    joined(receivers, RECEIVERS);
    close_queue(&filled);
    return joined(writers, WRITERS);
}

static size_t race(struct buffer *buffer) {
    pthread_t threads[2];
    fill(buffer, 1);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, work_once, buffer);
    return joined(threads, 2);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    shared_fd = open_in(argv[1], WRITERS);
    for (int i = 0; i < WRITERS; i++) own_fds[i] = open_in(argv[1], i);
    struct buffer *buffers = calloc(BUFFERS, sizeof *buffers);
    size_t good = 0;
    for (const struct sha256_backend *const *each = sha256_backends; *each; each++) {
        if (!(*each)->usable()) continue;
        backend = *each;
        idle.first = filled.first = NULL;
        filled.closed = 0;
        size_t written = argc > 2 && !strcmp(argv[2], "race") ? race(buffers) : run_all(buffers);
        printf("%s %zu\n", backend->name, good = written);
    }
    free(buffers);
    return good ? 0 : 4;
}
