#define _GNU_SOURCE
#include "FailingCalls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RULES 64

struct rule {
    char call[16], part[256];
    // Calls that are left alone before, and how many of the others fail; -1 for all.
    int code, stands, first, times;
    atomic_int count;
};

static struct rule rules[RULES];
static atomic_int standing;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int failing_call_begin(const char *call, const char *part, int code) {
    return failing_calls_begin(call, part, code, 0, -1);
}

int failing_calls_begin(const char *call, const char *part, int code, int first, int times) {
    int found = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < RULES && found < 0; i++) {
        if (rules[i].stands) continue;
        snprintf(rules[i].call, sizeof rules[i].call, "%s", call);
        snprintf(rules[i].part, sizeof rules[i].part, "%s", part);
        rules[i].code = code;
        rules[i].first = first;
        rules[i].times = times;
        rules[i].stands = 1;
        rules[i].count = 0;
        found = i;
    }
    pthread_mutex_unlock(&lock);
    if (found >= 0) atomic_fetch_add(&standing, 1);
    return found;
}

int failing_call_count(int rule) { return atomic_load(&rules[rule].count); }

void failing_call_end(int rule) {
    pthread_mutex_lock(&lock);
    rules[rule].stands = 0;
    pthread_mutex_unlock(&lock);
    atomic_fetch_sub(&standing, 1);
}

// The rule for a call, which is counted once; -1 where there is none.
static int met(const char *call, const char *path, int *code) {
    int found = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < RULES && found < 0; i++) {
        if (rules[i].stands && strcmp(rules[i].call, call) == 0 && strstr(path, rules[i].part)) found = i;
    }
    if (found >= 0) {
        struct rule *rule = &rules[found];
        int position = atomic_fetch_add(&rule->count, 1) - rule->first;
        if (position < 0 || (rule->times >= 0 && position >= rule->times)) found = -1;
        *code = rule->code;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static int stands(int rule) {
    pthread_mutex_lock(&lock);
    int stands = rules[rule].stands;
    pthread_mutex_unlock(&lock);
    return stands;
}

// Whether the call is to fail, with errno set; waits where a rule says so.
static int fails(const char *call, int fd, const char *name) {
    if (atomic_load(&standing) == 0) return 0;
    int before = errno;
    char link[64], path[4400] = "";
    ssize_t length = 0;
    if (!name || name[0] != '/') {
        snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
        length = readlink(link, path, 4096);
        errno = before;
        if (length < 0) return 0;
        path[length] = 0;
        if (name) strncat(path, "/", 2);
    }
    if (name) strncat(path, name, 4400 - length - 2);
    int code = 0, rule = met(call, path, &code);
    if (rule < 0) return 0;
    if (code == 0) {
        while (stands(rule)) usleep(500);
        return 0;
    }
    errno = code;
    return 1;
}

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

struct dirent *readdir(DIR *stream) {
    if (fails("readdir", dirfd(stream), NULL)) return NULL;
    return NEXT(struct dirent * (*)(DIR *), "readdir")(stream);
}

// Those that SQLite calls have another name for large files.
#define ALSO(result, name, other, parameters) result other parameters __attribute__((alias(#name)));

int ftruncate(int fd, off_t length) {
    return fails("ftruncate", fd, NULL) ? -1 : syscall(SYS_ftruncate, fd, length);
}
ALSO(int, ftruncate, ftruncate64, (int, off64_t))

int fsync(int fd) { return fails("fsync", fd, NULL) ? -1 : syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails("fsync", fd, NULL) ? -1 : syscall(SYS_fdatasync, fd); }

ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
    return fails("read", fd, NULL) ? -1 : syscall(SYS_pread64, fd, bytes, count, at);
}
ALSO(ssize_t, pread, pread64, (int, void *, size_t, off64_t))

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return fails("write", fd, NULL) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, at);
}
ALSO(ssize_t, pwrite, pwrite64, (int, const void *, size_t, off64_t))

int fallocate(int fd, int mode, off_t at, off_t length) {
    return fails("fallocate", fd, NULL) ? -1 : syscall(SYS_fallocate, fd, mode, at, length);
}

int fchmod(int fd, mode_t mode) { return fails("fchmod", fd, NULL) ? -1 : syscall(SYS_fchmod, fd, mode); }

static int is_for_reading(int fd) { return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY; }

int flock(int fd, int operation) {
    if (operation & LOCK_EX && is_for_reading(fd) && fails("flock-reading", fd, NULL)) return -1;
    return fails("flock", fd, NULL) ? -1 : syscall(SYS_flock, fd, operation);
}

static int open_at(int fd, const char *name, int flags, mode_t mode) {
    return fails("open", fd, name) ? -1 : syscall(SYS_openat, fd, name, flags, mode);
}

#define OPENED(fd, name, flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    } \
    return open_at(fd, name, flags, mode);

int open(const char *name, int flags, ...) { OPENED(AT_FDCWD, name, flags) }
int open64(const char *name, int flags, ...) { OPENED(AT_FDCWD, name, flags) }
int openat(int fd, const char *name, int flags, ...) { OPENED(fd, name, flags) }

int mkdirat(int fd, const char *name, mode_t mode) {
    return fails("mkdir", fd, name) ? -1 : syscall(SYS_mkdirat, fd, name, mode);
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int renameat(int from, const char *name, int to, const char *target) {
    if (fails("renameat", to, target)) return -1;
    return NEXT(int (*)(int, const char *, int, const char *), "renameat")(from, name, to, target);
}

int unlinkat(int fd, const char *name, int flags) {
    return fails("unlinkat", fd, name) ? -1 : syscall(SYS_unlinkat, fd, name, flags);
}

int fstatat(int fd, const char *restrict name, struct stat *restrict status, int flags) {
    if (fails("fstatat", fd, name)) return -1;
    return NEXT(int (*)(int, const char *, struct stat *, int), "fstatat")(fd, name, status, flags);
}

int fstatfs(int fd, struct statfs *status) {
    int result = NEXT(int (*)(int, struct statfs *), "fstatfs")(fd, status);
    if (result == 0 && fails("fstatfs", fd, NULL)) status->f_bsize = errno;
    return result;
}

int fstat(int fd, struct stat *status) {
    if (fails("fstat", fd, NULL)) return -1;
    return NEXT(int (*)(int, struct stat *), "fstat")(fd, status);
}
