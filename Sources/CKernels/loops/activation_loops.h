// Activations, losses and dropout: the functions of activations.h but for normalization.

/// The loop of a function of one range: whole lines x, and then what is left of one.
#define EACH_LINE(EXPRESSION)                                       \
  size_t index = 0;                                                 \
  for (; index + LINE <= count; index += LINE) {                    \
    line x = load_line(from + index);                               \
    store_line(to + index, EXPRESSION);                             \
  }                                                                 \
  if (index < count) {                                              \
    line x = load_part(from + index, count - index);                \
    store_part(to + index, EXPRESSION, count - index);              \
  }

/// The same with a second operand, b.
#define EACH_PAIR(EXPRESSION)                                       \
  size_t index = 0;                                                 \
  for (; index + LINE <= count; index += LINE) {                    \
    line x = load_line(from + index), b = load_line(other + index); \
    store_line(to + index, EXPRESSION);                             \
  }                                                                 \
  if (index < count) {                                              \
    line x = load_part(from + index, count - index);                \
    line b = load_part(other + index, count - index);               \
    store_part(to + index, EXPRESSION, count - index);              \
  }

static void NAME(exponential)(const float *from, float *to, size_t count) {
  EACH_LINE(exp_line(x))
}
static void NAME(tanh)(const float *from, float *to, size_t count) { EACH_LINE(tanh_line(x)) }
static void NAME(sigmoid)(const float *from, float *to, size_t count) {
  EACH_LINE(sigmoid_line(x))
}
static void NAME(gelu)(const float *from, float *to, size_t count) { EACH_LINE(gelu_line(x)) }
static void NAME(gelu_tanh)(const float *from, float *to, size_t count) {
  EACH_LINE(gelu_tanh_line(x))
}

static void NAME(rectify)(const float *from, float *to, size_t count, float slope) {
  if (slope == 0) {
    // Not a product: that of 0 and -infinity is NaN.
    EACH_LINE(x < 0 ? splat(0) : x)
  } else {
    EACH_LINE(x < 0 ? x * slope : x)
  }
}

static void NAME(tanh_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * (1 - b * b))
}
static void NAME(sigmoid_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * (b * (1 - b)))
}
static void NAME(gelu_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * gelu_slope(b))
}
static void NAME(gelu_tanh_gradient)(const float *other, float *to, size_t count) {
  const float *from = to;
  EACH_PAIR(x * gelu_tanh_slope(b))
}

static void NAME(rectify_gradient)(const float *other, float *to, size_t count, float slope) {
  const float *from = to;
  if (slope == 0) {
    EACH_PAIR(b > 0 ? x : splat(0))
  } else {
    EACH_PAIR(b > 0 ? x : x * slope)
  }
}

static void NAME(add_ranges)(const float *from, const float *other, float *to, size_t count) {
  EACH_PAIR(x + b)
}

static float NAME(largest)(const float *from, size_t count) {
  line most = splat(-INFINITY);
  size_t index = 0;
  for (; index + LINE <= count; index += LINE) {
    line x = load_line(from + index);
    most = x > most ? x : most;
  }
  if (index < count) {
    line x = first_of(load_part(from + index, count - index), count - index, -INFINITY);
    most = x > most ? x : most;
  }
  return largest_of(most);
}

/// How many numbers are added up in 32 bits; these sums are added up in 64 bits.
enum { BLOCK = 2048 };

/// A sum over ranges of at most BLOCK numbers: `LINES` is added for x and b, which are 0 past the end.
#define SUM_OF_BLOCKS(LINES, REST)                              \
  double total = 0;                                             \
  for (size_t start = 0; start < count; start += BLOCK) {       \
    size_t end = count - start < BLOCK ? count : start + BLOCK; \
    line sum = splat(0);                                        \
    size_t index = start;                                       \
    for (; index + LINE <= end; index += LINE) LINES            \
    if (index < end) REST                                       \
    total += sum_of(sum);                                       \
  }                                                             \
  return total;

static double NAME(sum)(const float *from, size_t count) {
  SUM_OF_BLOCKS({ sum += load_line(from + index); }, { sum += load_part(from + index, end - index); })
}

static float NAME(exponentials)(const float *from, float offset, float *to, size_t count) {
  line sum = splat(0);
  size_t index = 0;
  for (; index + LINE <= count; index += LINE) {
    line y = exp_line(load_line(from + index) - offset);
    if (to) store_line(to + index, y);
    sum += y;
  }
  if (index < count) {
    line y = exp_line(load_part(from + index, count - index) - offset);
    if (to) store_part(to + index, y, count - index);
    sum += first_of(y, count - index, 0);
  }
  return sum_of(sum);
}

static void NAME(scale_and_shift)(float *to, size_t count, float scale, float offset) {
  const float *from = to;
  EACH_LINE(x * scale - offset)
}

static double NAME(squared_differences)(
    const float *from, const float *other, float *to, size_t count, float scale) {
  SUM_OF_BLOCKS(
      {
        line difference = load_line(from + index) - load_line(other + index);
        if (to) store_line(to + index, difference * scale);
        sum += difference * difference;
      },
      {
        size_t left = end - index;
        line difference = load_part(from + index, left) - load_part(other + index, left);
        if (to) store_part(to + index, difference * scale, left);
        sum += difference * difference;
      })
}

/// The losses of a line; its gradient in `gradient`, and -1 in `right` where x is on the target's side.
INLINE line NAME(binary_line)(
    line x, line target, float scale, line *gradient, line_bits *right) {
  line small = exp_of_sum(-absolute(x), splat(0));
  line likely = (x < 0 ? small : splat(1)) / (1 + small);
  *gradient = keeping_nan(x, (likely - target) * scale);
  *right = ~((x > 0) ^ (target > 0.5f));
  return keeping_nan(x, (x < 0 ? splat(0) : x) - x * target + log_of_one_plus(small));
}

static double NAME(binary_cross_entropy)(
    const float *from, const float *other, float *to, size_t count, float scale, ptrdiff_t *right) {
  line_bits counts = (line_bits)0, sides;
  line gradient;
  *right = 0;
  double total = 0;
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t end = count - start < BLOCK ? count : start + BLOCK;
    line sum = splat(0);
    size_t index = start;
    for (; index + LINE <= end; index += LINE) {
      sum += NAME(binary_line)(
          load_line(from + index), load_line(other + index), scale, &gradient, &sides);
      if (to) store_line(to + index, gradient);
      counts -= sides;
    }
    if (index < end) {
      size_t left = end - index;
      line losses = NAME(binary_line)(
          load_part(from + index, left), load_part(other + index, left), scale, &gradient, &sides);
      if (to) store_part(to + index, gradient, left);
      sum += first_of(losses, left, 0);
      counts -= bits_of(first_of(line_of(sides), left, 0));
    }
    total += sum_of(sum);
  }
  for (size_t lane = 0; lane < LINE; lane++) *right += counts[lane];
  return total;
}

#undef SUM_OF_BLOCKS
#undef EACH_LINE
#undef EACH_PAIR

// Dropout, by Philox4x32 with ten rounds on eight counters at once.

/// Eight words, each in the lower half of 64 bits; the upper halves may hold anything.
typedef uint64_t words __attribute__((ext_vector_type(8)));

/// The product's upper half comes down; its lower half stays where it is.
INLINE words word_product(words a, uint64_t factor) { return (a & 0xFFFFFFFF) * factor; }

/// 16 random bits for each of 64 elements: the blocks from `index` to `index` + 7.
INLINE void random_bits(uint64_t seed, uint64_t index, uint64_t stream, uint16_t bits[64]) {
  const words place = {0, 1, 2, 3, 4, 5, 6, 7};
  words a = place + index, b = a >> 32, c = (words)stream, d = c >> 32;
  uint32_t low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    words first = word_product(a, 0xD2511F53), second = word_product(c, 0xCD9E8D57);
    a = second >> 32 ^ b ^ low;
    b = second;
    c = first >> 32 ^ d ^ high;
    d = first;
    low += 0x9E3779B9;
    high += 0xBB67AE85;
  }
  words front = (a & 0xFFFFFFFF) | b << 32, back = (c & 0xFFFFFFFF) | d << 32;
  memcpy(bits, &front, sizeof front);
  memcpy(bits + 32, &back, sizeof back);
}

INLINE line dropped(line x, const uint16_t *bits, uint32_t kept, float scale) {
  const line_bits wide = __builtin_convertvector(load_halves(bits), line_bits);
  return wide < (line_bits)(int32_t)kept ? x * scale : splat(0);
}

static void NAME(drop)(
    const float *from, float *to, size_t count, uint64_t seed, uint64_t index, uint64_t stream,
    uint32_t kept, float scale) {
  uint16_t bits[64];
  for (size_t start = 0; start < count; start += 64, index += 8) {
    random_bits(seed, index, stream, bits);
    size_t end = count - start < 64 ? count : start + 64;
    size_t place = start;
    for (; place + LINE <= end; place += LINE) {
      store_line(to + place, dropped(load_line(from + place), bits + (place - start), kept, scale));
    }
    if (place < end) {
      line x = load_part(from + place, end - place);
      store_part(to + place, dropped(x, bits + (place - start), kept, scale), end - place);
    }
  }
}

static const ck_activations NAME(activations) = {
    NAME(exponential), NAME(tanh), NAME(sigmoid), NAME(gelu), NAME(gelu_tanh),
    NAME(rectify), NAME(tanh_gradient), NAME(sigmoid_gradient), NAME(gelu_gradient),
    NAME(gelu_tanh_gradient), NAME(rectify_gradient), NAME(add_ranges), NAME(largest),
    NAME(sum), NAME(exponentials), NAME(scale_and_shift), NAME(squared_differences),
    NAME(binary_cross_entropy), NAME(drop)};
