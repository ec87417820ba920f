// Reductions over ranges: the functions of reductions.h.

#if FLOATING
/// Any NaN as the canonical one. Integers choose: a compiler may take one NaN for another.
INLINE vector NAME(canonical)(vector a) {
  return (vector)(a == a ? (signed_vector)a : (signed_vector)(CANONICAL_NAN));
}

INLINE vector NAME(add)(vector a, vector b) { return a + b; }
INLINE vector NAME(multiply)(vector a, vector b) { return a * b; }
INLINE vector NAME(mean_of_two)(vector a, vector b) { return (a + b) / 2; }
INLINE vector NAME(add_canonically)(vector a, vector b) { return NAME(canonical)(a + b); }
INLINE vector NAME(multiply_canonically)(vector a, vector b) { return NAME(canonical)(a * b); }

INLINE vector NAME(minimum)(vector a, vector b) {
  const signed_vector x = (signed_vector)a, y = (signed_vector)b;
  // Of two zeros the negative one.
  const signed_vector number = a < b ? x : a == b ? x | y : y;
  return (vector)(((a == a) & (b == b)) ? number : (signed_vector)(CANONICAL_NAN));
}

INLINE vector NAME(maximum)(vector a, vector b) {
  const signed_vector x = (signed_vector)a, y = (signed_vector)b;
  const signed_vector number = a > b ? x : a == b ? x & y : y;
  return (vector)(((a == a) & (b == b)) ? number : (signed_vector)(CANONICAL_NAN));
}
#else
// Unsigned numbers wrap; for signed ones C leaves it open.
INLINE vector NAME(add)(vector a, vector b) {
  return (vector)((unsigned_vector)a + (unsigned_vector)b);
}
INLINE vector NAME(multiply)(vector a, vector b) {
  return (vector)((unsigned_vector)a * (unsigned_vector)b);
}
INLINE vector NAME(minimum)(vector a, vector b) { return a < b ? a : b; }
INLINE vector NAME(maximum)(vector a, vector b) { return a > b ? a : b; }
#endif

/// An operation on vectors: always a constant, so that it is inlined into the loops below.
typedef vector NAME(operation)(vector, vector);

/// to[i] = a[i] (op) b[i]. Elements left over at the end go through vectors too, by the same operation.
INLINE void NAME(combine)(
    element *to, const element *a, const element *b, size_t count, NAME(operation) *operation) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) STORE(to + i, operation(LOAD(a + i), LOAD(b + i)));
  SINGLY for (; i < count; i++) to[i] = operation((vector)(a[i]), (vector)(b[i]))[0];
}

/// a[i] = b[i] = a[i] (op) b[i].
INLINE void NAME(combine_both)(
    element *a, element *b, size_t count, NAME(operation) *operation) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const vector result = operation(LOAD(a + i), LOAD(b + i));
    STORE(a + i, result);
    STORE(b + i, result);
  }
  SINGLY for (; i < count; i++) a[i] = b[i] = operation((vector)(a[i]), (vector)(b[i]))[0];
}

static void NAME(sum_in_place)(void *into, const void *from, size_t count) {
  NAME(combine)(into, into, from, count, NAME(add));
}
static void NAME(sum_apart)(void *into, const void *first, const void *second, size_t count) {
  NAME(combine)(into, first, second, count, NAME(add));
}
static void NAME(sum_both)(void *first, void *second, size_t count) {
  NAME(combine_both)(first, second, count, NAME(add));
}

static void NAME(minimum_in_place)(void *into, const void *from, size_t count) {
  NAME(combine)(into, into, from, count, NAME(minimum));
}
static void NAME(minimum_apart)(void *into, const void *first, const void *second, size_t count) {
  NAME(combine)(into, first, second, count, NAME(minimum));
}
static void NAME(minimum_both)(void *first, void *second, size_t count) {
  NAME(combine_both)(first, second, count, NAME(minimum));
}

static void NAME(maximum_in_place)(void *into, const void *from, size_t count) {
  NAME(combine)(into, into, from, count, NAME(maximum));
}
static void NAME(maximum_apart)(void *into, const void *first, const void *second, size_t count) {
  NAME(combine)(into, first, second, count, NAME(maximum));
}
static void NAME(maximum_both)(void *first, void *second, size_t count) {
  NAME(combine_both)(first, second, count, NAME(maximum));
}

static void NAME(product_in_place)(void *into, const void *from, size_t count) {
  NAME(combine)(into, into, from, count, NAME(multiply));
}
static void NAME(product_apart)(void *into, const void *first, const void *second, size_t count) {
  NAME(combine)(into, first, second, count, NAME(multiply));
}
static void NAME(product_both)(void *first, void *second, size_t count) {
  NAME(combine_both)(first, second, count, NAME(multiply));
}

#if FLOATING
static void NAME(sum_symmetrically)(void *into, const void *from, size_t count) {
  NAME(combine)(into, into, from, count, NAME(add_canonically));
}
static void NAME(product_symmetrically)(void *into, const void *from, size_t count) {
  NAME(combine)(into, into, from, count, NAME(multiply_canonically));
}
static void NAME(mean_both)(void *first, void *second, size_t count) {
  NAME(combine_both)(first, second, count, NAME(mean_of_two));
}
static void NAME(divide)(void *values, size_t count, size_t ranks) {
  element *a = values;
  const element divisor = (element)ranks;
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) STORE(a + i, LOAD(a + i) / divisor);
  SINGLY for (; i < count; i++) a[i] /= divisor;
}
#define SYMMETRICALLY(operation) NAME(operation##_symmetrically)
#define MEAN {NAME(sum_in_place), NAME(sum_symmetrically), NAME(sum_apart), NAME(mean_both), NAME(divide)}
#else
#define SYMMETRICALLY(operation) NAME(operation##_in_place)
#define MEAN {NAME(sum_in_place), NAME(sum_in_place), NAME(sum_apart), NAME(sum_both), NULL}
#endif

static const ck_reduction NAME(reductions)[CK_OPERATIONS] = {
    [CK_SUM] = {NAME(sum_in_place), SYMMETRICALLY(sum), NAME(sum_apart), NAME(sum_both), NULL},
    [CK_MEAN] = MEAN,
    // The bits of a minimum and a maximum do not depend on which side is which.
    [CK_MINIMUM] = {NAME(minimum_in_place), NAME(minimum_in_place), NAME(minimum_apart),
                    NAME(minimum_both), NULL},
    [CK_MAXIMUM] = {NAME(maximum_in_place), NAME(maximum_in_place), NAME(maximum_apart),
                    NAME(maximum_both), NULL},
    [CK_PRODUCT] = {NAME(product_in_place), SYMMETRICALLY(product), NAME(product_apart),
                    NAME(product_both), NULL},
};

#undef SYMMETRICALLY
#undef MEAN
