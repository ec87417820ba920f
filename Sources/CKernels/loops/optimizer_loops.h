// The passes of optimizers over flat memory, a line of numbers at a time: the functions of optimizers.h.

/// ck_update in the type of the numbers.
typedef struct {
  element scale, decay, shrink, keep, gain, second_keep, second_gain, rate, root, epsilon;
} NAME(coefficients);

/// A rule gives the new weights, and changes in place what it remembers of them.
typedef line NAME(rule)(line w, line g, line *first, line *second, NAME(coefficients) n);

INLINE line NAME(sgd_rule)(line w, line g, line *first, line *second, NAME(coefficients) n) {
  (void)first, (void)second;
  return w - n.rate * (n.scale * g + n.decay * w);
}

INLINE line NAME(momentum_rule)(line w, line g, line *first, line *second, NAME(coefficients) n) {
  (void)second;
  *first = n.keep * *first + (n.scale * g + n.decay * w);
  return w - n.rate * *first;
}

INLINE line NAME(nesterov_rule)(line w, line g, line *first, line *second, NAME(coefficients) n) {
  (void)second;
  const line d = n.scale * g + n.decay * w;
  *first = n.keep * *first + d;
  return w - n.rate * (d + n.keep * *first);
}

INLINE line NAME(adagrad_rule)(line w, line g, line *first, line *second, NAME(coefficients) n) {
  (void)second;
  const line d = n.scale * g + n.decay * w;
  *first += d * d;
  return w - n.rate * d / (__builtin_elementwise_sqrt(*first) + n.epsilon);
}

INLINE line NAME(adam_rule)(line w, line g, line *first, line *second, NAME(coefficients) n) {
  const line d = n.scale * g + n.decay * w;
  *first = n.keep * *first + n.gain * d;
  *second = n.second_keep * *second + n.second_gain * (d * d);
  return n.shrink * w - n.rate * *first / (n.root * __builtin_elementwise_sqrt(*second) + n.epsilon);
}

// A sum is NaN or infinite if one of its addends is: new weights are added up while they are in registers, and only if
// that sum is not finite is each looked at.

/// Single numbers, each as a line, by a rule that remembers `vectors` vectors. Rule and vectors are always
/// constants, here and below. Returns the sum of the new weights.
INLINE element NAME(update_singly)(
    NAME(rule) *rule, const int vectors, element *w, const element *g, element *v, element *s,
    size_t from, size_t to, NAME(coefficients) n) {
  element seen = 0;
  SINGLY for (size_t i = from; i < to; i++) {
    line first = (line)(0), second = (line)(0);
    if (vectors > 0) first = (line)(v[i]);
    if (vectors > 1) second = (line)(s[i]);
    w[i] = rule((line)(w[i]), (line)(g[i]), &first, &second, n)[0];
    if (vectors > 0) v[i] = first[0];
    if (vectors > 1) s[i] = second[0];
    seen += w[i];
  }
  return seen;
}

INLINE line NAME(update_lines)(
    NAME(rule) *rule, const int vectors, element *w, const element *g, element *v, element *s,
    size_t from, size_t to, NAME(coefficients) n, const int streams) {
  line seen = (line)(0);
  for (size_t i = from; i < to; i += LINE) {
    line first = (line)(0), second = (line)(0);
    if (vectors > 0) first = LOAD_LINE(v + i);
    if (vectors > 1) second = LOAD_LINE(s + i);
    const line fresh = rule(LOAD_LINE(w + i), LOAD_LINE(g + i), &first, &second, n);
    if (vectors > 0) LINE_AT(v + i) = first;
    if (vectors > 1) LINE_AT(s + i) = second;
    if (streams)
      __builtin_nontemporal_store(fresh, (line *)(w + i));
    else
      LINE_AT(w + i) = fresh;
    seen += fresh;
  }
  return seen;
}

INLINE void NAME(update)(
    NAME(rule) *rule, const int vectors, void *weights, const void *gradient, void *first,
    void *second, const ck_block *block, const ck_update *how) {
  const NAME(coefficients) n = {
      (element)how->scale,       (element)how->decay,       (element)how->shrink,
      (element)how->keep,        (element)how->gain,        (element)how->second_keep,
      (element)how->second_gain, (element)how->rate,        (element)how->root,
      (element)how->epsilon};
  element *w = weights, *v = first, *s = second;
  const element *g = gradient;
  const size_t count = block->columns;
  line seen = (line)(0);
  element seen_singly = 0;
  for (size_t row = 0; row < block->rows; row++) {
    size_t start = how->streams ? -(uintptr_t)w % LINE_BYTES / sizeof(element) : 0;
    if (start > count) start = count;
    const size_t end = start + (count - start) / LINE * LINE;
    seen_singly += NAME(update_singly)(rule, vectors, w, g, v, s, 0, start, n);
    if (how->streams)
      seen += NAME(update_lines)(rule, vectors, w, g, v, s, start, end, n, 1);
    else
      seen += NAME(update_lines)(rule, vectors, w, g, v, s, start, end, n, 0);
    seen_singly += NAME(update_singly)(rule, vectors, w, g, v, s, end, count, n);
    w += block->step, g += block->gradient_step;
    if (vectors > 0) v += block->step;
    if (vectors > 1) s += block->step;
  }
  int any = seen_singly - seen_singly != 0;
  for (size_t i = 0; i < LINE; i++) any |= seen[i] - seen[i] != 0;
  if (!any || !how->not_finite) return;
  w = weights;
  for (size_t row = 0; row < block->rows; row++, w += block->step)
    for (size_t i = 0; i < count; i++)
      if (w[i] - w[i] != 0) *how->not_finite = 1;
}

#define UPDATE(RULE, VECTORS)                                                                  \
  static void NAME(update_##RULE)(                                                             \
      void *weights, const void *gradient, void *first, void *second, const ck_block *block,   \
      const ck_update *how) {                                                                  \
    NAME(update)(NAME(RULE##_rule), VECTORS, weights, gradient, first, second, block, how);    \
  }
UPDATE(sgd, 0)
UPDATE(momentum, 1)
UPDATE(nesterov, 1)
UPDATE(adagrad, 1)
UPDATE(adam, 2)
#undef UPDATE

static double NAME(sum_of_squares)(const void *values, size_t count) {
  // 32 sums, whatever the width of the level's vectors: the order of additions is part of the result.
  enum { SUMS = 32 };
  const element *x = values;
  double sums[SUMS] = {0};
  size_t i = 0;
  for (; i + SUMS <= count; i += SUMS) {
    for (size_t lane = 0; lane < SUMS; lane++) {
      const double value = (double)x[i + lane];
      sums[lane] += value * value;
    }
  }
  for (size_t lane = 0; i + lane < count; lane++) {
    const double value = (double)x[i + lane];
    sums[lane] += value * value;
  }
  for (size_t half = SUMS / 2; half > 0; half /= 2)
    for (size_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
  return sums[0];
}

static const ck_optimizers NAME(optimizers) = {
    .sgd = NAME(update_sgd),
    .momentum = NAME(update_momentum),
    .nesterov = NAME(update_nesterov),
    .adagrad = NAME(update_adagrad),
    .adam = NAME(update_adam),
    .sum_of_squares = NAME(sum_of_squares),
};
