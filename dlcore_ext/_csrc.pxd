"""The parts of the C code that the extension uses; the headers say what they do."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from "sha256.h" nogil:
    enum:
        SHA256_DIGEST_BYTES

    struct sha256_backend:
        const char *name
        int (*usable)()

    const sha256_backend *const *sha256_backends
    size_t sha256_worthwhile(const sha256_backend *backend, size_t messages)
    struct sha256_message:
        const uint8_t *data
        size_t length
        uint8_t *digest

    ctypedef int sha256_next(void *source, sha256_message *message)
    void sha256_messages(const sha256_backend *backend, sha256_next *next, void *source,
                         size_t count)
    void sha256_blocks(const sha256_backend *backend, const uint8_t *data,
                       size_t length, size_t block_bytes, uint8_t *digests)

cdef extern from "job.h" nogil:
    struct job_extent:
        int fd
        uint64_t offset
        size_t length

    struct job_run:
        const uint8_t *data
        size_t length, block_bytes
        const uint8_t *expected
        uint8_t *found
        uint8_t *bad
        const job_extent *extents
        size_t written
        int error

    struct job:
        job_run *runs
        size_t count

    struct job_messages:
        const job *job
        size_t run, block

    size_t job_blocks(const job_run *run)
    int job_next_message(void *messages, sha256_message *message)
    void job_judge(const job *job)
    void job_write(const job *job)
