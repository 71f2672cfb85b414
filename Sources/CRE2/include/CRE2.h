#ifndef CRE2_H
#define CRE2_H

// A C face for the few calls of RE2 that imglife needs. RE2 matches in linear time whatever the pattern.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cre2_pattern cre2_pattern;

/// Compiles a pattern within a memory budget in bytes. Never NULL; ask cre2_error before matching.
cre2_pattern *cre2_compile(const char *pattern, size_t length, int64_t max_memory);

/// What is wrong with the pattern, or NULL when it compiled. Lives as long as the pattern.
const char *cre2_error(const cre2_pattern *pattern);

/// The piece of the pattern that the error is about; empty when RE2 names none. Lives as long as the pattern.
const char *cre2_error_argument(const cre2_pattern *pattern);

/// Whether the text contains a match (unanchored). Safe to call from several threads at once.
bool cre2_search(const cre2_pattern *pattern, const char *text, size_t length);

/// Whether every match that begins where a text begins starts with these bytes; false where that cannot be told.
bool cre2_begins_with(const cre2_pattern *pattern, const char *prefix, size_t length);

void cre2_free(cre2_pattern *pattern);

#ifdef __cplusplus
}
#endif

#endif
