#ifndef CLINUX_H
#define CLINUX_H

// Linux system calls that Swift's Glibc overlay hides behind _GNU_SOURCE.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// fallocate(2) with FALLOC_FL_KEEP_SIZE: reserves blocks without changing the file's length. 0 or an errno.
int clinux_reserve(int fd, int64_t length);

/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE: starts write-back of a range without waiting. 0 or an errno.
int clinux_start_writeback(int fd, int64_t offset, int64_t length);

/// fstatfs(2): the file system's magic number, or -1 with errno set.
int64_t clinux_filesystem_magic(int fd);

/// fstatfs(2): bytes that an unprivileged process may still allocate, or -1 with errno set.
int64_t clinux_free_bytes(int fd);

/// fstatfs(2): bytes that the file system has in all, or -1 with errno set.
int64_t clinux_total_bytes(int fd);

/// ioprio_set(2): the calling thread reads only when nobody else wants to. Only speed depends on it.
void clinux_idle_io_priority(void);

/// openat(2), which is variadic in C. A descriptor, or -1 with errno set.
int clinux_openat(int directory, const char *name, int flags, mode_t mode);

/// Whether a file can be made in a directory now, by making one without a name (O_TMPFILE); where the file system knows none,
/// by faccessat(2). 0 or an errno.
int clinux_check_writable(int directory);

/// renameat2(2) with RENAME_NOREPLACE within one directory. 0 or an errno.
int clinux_rename_new(int directory, const char *from, const char *to);

/// fcntl(2) with F_DUPFD_CLOEXEC. A descriptor, or -1 with errno set.
int clinux_duplicate(int fd);

/// preadv2(2) with RWF_NOWAIT: reads what is in the page cache. Bytes read, or -1 with errno set: EAGAIN when the disk
/// would have to be waited for, EOPNOTSUPP when the file system cannot tell.
int64_t clinux_read_resident(int fd, void *memory, size_t count, int64_t offset);

/// crypt_r(3): the password's hash by the method and salt of another hash, as text that ends with NUL. 0 or an errno.
int clinux_crypt(const char *password, const char *setting, char *result, size_t capacity);

/// Keeps the heap close to what is in use: two arenas, and what is free at their ends goes back to the system, but for
/// 16 MiB: as much comes and goes with the buffers of a large transfer, and the page faults of getting it back each time
/// cost a sixth of its processor time. Buffers of a transfer's size (256 KiB) stay on the heap: mapping each anew costs
/// a quarter. Call it before the first thread starts.
void clinux_limit_heap(void);

/// Formats that are decompressed: gzip through zlib, zstd through libzstd, xz through liblzma.
enum {
    CLINUX_GZIP = 0,
    CLINUX_ZSTD = 1,
    CLINUX_XZ = 2,
};

/// A running decompression.
struct clinux_decompression;

/// Begins a decompression whose window has at most so many bytes, as a power of two; NULL when there is no memory. End it with
/// clinux_decompression_end.
struct clinux_decompression *clinux_decompression_begin(int format, int window_log);

/// Decompresses from `input` to `output`. `*consumed` and `*produced` tell how much of both was used. The checksum of
/// a member, frame or stream is verified at its end. 0: go on; 1: a member has ended, more may follow; -1: the data is
/// damaged; -2: it takes more memory to decompress than is given to it (the window; 8 MiB more for xz).
int clinux_decompression_step(struct clinux_decompression *decompression, const void *input, size_t input_size,
                              size_t *consumed, void *output, size_t output_size, size_t *produced);

/// Makes it ready for a further member. 0 or -1.
int clinux_decompression_reset(struct clinux_decompression *decompression);

void clinux_decompression_end(struct clinux_decompression *decompression);

#endif
