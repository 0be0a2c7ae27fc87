"""Python's view of the C code: digests of blocks, and jobs that verify and write.

The C kernels hash where they are faster, hashlib where they are not.

Guarantees: every backend gives the same digests. The GIL is released while 2 KiB or
more are hashed, and while files are written. Memory grows with the digests only.
Nothing may change a buffer while it is hashed.
"""

from cpython.buffer cimport (
    PyBUF_READ,
    PyBUF_SIMPLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from dlcore_ext._csrc cimport (
    SHA256_DIGEST_BYTES,
    job as c_job,
    job_blocks,
    job_extent,
    job_judge,
    job_messages,
    job_next_message,
    job_run,
    job_write,
    sha256_backend,
    sha256_backends,
    sha256_blocks,
    sha256_message,
    sha256_messages,
    sha256_worthwhile,
)

from hashlib import sha256 as _sha256

# Hashing less than this is cheaper than releasing the GIL; hashlib has the same limit.
cdef enum:
    RELEASE_FROM_BYTES = 2048

cdef const sha256_backend *_backend = NULL  # null: hashlib, which is usually OpenSSL


def backends():
    """Names of the SHA-256 backends that this CPU can run, the best guess first."""
    names = []
    cdef const sha256_backend *const *each = sha256_backends
    while each[0] != NULL:
        if each[0].usable():
            names.append(each[0].name.decode())
        each += 1
    return (*names, "openssl")


def backend():
    """Name of the SHA-256 backend in use."""
    return "openssl" if _backend == NULL else _backend.name.decode()


def use_backend(str name):
    """Use one of `backends` from now on, in all threads."""
    global _backend
    if name not in backends():
        raise ValueError(f"backend is {name!r}, must be one of {backends()}")
    cdef const sha256_backend *const *each = sha256_backends
    while each[0] != NULL and each[0].name.decode() != name:
        each += 1
    _backend = each[0]


def block_digests(data, Py_ssize_t block_bytes):
    """`dlcore.native.block_digests`."""
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}, must be at least 1")
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return _sha256_digests(data, &view, block_bytes)
    finally:
        PyBuffer_Release(&view)


cdef bytes _sha256_digests(data, Py_buffer *view, Py_ssize_t block_bytes):
    """Hash as many blocks as is worthwhile in one C call, the others by hashlib."""
    cdef const sha256_backend *backend = _backend
    cdef Py_ssize_t count = 1 + (view.len - 1) // block_bytes if view.len else 0
    cdef Py_ssize_t here = 0 if backend == NULL else sha256_worthwhile(backend, count)
    if here == 0:
        if count == 1:
            return _sha256(data).digest()
        return _sha256_one_by_one(data, 0, block_bytes)
    cdef bytes digests = PyBytes_FromStringAndSize(NULL, here * SHA256_DIGEST_BYTES)
    cdef uint8_t *out = <uint8_t *>PyBytes_AsString(digests)
    cdef const uint8_t *start = <const uint8_t *>view.buf
    cdef size_t length = view.len if here == count else here * block_bytes
    if length < RELEASE_FROM_BYTES:
        sha256_blocks(backend, start, length, block_bytes, out)
    else:
        with nogil:
            sha256_blocks(backend, start, length, block_bytes, out)
    if here == count:
        return digests
    return digests + _sha256_one_by_one(data, length, block_bytes)


cdef bytes _sha256_one_by_one(data, Py_ssize_t start, Py_ssize_t block_bytes):
    cdef object blocks = memoryview(data).cast("B")
    cdef list digests = []
    while start < len(blocks):
        digests.append(_sha256(blocks[start:start + block_bytes]).digest())
        start += block_bytes
    return b"".join(digests)


cdef class Job:
    """Runs that are verified at once and written in groups, for `compiled`.

    Buffers are pinned until they are written; everything else is in one arena.

    Args:
        runs: Of each run its data, block_bytes, digests and extents.

    Raises:
        ValueError, OverflowError, TypeError, BufferError: A run is inconsistent.
    """

    cdef c_job job
    cdef Py_buffer *views  # of run i: 2i is its data, 2i + 1 its digests
    cdef Py_ssize_t pinned, unpinned  # views from `unpinned` to `pinned` are held
    cdef void *arena

    def __cinit__(self, list runs):
        cdef Py_ssize_t count = len(runs), extents = 0
        self.views = <Py_buffer *>_calloc(2 * count, sizeof(Py_buffer))
        self.job.runs = <job_run *>_calloc(count, sizeof(job_run))
        cdef list places = []  # tuples, because their lengths must not change
        for data, block_bytes, digests, extents_of_run in runs:
            self._pin(data, block_bytes, digests)
            place = tuple(extents_of_run)
            places.append(place)
            extents += len(place)
        self._lay_out(extents)
        cdef job_extent *extent = <job_extent *>self.arena
        for index in range(count):
            extent = _place(&self.job.runs[index], extent, places[index])
        self._verify()

    def __dealloc__(self):
        self._unpin(self.pinned)
        PyMem_Free(self.views)
        PyMem_Free(self.job.runs)
        PyMem_Free(self.arena)

    cdef int _pin(self, data, Py_ssize_t block_bytes, digests) except -1:
        cdef job_run *run = &self.job.runs[self.job.count]
        if block_bytes < 1:
            raise ValueError(f"block_bytes is {block_bytes}, must be at least 1")
        cdef Py_buffer *view = &self.views[self.pinned]
        for buffer in (data, digests):
            PyObject_GetBuffer(buffer, &self.views[self.pinned], PyBUF_SIMPLE)
            self.pinned += 1
        run.data, run.length = <const uint8_t *>view[0].buf, view[0].len
        run.block_bytes = block_bytes
        cdef Py_ssize_t needed = job_blocks(run) * SHA256_DIGEST_BYTES
        if view[1].len:
            run.expected = <const uint8_t *>view[1].buf
            if view[1].len != needed:
                given = view[1].len
                raise ValueError(f"{given} bytes of digests given, {needed} needed")
        self.job.count += 1
        return 0

    cdef int _lay_out(self, Py_ssize_t extents) except -1:
        """Allocate: the extents of all runs, then the results for their blocks."""
        cdef size_t blocks = 0, index
        for index in range(self.job.count):
            blocks += job_blocks(&self.job.runs[index])
        cdef size_t room = SHA256_DIGEST_BYTES + 1
        self.arena = _calloc(1, extents * sizeof(job_extent) + blocks * room)
        cdef uint8_t *found = <uint8_t *>(<job_extent *>self.arena + extents)
        cdef uint8_t *bad = found + blocks * SHA256_DIGEST_BYTES
        for index in range(self.job.count):
            run = &self.job.runs[index]
            run.found, run.bad = found, bad
            blocks = job_blocks(run)
            found += blocks * SHA256_DIGEST_BYTES
            bad += blocks
        return 0

    def write(self, size_t min_bytes):
        """Write the next runs, until at least ``min_bytes`` are done, and unpin them.

        Returns:
            For each run the numbers of its bad blocks, how far it was written (good
            blocks that end there or before are on disk), and the errno that ended the
            writing, or 0. An empty list when no run is left.
        """
        cdef size_t first = self.unpinned // 2, last = first, length = 0, index
        while last < self.job.count and length < min_bytes:
            length += self.job.runs[last].length
            last += 1
        cdef c_job next_runs
        next_runs.runs, next_runs.count = self.job.runs + first, last - first
        with nogil:
            job_write(&next_runs)
        self._unpin(2 * last)
        return [self._outcome(index) for index in range(first, last)]

    cdef void _unpin(self, Py_ssize_t end):
        while self.unpinned < end:
            PyBuffer_Release(&self.views[self.unpinned])
            self.unpinned += 1

    cdef int _verify(self) except -1:
        cdef const sha256_backend *backend = _backend
        cdef job_messages messages = job_messages(&self.job, 0, 0)
        cdef sha256_message message
        cdef size_t here = 0
        if backend != NULL:
            here = sha256_worthwhile(backend, self._messages())
        with nogil:
            if here:
                sha256_messages(backend, job_next_message, &messages, here)
        while job_next_message(&messages, &message):  # hashlib is faster for these
            _hash_by_hashlib(&message)
        with nogil:
            job_judge(&self.job)
        return 0

    cdef size_t _messages(self):
        cdef size_t count = 0, index
        for index in range(self.job.count):
            if self.job.runs[index].expected != NULL:
                count += job_blocks(&self.job.runs[index])
        return count

    cdef tuple _outcome(self, size_t index):
        cdef job_run *run = &self.job.runs[index]
        cdef size_t block
        bad = tuple([block for block in range(job_blocks(run)) if run.bad[block]])
        return bad, run.written, run.error


cdef void *_calloc(size_t count, size_t size) except NULL:
    cdef void *memory = PyMem_Calloc(count, size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef job_extent *_place(job_run *run, job_extent *extent, tuple extents) except NULL:
    """Put a run's extents into the arena; returns the place for the next run's."""
    cdef size_t rest = run.length
    run.extents = extent
    for extent.fd, extent.offset, extent.length in extents:
        if extent.length > rest:
            raise ValueError(f"extents are longer than the run of {run.length} bytes")
        rest -= extent.length
        extent += 1
    if rest:
        raise ValueError(f"extents are {rest} bytes short of the run")
    return extent


cdef int _hash_by_hashlib(sha256_message *message) except -1:
    block = PyMemoryView_FromMemory(<char *>message.data, message.length, PyBUF_READ)
    cdef bytes digest = _sha256(block).digest()
    memcpy(message.digest, PyBytes_AsString(digest), SHA256_DIGEST_BYTES)
    return 0
