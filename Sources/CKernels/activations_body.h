// The functions of `activations.h`, compiled once a variant; VARIANT(name) names them.

static void VARIANT(exponential)(const float *from, float *to, size_t count) {
  EACH_GROUP(exp_lanes(x))
}
static void VARIANT(tanh)(const float *from, float *to, size_t count) { EACH_GROUP(tanh_lanes(x)) }
static void VARIANT(sigmoid)(const float *from, float *to, size_t count) {
  EACH_GROUP(sigmoid_lanes(x))
}
static void VARIANT(gelu)(const float *from, float *to, size_t count) { EACH_GROUP(gelu_lanes(x)) }
static void VARIANT(gelu_tanh)(const float *from, float *to, size_t count) {
  EACH_GROUP(gelu_tanh_lanes(x))
}

static void VARIANT(rectify)(const float *from, float *to, size_t count, float slope) {
  if (slope == 0) {
    // Not a product: that of 0 and -infinity is NaN.
    EACH_GROUP(x < 0 ? splat(0) : x)
  } else {
    EACH_GROUP(x < 0 ? x * slope : x)
  }
}

static void VARIANT(tanh_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * (1 - b * b))
}
static void VARIANT(sigmoid_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * (b * (1 - b)))
}
static void VARIANT(gelu_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * gelu_slope(b))
}
static void VARIANT(gelu_tanh_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * gelu_tanh_slope(b))
}

static void VARIANT(rectify_gradient)(const float *other, float *to, size_t count, float slope) {
  const float *from = to;
  if (slope == 0) {
    EACH_PAIR(b > 0 ? x : splat(0))
  } else {
    EACH_PAIR(b > 0 ? x : x * slope)
  }
}

static void VARIANT(add)(const float *from, const float *other, float *to, size_t count) {
  EACH_PAIR(x + b)
}

static float VARIANT(largest)(const float *from, size_t count) {
  lanes most = splat(-INFINITY);
  size_t index = 0;
  for (; index + LANES <= count; index += LANES) {
    lanes x = load(from + index);
    most = x > most ? x : most;
  }
  if (index < count) {
    lanes x = first(load_part(from + index, count - index), count - index, -INFINITY);
    most = x > most ? x : most;
  }
  return largest_of(most);
}

/// Adds up groups in 32 bits up to so many numbers, and these sums in 64 bits.
enum { BLOCK = 2048 };

/// A sum over ranges of at most BLOCK numbers: `GROUP` is added for x and b, which are 0 past the end.
#define SUM_OF_BLOCKS(GROUP, REST)                              \
  double total = 0;                                             \
  for (size_t start = 0; start < count; start += BLOCK) {       \
    size_t end = count - start < BLOCK ? count : start + BLOCK; \
    lanes sum = splat(0);                                       \
    size_t index = start;                                       \
    for (; index + LANES <= end; index += LANES) GROUP          \
    if (index < end) REST                                       \
    total += sum_of(sum);                                       \
  }                                                             \
  return total;

static double VARIANT(sum)(const float *from, size_t count) {
  SUM_OF_BLOCKS({ sum += load(from + index); }, { sum += load_part(from + index, end - index); })
}

static float VARIANT(exponentials)(const float *from, float offset, float *to, size_t count) {
  lanes sum = splat(0);
  size_t index = 0;
  for (; index + LANES <= count; index += LANES) {
    lanes y = exp_lanes(load(from + index) - offset);
    if (to) store(to + index, y);
    sum += y;
  }
  if (index < count) {
    lanes y = exp_lanes(load_part(from + index, count - index) - offset);
    if (to) store_part(to + index, y, count - index);
    sum += first(y, count - index, 0);
  }
  return sum_of(sum);
}

static void VARIANT(scale_and_shift)(float *to, size_t count, float scale, float offset) {
  const float *from = to;
  EACH_GROUP(x * scale - offset)
}

static double VARIANT(squared_differences)(
    const float *from, const float *other, float *to, size_t count, float scale) {
  SUM_OF_BLOCKS(
      {
        lanes difference = load(from + index) - load(other + index);
        if (to) store(to + index, difference * scale);
        sum += difference * difference;
      },
      {
        size_t left = end - index;
        lanes difference = load_part(from + index, left) - load_part(other + index, left);
        if (to) store_part(to + index, difference * scale, left);
        sum += difference * difference;
      })
}

/// The losses of a group; its gradient in `gradient`, and -1 in `right` where x is on the target's side.
INLINE lanes VARIANT(binary_group)(
    lanes x, lanes target, float scale, lanes *gradient, lane_bits *right) {
  lanes small = exp_of_sum(-absolute(x), splat(0));
  lanes likely = (x < 0 ? small : splat(1)) / (1 + small);
  *gradient = keeping_nan(x, (likely - target) * scale);
  *right = ~((x > 0) ^ (target > 0.5f));
  return keeping_nan(x, (x < 0 ? splat(0) : x) - x * target + log_of_one_plus(small));
}

static double VARIANT(binary_cross_entropy)(
    const float *from, const float *other, float *to, size_t count, float scale, ptrdiff_t *right) {
  lane_bits counts = (lane_bits)0, sides;
  lanes gradient;
  *right = 0;
  double total = 0;
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t end = count - start < BLOCK ? count : start + BLOCK;
    lanes sum = splat(0);
    size_t index = start;
    for (; index + LANES <= end; index += LANES) {
      sum += VARIANT(binary_group)(
          load(from + index), load(other + index), scale, &gradient, &sides);
      if (to) store(to + index, gradient);
      counts -= sides;
    }
    if (index < end) {
      size_t left = end - index;
      lanes losses = VARIANT(binary_group)(
          load_part(from + index, left), load_part(other + index, left), scale, &gradient, &sides);
      if (to) store_part(to + index, gradient, left);
      sum += first(losses, left, 0);
      counts -= bits_of(first(lanes_of(sides), left, 0));
    }
    total += sum_of(sum);
  }
  for (int lane = 0; lane < LANES; lane++) *right += counts[lane];
  return total;
}

#undef SUM_OF_BLOCKS

const ck_activations VARIANT(activations) = {
    VARIANT(exponential), VARIANT(tanh), VARIANT(sigmoid), VARIANT(gelu), VARIANT(gelu_tanh),
    VARIANT(rectify), VARIANT(tanh_gradient), VARIANT(sigmoid_gradient), VARIANT(gelu_gradient),
    VARIANT(gelu_tanh_gradient), VARIANT(rectify_gradient), VARIANT(add), VARIANT(largest),
    VARIANT(sum), VARIANT(exponentials), VARIANT(scale_and_shift), VARIANT(squared_differences),
    VARIANT(binary_cross_entropy), VARIANT(drop)};
