// The passes of optimizers.h for one type, in plain C that compilers turn into vectors. Included once
// for each type in each variant, with these macros:
//   REAL    the type of the numbers
//   NAME(x) the name of a function in this variant and type
//   TARGET  the attribute that allows the variant's instructions
// Nothing here may be contracted to fused multiply-additions: processors that have them and those
// that have not would disagree, and ranks would hold different weights.
#pragma STDC FP_CONTRACT OFF

TARGET static void NAME(sgd)(
    void *weights, const void *gradient, void *first, void *second, size_t count,
    const ck_update *how) {
  (void)first, (void)second;
  REAL *restrict w = weights;
  const REAL *restrict g = gradient;
  const REAL scale = (REAL)how->scale, decay = (REAL)how->decay, rate = (REAL)how->rate;
  for (size_t i = 0; i < count; i++) w[i] -= rate * (scale * g[i] + decay * w[i]);
}

TARGET static void NAME(momentum)(
    void *weights, const void *gradient, void *first, void *second, size_t count,
    const ck_update *how) {
  (void)second;
  REAL *restrict w = weights;
  REAL *restrict v = first;
  const REAL *restrict g = gradient;
  const REAL scale = (REAL)how->scale, decay = (REAL)how->decay, rate = (REAL)how->rate;
  const REAL keep = (REAL)how->keep;
  for (size_t i = 0; i < count; i++) {
    v[i] = keep * v[i] + (scale * g[i] + decay * w[i]);
    w[i] -= rate * v[i];
  }
}

TARGET static void NAME(nesterov)(
    void *weights, const void *gradient, void *first, void *second, size_t count,
    const ck_update *how) {
  (void)second;
  REAL *restrict w = weights;
  REAL *restrict v = first;
  const REAL *restrict g = gradient;
  const REAL scale = (REAL)how->scale, decay = (REAL)how->decay, rate = (REAL)how->rate;
  const REAL keep = (REAL)how->keep;
  for (size_t i = 0; i < count; i++) {
    REAL d = scale * g[i] + decay * w[i];
    v[i] = keep * v[i] + d;
    w[i] -= rate * (d + keep * v[i]);
  }
}

TARGET static void NAME(adagrad)(
    void *weights, const void *gradient, void *first, void *second, size_t count,
    const ck_update *how) {
  (void)second;
  REAL *restrict w = weights;
  REAL *restrict s = first;
  const REAL *restrict g = gradient;
  const REAL scale = (REAL)how->scale, decay = (REAL)how->decay, rate = (REAL)how->rate;
  const REAL epsilon = (REAL)how->epsilon;
  for (size_t i = 0; i < count; i++) {
    REAL d = scale * g[i] + decay * w[i];
    s[i] += d * d;
    w[i] -= rate * d / (__builtin_elementwise_sqrt(s[i]) + epsilon);
  }
}

TARGET static void NAME(adam)(
    void *weights, const void *gradient, void *first, void *second, size_t count,
    const ck_update *how) {
  REAL *restrict w = weights;
  REAL *restrict m = first;
  REAL *restrict s = second;
  const REAL *restrict g = gradient;
  const REAL scale = (REAL)how->scale, decay = (REAL)how->decay, rate = (REAL)how->rate;
  const REAL shrink = (REAL)how->shrink, root = (REAL)how->root, epsilon = (REAL)how->epsilon;
  const REAL keep = (REAL)how->keep, gain = (REAL)how->gain;
  const REAL second_keep = (REAL)how->second_keep, second_gain = (REAL)how->second_gain;
  for (size_t i = 0; i < count; i++) {
    REAL d = scale * g[i] + decay * w[i];
    m[i] = keep * m[i] + gain * d;
    s[i] = second_keep * s[i] + second_gain * (d * d);
    w[i] = shrink * w[i] - rate * m[i] / (root * __builtin_elementwise_sqrt(s[i]) + epsilon);
  }
}

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
