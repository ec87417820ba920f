// The levels of vector instructions that kernels are compiled for, and the types of elements.
#ifndef ALLREDUCE_PROCESSOR_H
#define ALLREDUCE_PROCESSOR_H

/// A level of vector instructions that kernels are compiled for. A processor that has a level has all lower levels.
typedef enum __attribute__((enum_extensibility(closed), swift_name("ProcessorLevel"))) ck_level {
  /// What every processor of this architecture has: SSE2 on x86-64, NEON on aarch64.
  CK_SCALAR __attribute__((swift_name("scalar"))) = 0,
  /// AVX2, with FMA and F16C.
  CK_AVX2 __attribute__((swift_name("avx2"))) = 1,
  /// AVX-512: F, BW, DQ and VL.
  CK_AVX512 __attribute__((swift_name("avx512"))) = 2
} ck_level;

/// Returns the highest level that this processor has and the system allows.
ck_level ck_processor_level(void) __attribute__((swift_name("getter:ProcessorLevel.current()")));

/// The types of elements. Networks compute with float and double only.
enum { CK_FLOAT = 0, CK_DOUBLE = 1, CK_INT32 = 2, CK_INT64 = 3, CK_TYPES = 4 };

#endif
