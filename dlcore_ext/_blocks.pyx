"""Digests of blocks: the C kernels where they are faster, hashlib where they are not.

Guarantees: every backend gives the same digests; the GIL is released while more than
two kilobytes are hashed; memory grows with the digests only. Assumes that nobody
writes to ``data`` meanwhile. Not for a message that arrives bit by bit: hashlib is.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

from hashlib import sha256 as _sha256

from xxhash import xxh3_128_digest as _xxh3_128_digest

cdef extern from "sha256.h" nogil:
    enum:
        SHA256_DIGEST_BYTES

    struct sha256_backend:
        const char *name
        int (*usable)()

    const sha256_backend *const *sha256_backends
    size_t sha256_worthwhile(const sha256_backend *backend, size_t messages)
    void sha256_blocks(const sha256_backend *backend, const uint8_t *data,
                       size_t length, size_t block_bytes, uint8_t *digests)

# Hashing less than this is cheaper than letting go of the GIL; hashlib's limit too.
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


def block_digests(data, Py_ssize_t block_bytes, str algorithm="sha256"):
    """Hash every block of ``data``.

    Args:
        data: Any contiguous buffer.
        block_bytes: Length of a block, at least 1; the last may be shorter.
        algorithm: ``sha256`` (32 bytes a digest) or ``xxh3_128`` (16 bytes, canonical).

    Returns:
        The digests in order, concatenated; nothing for no data.

    Raises:
        ValueError: ``block_bytes`` is less than 1, or ``algorithm`` is another.
        BufferError: ``data`` is not contiguous.
    """
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}, must be at least 1")
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if algorithm == "sha256":
            return _sha256_digests(data, &view, block_bytes)
        if algorithm == "xxh3_128":
            return _digests_one_by_one(_xxh3_128_digest, data, 0, block_bytes)
    finally:
        PyBuffer_Release(&view)
    raise ValueError(f"algorithm is {algorithm!r}, must be 'sha256' or 'xxh3_128'")


cdef bytes _sha256_digests(data, Py_buffer *view, Py_ssize_t block_bytes):
    """Most blocks in one native call, those that are not worth it through hashlib."""
    cdef const sha256_backend *backend = _backend
    cdef Py_ssize_t count = view.len // block_bytes + (view.len % block_bytes != 0)
    cdef Py_ssize_t here = 0 if backend == NULL else sha256_worthwhile(backend, count)
    if here == 0:
        if count == 1:
            return _sha256(data).digest()
        return _digests_one_by_one(_sha256_digest, data, 0, block_bytes)
    cdef bytes digests = PyBytes_FromStringAndSize(NULL, here * SHA256_DIGEST_BYTES)
    cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(digests)
    cdef const uint8_t *start = <const uint8_t *>view.buf
    cdef size_t length = view.len if here == count else here * block_bytes
    if length < RELEASE_FROM_BYTES:
        sha256_blocks(backend, start, length, block_bytes, out)
    else:
        with nogil:
            sha256_blocks(backend, start, length, block_bytes, out)
    if here == count:
        return digests
    return digests + _digests_one_by_one(_sha256_digest, data, length, block_bytes)


def _sha256_digest(block):
    return _sha256(block).digest()


cdef bytes _digests_one_by_one(digest, data, Py_ssize_t start, Py_ssize_t block_bytes):
    cdef object blocks = memoryview(data).cast("B")
    cdef list digests = []
    while start < len(blocks):
        digests.append(digest(blocks[start:start + block_bytes]))
        start += block_bytes
    return b"".join(digests)
