// Convolution of one image; included by layer_loops.h.
//
// A tile of TILE_ROWS windows by some vectors of columns stays in registers while it runs through the
// window's elements: each step loads the columns' weights once and one element of each window. The
// windows are read where they lie in the image, so no matrix of them is written anywhere.

/// One tile: the windows at `in`, `vectors` (a constant once inlined) vectors of a panel.
INLINE void NAME(convolve_tile)(
    const ck_windows *windows, const element *const in[TILE_ROWS], const element *panel, size_t width,
    const element *start, const size_t vectors, vector sums[TILE_ROWS][TILE_VECTORS]) {
  UNROLL for (size_t v = 0; v < vectors; v++) {
    const vector first = start ? LOAD(start + v * LANES) : (vector)(0);
    UNROLL for (size_t i = 0; i < TILE_ROWS; i++) sums[i][v] = first;
  }
  for (size_t run = 0; run < windows->runs; run++) {
    const size_t offset = run * windows->run_step;
    const element *a0 = in[0] + offset, *a1 = in[1] + offset, *a2 = in[2] + offset;
    const element *a3 = in[3] + offset, *a4 = in[4] + offset, *a5 = in[5] + offset;
    for (size_t j = 0; j < windows->run; j++) {
      vector b[TILE_VECTORS];
      UNROLL for (size_t v = 0; v < vectors; v++) b[v] = LOAD(panel + v * LANES);
      const element a[TILE_ROWS] = {a0[j], a1[j], a2[j], a3[j], a4[j], a5[j]};
      UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
        const vector x = (vector)(a[i]);
        UNROLL for (size_t v = 0; v < vectors; v++) sums[i][v] = NAME(multiply_add)(x, b[v], sums[i][v]);
      }
      panel += width;
    }
  }
}

/// All windows, for one tile's columns.
INLINE void NAME(convolve_columns)(
    const ck_windows *windows, const element *in, const element *panel, size_t width, const element *start,
    const size_t vectors, size_t count, element *out, size_t out_row_step, size_t out_column_step) {
  const size_t all = windows->rows * windows->columns;
  size_t row = 0, column = 0;
  for (size_t first = 0; first < all; first += TILE_ROWS) {
    const element *from[TILE_ROWS];
    element *to[TILE_ROWS];
    // Past the last window the tile repeats it.
    const size_t wanted = all - first < TILE_ROWS ? all - first : TILE_ROWS;
    for (size_t i = 0; i < TILE_ROWS; i++) {
      from[i] = in + row * windows->row_step + column * windows->column_step;
      to[i] = out + row * out_row_step + column * out_column_step;
      if (i + 1 < wanted || wanted == TILE_ROWS) {
        if (++column == windows->columns) column = 0, row++;
      }
    }
    vector sums[TILE_ROWS][TILE_VECTORS];
    NAME(convolve_tile)(windows, from, panel, width, start, vectors, sums);
    // A repeated window's result is the same.
    if (count == vectors * LANES) {
      UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
        UNROLL for (size_t v = 0; v < vectors; v++) STORE(to[i] + v * LANES, sums[i][v]);
      }
    } else {
      UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
        element all_columns[TILE_VECTORS * LANES];
        UNROLL for (size_t v = 0; v < vectors; v++) STORE(all_columns + v * LANES, sums[i][v]);
        memcpy(to[i], all_columns, count * sizeof(element));
      }
    }
  }
}

static void NAME(convolve)(
    const ck_windows *windows, const void *in, const void *panels, const void *start,
    size_t columns, void *out, size_t out_row_step, size_t out_column_step) {
  const size_t rounded = ROUNDED(columns), inner = windows->runs * windows->run;
  for (size_t c = 0; c < columns;) {
    const size_t in_panel = c % CK_PANEL, panel_start = c - in_panel;
    const size_t width = rounded - panel_start < CK_PANEL ? rounded - panel_start : CK_PANEL;
    const element *panel = (const element *)panels + panel_start * inner + in_panel;
    const element *first = start ? (const element *)start + c : NULL;
    size_t vectors = (width - in_panel) / LANES;
    if (vectors > TILE_VECTORS) vectors = TILE_VECTORS;
    const size_t count = columns - c < vectors * LANES ? columns - c : vectors * LANES;
    element *to = (element *)out + c;
#define COLUMNS(V)                                                                              \
  NAME(convolve_columns)(                                                                       \
      windows, in, panel, width, first, V, count, to, out_row_step, out_column_step)
    WITH_VECTORS(vectors, COLUMNS)
#undef COLUMNS
    c += vectors * LANES;
  }
}

/// The sums over all windows for TILE_ROWS elements of them, whose first windows' are at `in`.
INLINE void NAME(correlate_tile)(
    const ck_windows *windows, const element *const in[TILE_ROWS], const element *gradient, size_t pitch,
    const size_t vectors, vector sums[TILE_ROWS][TILE_VECTORS]) {
  UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
    UNROLL for (size_t v = 0; v < vectors; v++) sums[i][v] = (vector)(0);
  }
  for (size_t row = 0; row < windows->rows; row++) {
    const size_t offset = row * windows->row_step;
    const element *a0 = in[0] + offset, *a1 = in[1] + offset, *a2 = in[2] + offset;
    const element *a3 = in[3] + offset, *a4 = in[4] + offset, *a5 = in[5] + offset;
    size_t j = 0;
    for (size_t column = 0; column < windows->columns; column++) {
      vector b[TILE_VECTORS];
      UNROLL for (size_t v = 0; v < vectors; v++) b[v] = LOAD(gradient + v * LANES);
      const element a[TILE_ROWS] = {a0[j], a1[j], a2[j], a3[j], a4[j], a5[j]};
      UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
        const vector x = (vector)(a[i]);
        UNROLL for (size_t v = 0; v < vectors; v++) sums[i][v] = NAME(multiply_add)(x, b[v], sums[i][v]);
      }
      gradient += pitch;
      j += windows->column_step;
    }
  }
}

/// All elements of the windows, for one tile's columns.
INLINE void NAME(correlate_columns)(
    const ck_windows *windows, const element *in, const element *gradient, size_t pitch,
    const size_t vectors, element *panel, size_t width) {
  const size_t inner = windows->runs * windows->run;
  size_t run = 0, j = 0;
  for (size_t first = 0; first < inner; first += TILE_ROWS) {
    const element *from[TILE_ROWS];
    const size_t wanted = inner - first < TILE_ROWS ? inner - first : TILE_ROWS;
    for (size_t i = 0; i < TILE_ROWS; i++) {
      from[i] = in + run * windows->run_step + j;
      if (i + 1 < wanted || wanted == TILE_ROWS) {
        if (++j == windows->run) j = 0, run++;
      }
    }
    vector sums[TILE_ROWS][TILE_VECTORS];
    NAME(correlate_tile)(windows, from, gradient, pitch, vectors, sums);
    UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
      if (i < wanted) {
        element *to = panel + (first + i) * width;
        UNROLL for (size_t v = 0; v < vectors; v++) {
          STORE(to + v * LANES, LOAD(to + v * LANES) + sums[i][v]);
        }
      }
    }
  }
}

static void NAME(correlate)(
    const ck_windows *windows, const void *in, const void *gradient, size_t pitch, size_t columns,
    void *panels) {
  const size_t rounded = ROUNDED(columns), inner = windows->runs * windows->run;
  for (size_t c = 0; c < rounded;) {
    const size_t in_panel = c % CK_PANEL, panel_start = c - in_panel;
    const size_t width = rounded - panel_start < CK_PANEL ? rounded - panel_start : CK_PANEL;
    element *panel = (element *)panels + panel_start * inner + in_panel;
    size_t vectors = (width - in_panel) / LANES;
    if (vectors > TILE_VECTORS) vectors = TILE_VECTORS;
#define COLUMNS(V)                                                                              \
  NAME(correlate_columns)(windows, in, (const element *)gradient + c, pitch, V, panel, width)
    WITH_VECTORS(vectors, COLUMNS)
#undef COLUMNS
    c += vectors * LANES;
  }
}

static void NAME(add_rows)(const void *rows, size_t count, size_t columns, void *sums) {
  const element *from = rows;
  element *to = sums;
  size_t c = 0;
  for (; c + 4 * LANES <= columns; c += 4 * LANES) {
    vector s[4];
    UNROLL for (size_t v = 0; v < 4; v++) s[v] = (vector)(0);
    for (size_t row = 0; row < count; row++) {
      UNROLL for (size_t v = 0; v < 4; v++) s[v] += LOAD(from + row * columns + c + v * LANES);
    }
    UNROLL for (size_t v = 0; v < 4; v++) STORE(to + c + v * LANES, LOAD(to + c + v * LANES) + s[v]);
  }
  for (; c + LANES <= columns; c += LANES) {
    vector s = (vector)(0);
    for (size_t row = 0; row < count; row++) s += LOAD(from + row * columns + c);
    STORE(to + c, LOAD(to + c) + s);
  }
  for (; c < columns; c++) {
    element s = 0;
    for (size_t row = 0; row < count; row++) s += from[row * columns + c];
    to[c] += s;
  }
}

static void NAME(pack)(
    const void *from, const ck_indices *rows, size_t columns, ptrdiff_t step, void *panels) {
  const size_t rounded = ROUNDED(columns);
  element *to = panels;
  for (size_t first = 0; first < rounded; first += CK_PANEL) {
    const size_t width = rounded - first < CK_PANEL ? rounded - first : CK_PANEL;
    const size_t there = columns - first < width ? columns - first : width;
    for (size_t i = 0; i < rows->counts[0]; i++) {
      for (size_t j = 0; j < rows->counts[1]; j++) {
        for (size_t k = 0; k < rows->counts[2]; k++) {
          const element *row = (const element *)from + (ptrdiff_t)i * rows->steps[0] +
                            (ptrdiff_t)j * rows->steps[1] + (ptrdiff_t)k * rows->steps[2];
          size_t c = 0;
          for (; c < there; c++) to[c] = row[(ptrdiff_t)(first + c) * step];
          for (; c < width; c++) to[c] = 0;
          to += width;
        }
      }
    }
  }
}

static void NAME(unpack)(
    const void *panels, const ck_indices *rows, size_t columns, ptrdiff_t step, int keep, void *to) {
  const size_t rounded = ROUNDED(columns);
  const element *from = panels;
  for (size_t first = 0; first < rounded; first += CK_PANEL) {
    const size_t width = rounded - first < CK_PANEL ? rounded - first : CK_PANEL;
    const size_t there = columns - first < width ? columns - first : width;
    for (size_t i = 0; i < rows->counts[0]; i++) {
      for (size_t j = 0; j < rows->counts[1]; j++) {
        for (size_t k = 0; k < rows->counts[2]; k++) {
          element *row = (element *)to + (ptrdiff_t)i * rows->steps[0] + (ptrdiff_t)j * rows->steps[1] +
                      (ptrdiff_t)k * rows->steps[2];
          for (size_t c = 0; c < there; c++) {
            element *place = row + (ptrdiff_t)(first + c) * step;
            *place = keep ? *place + from[c] : from[c];
          }
          from += width;
        }
      }
    }
  }
}

static void NAME(window)(
    const void *image, size_t height, size_t width, size_t channels, ptrdiff_t top, ptrdiff_t left,
    size_t rows, size_t columns, size_t pitch, void *to) {
  element *out = to;
  for (size_t row = 0; row < rows; row++, out += columns * pitch) {
    const ptrdiff_t y = top + (ptrdiff_t)row;
    // The columns from..<end are inside.
    ptrdiff_t from = left < 0 ? -left : 0, end = (ptrdiff_t)width - left;
    if (end > (ptrdiff_t)columns) end = (ptrdiff_t)columns;
    if (y < 0 || y >= (ptrdiff_t)height || from >= end) from = end = 0;
    const element *in = (const element *)image + (y * (ptrdiff_t)width + left) * (ptrdiff_t)channels;
    memset(out, 0, (size_t)from * pitch * sizeof(element));
    if (pitch == channels) {
      memcpy(
          out + (size_t)from * pitch, in + (size_t)from * channels,
          (size_t)(end - from) * channels * sizeof(element));
    } else {
      for (size_t x = (size_t)from; x < (size_t)end; x++) {
        memcpy(out + x * pitch, in + x * channels, channels * sizeof(element));
        memset(out + x * pitch + channels, 0, (pitch - channels) * sizeof(element));
      }
    }
    memset(out + (size_t)end * pitch, 0, (columns - (size_t)end) * pitch * sizeof(element));
  }
}
