/* SPDX-License-Identifier: Apache-2.0 */
/* System calls without a C library, for the stub and for code that shares the host's memory. */
#ifndef MOTE_HOST_DRIVER_PROCESS_STUB_CALLS_H
#define MOTE_HOST_DRIVER_PROCESS_STUB_CALLS_H

/* For code that shares the host's memory but is no thread of it: no canary, no sanitizer. */
#define MT_BARE \
    __attribute__((no_stack_protector, no_sanitize("address", "undefined", "thread", "leak")))
#define MT_BARE_CALL MT_BARE __attribute__((always_inline))

/* Returns what the kernel returns: a negated errno on failure. */
MT_BARE_CALL static inline long stub_call6(long number, long a, long b, long c, long d, long e,
                                           long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

MT_BARE_CALL static inline long stub_call4(long number, long a, long b, long c, long d)
{
    return stub_call6(number, a, b, c, d, 0, 0);
}

MT_BARE_CALL static inline long stub_call3(long number, long a, long b, long c)
{
    return stub_call6(number, a, b, c, 0, 0, 0);
}

MT_BARE_CALL static inline long stub_call1(long number, long a)
{
    return stub_call6(number, a, 0, 0, 0, 0, 0);
}

MT_BARE_CALL static inline long stub_address(const volatile void *pointer)
{
    return (long)(unsigned long)pointer;
}

#endif
