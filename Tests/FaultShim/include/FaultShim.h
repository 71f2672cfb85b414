#ifndef FAULTSHIM_H
#define FAULTSHIM_H

// A library to preload: it counts a program's changes below one directory, and makes the n-th of them go wrong.
//
// FI_DIR    the directory, absolute and without links
// FI        what goes wrong, several joined by commas; n counts from 1:
//   kill:n            SIGKILL before the n-th change
//   after:us          SIGKILL after so many microseconds
//   cut:n             power cut (ext4 shutdown without flushing its log, then SIGKILL) before the n-th change
//   cutack:n          power cut after the n-th write to standard output
//   cutafter:us       power cut after so many microseconds
//   call:errno:n      the n-th call of a class fails with that error; n+: all from there on
//                     classes: write sync open rename link unlink truncate allocate mkdir readdir any
//   slow:call:ms      every call of a class takes so many milliseconds longer
//   short:n           the n-th write takes only half of the bytes
//   killrenamed:n     SIGKILL right after the n-th rename into blobs/
//   busyindex:n       from the n-th rename into blobs/ on nobody gets a lock for writing the index
//   fullindex:n       from the n-th rename into blobs/ on writing the index fails with ENOSPC
//   unreadable:TEXT   reading a file whose path contains the text fails with EIO; up to four times
//   nofsync           files in ingest/ are never synced, though the calls succeed
//   nodirfsync        directories in blobs/ are never synced, though the calls succeed
//   laterename        a file is renamed into blobs/ only after the index has been committed
// FI_COUNT  a file that gets the number of changes when the program ends
// FI_TRACE  a file that gets every change and every write to standard output, in order and with the bytes

#endif
