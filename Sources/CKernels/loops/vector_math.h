// Functions of whole lines of 16 floats, whose sums are added up in the same order at every level: exp and its
// relatives, and what they are made of.

typedef int32_t line_bits __attribute__((ext_vector_type(LINE)));
typedef uint32_t line_unsigned __attribute__((ext_vector_type(LINE)));
typedef uint16_t line_halves __attribute__((ext_vector_type(LINE)));

INLINE line splat(float value) { return (line)(value); }
INLINE line_bits bits_of(line x) { return (line_bits)x; }
INLINE line line_of(line_bits bits) { return (line)bits; }

INLINE line load_line(const float *from) { return LOAD_LINE(from); }
INLINE void store_line(float *to, line x) { LINE_AT(to) = x; }

/// The first `count` numbers, the others 0.
INLINE line load_part(const float *from, size_t count) {
  line x = splat(0);
  memcpy(&x, from, count * sizeof(float));
  return x;
}

INLINE void store_part(float *to, line x, size_t count) { memcpy(to, &x, count * sizeof(float)); }

INLINE line_halves load_halves(const uint16_t *from) {
  line_halves x;
  memcpy(&x, from, sizeof x);
  return x;
}
INLINE void store_halves(uint16_t *to, line_halves x) { memcpy(to, &x, sizeof x); }

/// The first `count` numbers, the others `rest`.
INLINE line first_of(line x, size_t count, float rest) {
  const line_bits place = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return place < (line_bits)(int32_t)count ? x : splat(rest);
}

INLINE line absolute(line x) { return line_of(bits_of(x) & 0x7FFFFFFF); }
INLINE line with_sign_of(line size, line x) {
  return line_of((bits_of(size) & 0x7FFFFFFF) | (bits_of(x) & (int32_t)0x80000000));
}
INLINE line at_least(line x, float bound) { return x < splat(bound) ? splat(bound) : x; }
INLINE line at_most(line x, float bound) { return x > splat(bound) ? splat(bound) : x; }

/// The result, or a quiet NaN with x's bits where x is one.
INLINE line keeping_nan(line x, line result) { return x != x ? x + x : result; }

/// The sum of all numbers, in a fixed order.
INLINE float sum_of(line x) {
  float values[LINE];
  store_line(values, x);
  for (size_t half = LINE / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; lane++) values[lane] += values[lane + half];
  }
  return values[0];
}

INLINE float largest_of(line x) {
  float values[LINE], largest;
  store_line(values, x);
  largest = values[0];
  for (size_t lane = 1; lane < LINE; lane++) {
    if (values[lane] > largest) largest = values[lane];
  }
  return largest;
}

// exp and its relatives.
//
// All start from x = n ln 2 + r with |r| <= 0.35: exp(x) = 2^n (1 + p), where p = exp(r) - 1 is a
// polynomial. The coefficients are least maximum errors, found by Lawson's iteration in 120 bits.

/// exp(r) - 1, and the n of 2^n.
typedef struct reduced {
  line p, n;
} reduced;

/// Reduces high + low, where low is small beside high; |high| < 2^8.
INLINE reduced reduce(line high, line low) {
  // Adding 1.5 * 2^23 rounds to a whole number, which is then in the lowest bits.
  const line rounder = splat(0x1.8p23f);
  line n = (high * 0x1.715476p0f + rounder) - rounder;
  // The first part of ln 2 has 9 bits, so its product is exact.
  line r = ((high - n * 0x1.63p-1f) - n * -0x1.bd0106p-13f) + low;
  line p = splat(0x1.a190b8p-13f);
  p = p * r + 0x1.6d46e4p-10f;
  p = p * r + 0x1.11109ep-7f;
  p = p * r + 0x1.5554eep-5f;
  p = p * r + 0x1.555556p-3f;
  p = p * r + 0.5f;
  return (reduced){r + r * r * p, n};
}

/// 2^n for whole n from -126 to 127.
INLINE line power_of_two(line n) {
  return line_of((bits_of(n + 0x1.8p23f) - (0x4B400000 - 127)) << 23);
}

/// exp(high + low) for any numbers; NaN gives anything.
INLINE line exp_of_sum(line high, line low) {
  high = at_most(at_least(high, -104), 89);
  reduced e = reduce(high, low);
  // In two steps: the first stays normal, and the second rounds once to what is subnormal or infinite.
  line half = (e.n * 0.5f + 0x1.8p23f) - 0x1.8p23f;
  return (1 + e.p) * power_of_two(half) * power_of_two(e.n - half);
}

INLINE line exp_line(line x) { return keeping_nan(x, exp_of_sum(x, splat(0))); }

/// tanh |x| = e / (e + 2) with e = exp(2 |x|) - 1, which keeps small numbers exact.
INLINE line tanh_line(line x) {
  reduced d = reduce(at_most(absolute(x) * 2, 40), splat(0));
  line power = power_of_two(d.n);
  line e = power * d.p + (power - 1);
  return keeping_nan(x, with_sign_of(e / (e + 2), x));
}

/// With exp(-|x|), which cannot overflow: 1 / (1 + e), or e / (1 + e) for negative x.
INLINE line sigmoid_line(line x) {
  line e = exp_of_sum(-absolute(x), splat(0));
  return keeping_nan(x, (x < 0 ? e : splat(1)) / (1 + e));
}

/// log(1 + u) for u from 0 to 1: 2 artanh(s), s = u / (2 + u).
INLINE line log_of_one_plus(line u) {
  line s = u / (2 + u), square = s * s;
  line p = splat(0x1.f1b2c0p-4f);
  p = p * square + 0x1.b6d5b2p-4f;
  p = p * square + 0x1.25097cp-3f;
  p = p * square + 0x1.9996a8p-3f;
  p = p * square + 0x1.555558p-2f;
  line twice = s + s;
  return twice + twice * square * p;
}

/// The normal distribution at x: `below` is the probability P of less, `density` is exp(-x^2 / 2).
typedef struct normal {
  line below, density;
} normal;

INLINE normal normal_line(line x) {
  line size = at_most(absolute(x), 15);
  // The square as a sum of two numbers, the first one exact: its error would be that of exp times x^2.
  line front = line_of(bits_of(size) & (int32_t)0xFFFFF000);
  line density = exp_of_sum(front * front * -0.5f, (size - front) * (size + front) * -0.5f);
  // The tail's probability is the density times a smooth function, fitted over u = (x - 3) / (x + 3).
  line inverse = 1 / (size + 3), u = (size - 3) * inverse;
  line p = splat(0x1.bda9b8p-15f);
  p = p * u + 0x1.0e9052p-13f;
  p = p * u + -0x1.000802p-12f;
  p = p * u + -0x1.0e0fa4p-10f;
  p = p * u + 0x1.0cb3bap-10f;
  p = p * u + 0x1.c8afc4p-8f;
  p = p * u + -0x1.56d718p-7f;
  p = p * u + -0x1.832cd0p-5f;
  p = p * u + 0x1.d71386p-3f;
  p = p * u + -0x1.04c72ap-1f;
  p = p * u + 0x1.754a76p-1f;
  line tail = p * inverse * density;
  return (normal){x < 0 ? tail : 1 - tail, density};
}

/// Where x is lower, the results are zero anyway, and -infinity times zero would not be.
INLINE line gelu_line(line x) {
  return keeping_nan(x, at_least(x, -15) * normal_line(x).below);
}

/// P + x exp(-x^2 / 2) / sqrt(2 pi).
INLINE line gelu_slope(line x) {
  normal n = normal_line(x);
  line bounded = at_most(at_least(x, -15), 15);
  return keeping_nan(x, n.below + bounded * n.density * 0x1.988454p-2f);
}

/// 2 u of the form with tanh: 2 sqrt(2 / pi) (x + 0.044715 x^3).
INLINE line twice_inner(line x) {
  return x * (0x1.988454p0f + x * x * 0x1.2444f2p-4f);
}

INLINE line gelu_tanh_line(line x) {
  line bounded = at_most(at_least(x, -40), 40);
  return keeping_nan(x, at_least(x, -40) * sigmoid_line(twice_inner(bounded)));
}

INLINE line gelu_tanh_slope(line x) {
  line bounded = at_most(at_least(x, -40), 40), twice = twice_inner(bounded);
  // The slope of the sigmoid, s (1 - s), without the difference, which cancels where s is near 1.
  line e = exp_of_sum(-absolute(twice), splat(0)), d = 1 / (1 + e);
  line s = twice < 0 ? e * d : d;
  line inner = 0x1.988454p0f + bounded * bounded * (3 * 0x1.2444f2p-4f);
  return keeping_nan(x, s + bounded * (e * d * d) * inner);
}
