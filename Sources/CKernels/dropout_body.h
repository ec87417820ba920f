// Philox4x32 with ten rounds on eight counters at once, and dropout, compiled once a variant.

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

typedef uint16_t halves __attribute__((ext_vector_type(LANES)));

INLINE lanes dropped(lanes x, const uint16_t *bits, uint32_t kept, float scale) {
  halves narrow;
  memcpy(&narrow, bits, sizeof narrow);
  lane_bits wide = __builtin_convertvector(narrow, lane_bits);
  return wide < (lane_bits)(int32_t)kept ? x * scale : splat(0);
}

static void VARIANT(drop)(
    const float *from, float *to, size_t count, uint64_t seed, uint64_t index, uint64_t stream,
    uint32_t kept, float scale) {
  uint16_t bits[64];
  for (size_t start = 0; start < count; start += 64, index += 8) {
    random_bits(seed, index, stream, bits);
    size_t end = count - start < 64 ? count : start + 64;
    size_t place = start;
    for (; place + LANES <= end; place += LANES) {
      store(to + place, dropped(load(from + place), bits + (place - start), kept, scale));
    }
    if (place < end) {
      lanes x = load_part(from + place, end - place);
      store_part(to + place, dropped(x, bits + (place - start), kept, scale), end - place);
    }
  }
}
