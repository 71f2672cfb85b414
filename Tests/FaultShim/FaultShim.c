#define _GNU_SOURCE
#include "FaultShim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { max_faults = 8, max_renames = 256, max_delays = 4 };

struct fault {
    char call[16];
    int code;
    long position;
    int persists;
    long seen;
};

struct delay {
    char call[16];
    long milliseconds;
};

struct rename {
    char from[PATH_MAX];
    char to[PATH_MAX];
};

static char directory[PATH_MAX];
static size_t directory_length;
static struct fault faults[max_faults];
static int fault_count;
static struct delay delays[max_delays];
static int delay_count;
static long kill_at, cut_at, cut_ack_at, kill_after, cut_after, short_at;
static char unreadable[4][NAME_MAX + 1];
static int unreadable_count;
static int no_file_sync, no_directory_sync, late_rename;
static int trace = -1;
static long kill_renamed_at, busy_index_at, full_index_at;
static long changes, writes, acknowledgements, blobs_renamed;
static struct rename late[max_renames];
static int late_count;
// Counting, and in a trace the change itself, are one step; a change may bring about another one.
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void die(int powerless) {
    if (powerless) {
        unsigned flags = 2;
        int fd = syscall(SYS_openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0) {
            *strrchr(directory, '/') = 0;
            fd = syscall(SYS_openat, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
        }
        ioctl(fd, 0x8004587d, &flags);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void *die_later(void *powerless) {
    usleep(powerless ? cut_after : kill_after);
    die(powerless != NULL);
    return NULL;
}

static void parse(char *text) {
    for (char *end, *item = strtok_r(text, ",", &end); item; item = strtok_r(NULL, ",", &end)) {
        char plus = 0;
        struct fault fault = {0};
        if (sscanf(item, "kill:%ld", &kill_at) == 1 || sscanf(item, "cut:%ld", &cut_at) == 1) continue;
        if (sscanf(item, "cutack:%ld", &cut_ack_at) == 1 || sscanf(item, "short:%ld", &short_at) == 1) continue;
        if (sscanf(item, "after:%ld", &kill_after) == 1 || sscanf(item, "cutafter:%ld", &cut_after) == 1) continue;
        if (sscanf(item, "killrenamed:%ld", &kill_renamed_at) == 1) continue;
        if (sscanf(item, "busyindex:%ld", &busy_index_at) == 1) continue;
        if (sscanf(item, "fullindex:%ld", &full_index_at) == 1) continue;
        struct delay delay = {0};
        if (delay_count < max_delays && sscanf(item, "slow:%15[a-z]:%ld", delay.call, &delay.milliseconds) == 2) {
            delays[delay_count++] = delay;
            continue;
        }
        if (unreadable_count < 4 && sscanf(item, "unreadable:%255s", unreadable[unreadable_count]) == 1) {
            unreadable_count++;
            continue;
        }
        if (strcmp(item, "nofsync") == 0) no_file_sync = 1;
        else if (strcmp(item, "nodirfsync") == 0) no_directory_sync = 1;
        else if (strcmp(item, "laterename") == 0) late_rename = 1;
        else if (fault_count < max_faults
                 && sscanf(item, "%15[a-z]:%d:%ld%c", fault.call, &fault.code, &fault.position, &plus) >= 3) {
            fault.persists = plus == '+';
            faults[fault_count++] = fault;
        } else {
            dprintf(2, "FaultShim: FI has no meaning: %s\n", item);
            _exit(99);
        }
    }
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FI_DIR"), *plan = getenv("FI"), *record = getenv("FI_TRACE");
    if (!path) return;
    snprintf(directory, sizeof directory, "%s", path);
    directory_length = strlen(directory);
    if (record) trace = syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (plan) {
        char *copy = strdup(plan);
        parse(copy);
        free(copy);
    }
    pthread_t thread;
    if (kill_after) pthread_create(&thread, NULL, die_later, NULL);
    if (cut_after) pthread_create(&thread, NULL, die_later, "");
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FI_COUNT");
    if (!path || !directory_length) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", changes);
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    syscall(SYS_write, fd, text, length);
    close(fd);
}

// MARK: Which calls count

static int fd_path(int fd, char *path) {
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int is_inside(const char *path) {
    return directory_length && strncmp(path, directory, directory_length) == 0
        && (path[directory_length] == '/' || path[directory_length] == 0);
}

static int fd_inside(int fd, char *path) {
    return directory_length && fd > 2 && fd_path(fd, path) && is_inside(path);
}

static int name_inside(int fd, const char *name, char *path) {
    if (!directory_length || !name) return 0;
    char base[PATH_MAX] = "";
    if (name[0] != '/') {
        if (fd == AT_FDCWD ? !getcwd(base, sizeof base) : !fd_path(fd, base)) return 0;
        strncat(base, "/", sizeof base - strlen(base) - 1);
    }
    return snprintf(path, PATH_MAX, "%s%s", base, name) < PATH_MAX && is_inside(path);
}

// MARK: What goes wrong

static int error_for(const char *call) {
    for (int i = 0; i < fault_count; i++) {
        struct fault *fault = &faults[i];
        if (strcmp(fault->call, call) != 0 && strcmp(fault->call, "any") != 0) continue;
        fault->seen++;
        if (fault->seen == fault->position || (fault->persists && fault->seen > fault->position)) return fault->code;
    }
    return 0;
}

// Begins a change, with the lock; 0 when it may go on, otherwise -1 with errno set.
static int enter(const char *call) {
    for (int i = 0; i < delay_count; i++) {
        if (strcmp(delays[i].call, call) == 0) usleep(delays[i].milliseconds * 1000);
    }
    pthread_mutex_lock(&lock);
    changes++;
    if (changes == kill_at) die(0);
    if (changes == cut_at) die(1);
    int code = error_for(call);
    if (!code) return 0;
    pthread_mutex_unlock(&lock);
    errno = code;
    return -1;
}

static long leave(long result) {
    int code = errno;
    pthread_mutex_unlock(&lock);
    errno = code;
    return result;
}

// One line, then so many bytes; paths have no tabs.
static void record(const char *call, const char *path, const char *other, long number, long long at, const void *bytes,
                   size_t count) {
    if (trace < 0) return;
    char head[3 * PATH_MAX];
    int length = snprintf(head, sizeof head, "%s\t%s\t%s\t%ld\t%lld\t%zu\n", call, path, other, number, at, count);
    struct iovec parts[2] = {{head, (size_t)length}, {(void *)bytes, count}};
    syscall(SYS_writev, trace, parts, count ? 2 : 1);
}

static long inode(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? (long)status.st_ino : -1;
}

// Whether the index is out of use since so many blobs have got their places.
static int is_index_stopped(long since, const char *path) {
    return since && blobs_renamed >= since && strncmp(path + directory_length, "/index.sqlite", 13) == 0;
}

// MARK: Calls on open files

static ssize_t change_bytes(int fd, const void *bytes, size_t count, off64_t at, int positioned) {
    char path[PATH_MAX];
    if (fd == 1 && directory_length && (trace >= 0 || cut_ack_at)) {
        pthread_mutex_lock(&lock);
        ssize_t done = syscall(SYS_write, fd, bytes, count);
        record("acknowledge", "", "", 0, 0, bytes, count);
        if (++acknowledgements == cut_ack_at) die(1);
        return leave(done);
    }
    if (!fd_inside(fd, path)) {
        return positioned ? syscall(SYS_pwrite64, fd, bytes, count, at) : syscall(SYS_write, fd, bytes, count);
    }
    if (enter("write") != 0) return -1;
    if (is_index_stopped(full_index_at, path)) {
        errno = ENOSPC;
        return leave(-1);
    }
    if (++writes == short_at && count > 1) count /= 2;
    if (!positioned) at = lseek64(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, count, at);
    if (done > 0) {
        record("write", path, "", inode(fd), at, bytes, done);
        if (!positioned) lseek64(fd, at + done, SEEK_SET);
    }
    return leave(done);
}

ssize_t write(int fd, const void *bytes, size_t count) { return change_bytes(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return change_bytes(fd, bytes, count, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return change_bytes(fd, bytes, count, at, 1); }

// Whether reading a file is to fail.
static int is_unreadable(int fd) {
    char path[PATH_MAX];
    if (!unreadable_count || !fd_inside(fd, path)) return 0;
    for (int i = 0; i < unreadable_count; i++) {
        if (strstr(path, unreadable[i])) return 1;
    }
    return 0;
}

static ssize_t fail_to_read(void) {
    errno = EIO;
    return -1;
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    return is_unreadable(fd) ? fail_to_read() : syscall(SYS_pread64, fd, bytes, count, at);
}
ssize_t pread(int fd, void *bytes, size_t count, off_t at) { return pread64(fd, bytes, count, at); }
ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags) {
    return is_unreadable(fd) ? fail_to_read() : syscall(SYS_preadv2, fd, parts, count, at, 0, flags);
}
ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return preadv64v2(fd, parts, count, at, flags);
}
ssize_t sendfile64(int to, int fd, off64_t *at, size_t count) {
    return is_unreadable(fd) ? fail_to_read() : syscall(SYS_sendfile, to, fd, at, count);
}
ssize_t sendfile(int to, int fd, off_t *at, size_t count) { return sendfile64(to, fd, at, count); }

// Reading a directory changes nothing, so that it is not counted among the changes.
struct dirent64 *readdir64(DIR *directory_stream) {
    static struct dirent64 *(*next)(DIR *);
    char path[PATH_MAX];
    pthread_mutex_lock(&lock);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "readdir64");
    int code = fd_inside(dirfd(directory_stream), path) ? error_for("readdir") : 0;
    pthread_mutex_unlock(&lock);
    if (!code) return next(directory_stream);
    errno = code;
    return NULL;
}
struct dirent *readdir(DIR *directory_stream) { return (struct dirent *)readdir64(directory_stream); }

// What was held back appears once SQLite has committed: its journal has become empty and that is durable.
static void rename_late(const char *synced) {
    struct stat status;
    if (!late_count || !strstr(synced, "/index.sqlite-journal") || stat(synced, &status) != 0 || status.st_size) return;
    changes++;
    if (changes == kill_at) die(0);
    if (changes == cut_at) die(1);
    for (int i = 0; i < late_count; i++) {
        syscall(SYS_renameat2, AT_FDCWD, late[i].from, AT_FDCWD, late[i].to, 0);
        record("rename", late[i].from, late[i].to, 0, 0, NULL, 0);
        *strrchr(late[i].to, '/') = 0;
        int fd = syscall(SYS_openat, AT_FDCWD, late[i].to, O_RDONLY | O_DIRECTORY, 0);
        syscall(SYS_fsync, fd);
        record("sync", late[i].to, "", inode(fd), 0, NULL, 0);
        close(fd);
    }
    late_count = 0;
}

static int sync_file(int fd, long number) {
    char path[PATH_MAX];
    struct stat status;
    if (!fd_inside(fd, path) || fstat(fd, &status) != 0) return syscall(number, fd);
    if (enter("sync") != 0) return -1;
    if (no_file_sync && strstr(path, "/ingest/")) return leave(0);
    if (no_directory_sync && strstr(path, "/blobs/") && S_ISDIR(status.st_mode)) return leave(0);
    int result = syscall(number, fd);
    if (result == 0) {
        record("sync", path, "", (long)status.st_ino, 0, NULL, 0);
        rename_late(path);
    }
    return leave(result);
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    if (!fd_inside(fd, path)) return syscall(SYS_ftruncate, fd, length);
    if (enter("truncate") != 0) return -1;
    int result = syscall(SYS_ftruncate, fd, length);
    if (result == 0) record("truncate", path, "", inode(fd), length, NULL, 0);
    return leave(result);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    char path[PATH_MAX];
    if (!fd_inside(fd, path)) return syscall(SYS_fallocate, fd, mode, offset, length);
    if (enter("allocate") != 0) return -1;
    return leave(syscall(SYS_fallocate, fd, mode, offset, length));
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }

// SQLite's locks.
int fcntl64(int fd, int command, ...) {
    char path[PATH_MAX];
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    if ((command == F_SETLK || command == F_OFD_SETLK) && busy_index_at && ((struct flock *)argument)->l_type == F_WRLCK
        && fd_inside(fd, path) && is_index_stopped(busy_index_at, path)) {
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_fcntl, fd, command, argument);
}
int fcntl(int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return fcntl64(fd, command, argument);
}

// MARK: Calls on names

static int open_name(int base, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    if (!name_inside(base, name, path)) return syscall(SYS_openat, base, name, flags, mode);
    struct stat status;
    int creates = (flags & O_CREAT) && lstat(path, &status) != 0;
    if (creates ? enter("open") != 0 : (pthread_mutex_lock(&lock), 0)) return -1;
    int code = creates ? 0 : error_for("open");
    if (code) {
        errno = code;
        return leave(-1);
    }
    int fd = syscall(SYS_openat, base, name, flags, mode);
    if (fd >= 0 && creates) record("create", path, "", inode(fd), 0, NULL, 0);
    if (fd >= 0 && (flags & O_TRUNC)) record("truncate", path, "", inode(fd), 0, NULL, 0);
    return leave(fd);
}

#define MODE_OF(flags, mode) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list list; \
        va_start(list, flags); \
        mode = va_arg(list, mode_t); \
        va_end(list); \
    }

int open(const char *name, int flags, ...) { MODE_OF(flags, mode) return open_name(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE_OF(flags, mode) return open_name(AT_FDCWD, name, flags, mode); }
int openat(int fd, const char *name, int flags, ...) { MODE_OF(flags, mode) return open_name(fd, name, flags, mode); }
int openat64(int fd, const char *name, int flags, ...) { MODE_OF(flags, mode) return open_name(fd, name, flags, mode); }

int renameat2(int base, const char *name, int new_base, const char *new_name, unsigned flags) {
    char from[PATH_MAX], to[PATH_MAX];
    if (!name_inside(base, name, from) | !name_inside(new_base, new_name, to)) {
        return syscall(SYS_renameat2, base, name, new_base, new_name, flags);
    }
    if (enter("rename") != 0) return -1;
    if (late_rename && late_count < max_renames && strstr(to, "/blobs/")) {
        strcpy(late[late_count].from, from);
        strcpy(late[late_count++].to, to);
        return leave(0);
    }
    int result = syscall(SYS_renameat2, base, name, new_base, new_name, flags);
    if (result == 0) record("rename", from, to, 0, 0, NULL, 0);
    if (result == 0 && strstr(to, "/blobs/") && ++blobs_renamed == kill_renamed_at) die(0);
    return leave(result);
}
int renameat(int fd, const char *name, int to, const char *new) { return renameat2(fd, name, to, new, 0); }
int rename(const char *name, const char *new) { return renameat2(AT_FDCWD, name, AT_FDCWD, new, 0); }

int linkat(int base, const char *name, int new_base, const char *new_name, int flags) {
    char from[PATH_MAX], to[PATH_MAX];
    if (!name_inside(base, name, from) | !name_inside(new_base, new_name, to)) {
        return syscall(SYS_linkat, base, name, new_base, new_name, flags);
    }
    if (enter("link") != 0) return -1;
    int result = syscall(SYS_linkat, base, name, new_base, new_name, flags);
    if (result == 0) record("link", from, to, 0, 0, NULL, 0);
    return leave(result);
}
int link(const char *name, const char *new) { return linkat(AT_FDCWD, name, AT_FDCWD, new, 0); }

int unlinkat(int base, const char *name, int flags) {
    char path[PATH_MAX];
    if (!name_inside(base, name, path)) return syscall(SYS_unlinkat, base, name, flags);
    if (enter("unlink") != 0) return -1;
    int result = syscall(SYS_unlinkat, base, name, flags);
    if (result == 0) record("unlink", path, "", 0, 0, NULL, 0);
    return leave(result);
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int mkdirat(int base, const char *name, mode_t mode) {
    char path[PATH_MAX];
    if (!name_inside(base, name, path)) return syscall(SYS_mkdirat, base, name, mode);
    if (enter("mkdir") != 0) return -1;
    int result = syscall(SYS_mkdirat, base, name, mode);
    if (result == 0) record("mkdir", path, "", 0, 0, NULL, 0);
    return leave(result);
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
