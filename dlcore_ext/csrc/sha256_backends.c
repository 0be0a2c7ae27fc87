/* Which backends exist, and which of them this CPU and its operating system can run.
 *
 * `from_lanes` weighs kernels against each other by speeds measured on an Emerald Rapids Xeon, in
 * GB/s of one core with all lanes in use: AVX-512 3.3 (16 lanes) and 2.5 (8 lanes), SHA-NI 1.8 (2
 * lanes) and 1.5 (1 lane), AVX2 1.3 (8 lanes). OpenSSL without SHA-NI hashes at about 0.5.
 */
#include "sha256_kernels.h"

const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#ifdef DLCORE_X86
#include <immintrin.h>
#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif

#define SSE41_AND_SSSE3 (1u << 19 | 1u << 9) /* leaf 1, ecx */
#define OSXSAVE (1u << 27)
#define AVX2 (1u << 5) /* leaf 7, ebx */
#define AVX512 (1u << 31 | 1u << 30 | 1u << 16) /* VL, BW, F */
#define SHA (1u << 29)
#define YMM_STATE 0x06u /* XCR0: what the operating system saves of each task */
#define ZMM_STATE 0xE6u

struct registers {
    unsigned eax, ebx, ecx, edx;
};

static struct registers cpuid(unsigned leaf) {
    struct registers found;
#ifdef _MSC_VER
    __cpuidex((int *)&found, (int)leaf, 0);
#else
    __cpuid_count(leaf, 0, found.eax, found.ebx, found.ecx, found.edx);
#endif
    return found;
}

FEATURES("xsave") static unsigned xcr0(void) { return (unsigned)_xgetbv(0); }

/* Whether leaf 7 has all of `wanted` and the system saves all of the registers `state` names. */
static int has(unsigned wanted, unsigned state) {
    if (cpuid(0).eax < 7) return 0;
    unsigned features = cpuid(1).ecx;
    if ((features & SSE41_AND_SSSE3) != SSE41_AND_SSSE3) return 0;
    unsigned saved = features & OSXSAVE ? xcr0() : 0;
    return (cpuid(7).ebx & wanted) == wanted && (saved & state) == state;
}

static int has_sha_ni(void) { return has(SHA, 0); }
static int has_avx2(void) { return has(AVX2, YMM_STATE); }
static int has_avx512(void) { return has(AVX512 | AVX2, ZMM_STATE); }
static int has_avx512_sha_ni(void) { return has_avx512() && has_sha_ni(); }

/* With both, wide kernels take many messages and SHA-NI the few that are left. */
static const struct sha256_backend avx512_sha_ni = {
    "avx512_sha_ni",
    has_avx512_sha_ni,
    {
        {sha256_avx512_x16, 16, 11},
        {sha256_avx512_x8, 8, 6},
        {sha256_sha_ni_x2, 2, 2},
        {sha256_sha_ni_x1, 1, 1},
    },
};

static const struct sha256_backend sha_ni = {
    "sha_ni",
    has_sha_ni,
    {{sha256_sha_ni_x3, 3, 3}, {sha256_sha_ni_x2, 2, 2}, {sha256_sha_ni_x1, 1, 1}},
};

static const struct sha256_backend avx512 = {
    "avx512",
    has_avx512,
    {{sha256_avx512_x16, 16, 9}, {sha256_avx512_x8, 8, 3}},
};

static const struct sha256_backend avx2 = {
    "avx2",
    has_avx2,
    {{sha256_avx2_x8, 8, 5}},
};

const struct sha256_backend *const sha256_backends[] = {
    &avx512_sha_ni, &sha_ni, &avx512, &avx2, NULL,
};

#elif defined(DLCORE_ARM)
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
static int has_armv8(void) { return (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0; }
#elif defined(__APPLE__)
static int has_armv8(void) { return 1; } /* every 64-bit Mac */
#else
static int has_armv8(void) { return 0; }
#endif

static const struct sha256_backend armv8 = {
    "armv8", has_armv8,
    {{sha256_armv8_x3, 3, 3}, {sha256_armv8_x2, 2, 2}, {sha256_armv8_x1, 1, 1}},
};

const struct sha256_backend *const sha256_backends[] = {&armv8, NULL};

#else
const struct sha256_backend *const sha256_backends[] = {NULL};
#endif
