#include "CLinux.h"

#include <limits.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct clinux_decompression {
    int format;
    int window_log;
    z_stream gzip;
    ZSTD_DCtx *zstd;
    lzma_stream xz;
};

// The largest window, and a gzip header as the only one that is accepted.
static const int gzip_window = 15 + 16;
// What xz takes beside its window.
static const uint64_t xz_rest = 8 << 20;

static int begin_xz(struct clinux_decompression *decompression) {
    uint64_t memory = ((uint64_t)1 << decompression->window_log) + xz_rest;
    return lzma_stream_decoder(&decompression->xz, memory, 0) == LZMA_OK ? 0 : -1;
}

static int begin(struct clinux_decompression *decompression) {
    switch (decompression->format) {
    case CLINUX_GZIP:
        return inflateInit2(&decompression->gzip, gzip_window) == Z_OK ? 0 : -1;
    case CLINUX_ZSTD:
        decompression->zstd = ZSTD_createDCtx();
        if (decompression->zstd == NULL) {
            return -1;
        }
        return ZSTD_isError(ZSTD_DCtx_setParameter(decompression->zstd, ZSTD_d_windowLogMax, decompression->window_log))
                   ? -1
                   : 0;
    case CLINUX_XZ:
        return begin_xz(decompression);
    default:
        return -1;
    }
}

struct clinux_decompression *clinux_decompression_begin(int format, int window_log) {
    struct clinux_decompression *decompression = calloc(1, sizeof *decompression);
    if (decompression == NULL) {
        return NULL;
    }
    decompression->format = format;
    decompression->window_log = window_log;
    decompression->xz = (lzma_stream)LZMA_STREAM_INIT;
    if (begin(decompression) != 0) {
        clinux_decompression_end(decompression);
        return NULL;
    }
    return decompression;
}

static int step_gzip(z_stream *stream, const void *input, size_t input_size, size_t *consumed, void *output,
                     size_t output_size, size_t *produced) {
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

static int step_zstd(ZSTD_DCtx *context, const void *input, size_t input_size, size_t *consumed, void *output,
                     size_t output_size, size_t *produced) {
    ZSTD_inBuffer in = {input, input_size, 0};
    ZSTD_outBuffer out = {output, output_size, 0};
    size_t result = ZSTD_decompressStream(context, &out, &in);
    *consumed = in.pos;
    *produced = out.pos;
    if (ZSTD_isError(result)) {
        return ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge ? -2 : -1;
    }
    return result == 0 ? 1 : 0;
}

static int step_xz(lzma_stream *stream, const void *input, size_t input_size, size_t *consumed, void *output,
                   size_t output_size, size_t *produced) {
    stream->next_in = input;
    stream->avail_in = input_size;
    stream->next_out = output;
    stream->avail_out = output_size;
    lzma_ret result = lzma_code(stream, LZMA_RUN);
    *consumed = input_size - stream->avail_in;
    *produced = output_size - stream->avail_out;
    switch (result) {
    case LZMA_STREAM_END:
        return 1;
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        return 0;
    case LZMA_MEMLIMIT_ERROR:
        return -2;
    default:
        return -1;
    }
}

int clinux_decompression_step(struct clinux_decompression *decompression, const void *input, size_t input_size,
                              size_t *consumed, void *output, size_t output_size, size_t *produced) {
    switch (decompression->format) {
    case CLINUX_GZIP:
        return step_gzip(&decompression->gzip, input, input_size, consumed, output, output_size, produced);
    case CLINUX_ZSTD:
        return step_zstd(decompression->zstd, input, input_size, consumed, output, output_size, produced);
    default:
        return step_xz(&decompression->xz, input, input_size, consumed, output, output_size, produced);
    }
}

int clinux_decompression_reset(struct clinux_decompression *decompression) {
    switch (decompression->format) {
    case CLINUX_GZIP:
        return inflateReset2(&decompression->gzip, gzip_window) == Z_OK ? 0 : -1;
    case CLINUX_ZSTD:
        return ZSTD_isError(ZSTD_DCtx_reset(decompression->zstd, ZSTD_reset_session_only)) ? -1 : 0;
    default:
        return begin_xz(decompression);
    }
}

void clinux_decompression_end(struct clinux_decompression *decompression) {
    if (decompression == NULL) {
        return;
    }
    if (decompression->format == CLINUX_GZIP) {
        inflateEnd(&decompression->gzip);
    }
    ZSTD_freeDCtx(decompression->zstd);
    lzma_end(&decompression->xz);
    free(decompression);
}
