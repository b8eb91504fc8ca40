/* SPDX-License-Identifier: Apache-2.0 */
/* A guest whose initialisation goes wrong in the way that STARTUP_ names. */
#include <mote_guest/moteg.h>

MOTEG_HOST_FUNCTION(i32, Seven);
MOTEG_HOST_FUNCTION(bytes, Data);

MOTEG_FUNCTION(void, Fine)
{
}

void moteg_main(void)
{
#if defined(STARTUP_CRASH)
    *(volatile int *)0 = 1;
#elif defined(STARTUP_ABORT)
    moteg_abort(3, "no start today");
#elif defined(STARTUP_FAIL)
    moteg_fail(15, "not ready");
#elif defined(STARTUP_SPIN)
    for (;;)
        __asm__ volatile("pause");
#elif defined(STARTUP_HOSTCALL)
    if (Seven() != 7)
        moteg_abort(4, "seven is not seven");
#elif defined(STARTUP_HOSTBYTES)
    (void)Data();
#elif defined(STARTUP_HALT)
    __asm__ volatile("hlt");
#elif defined(STARTUP_BADPORT)
    __asm__ volatile("inb %%dx, %%al" : : "d"(101) : "al");
#endif
}
