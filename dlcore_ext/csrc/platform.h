/* What the compiler and the processor family allow. */
#ifndef DLCORE_PLATFORM_H
#define DLCORE_PLATFORM_H

/* Intrinsics beyond the baseline are compiled for the CPU that has them. GCC and Clang take its
 * features from each function, MSVC from the options of the file, which are in setup.py. Without
 * any kernel, hashlib does all hashing. */
#if defined(_MSC_VER)
#define FEATURES(names)
#define ALWAYS_INLINE static __forceinline
#else
#define FEATURES(names) __attribute__((target(names)))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

#if defined(__GNUC__) && defined(__x86_64__) || defined(_MSC_VER) && defined(_M_AMD64)
#define DLCORE_X86 1
#elif defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define DLCORE_ARM 1
#endif

/* Loops over lanes and rounds vanish: the arrays they index are meant to live in registers. */
#ifdef __GNUC__
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

#endif
