#ifndef ALLREDUCE_CZLIB_SHIM_H
#define ALLREDUCE_CZLIB_SHIM_H

#include <zlib.h>

// `inflateInit2` is a macro, which Swift cannot see. 16 asks for the format of gzip.
static inline int cz_inflate_init(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }

#endif
