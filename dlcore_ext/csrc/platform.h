/* What the compiler and the processor family allow. */
#ifndef DLCORE_PLATFORM_H
#define DLCORE_PLATFORM_H

/* Intrinsics beyond the baseline are compiled per function, which needs GCC or Clang. Without any
 * kernel, hashlib does all hashing. */
#if defined(__GNUC__) && defined(__x86_64__)
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
