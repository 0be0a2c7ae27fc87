/* A link between two network namespaces: rate, delay, loss and a bounded queue.
 *
 * relay NEAR-NAMESPACE NEAR-DEVICE FAR-NAMESPACE FAR-DEVICE
 *
 * Makes a TUN device in each namespace and carries packets between them. "Down" is from the far
 * side (the server) to the near one (the client). Each packet waits for its turn on a wire of the
 * given rate, is dropped if that would take longer than the queue holds, and arrives one delay
 * later. Packets that carry data down are lost by chance, from a seed.
 *
 * Told what to do by lines on standard input, and ends when that is closed:
 *   set BYTES_PER_S DELAY_US LOSS_PER_MILLION QUEUE_US SEED    from now on; counts start from zero
 *   cut                                                        nothing passes any more
 *   report                                                     one line of JSON with the counts
 *
 * While packets are on their way it wakes every TICK_NS and moves all that is due, so a packet is
 * late by less than that; otherwise it sleeps. Memory is fixed: nothing is allocated per packet.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1 << 14, MTU = 1500, BATCH = 512, DATA_BYTES = 200 };
#define TICK_NS 150000
#define SECOND_NS 1000000000LL

struct packet {
    int64_t due_ns;
    uint32_t length;
    uint8_t bytes[MTU];
};

struct direction {
    int from, to, loses;
    struct packet *ring;
    uint64_t head, tail; /* taken in, given out */
    int64_t free_ns;     /* when the wire has sent all that it was given */
    uint64_t delivered, delivered_bytes, lost, overflowed, opened;
    int64_t late_ns, latest_ns;
};

static struct {
    double bytes_per_s;
    int64_t delay_ns, queue_ns;
    uint32_t loss_per_million;
    uint64_t dice;
    int cut;
} rule = {.bytes_per_s = 125e6, .queue_ns = SECOND_NS / 20, .dice = 1};

static void fail(const char *what) {
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static int open_device(const char *space, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "/run/netns/%s", space);
    int inside = open(path, O_RDONLY | O_CLOEXEC);
    if (inside < 0 || setns(inside, CLONE_NEWNET)) fail(path);
    close(inside);
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0) fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(device, TUNSETIFF, &request)) fail(name);
    return device;
}

static int by_chance(void) {
    rule.dice ^= rule.dice << 13; /* xorshift64 */
    rule.dice ^= rule.dice >> 7;
    rule.dice ^= rule.dice << 17;
    return (rule.dice >> 11) % 1000000 < rule.loss_per_million;
}

static int opens_connection(const uint8_t *bytes, uint32_t length) {
    uint32_t header = (bytes[0] & 15u) * 4;
    return bytes[0] >> 4 == 4 && bytes[9] == 6 && length > header + 13 &&
           (bytes[header + 13] & 0x12) == 2; /* SYN without ACK */
}

static int take(struct direction *way, int64_t now) {
    int count = 0;
    while (count < BATCH) {
        struct packet *packet = &way->ring[way->head % SLOTS];
        ssize_t length = read(way->from, packet->bytes, MTU);
        if (length <= 0) break;
        count++;
        way->opened += opens_connection(packet->bytes, length);
        int64_t start = way->free_ns > now ? way->free_ns : now;
        if (start - now > rule.queue_ns || way->head - way->tail == SLOTS - 1) {
            way->overflowed++;
            continue;
        }
        way->free_ns = start + (int64_t)(length * SECOND_NS / rule.bytes_per_s);
        if (rule.cut || (way->loses && length > DATA_BYTES && by_chance())) {
            way->lost++;
            continue;
        }
        packet->length = length;
        packet->due_ns = way->free_ns + rule.delay_ns;
        way->head++;
    }
    return count;
}

static void give(struct direction *way, int64_t now) {
    while (way->tail != way->head) {
        struct packet *packet = &way->ring[way->tail % SLOTS];
        if (packet->due_ns > now) return;
        if (!rule.cut && write(way->to, packet->bytes, packet->length) > 0) {
            way->delivered++;
            way->delivered_bytes += packet->length;
        }
        int64_t late = now - packet->due_ns;
        way->late_ns += late;
        if (late > way->latest_ns) way->latest_ns = late;
        way->tail++;
    }
}

static double cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void report(const struct direction *down, const struct direction *up, double since_cpu_s) {
    printf("{\"delivered\":%lu,\"delivered_bytes\":%lu,\"lost\":%lu,\"overflowed\":%lu,"
           "\"connections\":%lu,\"up_bytes\":%lu,\"late_mean_us\":%.0f,\"late_most_us\":%.0f,"
           "\"cpu_s\":%.3f}\n",
           down->delivered, down->delivered_bytes, down->lost, down->overflowed, up->opened,
           up->delivered_bytes, down->delivered ? down->late_ns / 1e3 / down->delivered : 0.0,
           down->latest_ns / 1e3, cpu_s() - since_cpu_s);
}

static void forget(struct direction *way) {
    way->delivered = way->delivered_bytes = way->lost = way->overflowed = way->opened = 0;
    way->late_ns = way->latest_ns = 0;
}

static void obey(const char *line, struct direction *down, struct direction *up) {
    static double since_cpu_s;
    double bytes_per_s;
    unsigned long delay_us, loss, queue_us, seed;
    if (sscanf(line, "set %lf %lu %lu %lu %lu", &bytes_per_s, &delay_us, &loss, &queue_us, &seed) ==
        5) {
        rule.bytes_per_s = bytes_per_s;
        rule.delay_ns = delay_us * 1000;
        rule.queue_ns = queue_us * 1000;
        rule.loss_per_million = loss;
        rule.dice = seed * 0x9E3779B97F4A7C15u | 1;
        rule.cut = 0;
        forget(down);
        forget(up);
        since_cpu_s = cpu_s();
        puts("ready");
    } else if (!strncmp(line, "cut", 3)) {
        rule.cut = 1;
        puts("ready");
    } else {
        report(down, up, since_cpu_s);
    }
    fflush(stdout);
}

int main(int count, char **words) {
    if (count != 5) return fprintf(stderr, "relay: see the head of relay.c\n"), 2;
    int near = open_device(words[1], words[2]), far = open_device(words[3], words[4]);
    struct direction down = {.from = far, .to = near, .loses = 1}, up = {.from = near, .to = far};
    down.ring = calloc(SLOTS, sizeof *down.ring);
    up.ring = calloc(SLOTS, sizeof *up.ring);
    if (!down.ring || !up.ring) fail("memory");
    prctl(PR_SET_TIMERSLACK, 1);
    struct sched_param first = {.sched_priority = 1}; /* a wire is not held up by programs */
    sched_setscheduler(0, SCHED_FIFO, &first);
    struct pollfd ends[] = {{0, POLLIN, 0}, {near, POLLIN, 0}, {far, POLLIN, 0}};
    const struct timespec tick = {0, TICK_NS};
    for (int busy = 0;;) {
        if (ppoll(ends, busy ? 1 : 3, busy ? &tick : NULL, NULL) < 0) fail("ppoll");
        if (ends[0].revents) {
            char lines[512];
            ssize_t length = read(0, lines, sizeof lines - 1);
            if (length <= 0) return 0;
            lines[length] = 0;
            obey(lines, &down, &up);
            ends[0].revents = 0;
        }
        int64_t now = now_ns();
        busy = take(&down, now) + take(&up, now);
        busy += down.head != down.tail || up.head != up.tail;
        give(&down, now);
        give(&up, now);
    }
}
