// Pooling of one image, for one element type and vector length; included by layers_type.h.
// Vectors go along the channels.

static void NAME(max_pool)(const ck_pool *pool, const void *in, void *out, uint16_t *which) {
  const size_t channels = pool->channels, line = pool->image_width * channels;
  real *to = out;
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, to += channels, which += channels) {
      const real *corner = (const real *)in + row * pool->row_stride * line +
                           column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        lanes best = LOAD(corner + c);
        integers place = (integers)(0);
        integer number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            lanes value = LOAD(corner + y * line + x * channels + c);
            integers larger = (value > best) | (value != value);
            best = (lanes)(((integers)value & larger) | ((integers)best & ~larger));
            place = (number & larger) | (place & ~larger);
          }
        }
        STORE(to + c, best);
        *(loose_places *)(which + c) = __builtin_convertvector(place, places);
      }
      for (; c < channels; c++) {
        real best = corner[c];
        uint16_t place = 0, number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            real value = corner[y * line + x * channels + c];
            if (value > best || value != value) best = value, place = number;
          }
        }
        to[c] = best;
        which[c] = place;
      }
    }
  }
}

/// Zeroes what windows add to, or do not reach; nothing where windows tile the image.
static void NAME(clear_image)(const ck_pool *pool, size_t height, void *in) {
  const int tiles = pool->row_stride == pool->height && pool->column_stride == pool->width &&
                    pool->rows * pool->height == height &&
                    pool->columns * pool->width == pool->image_width;
  if (!tiles) memset(in, 0, height * pool->image_width * pool->channels * sizeof(real));
}

static int NAME(overlaps)(const ck_pool *pool) {
  return pool->row_stride < pool->height || pool->column_stride < pool->width;
}

static void NAME(max_unpool)(
    const ck_pool *pool, size_t height, const void *gradient, const uint16_t *which, void *in) {
  const size_t channels = pool->channels, line = pool->image_width * channels;
  const int adds = NAME(overlaps)(pool);
  const real *from = gradient;
  NAME(clear_image)(pool, height, in);
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, from += channels, which += channels) {
      real *corner =
          (real *)in + row * pool->row_stride * line + column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        const integers value = (integers)LOAD(from + c);
        const integers place = __builtin_convertvector(*(const loose_places *)(which + c), integers);
        integer number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            real *to = corner + y * line + x * channels + c;
            lanes part = (lanes)(value & (place == number));
            STORE(to, adds ? LOAD(to) + part : part);
          }
        }
      }
      for (; c < channels; c++) {
        uint16_t number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            real *to = corner + y * line + x * channels + c;
            real part = which[c] == number ? from[c] : 0;
            *to = adds ? *to + part : part;
          }
        }
      }
    }
  }
}

static void NAME(mean_pool)(const ck_pool *pool, const void *in, void *out) {
  const size_t channels = pool->channels, line = pool->image_width * channels;
  const real area = (real)(pool->height * pool->width);
  real *to = out;
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, to += channels) {
      const real *corner = (const real *)in + row * pool->row_stride * line +
                           column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        lanes sum = (lanes)(0);
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) sum += LOAD(corner + y * line + x * channels + c);
        }
        STORE(to + c, sum / area);
      }
      for (; c < channels; c++) {
        real sum = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) sum += corner[y * line + x * channels + c];
        }
        to[c] = sum / area;
      }
    }
  }
}

static void NAME(mean_unpool)(const ck_pool *pool, size_t height, const void *gradient, void *in) {
  const size_t channels = pool->channels, line = pool->image_width * channels;
  const int adds = NAME(overlaps)(pool);
  const real area = (real)(pool->height * pool->width);
  const real *from = gradient;
  NAME(clear_image)(pool, height, in);
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, from += channels) {
      real *corner =
          (real *)in + row * pool->row_stride * line + column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        const lanes part = LOAD(from + c) / area;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) {
            real *to = corner + y * line + x * channels + c;
            STORE(to, adds ? LOAD(to) + part : part);
          }
        }
      }
      for (; c < channels; c++) {
        const real part = from[c] / area;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) {
            real *to = corner + y * line + x * channels + c;
            *to = adds ? *to + part : part;
          }
        }
      }
    }
  }
}
