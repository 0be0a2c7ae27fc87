/* The ways to take in a long message, per instruction set, and which of them this CPU can run. */
#include <string.h>

#include "platform.h"
#include "xxh3.h"
#include "xxh3_math.h"

#define STRIPE_BYTES 64
#define STRIPE_WORDS 8
#define SCRAMBLE_AT 128
#define LAST_AT 121

#ifdef __GNUC__
#define PREFETCH __builtin_prefetch
#define PREFETCH_BYTES 768 /* measured: a little faster than none; the processor ignores bad ones */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define PREFETCH(address) ((void)0)
#define ALWAYS_INLINE static inline
#endif

/* A vector of 64-bit words, and the same at any address. */
#define VECTOR_TYPE(name, bytes)                                                                  \
    typedef uint64_t name __attribute__((vector_size(bytes)));                                    \
    typedef uint64_t name##_anywhere __attribute__((vector_size(bytes), aligned(1), may_alias))

static int always(void) { return 1; }

#ifdef DLCORE_X86
#include <immintrin.h>

VECTOR_TYPE(vector512, 64);
#define WAY avx512
#define TARGET __attribute__((target("avx512f")))
#define INLINE ALWAYS_INLINE TARGET
#define VECTOR vector512
#define VECTOR_BYTES 64
#define load(from) (*(const vector512_anywhere *)(from))
#define product(x, y) ((vector512)_mm512_mul_epu32((__m512i)(x), (__m512i)(y)))
#include "xxh3_absorb.h"

VECTOR_TYPE(vector256, 32);
#define WAY avx2
#define TARGET __attribute__((target("avx2")))
#define INLINE ALWAYS_INLINE TARGET
#define VECTOR vector256
#define VECTOR_BYTES 32
#define load(from) (*(const vector256_anywhere *)(from))
#define product(x, y) ((vector256)_mm256_mul_epu32((__m256i)(x), (__m256i)(y)))
#include "xxh3_absorb.h"

VECTOR_TYPE(vector128, 16);
#define WAY sse2
#define TARGET
#define INLINE ALWAYS_INLINE
#define VECTOR vector128
#define VECTOR_BYTES 16
#define load(from) (*(const vector128_anywhere *)(from))
#define product(x, y) ((vector128)_mm_mul_epu32((__m128i)(x), (__m128i)(y)))
#include "xxh3_absorb.h"

/* These also ask the operating system whether it saves the registers. */
static int has_avx512(void) { return __builtin_cpu_supports("avx512f"); }
static int has_avx2(void) { return __builtin_cpu_supports("avx2"); }

static const struct xxh3_way avx512 = {"avx512", has_avx512, take_sections_avx512, take_rest_avx512};
static const struct xxh3_way avx2 = {"avx2", has_avx2, take_sections_avx2, take_rest_avx2};
static const struct xxh3_way sse2 = {"sse2", always, take_sections_sse2, take_rest_sse2};
#define VECTOR_WAYS &avx512, &avx2, &sse2,

#elif defined(DLCORE_ARM)
#include <arm_neon.h>

VECTOR_TYPE(vector128, 16);
#define WAY neon
#define TARGET
#define INLINE ALWAYS_INLINE
#define VECTOR vector128
#define VECTOR_BYTES 16
#define load(from) (*(const vector128_anywhere *)(from))
#define low_halves(x) vmovn_u64((uint64x2_t)(x))
#define product(x, y) ((vector128)vmull_u32(low_halves(x), low_halves(y)))
#include "xxh3_absorb.h"

static const struct xxh3_way neon = {"neon", always, take_sections_neon, take_rest_neon};
#define VECTOR_WAYS &neon,

#else
#define VECTOR_WAYS
#endif

#define WAY plain
#define TARGET
#define INLINE ALWAYS_INLINE
#define VECTOR uint64_t
#define VECTOR_BYTES 8
#define load read64
#define product(x, y) (low_half(x) * low_half(y))
#include "xxh3_absorb.h"

static const struct xxh3_way plain = {"plain", always, take_sections_plain, take_rest_plain};

const struct xxh3_way *const xxh3_ways[] = {VECTOR_WAYS &plain, NULL};
