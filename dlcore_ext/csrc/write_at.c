#define _FILE_OFFSET_BITS 64
#define _GNU_SOURCE /* pwritev */
#include "write_at.h"

#include <errno.h>

#ifdef _WIN32
#include <windows.h>

#include <io.h>
#include <stdlib.h>

#ifdef __MINGW32__
/* Its headers lack it.
 * Source: learn.microsoft.com/en-us/cpp/c-runtime-library/reference/
 * set-invalid-parameter-handler-set-thread-local-invalid-parameter-handler */
_invalid_parameter_handler
_set_thread_local_invalid_parameter_handler(_invalid_parameter_handler handler);
#endif

static void go_on(const wchar_t *expression, const wchar_t *function, const wchar_t *file,
                  unsigned line, uintptr_t reserved) {
    (void)expression, (void)function, (void)file, (void)line, (void)reserved;
}

/* INVALID_HANDLE_VALUE if the descriptor is not open, for which the runtime would end the process. */
static HANDLE handle_of(int fd) {
    _invalid_parameter_handler before = _set_thread_local_invalid_parameter_handler(go_on);
    HANDLE handle = (HANDLE)_get_osfhandle(fd);
    _set_thread_local_invalid_parameter_handler(before);
    return handle;
}

/* One call of WriteFile takes a 32-bit length; this is a multiple of every page and sector. */
#define MAX_CALL_BYTES ((size_t)1 << 30)

/* mingw-w64's headers lack these two. */
#ifndef ERROR_DISK_QUOTA_EXCEEDED
#define ERROR_DISK_QUOTA_EXCEEDED 1295
#endif
#ifndef ERROR_FILE_SYSTEM_LIMITATION
#define ERROR_FILE_SYSTEM_LIMITATION 665
#endif

/* The same errno as dlcore/disk/windows_errors.py has for an error of WriteFile.
 * Source: learn.microsoft.com/en-us/windows/win32/debug/system-error-codes */
static int errno_of(DWORD error) {
    switch (error) {
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_FULL:
    case ERROR_DISK_QUOTA_EXCEEDED:
        return ENOSPC;
    case ERROR_FILE_TOO_LARGE:
    case ERROR_FILE_SYSTEM_LIMITATION: /* too many fragments */
        return EFBIG;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
        return EACCES;
    case ERROR_WRITE_PROTECT:
        return EROFS;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_NO_SYSTEM_RESOURCES:
        return ENOMEM;
    case ERROR_INVALID_HANDLE:
        return EBADF;
    default:
        return EIO;
    }
}

/* The first part only: WriteFileGather takes whole pages of unbuffered files, nothing else. */
int write_at(int fd, const struct iovec *parts, int count, uint64_t offset, size_t *written) {
    (void)count;
    HANDLE file = handle_of(fd);
    size_t length = parts->iov_len < MAX_CALL_BYTES ? parts->iov_len : MAX_CALL_BYTES;
    OVERLAPPED place = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD done = 0;
    if (!WriteFile(file, parts->iov_base, (DWORD)length, &done, &place))
        return errno_of(GetLastError());
    *written = done;
    return done ? 0 : EIO;
}

#else
#include <unistd.h>

static ssize_t positioned(int fd, const struct iovec *parts, int count, off_t offset) {
#ifdef __linux__
    if (count > 1) return pwritev(fd, parts, count, offset);
#endif
    (void)count;
    return pwrite(fd, parts->iov_base, parts->iov_len, offset);
}

int write_at(int fd, const struct iovec *parts, int count, uint64_t offset, size_t *written) {
    ssize_t bytes;
    do {
        bytes = positioned(fd, parts, count, (off_t)offset);
    } while (bytes < 0 && errno == EINTR);
    if (bytes < 0) return errno;
    *written = (size_t)bytes;
    return bytes ? 0 : EIO;
}
#endif
