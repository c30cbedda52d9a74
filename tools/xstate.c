// Lets user-mode Linux run on CPUs with more extended state than it has room for: preloaded by tools/stock-kernel.
//
// The kernel's buffer ends behind the state of AVX-512 and of protection keys. A machine with AMX has 8 KiB more, and
// PTRACE_SETREGSET refuses what is shorter than the machine's own (Linux: arch/x86/kernel/fpu/regset.c). The buffer's
// header says which states it holds, so that zeros may follow it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { NT_X86_XSTATE = 0x202, LARGEST = 64 * 1024 };

static char state[LARGEST];

long ptrace(enum __ptrace_request request, ...) {
    static long (*next)(enum __ptrace_request, ...);
    if (!next) next = (long (*)(enum __ptrace_request, ...))dlsym(RTLD_NEXT, "ptrace");
    va_list list;
    va_start(list, request);
    int pid = va_arg(list, int);
    void *what = va_arg(list, void *), *data = va_arg(list, void *);
    va_end(list);
    if (request != PTRACE_SETREGSET || (long)what != NT_X86_XSTATE) return next(request, pid, what, data);

    static size_t length; // of the machine's state
    struct iovec *given = data, whole = { state, sizeof state };
    if (!length) {
        if (next(PTRACE_GETREGSET, pid, what, &whole)) return -1;
        length = whole.iov_len;
    }
    if (given->iov_len >= length) return next(request, pid, what, data);
    memcpy(state, given->iov_base, given->iov_len);
    memset(state + given->iov_len, 0, length - given->iov_len);
    whole.iov_len = length;
    return next(request, pid, what, &whole);
}
