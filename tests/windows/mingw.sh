# For the scripts that build for Windows: the compiler, and what it must not do.

# -D_UCRT, with -lucrt behind the sources: file descriptors belong to a C runtime, and Python's is
# this one; mingw-w64's own is older.
# -muse-unaligned-vector-move: Windows aligns the stack to 16 bytes, and GCC may spill registers of
# 32 and 64 bytes as if it were more (gcc.gnu.org/bugzilla/show_bug.cgi?id=54412).
MINGW=(x86_64-w64-mingw32-gcc -D_UCRT -static-libgcc -Wa,-muse-unaligned-vector-move)

# Refuses a program that moves 32 or 64 bytes at once by an instruction that faults unless their
# place in memory is aligned.
needs_no_alignment() {
    local code moves
    code=$(x86_64-w64-mingw32-objdump -d "$1")
    if moves=$(grep -E 'vmov(ap[sd]|dqa(32|64)?|nt(dqa?|p[sd]))\b.*' <<<"$code" | grep '%[yz]mm' | grep '('); then
        printf '%s needs a stack that is aligned to more than 16 bytes:\n%s\n' "$1" "$moves" >&2
        return 1
    fi
}
