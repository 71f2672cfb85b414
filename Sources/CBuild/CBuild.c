#include "CBuild.h"

#ifndef IMGLIFE_COMMIT
#define IMGLIFE_COMMIT ""
#endif

const char *cbuild_commit(void) { return IMGLIFE_COMMIT; }
