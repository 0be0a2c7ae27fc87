/* Writes to a place in a file without moving its position: what systems differ in. */
#ifndef DLCORE_WRITE_AT_H
#define DLCORE_WRITE_AT_H

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
struct iovec {
    void *iov_base;
    size_t iov_len;
};
#else
#include <sys/uio.h>
#endif

/* Writes the parts one after the other from `offset` on; may write less than all of them.
 * Returns an errno, or 0 if at least one byte is written; `*written` tells how many. */
int write_at(int fd, const struct iovec *parts, int count, uint64_t offset, size_t *written);

#endif
