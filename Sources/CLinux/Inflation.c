#include "CLinux.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct clinux_inflation {
    z_stream stream;
};

// The largest window, and a gzip header as the only one that is accepted.
static const int window_bits = 15 + 16;

struct clinux_inflation *clinux_inflation_begin(void) {
    struct clinux_inflation *inflation = calloc(1, sizeof *inflation);
    if (inflation != NULL && inflateInit2(&inflation->stream, window_bits) != Z_OK) {
        free(inflation);
        return NULL;
    }
    return inflation;
}

int clinux_inflation_step(struct clinux_inflation *inflation, const void *input, size_t input_size, size_t *consumed,
                          void *output, size_t output_size, size_t *produced) {
    z_stream *stream = &inflation->stream;
    uInt in = input_size > UINT_MAX ? UINT_MAX : (uInt)input_size;
    uInt out = output_size > UINT_MAX ? UINT_MAX : (uInt)output_size;
    stream->next_in = (Bytef *)input;
    stream->avail_in = in;
    stream->next_out = output;
    stream->avail_out = out;
    int result = inflate(stream, Z_NO_FLUSH);
    *consumed = in - stream->avail_in;
    *produced = out - stream->avail_out;
    if (result == Z_STREAM_END) {
        return 1;
    }
    // No progress is possible with an empty side; the caller brings more.
    return result == Z_OK || result == Z_BUF_ERROR ? 0 : -1;
}

int clinux_inflation_reset(struct clinux_inflation *inflation) {
    return inflateReset2(&inflation->stream, window_bits) == Z_OK ? 0 : -1;
}

void clinux_inflation_end(struct clinux_inflation *inflation) {
    if (inflation != NULL) {
        inflateEnd(&inflation->stream);
        free(inflation);
    }
}
