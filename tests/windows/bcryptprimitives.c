/* bcryptprimitives.dll, which wheels written in Rust load and Wine 8 lacks.
   Source: learn.microsoft.com/en-us/windows/win32/seccng/processprng */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
    while (length) {
        ULONG now = length > 1 << 28 ? 1 << 28 : (ULONG)length;
        if (!SystemFunction036(data, now))
            return FALSE;
        data += now;
        length -= now;
    }
    return TRUE;
}
