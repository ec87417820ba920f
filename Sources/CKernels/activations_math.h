// exp and its relatives on groups, compiled once a variant.
//
// All start from x = n ln 2 + r with |r| <= 0.35: exp(x) = 2^n (1 + p), where p = exp(r) - 1 is a
// polynomial. The coefficients are least maximum errors, found by Lawson's iteration in 120 bits.

/// exp(r) - 1, and the n of 2^n.
typedef struct reduced {
  lanes p, n;
} reduced;

/// Reduces high + low, where low is small beside high; |high| < 2^8.
INLINE reduced reduce(lanes high, lanes low) {
  // Adding 1.5 * 2^23 rounds to a whole number, which is then in the lowest bits.
  const lanes rounder = splat(0x1.8p23f);
  lanes n = (high * 0x1.715476p0f + rounder) - rounder;
  // The first part of ln 2 has 9 bits, so its product is exact.
  lanes r = ((high - n * 0x1.63p-1f) - n * -0x1.bd0106p-13f) + low;
  lanes p = splat(0x1.a190b8p-13f);
  p = p * r + 0x1.6d46e4p-10f;
  p = p * r + 0x1.11109ep-7f;
  p = p * r + 0x1.5554eep-5f;
  p = p * r + 0x1.555556p-3f;
  p = p * r + 0.5f;
  return (reduced){r + r * r * p, n};
}

/// 2^n for whole n from -126 to 127.
INLINE lanes power_of_two(lanes n) {
  return lanes_of((bits_of(n + 0x1.8p23f) - (0x4B400000 - 127)) << 23);
}

/// exp(high + low) for any numbers; NaN gives anything.
INLINE lanes exp_of_sum(lanes high, lanes low) {
  high = at_most(at_least(high, -104), 89);
  reduced e = reduce(high, low);
  // In two steps: the first stays normal, and the second rounds once to what is subnormal or infinite.
  lanes half = (e.n * 0.5f + 0x1.8p23f) - 0x1.8p23f;
  return (1 + e.p) * power_of_two(half) * power_of_two(e.n - half);
}

INLINE lanes exp_lanes(lanes x) { return keeping_nan(x, exp_of_sum(x, splat(0))); }

/// tanh |x| = e / (e + 2) with e = exp(2 |x|) - 1, which keeps small numbers exact.
INLINE lanes tanh_lanes(lanes x) {
  reduced d = reduce(at_most(absolute(x) * 2, 40), splat(0));
  lanes power = power_of_two(d.n);
  lanes e = power * d.p + (power - 1);
  return keeping_nan(x, with_sign_of(e / (e + 2), x));
}

/// With exp(-|x|), which cannot overflow: 1 / (1 + e), or e / (1 + e) for negative x.
INLINE lanes sigmoid_lanes(lanes x) {
  lanes e = exp_of_sum(-absolute(x), splat(0));
  return keeping_nan(x, (x < 0 ? e : splat(1)) / (1 + e));
}

/// log(1 + u) for u from 0 to 1: 2 artanh(s), s = u / (2 + u).
INLINE lanes log_of_one_plus(lanes u) {
  lanes s = u / (2 + u), square = s * s;
  lanes p = splat(0x1.f1b2c0p-4f);
  p = p * square + 0x1.b6d5b2p-4f;
  p = p * square + 0x1.25097cp-3f;
  p = p * square + 0x1.9996a8p-3f;
  p = p * square + 0x1.555558p-2f;
  lanes twice = s + s;
  return twice + twice * square * p;
}

/// The normal distribution at x: `below` is the probability P of less, `density` is exp(-x^2 / 2).
typedef struct normal {
  lanes below, density;
} normal;

INLINE normal normal_lanes(lanes x) {
  lanes size = at_most(absolute(x), 15);
  // The square as a sum of two numbers, the first one exact: its error would be that of exp times x^2.
  lanes front = lanes_of(bits_of(size) & (int32_t)0xFFFFF000);
  lanes density = exp_of_sum(front * front * -0.5f, (size - front) * (size + front) * -0.5f);
  // The tail's probability is the density times a smooth function, fitted over u = (x - 3) / (x + 3).
  lanes inverse = 1 / (size + 3), u = (size - 3) * inverse;
  lanes p = splat(0x1.bda9b8p-15f);
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
  lanes tail = p * inverse * density;
  return (normal){x < 0 ? tail : 1 - tail, density};
}

/// Where x is lower, the results are zero anyway, and -infinity times zero would not be.
INLINE lanes gelu_lanes(lanes x) {
  return keeping_nan(x, at_least(x, -15) * normal_lanes(x).below);
}

/// P + x exp(-x^2 / 2) / sqrt(2 pi).
INLINE lanes gelu_slope(lanes x) {
  normal n = normal_lanes(x);
  lanes bounded = at_most(at_least(x, -15), 15);
  return keeping_nan(x, n.below + bounded * n.density * 0x1.988454p-2f);
}

/// 2 u of the form with tanh: 2 sqrt(2 / pi) (x + 0.044715 x^3).
INLINE lanes twice_inner(lanes x) {
  return x * (0x1.988454p0f + x * x * 0x1.2444f2p-4f);
}

INLINE lanes gelu_tanh_lanes(lanes x) {
  lanes bounded = at_most(at_least(x, -40), 40);
  return keeping_nan(x, at_least(x, -40) * sigmoid_lanes(twice_inner(bounded)));
}

INLINE lanes gelu_tanh_slope(lanes x) {
  lanes bounded = at_most(at_least(x, -40), 40), twice = twice_inner(bounded);
  // The slope of the sigmoid, s (1 - s), without the difference, which cancels where s is near 1.
  lanes e = exp_of_sum(-absolute(twice), splat(0)), d = 1 / (1 + e);
  lanes s = twice < 0 ? e * d : d;
  lanes inner = 0x1.988454p0f + bounded * bounded * (3 * 0x1.2444f2p-4f);
  return keeping_nan(x, s + bounded * (e * d * d) * inner);
}
