#ifndef CBUILD_H
#define CBUILD_H

/// The commit that a release was built from; empty where the build did not say (IMGLIFE_COMMIT).
const char *cbuild_commit(void);

#endif
