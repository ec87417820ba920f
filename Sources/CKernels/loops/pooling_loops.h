// Pooling of one image; included by layer_loops.h.
// Vectors go along the channels.

static void NAME(max_pool)(const ck_pool *pool, const void *in, void *out, uint16_t *which) {
  const size_t channels = pool->channels, row_length = pool->image_width * channels;
  element *to = out;
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, to += channels, which += channels) {
      const element *corner = (const element *)in + row * pool->row_stride * row_length +
                           column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        vector best = LOAD(corner + c);
        signed_vector place = (signed_vector)(0);
        signed_element number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            vector value = LOAD(corner + y * row_length + x * channels + c);
            signed_vector larger = (value > best) | (value != value);
            best = (vector)(((signed_vector)value & larger) | ((signed_vector)best & ~larger));
            place = (number & larger) | (place & ~larger);
          }
        }
        STORE(to + c, best);
        STORE_UINT16(which + c, __builtin_convertvector(place, uint16_vector));
      }
      for (; c < channels; c++) {
        element best = corner[c];
        uint16_t place = 0, number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            element value = corner[y * row_length + x * channels + c];
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
  if (!tiles) memset(in, 0, height * pool->image_width * pool->channels * sizeof(element));
}

static int NAME(overlaps)(const ck_pool *pool) {
  return pool->row_stride < pool->height || pool->column_stride < pool->width;
}

static void NAME(max_unpool)(
    const ck_pool *pool, size_t height, const void *gradient, const uint16_t *which, void *in) {
  const size_t channels = pool->channels, row_length = pool->image_width * channels;
  const int adds = NAME(overlaps)(pool);
  const element *from = gradient;
  NAME(clear_image)(pool, height, in);
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, from += channels, which += channels) {
      element *corner =
          (element *)in + row * pool->row_stride * row_length + column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        const signed_vector value = (signed_vector)LOAD(from + c);
        const signed_vector place = __builtin_convertvector(LOAD_UINT16(which + c), signed_vector);
        signed_element number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            element *to = corner + y * row_length + x * channels + c;
            vector part = (vector)(value & (place == number));
            STORE(to, adds ? LOAD(to) + part : part);
          }
        }
      }
      for (; c < channels; c++) {
        uint16_t number = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++, number++) {
            element *to = corner + y * row_length + x * channels + c;
            element part = which[c] == number ? from[c] : 0;
            *to = adds ? *to + part : part;
          }
        }
      }
    }
  }
}

static void NAME(mean_pool)(const ck_pool *pool, const void *in, void *out) {
  const size_t channels = pool->channels, row_length = pool->image_width * channels;
  const element area = (element)(pool->height * pool->width);
  element *to = out;
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, to += channels) {
      const element *corner = (const element *)in + row * pool->row_stride * row_length +
                           column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        vector sum = (vector)(0);
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) sum += LOAD(corner + y * row_length + x * channels + c);
        }
        STORE(to + c, sum / area);
      }
      for (; c < channels; c++) {
        element sum = 0;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) sum += corner[y * row_length + x * channels + c];
        }
        to[c] = sum / area;
      }
    }
  }
}

static void NAME(mean_unpool)(const ck_pool *pool, size_t height, const void *gradient, void *in) {
  const size_t channels = pool->channels, row_length = pool->image_width * channels;
  const int adds = NAME(overlaps)(pool);
  const element area = (element)(pool->height * pool->width);
  const element *from = gradient;
  NAME(clear_image)(pool, height, in);
  for (size_t row = 0; row < pool->rows; row++) {
    for (size_t column = 0; column < pool->columns; column++, from += channels) {
      element *corner =
          (element *)in + row * pool->row_stride * row_length + column * pool->column_stride * channels;
      size_t c = 0;
      for (; c + LANES <= channels; c += LANES) {
        const vector part = LOAD(from + c) / area;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) {
            element *to = corner + y * row_length + x * channels + c;
            STORE(to, adds ? LOAD(to) + part : part);
          }
        }
      }
      for (; c < channels; c++) {
        const element part = from[c] / area;
        for (size_t y = 0; y < pool->height; y++) {
          for (size_t x = 0; x < pool->width; x++) {
            element *to = corner + y * row_length + x * channels + c;
            *to = adds ? *to + part : part;
          }
        }
      }
    }
  }
}
