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

/// openat(2), which is variadic in C. A descriptor, or -1 with errno set.
int clinux_openat(int directory, const char *name, int flags, mode_t mode);

/// fcntl(2) with F_DUPFD_CLOEXEC. A descriptor, or -1 with errno set.
int clinux_duplicate(int fd);

/// preadv2(2) with RWF_NOWAIT: reads what is in the page cache. Bytes read, or -1 with errno set: EAGAIN when the disk
/// would have to be waited for, EOPNOTSUPP when the file system cannot tell.
int64_t clinux_read_resident(int fd, void *memory, size_t count, int64_t offset);

/// crypt_r(3): the password's hash by the method and salt of another hash, as text that ends with NUL. 0 or an errno.
int clinux_crypt(const char *password, const char *setting, char *result, size_t capacity);

/// Keeps the heap close to what is in use: two arenas, and buffers of a transfer's size go back to the system when they
/// are freed. Call it before the first thread starts.
void clinux_limit_heap(void);

#endif
