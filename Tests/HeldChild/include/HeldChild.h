#ifndef HELDCHILD_H
#define HELDCHILD_H

#include <sys/types.h>

// A child of this process that stays between fork and exec: it has a copy of every regular file's descriptor, also of
// those that are closed on exec, for as long as it lives. Returns its process id, or -1.
pid_t held_child_begin(void);

// Ends the child and waits for it.
void held_child_end(pid_t child);

#endif
