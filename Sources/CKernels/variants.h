// Which vector instructions this processor has, and the system keeps.
#ifndef ALLREDUCE_VARIANTS_H
#define ALLREDUCE_VARIANTS_H

#if defined(__x86_64__)
#include <cpuid.h>

/// AVX2, with the conversions of F16C.
static inline int has_avx2(void) {
  unsigned a, b, c = 0, d;
  // That the system keeps the wide registers is part of the first answer.
  return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

/// AVX-512: F, BW and VL.
static inline int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

#endif
