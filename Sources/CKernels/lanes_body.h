// Work on groups, compiled once a variant.

INLINE lanes splat(float value) { return (lanes)value; }
INLINE lane_bits bits_of(lanes x) { lane_bits bits; memcpy(&bits, &x, sizeof bits); return bits; }
INLINE lanes lanes_of(lane_bits bits) { lanes x; memcpy(&x, &bits, sizeof x); return x; }

INLINE lanes load(const float *from) { return *(const unaligned_lanes *)from; }
INLINE void store(float *to, lanes x) { *(unaligned_lanes *)to = x; }

/// The first `count` numbers, the others 0.
INLINE lanes load_part(const float *from, size_t count) {
  lanes x = splat(0);
  memcpy(&x, from, count * sizeof(float));
  return x;
}

INLINE void store_part(float *to, lanes x, size_t count) { memcpy(to, &x, count * sizeof(float)); }

/// The first `count` numbers, the others `rest`.
INLINE lanes first(lanes x, size_t count, float rest) {
  const lane_bits place = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return place < (lane_bits)(int32_t)count ? x : splat(rest);
}

INLINE lanes absolute(lanes x) { return lanes_of(bits_of(x) & 0x7FFFFFFF); }
INLINE lanes with_sign_of(lanes size, lanes x) {
  return lanes_of((bits_of(size) & 0x7FFFFFFF) | (bits_of(x) & (int32_t)0x80000000));
}
INLINE lanes at_least(lanes x, float bound) { return x < splat(bound) ? splat(bound) : x; }
INLINE lanes at_most(lanes x, float bound) { return x > splat(bound) ? splat(bound) : x; }

/// The result, or a quiet NaN with x's bits where x is one.
INLINE lanes keeping_nan(lanes x, lanes result) { return x != x ? x + x : result; }

/// The sum of all numbers, in a fixed order.
INLINE float sum_of(lanes x) {
  float values[LANES];
  store(values, x);
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; lane++) values[lane] += values[lane + half];
  }
  return values[0];
}

INLINE float largest_of(lanes x) {
  float values[LANES], largest;
  store(values, x);
  largest = values[0];
  for (int lane = 1; lane < LANES; lane++) {
    if (values[lane] > largest) largest = values[lane];
  }
  return largest;
}

/// The loop of a function of one range: x in, y out; `full` groups, and then the rest.
#define EACH_GROUP(EXPRESSION)                   \
  size_t index = 0;                              \
  for (; index + LANES <= count; index += LANES) { \
    lanes x = load(from + index);                \
    store(to + index, EXPRESSION);               \
  }                                              \
  if (index < count) {                           \
    lanes x = load_part(from + index, count - index); \
    store_part(to + index, EXPRESSION, count - index); \
  }

/// The same with a second operand, b.
#define EACH_PAIR(EXPRESSION)                    \
  size_t index = 0;                              \
  for (; index + LANES <= count; index += LANES) { \
    lanes x = load(from + index), b = load(other + index); \
    store(to + index, EXPRESSION);               \
  }                                              \
  if (index < count) {                           \
    lanes x = load_part(from + index, count - index); \
    lanes b = load_part(other + index, count - index); \
    store_part(to + index, EXPRESSION, count - index); \
  }
