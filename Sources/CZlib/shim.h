#ifndef ALLREDUCE_CZLIB_SHIM_H
#define ALLREDUCE_CZLIB_SHIM_H

#include <zlib.h>

// `inflateInit2` is a macro, which Swift cannot see. 16 asks for the format of gzip.
static inline int cz_inflate_init(z_stream *stream) { return inflateInit2(stream, 16 + MAX_WBITS); }
// A negative number asks for what deflate wrote alone, as members of zip files are.
static inline int cz_inflate_raw_init(z_stream *stream) { return inflateInit2(stream, -MAX_WBITS); }

#endif
