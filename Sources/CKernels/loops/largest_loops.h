// The largest numbers of a range; included by compression_loops.h.
//
// A magnitude, as an integer, is compared by 11 bits at a time: exponent and first digits, then the rest of
// those few numbers that agree in these with the smallest one wanted.
enum { NAME(digit) = 11, NAME(bins) = 1 << NAME(digit) };

/// The bin of the smallest number wanted; `*wanted` becomes how many of that bin are.
static size_t NAME(smallest_bin)(const uint32_t *counts, size_t *wanted) {
  size_t bin = NAME(bins) - 1;
  while (counts[bin] < *wanted) *wanted -= counts[bin--];
  return bin;
}

INLINE unsigned_element NAME(magnitude)(element value) {
  unsigned_element number;
  memcpy(&number, &value, sizeof number);
  return number & ((unsigned_element)-1 >> 1);
}

typedef struct {
  element *values;
  uint32_t *places;
  element *numbers;
  size_t taken;
} NAME(taker);

INLINE void NAME(take)(NAME(taker) *to, uint32_t place) {
  to->places[to->taken] = place;
  to->numbers[to->taken++] = to->values[place];
  to->values[place] = 0;
}

static void NAME(take_largest)(
    void *all, const void *gradient, size_t count, size_t wanted, uint32_t *places, void *numbers,
    uint32_t *candidates) {
  element *values = all;
  const element *added = gradient;
  int shift = FLOATING - 1 - NAME(digit);
  // Four counts: neighbours often agree, and would wait for each other.
  uint32_t counts[4][NAME(bins)];
  memset(counts, 0, sizeof counts);
  size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (size_t lane = 0; lane < 4; lane++)
      counts[lane][NAME(magnitude)(values[i + lane] += added[i + lane]) >> shift]++;
  for (; i < count; i++) counts[0][NAME(magnitude)(values[i] += added[i]) >> shift]++;
  for (size_t bin = 0; bin < NAME(bins); bin++)
    counts[0][bin] += counts[1][bin] + counts[2][bin] + counts[3][bin];
  if (wanted == 0) return;

  NAME(taker) to = {values, places, numbers, 0};
  size_t bin = NAME(smallest_bin)(counts[0], &wanted), left = 0;
  const unsigned_element from = (unsigned_element)bin << shift;
  for (i = 0; i < count;) {
    enum { AT_ONCE = 16 };
    const size_t end = i + AT_ONCE < count ? i + AT_ONCE : count;
    if (end - i == AT_ONCE) {
      int some = 0;
      for (size_t lane = 0; lane < AT_ONCE; lane++)
        some |= NAME(magnitude)(values[i + lane]) >= from;
      if (!some) i = end;
    }
    for (; i < end; i++) {
      const unsigned_element high = NAME(magnitude)(values[i]) >> shift;
      if (high > bin) NAME(take)(&to, (uint32_t)i);
      if (high == bin) candidates[left++] = (uint32_t)i;
    }
  }
  while (left > wanted && shift > 0) {
    const int width = shift < NAME(digit) ? shift : NAME(digit);
    const unsigned_element mask = ((unsigned_element)1 << width) - 1;
    shift -= width;
    memset(counts[0], 0, sizeof counts[0]);
    for (i = 0; i < left; i++) counts[0][(NAME(magnitude)(values[candidates[i]]) >> shift) & mask]++;
    bin = NAME(smallest_bin)(counts[0], &wanted);
    size_t kept = 0;
    for (i = 0; i < left; i++) {
      const uint32_t place = candidates[i];
      const unsigned_element digit = (NAME(magnitude)(values[place]) >> shift) & mask;
      if (digit > bin) NAME(take)(&to, place);
      if (digit == bin) candidates[kept++] = place;
    }
    left = kept;
  }
  for (i = 0; i < wanted; i++) NAME(take)(&to, candidates[i]);
}

static void NAME(add_at)(
    void *values, const uint32_t *places, const void *numbers, size_t count) {
  for (size_t i = 0; i < count; i++)
    ((element *)values)[places[i]] += ((const element *)numbers)[i];
}
