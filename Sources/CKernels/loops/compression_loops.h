// Products of a wide matrix with narrow ones, their orthonormal vectors, and the largest numbers of a range:
// the functions of compression.h. The wide matrix comes from memory, so each loop reads it once for up to four
// narrow columns; these stay in the caches.

/// One row of m by `width` columns q; `gradient` is added to it first, if there is one.
INLINE void NAME(project_row)(
    element *m, const element *gradient, size_t columns, const element *q, element *p, size_t rows,
    const size_t width) {
  vector sums[4] = {};
  element rest[4] = {};
  size_t j = 0;
  for (; j + LANES <= columns; j += LANES) {
    vector value = LOAD(m + j);
    if (gradient) STORE(m + j, value += LOAD(gradient + j));
    for (size_t r = 0; r < width; r++) sums[r] += value * LOAD(q + r * columns + j);
  }
  for (; j < columns; j++) {
    if (gradient) m[j] += gradient[j];
    for (size_t r = 0; r < width; r++) rest[r] += m[j] * q[r * columns + j];
  }
  for (size_t r = 0; r < width; r++) {
    for (size_t lane = 0; lane < LANES; lane++) rest[r] += sums[r][lane];
    p[r * rows] = rest[r];
  }
}

static void NAME(project)(
    void *m, const void *gradient, size_t rows, size_t columns, size_t rank, const void *q, void *p) {
  for (size_t i = 0; i < rows; i++) {
    element *row = (element *)m + i * columns;
    const element *added = (const element *)gradient + i * columns;
    size_t r = 0;
    for (; r + 4 <= rank; r += 4, added = NULL)
      NAME(project_row)(
          row, added, columns, (const element *)q + r * columns, (element *)p + r * rows + i, rows, 4);
    for (; r < rank; r++, added = NULL)
      NAME(project_row)(
          row, added, columns, (const element *)q + r * columns, (element *)p + r * rows + i, rows, 1);
  }
}

/// Adds a row of m, by `width` numbers of p, to as many rows of q.
INLINE void NAME(add_row)(
    const element *m, size_t count, size_t columns, const element *p, size_t rows, element *q,
    const size_t width) {
  size_t j = 0;
  for (; j + LANES <= count; j += LANES) {
    const vector value = LOAD(m + j);
    for (size_t r = 0; r < width; r++)
      STORE(q + r * columns + j, LOAD(q + r * columns + j) + value * p[r * rows]);
  }
  for (; j < count; j++)
    for (size_t r = 0; r < width; r++) q[r * columns + j] += m[j] * p[r * rows];
}

static void NAME(project_back)(
    const void *m, size_t rows, size_t columns, size_t rank, const void *p, void *q) {
  // Columns whose part of four sums stays in the first cache.
  enum { BLOCK = 1024 };
  memset(q, 0, rank * columns * sizeof(element));
  for (size_t start = 0; start < columns; start += BLOCK) {
    const size_t count = columns - start < BLOCK ? columns - start : BLOCK;
    for (size_t i = 0; i < rows; i++) {
      const element *row = (const element *)m + i * columns + start;
      size_t r = 0;
      for (; r + 4 <= rank; r += 4)
        NAME(add_row)(
            row, count, columns, (const element *)p + r * rows + i, rows,
            (element *)q + r * columns + start, 4);
      for (; r < rank; r++)
        NAME(add_row)(
            row, count, columns, (const element *)p + r * rows + i, rows,
            (element *)q + r * columns + start, 1);
    }
  }
}

static void NAME(reconstruct)(
    void *m, void *gradient, size_t rows, size_t columns, size_t rank, const void *p, const void *own,
    const void *q) {
  const element *one = own, *all = q;
  element factors[CK_MOST_COLUMNS];
  for (size_t i = 0; i < rows; i++) {
    element *row = (element *)m + i * columns, *result = (element *)gradient + i * columns;
    for (size_t r = 0; r < rank; r++) factors[r] = ((const element *)p)[r * rows + i];
    size_t j = 0;
    for (; j + LANES <= columns; j += LANES) {
      vector mine = (vector)(0), sum = (vector)(0);
      for (size_t r = 0; r < rank; r++) {
        mine += LOAD(one + r * columns + j) * factors[r];
        sum += LOAD(all + r * columns + j) * factors[r];
      }
      STORE(row + j, LOAD(row + j) - mine);
      STORE(result + j, sum);
    }
    for (; j < columns; j++) {
      element mine = 0, sum = 0;
      for (size_t r = 0; r < rank; r++) {
        mine += one[r * columns + j] * factors[r];
        sum += all[r * columns + j] * factors[r];
      }
      row[j] -= mine;
      result[j] = sum;
    }
  }
}

/// In 64 bits, in an order of its own, so that the width of vectors does not change it.
static double NAME(dot)(const element *a, const element *b, size_t count) {
  double sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (size_t lane = 0; lane < 4; lane++) sums[lane] += (double)a[i + lane] * (double)b[i + lane];
  for (; i < count; i++) sums[0] += (double)a[i] * (double)b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void NAME(orthonormalize)(void *p, size_t rows, size_t rank) {
  // A vector shorter than this share of what it was is only rounding.
  const double noise = FLOATING == 32 ? 1e-6 : 1e-14;
  for (size_t r = 0; r < rank; r++) {
    element *column = (element *)p + r * rows;
    const double before = sqrt(NAME(dot)(column, column, rows));
    // Twice: what the first round leaves of nearly dependent columns is mostly rounding.
    for (int round = 0; round < 2; round++)
      for (size_t s = 0; s < r; s++) {
        const element *earlier = (const element *)p + s * rows;
        const double part = NAME(dot)(column, earlier, rows);
        for (size_t i = 0; i < rows; i++)
          column[i] = (element)((double)column[i] - part * (double)earlier[i]);
      }
    const double norm = sqrt(NAME(dot)(column, column, rows));
    // A NaN passes: what looks at the result must see it.
    const double factor = norm <= noise * before ? 0 : 1 / norm;
    for (size_t i = 0; i < rows; i++) column[i] = (element)((double)column[i] * factor);
  }
}

static void NAME(normalize)(void *guess, const void *q, size_t columns, size_t rank) {
  for (size_t r = 0; r < rank; r++) {
    const element *from = (const element *)q + r * columns;
    const double norm = sqrt(NAME(dot)(from, from, columns));
    if (!(norm > 0)) continue;
    for (size_t i = 0; i < columns; i++)
      ((element *)guess)[r * columns + i] = (element)((double)from[i] / norm);
  }
}

#include "largest_loops.h"

static const ck_compression NAME(compression) = {
    .project = NAME(project),
    .project_back = NAME(project_back),
    .reconstruct = NAME(reconstruct),
    .orthonormalize = NAME(orthonormalize),
    .normalize = NAME(normalize),
    .take_largest = NAME(take_largest),
    .add_at = NAME(add_at),
};
