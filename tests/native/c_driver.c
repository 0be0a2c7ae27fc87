/* Hashes in one way, for tests of the C code without Python.
 *
 * Without arguments: prints the names of the usable backends of SHA-256, and as "xxh3/..." those of
 * the usable ways of XXH3-128. With one of these names: reads lines of "<block_bytes> <data
 * in hex>" and prints the digests of each line's blocks in hex. Every buffer is allocated at its
 * exact size, for a sanitizer to guard its ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sha256.h"
#include "xxh3.h"

#define XXH3 "xxh3/"

/* One of the two is null. */
struct hash {
    const struct sha256_backend *backend;
    const struct xxh3_way *way;
};

static struct hash find(const char *name) {
    struct hash hash = {NULL, NULL};
    for (const struct sha256_backend *const *each = sha256_backends; *each; each++)
        if (!strcmp((*each)->name, name) && (*each)->usable()) hash.backend = *each;
    if (strncmp(name, XXH3, strlen(XXH3))) return hash;
    for (const struct xxh3_way *const *each = xxh3_ways; *each; each++)
        if (!strcmp((*each)->name, name + strlen(XXH3)) && (*each)->usable()) hash.way = *each;
    return hash;
}

static void list(void) {
    for (const struct sha256_backend *const *each = sha256_backends; *each; each++)
        if ((*each)->usable()) puts((*each)->name);
    for (const struct xxh3_way *const *each = xxh3_ways; *each; each++)
        if ((*each)->usable()) printf(XXH3 "%s\n", (*each)->name);
}

static int digit(char hex) { return hex <= '9' ? hex - '0' : hex - 'a' + 10; }

static uint8_t *from_hex(const char *hex, size_t length) {
    uint8_t *data = malloc(length);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return data;
}

static void hash_line(struct hash hash, const char *line) {
    char *hex;
    size_t block_bytes = strtoul(line, &hex, 10);
    size_t length = strspn(++hex, "0123456789abcdef") / 2;
    size_t digest_bytes = hash.backend ? SHA256_DIGEST_BYTES : XXH3_DIGEST_BYTES;
    size_t digests_bytes = (length + block_bytes - 1) / block_bytes * digest_bytes;
    uint8_t *data = from_hex(hex, length), *digests = malloc(digests_bytes);
    if (hash.backend)
        sha256_blocks(hash.backend, data, length, block_bytes, digests);
    else
        xxh3_128_blocks(hash.way, data, length, block_bytes, digests);
    for (size_t i = 0; i < digests_bytes; i++) printf("%02x", digests[i]);
    putchar('\n');
    free(data);
    free(digests);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        list();
        return 0;
    }
    struct hash hash = find(argv[1]);
    if (!hash.backend && !hash.way) {
        fprintf(stderr, "%s cannot run here\n", argv[1]);
        return 2;
    }
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) hash_line(hash, line);
    free(line);
    return 0;
}
