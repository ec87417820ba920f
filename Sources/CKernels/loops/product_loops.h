// Products of a matrix of few rows, a batch, with a large one; included by layer_loops.h.
//
// Such a product reads the large matrix once and does little with it, so what counts is how it comes
// from memory. It is rearranged a panel at a time into scratch memory that fits the second-level cache,
// and the next panel is fetched while this one is multiplied.

/// Memory wanted soon: `rows` of `lines` cache lines each, `step` bytes apart, and as many that lie `first` and
/// `second` bytes on. Lines past its end may be asked for: a prefetch of what is not there does nothing.
typedef struct {
  const char *at;
  size_t step, rows, lines;
  ptrdiff_t first, second;
} NAME(fetch);

typedef element NAME(quad) __attribute__((ext_vector_type(4)));
typedef NAME(quad) NAME(unaligned_quad) __attribute__((aligned(sizeof(element)), may_alias));

#define QUAD(place) (*(NAME(unaligned_quad) *)(place))
#define STREAM(place, value) __builtin_nontemporal_store(value, (vector *)(place))

/// The bytes of a result from which on it is written past the caches.
#define STREAM_FROM ((size_t)16 << 20)

/// Loads columns of which only `count` are there.
INLINE void NAME(load_columns)(
    const element *from, const size_t vectors, size_t count, vector to[TILE_VECTORS]) {
  if (count == vectors * LANES) {
    UNROLL for (size_t v = 0; v < vectors; v++) to[v] = LOAD(from + v * LANES);
  } else {
    element all[TILE_VECTORS * LANES] = {0};
    memcpy(all, from, count * sizeof(element));
    UNROLL for (size_t v = 0; v < vectors; v++) to[v] = LOAD(all + v * LANES);
  }
}

/// Rows `left` and `count` of them (a constant, as `vectors`), times a panel.
INLINE void NAME(product_tile)(
    NAME(fetch) *next, const element *const left[TILE_ROWS], const size_t count, size_t inner, const element *panel,
    size_t width, const element *start, const size_t vectors, int adds, int streams,
    element *const to[TILE_ROWS], size_t columns) {
  vector sums[TILE_ROWS][TILE_VECTORS];
  if (adds) {
    UNROLL for (size_t i = 0; i < count; i++) NAME(load_columns)(to[i], vectors, columns, sums[i]);
  } else {
    vector first[TILE_VECTORS];
    UNROLL for (size_t v = 0; v < vectors; v++) first[v] = (vector)(0);
    if (start) NAME(load_columns)(start, vectors, columns, first);
    UNROLL for (size_t i = 0; i < count; i++) {
      UNROLL for (size_t v = 0; v < vectors; v++) sums[i][v] = first[v];
    }
  }
  const element *a0 = left[0], *a1 = left[1], *a2 = left[2], *a3 = left[3];
  const element *a4 = left[4], *a5 = left[5];
  for (size_t j = 0; j < inner;) {
    const size_t end = inner - j < next->lines ? inner : j + next->lines;
    const char *ahead = next->at;
    if (next->rows > 0) next->rows--, next->at += next->step;
    for (; j < end; j++, ahead += LINE_BYTES) {
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + next->first, 0, 2);
      __builtin_prefetch(ahead + next->second, 0, 2);
      vector b[TILE_VECTORS];
      UNROLL for (size_t v = 0; v < vectors; v++) b[v] = LOAD(panel + v * LANES);
      const element a[TILE_ROWS] = {a0[j], a1[j], a2[j], a3[j], a4[j], a5[j]};
      UNROLL for (size_t i = 0; i < count; i++) {
        const vector x = (vector)(a[i]);
        UNROLL for (size_t v = 0; v < vectors; v++) sums[i][v] = NAME(multiply_add)(x, b[v], sums[i][v]);
      }
      panel += width;
    }
  }
  if (columns < vectors * LANES) {
    UNROLL for (size_t i = 0; i < count; i++) {
      element all[TILE_VECTORS * LANES];
      UNROLL for (size_t v = 0; v < vectors; v++) STORE(all + v * LANES, sums[i][v]);
      memcpy(to[i], all, columns * sizeof(element));
    }
  } else if (streams) {
    UNROLL for (size_t i = 0; i < count; i++) {
      UNROLL for (size_t v = 0; v < vectors; v++) STREAM(to[i] + v * LANES, sums[i][v]);
    }
  } else {
    UNROLL for (size_t i = 0; i < count; i++) {
      UNROLL for (size_t v = 0; v < vectors; v++) STORE(to[i] + v * LANES, sums[i][v]);
    }
  }
}

/// All rows times a tile's columns of a panel.
INLINE void NAME(product_columns)(
    NAME(fetch) *next, const element *left, size_t rows, size_t inner, size_t step, const element *panel,
    size_t width, const element *start, const size_t vectors, int adds, int streams, element *out,
    size_t out_step, size_t columns) {
  for (size_t row = 0, count; row < rows; row += count) {
    const size_t left_over = rows - row;
    // The last 7 or 8 are two tiles of 4: less for nothing than 6, and 4 of which 1 or 2 are there.
    count = left_over > 8 || left_over == 5 || left_over == 6 ? TILE_ROWS : 4;
    const element *from[TILE_ROWS];
    element *to[TILE_ROWS];
    // Past the last row the tile repeats it; the results are the same.
    for (size_t i = 0; i < TILE_ROWS; i++) {
      const size_t this = row + i < rows ? row + i : rows - 1;
      from[i] = left + this * step;
      to[i] = out + this * out_step;
    }
    if (count == TILE_ROWS) {
      NAME(product_tile)(
          next, from, TILE_ROWS, inner, panel, width, start, vectors, adds, streams, to, columns);
    } else {
      NAME(product_tile)(
          next, from, 4, inner, panel, width, start, vectors, adds, streams, to, columns);
    }
  }
}

/// All rows times a panel of at most `CK_PANEL` columns.
static void NAME(product_panel)(
    NAME(fetch) *next, const element *left, size_t rows, size_t inner, size_t step, const element *panel,
    const element *start, int adds, int streams, element *out, size_t out_step, size_t columns) {
  const size_t width = ROUNDED(columns);
  for (size_t c = 0; c < columns;) {
    size_t vectors = (width - c) / LANES;
    if (vectors > TILE_VECTORS) vectors = TILE_VECTORS;
    const size_t there = columns - c < vectors * LANES ? columns - c : vectors * LANES;
    const element *first = start ? start + c : NULL;
#define COLUMNS(V)                                                                              \
  NAME(product_columns)(                                                                        \
      next, left, rows, inner, step, panel + c, width, first, V, adds, streams, out + c,        \
      out_step, there)
    WITH_VECTORS(vectors, COLUMNS)
#undef COLUMNS
    c += vectors * LANES;
  }
}

/// to[k][c] = from[c][k], whose rows are `step` apart; zeros from `columns` up to `width`.
static void NAME(transpose)(
    const element *from, size_t step, size_t columns, size_t inner, size_t width, element *to) {
  // Blocks of rows, so that the results of a block stay in the first-level cache.
  for (size_t block = 0; block < inner; block += 64) {
    const size_t end = inner - block < 64 ? inner : block + 64;
    size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const element *in = from + c * step;
      size_t k = block;
      for (; k + 4 <= end; k += 4) {
        const NAME(quad) a = QUAD(in + k), b = QUAD(in + step + k);
        const NAME(quad) d = QUAD(in + 2 * step + k), e = QUAD(in + 3 * step + k);
        const NAME(quad) ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        const NAME(quad) de = __builtin_shufflevector(d, e, 0, 4, 1, 5);
        const NAME(quad) last_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const NAME(quad) last_de = __builtin_shufflevector(d, e, 2, 6, 3, 7);
        element *out = to + k * width + c;
        QUAD(out) = __builtin_shufflevector(ab, de, 0, 1, 4, 5);
        QUAD(out + width) = __builtin_shufflevector(ab, de, 2, 3, 6, 7);
        QUAD(out + 2 * width) = __builtin_shufflevector(last_ab, last_de, 0, 1, 4, 5);
        QUAD(out + 3 * width) = __builtin_shufflevector(last_ab, last_de, 2, 3, 6, 7);
      }
      for (; k < end; k++) {
        for (size_t i = 0; i < 4; i++) to[k * width + c + i] = in[i * step + k];
      }
    }
    for (; c < width; c++) {
      for (size_t k = block; k < end; k++) {
        to[k * width + c] = c < columns ? from[c * step + k] : 0;
      }
    }
  }
}

/// Rows of at most `CK_PANEL` columns as a panel.
static void NAME(copy_panel)(
    const element *from, size_t step, size_t columns, size_t inner, element *to) {
  const size_t width = ROUNDED(columns);
  for (size_t k = 0; k < inner; k++, from += step, to += width) {
    memcpy(to, from, columns * sizeof(element));
    if (width > columns) memset(to + columns, 0, (width - columns) * sizeof(element));
  }
}

static void NAME(product_transposed)(
    const element *left, size_t rows, size_t inner, const element *right, size_t columns,
    const element *start, element *out, element *panel) {
  enum { BLOCK = CK_SCRATCH / CK_PANEL };
  for (size_t k = 0; k < inner; k += BLOCK) {
    const size_t depth = inner - k < BLOCK ? inner - k : BLOCK;
    for (size_t c = 0; c < columns; c += CK_PANEL) {
      const size_t count = columns - c < CK_PANEL ? columns - c : CK_PANEL;
      NAME(transpose)(right + c * inner + k, inner, count, depth, ROUNDED(count), panel);
      // Next are the rows below, or at the end the columns beside.
      const int below = c + CK_PANEL < columns;
      const size_t next_row = below ? c + CK_PANEL : 0, next_k = below ? k : k + depth;
      NAME(fetch) next = {(const char *)(right + next_row * inner + next_k), inner * sizeof(element), 0,
                    depth * sizeof(element) / LINE_BYTES + 1, 0, 0};
      if (next_k < inner) {
        next.rows = columns - next_row < CK_PANEL ? columns - next_row : CK_PANEL;
      }
      NAME(product_panel)(
          &next, left + k, rows, depth, inner, panel, start ? start + c : NULL, k > 0, 0, out + c,
          columns, count);
    }
  }
}

static void NAME(product_straight)(
    const element *left, size_t rows, size_t inner, const element *right, size_t columns,
    const element *start, element *out, element *panels) {
  // Two panels at a time: longer stretches of a row.
  enum { GROUP = 2 * CK_PANEL, BLOCK = CK_SCRATCH / GROUP };
  for (size_t k = 0; k < inner; k += BLOCK) {
    const size_t depth = inner - k < BLOCK ? inner - k : BLOCK;
    for (size_t group = 0; group < columns; group += GROUP) {
      const size_t all = columns - group < GROUP ? columns - group : GROUP;
      for (size_t c = 0; c < all; c += CK_PANEL) {
        const size_t count = all - c < CK_PANEL ? all - c : CK_PANEL;
        NAME(copy_panel)(
            right + k * columns + group + c, columns, count, depth, panels + c * depth);
      }
      const int beside = group + GROUP < columns;
      const size_t next_column = beside ? group + GROUP : 0, next_k = beside ? k : k + depth;
      for (size_t c = 0; c < all; c += CK_PANEL) {
        const size_t count = all - c < CK_PANEL ? all - c : CK_PANEL;
        // Each panel's product fetches one half of the rows.
        const size_t from = next_k + (c ? BLOCK / 2 : 0);
        NAME(fetch) next = {(const char *)(right + from * columns + next_column),
                      columns * sizeof(element), 0, GROUP * sizeof(element) / LINE_BYTES, 0, 0};
        if (from < inner) next.rows = inner - from < BLOCK / 2 ? inner - from : BLOCK / 2;
        NAME(product_panel)(
            &next, left + k, rows, depth, inner, panels + c * depth,
            start ? start + group + c : NULL, k > 0, 0, out + group + c, columns, count);
      }
    }
  }
}

static void NAME(product)(
    const void *left, size_t rows, size_t inner, const void *right, int transposed, size_t columns,
    const void *start, void *out, void *scratch) {
  if (transposed) {
    NAME(product_transposed)(left, rows, inner, right, columns, start, out, scratch);
  } else {
    NAME(product_straight)(left, rows, inner, right, columns, start, out, scratch);
  }
}

/// What the products of a batch's columns share: the left ones as rows, the right ones as panels.
static const element *NAME(outer_panels)(
    const element *left, const element *right, size_t rows, size_t left_columns, size_t right_columns,
    element *turned) {
  element *panels = turned + left_columns * rows;
  NAME(transpose)(left, left_columns, rows, left_columns, rows, turned);
  for (size_t c = 0; c < right_columns; c += CK_PANEL) {
    const size_t count = right_columns - c < CK_PANEL ? right_columns - c : CK_PANEL;
    NAME(copy_panel)(right + c, right_columns, count, rows, panels + c * rows);
  }
  return panels;
}

/// The left columns that are multiplied before the next panel of the right.
enum { NAME(outer_block) = 32 * TILE_ROWS };

static void NAME(outer_product)(
    const void *left, const void *right, size_t rows, size_t left_columns, size_t right_columns,
    int keep, void *out, void *scratch) {
  element *turned = scratch, *to = out;
  const element *panels =
      NAME(outer_panels)(left, right, rows, left_columns, right_columns, turned);
  // A large result would only push others out of the caches.
  const int streams = !keep && right_columns % LANES == 0 &&
                      (uintptr_t)to % VECTOR_BYTES == 0 &&
                      left_columns * right_columns * sizeof(element) >= STREAM_FROM;
  NAME(fetch) nothing = {(const char *)panels, 0, 0, SIZE_MAX, 0, 0};
  for (size_t block = 0; block < left_columns; block += NAME(outer_block)) {
    const size_t left_over = left_columns - block;
    const size_t many = left_over < NAME(outer_block) ? left_over : NAME(outer_block);
    for (size_t c = 0; c < right_columns; c += CK_PANEL) {
      const size_t count = right_columns - c < CK_PANEL ? right_columns - c : CK_PANEL;
      NAME(product_panel)(
          &nothing, turned + block * rows, many, rows, rows, panels + c * rows, NULL, keep, streams,
          to + block * right_columns + c, right_columns, count);
    }
  }
  if (streams) ck_end_streams();
}

/// The rows of a product to which an optimizer's step is applied at once.
#define UPDATE_ROWS (4 * TILE_ROWS)

/// A tile of the product, whose place is `at`, and the optimizer's step with it while it is in the
/// nearest cache. What the step reads is fetched while the tile is computed.
static void NAME(update_tile)(
    const element *turned, size_t rows, size_t inner, const element *panel, size_t columns, size_t at,
    size_t width, const ck_step *step) {
  element tile[UPDATE_ROWS * CK_PANEL];
  element *weights = (element *)step->weights + at;
  element *first = step->first ? (element *)step->first + at : NULL;
  element *second = step->second ? (element *)step->second + at : NULL;
  NAME(fetch) next = {(const char *)weights, width * sizeof(element), rows,
                      (columns * sizeof(element) + LINE_BYTES - 1) / LINE_BYTES,
                      first ? (const char *)first - (const char *)weights : 0,
                      second ? (const char *)second - (const char *)weights : 0};
  NAME(product_panel)(
      &next, turned, rows, inner, inner, panel, NULL, 0, 0, tile, CK_PANEL, columns);
  const ck_block block = {rows, columns, width, CK_PANEL};
  step->update(weights, tile, first, second, &block, &step->how);
}

static void NAME(outer_update)(
    const void *left, const void *right, size_t rows, size_t left_columns, size_t right_columns,
    const ck_step *step, void *scratch) {
  element *turned = scratch;
  const element *panels =
      NAME(outer_panels)(left, right, rows, left_columns, right_columns, turned);
  for (size_t block = 0; block < left_columns; block += NAME(outer_block)) {
    const size_t left_over = left_columns - block;
    const size_t end = block + (left_over < NAME(outer_block) ? left_over : NAME(outer_block));
    for (size_t c = 0; c < right_columns; c += CK_PANEL) {
      const size_t count = right_columns - c < CK_PANEL ? right_columns - c : CK_PANEL;
      for (size_t row = block; row < end; row += UPDATE_ROWS) {
        NAME(update_tile)(
            turned + row * rows, end - row < UPDATE_ROWS ? end - row : UPDATE_ROWS, rows, panels + c * rows, count,
            row * right_columns + c, right_columns, step);
      }
    }
  }
}

#undef QUAD
#undef UPDATE_ROWS
#undef STREAM
#undef STREAM_FROM
