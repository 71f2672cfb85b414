#define _GNU_SOURCE
#include "FailingCalls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES 64

struct rule {
    char call[16], part[256];
    int code, stands;
    atomic_int count;
};

static struct rule rules[RULES];
static atomic_int standing;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int failing_call_begin(const char *call, const char *part, int code) {
    int found = -1;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < RULES && found < 0; i++) {
        if (rules[i].stands) continue;
        snprintf(rules[i].call, sizeof rules[i].call, "%s", call);
        snprintf(rules[i].part, sizeof rules[i].part, "%s", part);
        rules[i].code = code;
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
        *code = rules[found].code;
        atomic_fetch_add(&rules[found].count, 1);
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
    char link[64], path[4400];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4096);
    if (length < 0) return 0;
    path[length] = 0;
    if (name) {
        strncat(path, "/", 2);
        strncat(path, name, 256);
    }
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

int ftruncate(int fd, off_t length) {
    if (fails("ftruncate", fd, NULL)) return -1;
    return NEXT(int (*)(int, off_t), "ftruncate")(fd, length);
}

int fsync(int fd) {
    if (fails("fsync", fd, NULL)) return -1;
    return NEXT(int (*)(int), "fsync")(fd);
}

int renameat(int from, const char *name, int to, const char *target) {
    if (fails("renameat", to, target)) return -1;
    return NEXT(int (*)(int, const char *, int, const char *), "renameat")(from, name, to, target);
}

int unlinkat(int fd, const char *name, int flags) {
    if (fails("unlinkat", fd, name)) return -1;
    return NEXT(int (*)(int, const char *, int), "unlinkat")(fd, name, flags);
}

int fstatat(int fd, const char *restrict name, struct stat *restrict status, int flags) {
    if (fails("fstatat", fd, name)) return -1;
    return NEXT(int (*)(int, const char *, struct stat *, int), "fstatat")(fd, name, status, flags);
}
