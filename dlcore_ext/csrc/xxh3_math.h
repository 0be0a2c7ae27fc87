/* Words in memory and the products of words, for the files of XXH3. */
#ifndef DLCORE_XXH3_MATH_H
#define DLCORE_XXH3_MATH_H

#include <stdint.h>

#define PRIME32_1 UINT64_C(0x9E3779B1)
#define PRIME32_2 UINT64_C(0x85EBCA77)
#define PRIME32_3 UINT64_C(0xC2B2AE3D)
#define PRIME64_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME64_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME64_3 UINT64_C(0x165667B19E3779F9)
#define PRIME64_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME64_5 UINT64_C(0x27D4EB2F165667C5)

/* Bytes put together one by one: no alignment, no byte order; compilers make one load of it. */
static inline uint64_t read32(const uint8_t *from) {
    return from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 | (uint64_t)from[3] << 24;
}

static inline uint64_t read64(const uint8_t *from) { return read32(from) | read32(from + 4) << 32; }

static inline uint64_t low_half(uint64_t x) { return x & 0xFFFFFFFF; }

struct product {
    uint64_t low, high;
};

static inline struct product multiply(uint64_t x, uint64_t y) {
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)x * y;
    return (struct product){(uint64_t)product, (uint64_t)(product >> 64)};
#else
    uint64_t low = low_half(x) * low_half(y), high = (x >> 32) * (y >> 32);
    uint64_t cross = (x >> 32) * low_half(y) + (low >> 32); /* never carries */
    uint64_t other = low_half(x) * (y >> 32) + low_half(cross);
    return (struct product){other << 32 | low_half(low), high + (cross >> 32) + (other >> 32)};
#endif
}

/* Both halves of the product in one word. */
static inline uint64_t fold(uint64_t x, uint64_t y) {
    struct product product = multiply(x, y);
    return product.low ^ product.high;
}

#endif
