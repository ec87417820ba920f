// The passes of optimizers.h for one type, a cache line of numbers at a time, which compilers cut into
// whatever registers the processor has. Included once for each type in each variant, with these macros:
//   REAL    the type of the numbers
//   NAME(x) the name of a function in this variant and type
//   TARGET  the attribute that allows the variant's instructions
// Nothing here may be contracted to fused multiply-additions: processors that have them and those
// that have not would disagree, and ranks would hold different weights.
#pragma STDC FP_CONTRACT OFF
// Everything with lines is inlined: nothing depends on how they are passed to functions.
#pragma clang diagnostic ignored "-Wpsabi"

#define LINE NAME(line)
#define UNALIGNED NAME(unaligned)
#define NUMBERS NAME(numbers)
#define INLINE static inline TARGET __attribute__((always_inline))

typedef REAL LINE __attribute__((ext_vector_type(64 / sizeof(REAL))));
typedef REAL UNALIGNED __attribute__((ext_vector_type(64 / sizeof(REAL)), aligned(sizeof(REAL))));

/// ck_update in the type of the numbers.
typedef struct {
  REAL scale, decay, shrink, keep, gain, second_keep, second_gain, rate, root, epsilon;
} NUMBERS;

/// The new weight of each rule, for a line of numbers and for one; what is remembered is changed in place.
#define RULES(type, size)                                                                          \
  INLINE type NAME(sgd_##size)(type w, type g, type *first, type *second, NUMBERS n) {             \
    (void)first, (void)second;                                                                     \
    return w - n.rate * (n.scale * g + n.decay * w);                                               \
  }                                                                                                \
  INLINE type NAME(momentum_##size)(type w, type g, type *first, type *second, NUMBERS n) {        \
    (void)second;                                                                                  \
    *first = n.keep * *first + (n.scale * g + n.decay * w);                                        \
    return w - n.rate * *first;                                                                    \
  }                                                                                                \
  INLINE type NAME(nesterov_##size)(type w, type g, type *first, type *second, NUMBERS n) {        \
    (void)second;                                                                                  \
    type d = n.scale * g + n.decay * w;                                                            \
    *first = n.keep * *first + d;                                                                  \
    return w - n.rate * (d + n.keep * *first);                                                     \
  }                                                                                                \
  INLINE type NAME(adagrad_##size)(type w, type g, type *first, type *second, NUMBERS n) {         \
    (void)second;                                                                                  \
    type d = n.scale * g + n.decay * w;                                                            \
    *first += d * d;                                                                               \
    return w - n.rate * d / (__builtin_elementwise_sqrt(*first) + n.epsilon);                      \
  }                                                                                                \
  INLINE type NAME(adam_##size)(type w, type g, type *first, type *second, NUMBERS n) {            \
    type d = n.scale * g + n.decay * w;                                                            \
    *first = n.keep * *first + n.gain * d;                                                         \
    *second = n.second_keep * *second + n.second_gain * (d * d);                                   \
    return n.shrink * w -                                                                          \
           n.rate * *first / (n.root * __builtin_elementwise_sqrt(*second) + n.epsilon);           \
  }
RULES(LINE, line)
RULES(REAL, one)

/// The pass of a rule that remembers so many vectors. A sum that has NaN or infinite numbers in it is so itself: new
/// weights are added up while they are in registers, and only if that sum is not finite is each looked at.
#define PASS(rule, vectors)                                                                        \
  INLINE int NAME(rule##_ones)(                                                                    \
      REAL *w, const REAL *g, REAL *v, REAL *s, size_t from, size_t to, NUMBERS n) {               \
    REAL seen = 0;                                                                                 \
    for (size_t i = from; i < to; i++) {                                                           \
      w[i] = NAME(rule##_one)(w[i], g[i], vectors > 0 ? v + i : NULL, vectors > 1 ? s + i : NULL, n);\
      seen += w[i];                                                                                \
    }                                                                                              \
    return seen - seen != 0;                                                                       \
  }                                                                                                \
  INLINE int NAME(rule##_lines)(                                                                   \
      REAL *w, const REAL *g, REAL *v, REAL *s, size_t from, size_t to, NUMBERS n, int streams) {  \
    LINE seen = {0};                                                                               \
    for (size_t i = from; i < to; i += 64 / sizeof(REAL)) {                                        \
      LINE first = {0}, second = {0};                                                              \
      if (vectors > 0) first = *(const UNALIGNED *)(v + i);                                        \
      if (vectors > 1) second = *(const UNALIGNED *)(s + i);                                       \
      LINE fresh = NAME(rule##_line)(                                                              \
          *(const UNALIGNED *)(w + i), *(const UNALIGNED *)(g + i), &first, &second, n);           \
      if (vectors > 0) *(UNALIGNED *)(v + i) = first;                                              \
      if (vectors > 1) *(UNALIGNED *)(s + i) = second;                                             \
      if (streams)                                                                                 \
        __builtin_nontemporal_store(fresh, (LINE *)(w + i));                                       \
      else                                                                                         \
        *(UNALIGNED *)(w + i) = fresh;                                                             \
      seen += fresh;                                                                               \
    }                                                                                              \
    int any = 0;                                                                                   \
    for (size_t i = 0; i < 64 / sizeof(REAL); i++) any |= seen[i] - seen[i] != 0;                  \
    return any;                                                                                    \
  }                                                                                                \
  TARGET static void NAME(rule)(                                                                   \
      void *weights, const void *gradient, void *first, void *second, size_t count,                \
      const ck_update *how) {                                                                      \
    const NUMBERS n = {                                                                            \
        (REAL)how->scale,       (REAL)how->decay, (REAL)how->shrink, (REAL)how->keep,              \
        (REAL)how->gain,        (REAL)how->second_keep, (REAL)how->second_gain,                    \
        (REAL)how->rate,        (REAL)how->root,  (REAL)how->epsilon};                             \
    size_t start = how->streams ? -(uintptr_t)weights % 64 / sizeof(REAL) : 0;                     \
    if (start > count) start = count;                                                              \
    const size_t line = 64 / sizeof(REAL), end = start + (count - start) / line * line;            \
    int any = NAME(rule##_ones)(weights, gradient, first, second, 0, start, n);                    \
    if (how->streams)                                                                              \
      any |= NAME(rule##_lines)(weights, gradient, first, second, start, end, n, 1);               \
    else                                                                                           \
      any |= NAME(rule##_lines)(weights, gradient, first, second, start, end, n, 0);               \
    any |= NAME(rule##_ones)(weights, gradient, first, second, end, count, n);                     \
    if (!any || !how->not_finite) return;                                                          \
    const REAL *w = weights;                                                                       \
    for (size_t i = 0; i < count; i++)                                                             \
      if (w[i] - w[i] != 0) *how->not_finite = 1;                                                  \
  }
PASS(sgd, 0)
PASS(momentum, 1)
PASS(nesterov, 1)
PASS(adagrad, 1)
PASS(adam, 2)

TARGET static double NAME(squares)(const void *values, size_t count) {
  // 32 sums, whatever the width of the processor's vectors: the order of additions is part of the
  // result.
  enum { LANES = 32 };
  const REAL *x = values;
  double sums[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    for (size_t lane = 0; lane < LANES; lane++) {
      double value = (double)x[i + lane];
      sums[lane] += value * value;
    }
  }
  for (size_t lane = 0; i + lane < count; lane++) {
    double value = (double)x[i + lane];
    sums[lane] += value * value;
  }
  for (size_t half = LANES / 2; half > 0; half /= 2)
    for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  return sums[0];
}

const optimizer_passes NAME(passes) = {
    {NAME(sgd), NAME(momentum), NAME(nesterov), NAME(adagrad), NAME(adam)}, NAME(squares)};

#undef LINE
#undef UNALIGNED
#undef NUMBERS
#undef INLINE
#undef RULES
#undef PASS
