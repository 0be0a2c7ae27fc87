/* Feeds the lanes: a message enters a free lane, is hashed, padded, hashed on, and leaves. */
#include <string.h>

#include "sha256.h"

static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

struct lane {
    uint32_t state[8];
    const uint8_t *at; /* the next step: in the message, later in `padding` */
    size_t steps;      /* left at `at` */
    struct sha256_message message;
    int padded;
    uint8_t padding[2 * SHA256_STEP_BYTES];
};

struct run {
    sha256_next *next;
    void *source;
    size_t left; /* messages still to start */
    size_t busy; /* lanes in use, at the front of `lanes` */
    struct lane *lanes[SHA256_MAX_LANES];
};

static void store_big_endian(uint8_t *to, uint64_t value, int bytes) {
    while (bytes--) {
        to[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

/* The rest of the message, a one bit, zeros, and the length in bits: one or two steps. */
static void pad(struct lane *lane) {
    size_t rest = lane->message.length % SHA256_STEP_BYTES;
    size_t padded = rest + 9 <= SHA256_STEP_BYTES ? SHA256_STEP_BYTES : 2 * SHA256_STEP_BYTES;
    memset(lane->padding, 0, sizeof lane->padding);
    if (rest) memcpy(lane->padding, lane->at, rest);
    lane->padding[rest] = 0x80;
    store_big_endian(lane->padding + padded - 8, (uint64_t)lane->message.length * 8, 8);
    lane->at = lane->padding;
    lane->steps = padded / SHA256_STEP_BYTES;
    lane->padded = 1;
}

/* Whether there was a message left to start. */
static int start_next(struct run *run, struct lane *lane) {
    if (!run->left || !run->next(run->source, &lane->message)) return 0;
    run->left--;
    lane->at = lane->message.data;
    lane->steps = lane->message.length / SHA256_STEP_BYTES;
    lane->padded = 0;
    memcpy(lane->state, initial_state, sizeof initial_state);
    if (!lane->steps) pad(lane);
    return 1;
}

static void finish(const struct lane *lane) {
    for (int i = 0; i < 8; i++) store_big_endian(lane->message.digest + 4 * i, lane->state[i], 4);
}

/* After its last step a lane goes on to its padding, to another message, or behind the busy ones. */
static void go_on(struct run *run, size_t index) {
    struct lane *lane = run->lanes[index];
    if (!lane->padded) {
        pad(lane);
        return;
    }
    finish(lane);
    if (start_next(run, lane)) return;
    run->lanes[index] = run->lanes[--run->busy];
    run->lanes[run->busy] = lane;
}

static const struct sha256_kernel *kernel_for(const struct sha256_backend *backend, size_t busy) {
    const struct sha256_kernel *kernel = backend->kernels;
    while (busy < kernel->from_lanes && kernel[1].compress) kernel++;
    return kernel;
}

static void move(struct lane *lane, size_t steps) {
    lane->at += steps * SHA256_STEP_BYTES;
    lane->steps -= steps;
}

/* One call of a kernel: as many steps as the lane that is nearest to its end allows. */
static void advance(struct run *run, const struct sha256_kernel *kernel) {
    uint32_t *states[SHA256_MAX_LANES], idle[8] = {0};
    const uint8_t *at[SHA256_MAX_LANES];
    size_t lanes = run->busy < kernel->lanes ? run->busy : kernel->lanes;
    size_t steps = SIZE_MAX;
    for (size_t i = 0; i < lanes; i++) {
        states[i] = run->lanes[i]->state;
        at[i] = run->lanes[i]->at;
        if (run->lanes[i]->steps < steps) steps = run->lanes[i]->steps;
    }
    for (size_t i = lanes; i < kernel->lanes; i++) {
        states[i] = idle;
        at[i] = at[0];
    }
    kernel->compress(states, at, steps);
    for (size_t i = lanes; i-- > 0;) { /* backwards: `go_on` may move a lane from the end */
        move(run->lanes[i], steps);
        if (!run->lanes[i]->steps) go_on(run, i);
    }
}

void sha256_messages(const struct sha256_backend *backend, sha256_next *next, void *source,
                     size_t count) {
    struct lane lanes[SHA256_MAX_LANES];
    struct run run = {next, source, count, 0, {NULL}};
    for (size_t i = 0; i < backend->kernels[0].lanes; i++) {
        run.lanes[i] = &lanes[i];
        if (start_next(&run, &lanes[i])) run.busy++;
    }
    while (run.busy) advance(&run, kernel_for(backend, run.busy));
}

struct blocks {
    const uint8_t *data;
    size_t length, block_bytes;
    uint8_t *digests;
};

static int next_block(void *source, struct sha256_message *message) {
    struct blocks *blocks = source;
    if (!blocks->length) return 0;
    size_t length = blocks->length < blocks->block_bytes ? blocks->length : blocks->block_bytes;
    *message = (struct sha256_message){blocks->data, length, blocks->digests};
    blocks->data += length;
    blocks->length -= length;
    blocks->digests += SHA256_DIGEST_BYTES;
    return 1;
}

void sha256_blocks(const struct sha256_backend *backend, const uint8_t *data, size_t length,
                   size_t block_bytes, uint8_t *digests) {
    struct blocks blocks = {data, length, block_bytes, digests};
    sha256_messages(backend, next_block, &blocks, SIZE_MAX);
}

size_t sha256_worthwhile(const struct sha256_backend *backend, size_t messages) {
    size_t rest = messages % backend->kernels[0].lanes;
    const struct sha256_kernel *narrowest = kernel_for(backend, 0);
    return rest < narrowest->from_lanes ? messages - rest : messages;
}
