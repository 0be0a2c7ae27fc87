"""What of the C code the extension modules use; its headers say what it does."""

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
    ctypedef void sha256_hashed(void *source, const sha256_message *message, size_t end)
    void sha256_messages(const sha256_backend *backend, sha256_next *next,
                         sha256_hashed *hashed, void *source, size_t count)
    void sha256_blocks(const sha256_backend *backend, const uint8_t *data,
                       size_t length, size_t block_bytes, uint8_t *digests)

cdef extern from "xxh3.h" nogil:
    enum:
        XXH3_DIGEST_BYTES

    struct xxh3_way:
        int (*usable)()

    struct xxh3_progress:
        pass

    const xxh3_way *const *xxh3_ways
    void xxh3_128_blocks(const xxh3_way *way, const uint8_t *data, size_t length,
                         size_t block_bytes, uint8_t *digests)

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
        uint8_t *xxh3
        xxh3_progress *progress
        uint8_t *bad
        const job_extent *extents
        int error

    struct job:
        job_run *runs
        size_t count

    struct job_messages:
        const job *job
        const xxh3_way *way
        size_t run, block

    const int job_can_write
    size_t job_blocks(const job_run *run)
    int job_next_message(void *messages, sha256_message *message)
    void job_message_hashed(void *messages, const sha256_message *message, size_t end)
    void job_judge(const job *job, const xxh3_way *way)
    void job_write(const job *job)
    size_t job_close_up(const job_run *run)
