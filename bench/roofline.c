/* What it costs at least to receive an object over HTTP, verify its blocks and write it.
 *
 * Receives ranges over plain sockets, one thread a connection, straight into page-aligned buffers;
 * hashes the blocks of a buffer side by side with the kernels of dlcore; compares; writes; syncs
 * once at the end. No TLS, no retries, no resume, no journal: what a download manager spends
 * beyond this is the price of being one. The yardstick for CPU seconds, not for wall time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sha256.h"

#define BUFFER_BYTES ((size_t)8 << 20) /* a range: enough blocks for the widest kernel */
#define PAGE_BYTES ((size_t)4096)
#define RANGE_BYTES ((uint64_t)8 << 20)
#define HEAD_BYTES ((size_t)16 << 10)
#define MAX_CONNECTIONS 64

struct job {
    const struct sha256_backend *backend;
    struct sockaddr_in server;
    const char *path;
    uint64_t length;
    size_t block_bytes;
    uint8_t *digests; /* expected, of every block in order */
    int file;
    int direct;
    _Atomic uint64_t next; /* where the next range begins */
};

struct connection {
    const struct job *job;
    int socket;
    uint8_t *buffer; /* BUFFER_BYTES */
    uint8_t early[HEAD_BYTES]; /* of the body, received together with the head */
    size_t early_bytes;
};

static _Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, errno ? ": %s\n" : "\n", strerror(errno));
    exit(1);
}

static size_t smaller(uint64_t a, uint64_t b) { return (size_t)(a < b ? a : b); }

static void connect_to(struct connection *connection) {
    const struct sockaddr_in *server = &connection->job->server;
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection->socket, (const struct sockaddr *)server, sizeof *server))
        fail("connect");
}

static void ask(const struct connection *connection, uint64_t start, uint64_t end) {
    char request[2048];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=%llu-%llu\r\n\r\n",
                          connection->job->path, (unsigned long long)start,
                          (unsigned long long)end - 1);
    if (length < 0 || (size_t)length >= sizeof request) fail("the path is too long");
    if (send(connection->socket, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
}

/* Reads the head of the answer; what comes with it of the body is kept in `early`. */
static void read_head(struct connection *connection, uint64_t start, uint64_t end) {
    char head[HEAD_BYTES + 1], wanted[96], *body = NULL;
    size_t filled = 0;
    while (!body) {
        ssize_t got = recv(connection->socket, head + filled, HEAD_BYTES - filled, 0);
        if (got <= 0) fail("no complete head");
        filled += (size_t)got;
        head[filled] = 0;
        body = strstr(head, "\r\n\r\n");
    }
    body += 4;
    connection->early_bytes = filled - (size_t)(body - head);
    memcpy(connection->early, body, connection->early_bytes);
    body[-2] = 0;
    snprintf(wanted, sizeof wanted, "Content-Range: bytes %llu-%llu/%llu\r\n",
             (unsigned long long)start, (unsigned long long)end - 1,
             (unsigned long long)connection->job->length);
    if (strncmp(head, "HTTP/1.1 206", 12) || !strstr(head, wanted)) fail("answered:\n%s", head);
}

static void fill(struct connection *connection, size_t length) {
    size_t filled = smaller(connection->early_bytes, length);
    memcpy(connection->buffer, connection->early, filled);
    connection->early_bytes -= filled;
    memmove(connection->early, connection->early + filled, connection->early_bytes);
    while (filled < length) {
        ssize_t got = recv(connection->socket, connection->buffer + filled, length - filled, 0);
        if (got <= 0) fail("the body broke off");
        filled += (size_t)got;
    }
}

static void verify(const struct connection *connection, uint64_t start, size_t length) {
    const struct job *job = connection->job;
    uint8_t found[BUFFER_BYTES / PAGE_BYTES * SHA256_DIGEST_BYTES];
    size_t blocks = (length + job->block_bytes - 1) / job->block_bytes;
    sha256_blocks(job->backend, connection->buffer, length, job->block_bytes, found);
    if (memcmp(found, job->digests + start / job->block_bytes * SHA256_DIGEST_BYTES,
               blocks * SHA256_DIGEST_BYTES))
        fail("a block between %llu and %llu is bad", (unsigned long long)start,
             (unsigned long long)start + length);
}

/* A direct write takes whole pages: the file is cut to its length at the end. */
static void write_out(const struct connection *connection, uint64_t start, size_t length) {
    const struct job *job = connection->job;
    size_t whole = job->direct ? (length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES : length;
    for (size_t done = 0; done < whole;) {
        ssize_t wrote =
            pwrite(job->file, connection->buffer + done, whole - done, (off_t)(start + done));
        if (wrote <= 0) fail("write");
        done += (size_t)wrote;
    }
}

static void receive(struct connection *connection, uint64_t start, uint64_t end) {
    ask(connection, start, end);
    read_head(connection, start, end);
    while (start < end) {
        size_t length = smaller(BUFFER_BYTES, end - start);
        fill(connection, length);
        verify(connection, start, length);
        write_out(connection, start, length);
        start += length;
    }
    if (connection->early_bytes) fail("more came than was asked for");
}

static void *run(void *argument) {
    struct job *job = argument;
    struct connection connection = {.job = job};
    connection.buffer = aligned_alloc(PAGE_BYTES, BUFFER_BYTES);
    if (!connection.buffer) fail("memory");
    connect_to(&connection);
    for (;;) {
        uint64_t start = atomic_fetch_add(&job->next, RANGE_BYTES);
        if (start >= job->length) break;
        receive(&connection, start, start + smaller(RANGE_BYTES, job->length - start));
    }
    close(connection.socket);
    free(connection.buffer);
    return NULL;
}

static const struct sha256_backend *backend_named(const char *name) {
    for (const struct sha256_backend *const *each = sha256_backends; *each; each++)
        if (!strcmp((*each)->name, name) && (*each)->usable()) return *each;
    fail("this CPU has no backend %s", name);
}

static uint8_t *read_digests(const char *path, const struct job *job) {
    size_t blocks = (size_t)((job->length + job->block_bytes - 1) / job->block_bytes);
    uint8_t *digests = malloc(blocks * SHA256_DIGEST_BYTES);
    FILE *file = fopen(path, "rb");
    if (!digests || !file || fread(digests, SHA256_DIGEST_BYTES, blocks, file) != blocks)
        fail("digests %s", path);
    fclose(file);
    return digests;
}

static void open_output(struct job *job, const char *path) {
    job->file = open(path, O_CREAT | O_TRUNC | O_WRONLY | (job->direct ? O_DIRECT : 0), 0644);
    if (job->file < 0 || fallocate(job->file, 0, 0, (off_t)job->length)) fail("output %s", path);
}

static void close_output(const struct job *job) {
    if (ftruncate(job->file, (off_t)job->length) || fdatasync(job->file) || close(job->file))
        fail("output");
}

int main(int count, char **values) {
    if (count != 10) {
        fprintf(stderr, "usage: %s PORT PATH LENGTH BLOCK_BYTES DIGESTS OUTPUT CONNECTIONS "
                        "BACKEND buffered|direct\n", values[0]);
        return 2;
    }
    static struct job job;
    job.server.sin_family = AF_INET;
    job.server.sin_port = htons((uint16_t)atoi(values[1]));
    job.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    job.path = values[2];
    job.length = strtoull(values[3], NULL, 10);
    job.block_bytes = strtoul(values[4], NULL, 10);
    if (job.block_bytes < PAGE_BYTES || BUFFER_BYTES % job.block_bytes) fail("BLOCK_BYTES");
    job.digests = read_digests(values[5], &job);
    job.backend = backend_named(values[8]);
    job.direct = !strcmp(values[9], "direct");
    open_output(&job, values[6]);

    pthread_t threads[MAX_CONNECTIONS];
    int connections = atoi(values[7]);
    if (connections < 1 || connections > MAX_CONNECTIONS) fail("CONNECTIONS");
    for (int i = 0; i < connections; i++)
        if (pthread_create(&threads[i], NULL, run, &job)) fail("thread");
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
    close_output(&job);
    free(job.digests);
    return 0;
}
