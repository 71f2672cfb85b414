#ifndef FAILINGCALLS_H
#define FAILINGCALLS_H

// Makes system calls of this very process fail, or wait, where they concern certain files: for what no file system does on
// demand. It stands in the test program in front of the C library.

// The call ("open", "read", "write", "fsync", "ftruncate", "fallocate", "fchmod", "flock", "fstat", "fstatat", "mkdir",
// "readdir", "renameat", "unlinkat"; SQLite's own too) fails with an errno, or waits for as long as the
// rule stands where that is 0, on files whose path contains the text. For renameat it is the new name that counts.
// "flock-reading" is an exclusive flock of what is open for reading alone. "fstatfs" does not fail: it says that files are best
// read in blocks of that size.
// Returns the rule, or -1 when there are too many.
int failing_call_begin(const char *call, const char *path_part, int code);

// The same for so many calls after the first ones, which are left alone.
int failing_calls_begin(const char *call, const char *path_part, int code, int first, int times);

// How many calls the rule has met so far.
int failing_call_count(int rule);

void failing_call_end(int rule);

#endif
