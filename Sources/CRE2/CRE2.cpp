#include "CRE2.h"

#include <re2/re2.h>

#include <string>

struct cre2_pattern {
    cre2_pattern(const re2::StringPiece &text, const RE2::Options &options) : expression(text, options) {}
    RE2 expression;
};

cre2_pattern *cre2_compile(const char *pattern, size_t length, int64_t max_memory) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_memory);
    return new cre2_pattern(re2::StringPiece(pattern, length), options);
}

const char *cre2_error(const cre2_pattern *pattern) {
    return pattern->expression.ok() ? nullptr : pattern->expression.error().c_str();
}

const char *cre2_error_argument(const cre2_pattern *pattern) {
    return pattern->expression.error_arg().c_str();
}

bool cre2_search(const cre2_pattern *pattern, const char *text, size_t length) {
    return RE2::PartialMatch(re2::StringPiece(text, length), pattern->expression);
}

bool cre2_begins_with(const cre2_pattern *pattern, const char *prefix, size_t length) {
    std::string first, last;
    // A few bytes more: the last one may have been rounded up.
    if (!pattern->expression.PossibleMatchRange(&first, &last, static_cast<int>(length) + 16)) return false;
    return first.compare(0, length, prefix, length) == 0 && last.compare(0, length, prefix, length) == 0;
}

void cre2_free(cre2_pattern *pattern) {
    delete pattern;
}
