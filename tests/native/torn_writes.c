/* Loaded before the C library: every write at an offset is torn or interrupted, as the manual
 * allows. At most 97 bytes are written at once, and every third call only says EINTR. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_BYTES 97

static int interrupted(void) {
    static int calls;
    if (++calls % 3) return 0;
    errno = EINTR;
    return 1;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    if (interrupted()) return -1;
    return syscall(SYS_pwrite64, fd, data, length < MAX_BYTES ? length : MAX_BYTES, offset);
}

/* Whole parts and the front of one more. */
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    struct iovec torn[16];
    size_t left = MAX_BYTES;
    int used = 0;
    if (interrupted()) return -1;
    for (; used < count && used < 16 && left; used++) {
        torn[used] = parts[used];
        if (torn[used].iov_len > left) torn[used].iov_len = left;
        left -= torn[used].iov_len;
    }
    return syscall(SYS_pwritev, fd, torn, used, offset, 0);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    return pwrite64(fd, data, length, offset);
}
