/* Hashes with one backend, for tests of the C code without Python.
 *
 * Without arguments: prints the names of the usable backends. With one of these names: reads lines
 * of "<block_bytes> <data in hex>" and prints the digests of each line's blocks in hex. Every
 * buffer is allocated at its exact size, so that a sanitizer guards its ends. Line n is hashed on a
 * stack whose address is n % 4 times 16 bytes past a multiple of 64: an ABI for x86-64 promises one
 * of these four, and no more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"

static const struct sha256_backend *find(const char *name) {
    for (const struct sha256_backend *const *each = sha256_backends; *each; each++)
        if (!strcmp((*each)->name, name) && (*each)->usable()) return *each;
    return NULL;
}

static void list(void) {
    for (const struct sha256_backend *const *each = sha256_backends; *each; each++)
        if ((*each)->usable()) puts((*each)->name);
}

static int digit(char hex) { return hex <= '9' ? hex - '0' : hex - 'a' + 10; }

static uint8_t *from_hex(const char *hex, size_t length) {
    uint8_t *data = malloc(length);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return data;
}

static void hash_line(const struct sha256_backend *backend, const char *line) {
    char *hex;
    size_t block_bytes = strtoul(line, &hex, 10);
    size_t length = strspn(++hex, "0123456789abcdef") / 2;
    size_t digests_bytes = (length + block_bytes - 1) / block_bytes * SHA256_DIGEST_BYTES;
    uint8_t *data = from_hex(hex, length), *digests = malloc(digests_bytes);
    sha256_blocks(backend, data, length, block_bytes, digests);
    for (size_t i = 0; i < digests_bytes; i++) printf("%02x", digests[i]);
    putchar('\n');
    free(data);
    free(digests);
}

/* Exits if the stack is elsewhere. A sanitizer would align it. */
__attribute__((noinline, no_sanitize("address"))) static void
hash_on_stack(size_t wanted, const struct sha256_backend *backend, const char *line) {
    volatile size_t unit = 64;
    volatile char before[unit]; /* arrays of variable length are the last on the stack */
    volatile char room[unit + ((uintptr_t)before - wanted) % 64];
    before[0] = room[0] = 0;
    if ((uintptr_t)room % 64 != wanted) exit(3);
    hash_line(backend, line);
    room[0] = 1;
}

int main(int argc, char **argv) {
    static char line[4 << 20];
    if (argc < 2) {
        list();
        return 0;
    }
    const struct sha256_backend *backend = find(argv[1]);
    if (!backend) {
        fprintf(stderr, "%s cannot run here\n", argv[1]);
        return 2;
    }
    for (size_t n = 0; fgets(line, sizeof line, stdin); n++)
        hash_on_stack(n % 4 * 16, backend, line);
    return 0;
}
