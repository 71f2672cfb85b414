#define _GNU_SOURCE
#include "CLinux.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

int clinux_reserve(int fd, int64_t length) {
    int result;
    do {
        result = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, length);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int clinux_start_writeback(int fd, int64_t offset, int64_t length) {
    return sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE) == 0 ? 0 : errno;
}

int64_t clinux_filesystem_magic(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 ? (int64_t)status.f_type : -1;
}

// Blocks are counted in f_frsize, which some file systems leave out; f_bsize is what they like to be read in.
static int64_t block_size(const struct statfs *status) {
    return status->f_frsize != 0 ? (int64_t)status->f_frsize : (int64_t)status->f_bsize;
}

int64_t clinux_free_bytes(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 ? (int64_t)status.f_bavail * block_size(&status) : -1;
}

int64_t clinux_total_bytes(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 ? (int64_t)status.f_blocks * block_size(&status) : -1;
}

void clinux_idle_io_priority(void) {
    // IOPRIO_WHO_PROCESS with 0 is the calling thread; the class stands above bit 13.
    syscall(SYS_ioprio_set, 1, 0, 3 << 13);
}

int clinux_openat(int directory, const char *name, int flags, mode_t mode) {
    return openat(directory, name, flags, mode);
}

int clinux_check_writable(int directory) {
    int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return close(fd), 0;
    if (errno != EOPNOTSUPP && errno != EISDIR) return errno;
    return faccessat(directory, ".", W_OK, 0) == 0 ? 0 : errno;
}

int clinux_rename_new(int directory, const char *from, const char *to) {
    return renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

int clinux_duplicate(int fd) {
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

int64_t clinux_read_resident(int fd, void *memory, size_t count, int64_t offset) {
    struct iovec part = {memory, count};
    ssize_t result;
    do {
        result = preadv2(fd, &part, 1, offset, RWF_NOWAIT);
    } while (result < 0 && errno == EINTR);
    return result;
}

int clinux_crypt(const char *password, const char *setting, char *result, size_t capacity) {
    struct crypt_data *data = calloc(1, sizeof *data);
    if (data == NULL) return ENOMEM;
    const char *hash = crypt_r(password, setting, data);
    int code = 0;
    // libxcrypt tells of a setting it does not know by a hash that begins with '*'.
    if (hash == NULL || hash[0] == '*' || strlen(hash) >= capacity) {
        code = EINVAL;
    } else {
        strcpy(result, hash);
    }
    explicit_bzero(data, sizeof *data);
    free(data);
    return code;
}

void clinux_limit_heap(void) {
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}
