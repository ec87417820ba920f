// Normalization of columns and of rows: the functions of ck_normalization in activations.h.
//
// Loops over columns are written for one number: a column's operations have one order, whatever the
// compiler makes of the loop.

/// Rows that are added up in 32 bits before the sums go on in 64, and columns at a time.
enum { ROWS = 64, COLUMNS = 64 };

static void NAME(column_sums)(
    const float *x, size_t rows, size_t width, const float *shift, double *sums, double *squares) {
  for (size_t top = 0; top < rows; top += ROWS) {
    size_t bottom = rows - top < ROWS ? rows : top + ROWS;
    for (size_t left = 0; left < width; left += COLUMNS) {
      size_t columns = width - left < COLUMNS ? width - left : COLUMNS;
      float sum[COLUMNS] = {0}, square[COLUMNS] = {0};
      for (size_t row = top; row < bottom; row++) {
        const float *values = x + row * width + left;
        for (size_t c = 0; c < columns; c++) {
          float difference = values[c] - shift[left + c];
          sum[c] += difference;
          square[c] += difference * difference;
        }
      }
      for (size_t c = 0; c < columns; c++) {
        sums[left + c] += sum[c];
        squares[left + c] += square[c];
      }
    }
  }
}

static void NAME(columns)(
    const float *x, float *y, size_t rows, size_t width, const float *mean, const float *scale,
    const float *offset) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t c = 0; c < width; c++) {
      y[row * width + c] = (x[row * width + c] - mean[c]) * scale[c] + offset[c];
    }
  }
}

static void NAME(column_products)(
    const float *g, const float *x, size_t rows, size_t width, const float *mean, double *sums,
    double *products) {
  for (size_t top = 0; top < rows; top += ROWS) {
    size_t bottom = rows - top < ROWS ? rows : top + ROWS;
    for (size_t left = 0; left < width; left += COLUMNS) {
      size_t columns = width - left < COLUMNS ? width - left : COLUMNS;
      float sum[COLUMNS] = {0}, product[COLUMNS] = {0};
      for (size_t row = top; row < bottom; row++) {
        const float *values = x + row * width + left, *gradients = g + row * width + left;
        for (size_t c = 0; c < columns; c++) {
          sum[c] += gradients[c];
          product[c] += gradients[c] * (values[c] - mean[left + c]);
        }
      }
      for (size_t c = 0; c < columns; c++) {
        sums[left + c] += sum[c];
        products[left + c] += product[c];
      }
    }
  }
}

static void NAME(columns_gradient)(
    float *g, const float *x, size_t rows, size_t width, const float *mean, const float *scale,
    const float *offset, const float *slope) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t c = 0; c < width; c++) {
      size_t place = row * width + c;
      g[place] = g[place] * scale[c] - offset[c] - (x[place] - mean[c]) * slope[c];
    }
  }
}

static void NAME(rows)(
    const float *x, float *y, size_t rows, size_t width, const float *weight, const float *bias,
    float epsilon, float *mean, float *inverse) {
  for (size_t row = 0; row < rows; row++, x += width, y += width) {
    float middle = (float)(NAME(sum)(x, width) / (double)width);
    line squares = splat(0);
    size_t c = 0;
    for (; c + LINE <= width; c += LINE) {
      line difference = load_line(x + c) - middle;
      squares += difference * difference;
    }
    if (c < width) {
      line difference = first_of(load_part(x + c, width - c) - middle, width - c, 0);
      squares += difference * difference;
    }
    float scale = 1 / sqrtf(sum_of(squares) / (float)width + epsilon);
    for (c = 0; c < width; c++) y[c] = (x[c] - middle) * scale * weight[c] + bias[c];
    mean[row] = middle;
    inverse[row] = scale;
  }
}

static void NAME(rows_parameters)(
    const float *g, const float *x, size_t rows, size_t width, const float *mean,
    const float *inverse, float *weight_gradient, float *bias_gradient) {
  for (size_t row = 0; row < rows; row++, g += width, x += width) {
    float middle = mean[row], scale = inverse[row];
    for (size_t c = 0; c < width; c++) {
      weight_gradient[c] += g[c] * ((x[c] - middle) * scale);
      bias_gradient[c] += g[c];
    }
  }
}

static void NAME(rows_gradient)(
    float *g, const float *x, size_t rows, size_t width, const float *weight, const float *mean,
    const float *inverse) {
  for (size_t row = 0; row < rows; row++, g += width, x += width) {
    line sums = splat(0), products = splat(0);
    size_t c = 0;
    for (; c + LINE <= width; c += LINE) {
      line weighted = load_line(g + c) * load_line(weight + c);
      sums += weighted;
      products += weighted * (load_line(x + c) - mean[row]);
    }
    if (c < width) {
      line weighted = load_part(g + c, width - c) * load_part(weight + c, width - c);
      sums += weighted;
      products += weighted * (load_part(x + c, width - c) - mean[row]);
    }
    float scale = inverse[row], middle = mean[row];
    float average = sum_of(sums) / (float)width;
    float slope = sum_of(products) / (float)width * scale * scale;
    for (c = 0; c < width; c++) {
      g[c] = (g[c] * weight[c] - average - (x[c] - middle) * slope) * scale;
    }
  }
}

static const ck_normalization NAME(normalization) = {
    NAME(column_sums), NAME(columns), NAME(column_products), NAME(columns_gradient),
    NAME(rows), NAME(rows_parameters), NAME(rows_gradient)};
