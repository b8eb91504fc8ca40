/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment selectors of the thread that runs a guest. kvm_pvm leaves in them what the guest has
 * loaded, and takes the next guest's from there: so that guests do not find what others left, and
 * our thread does not either, they are put back. There a guest that loads one, for which 64-bit
 * code has no use, finds it reset after its next exit. Any other KVM changes none of ours.
 */
#include "host/driver/kvm/kvm_internal.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HWCAP2_FSGSBASE 2ul /* asm/hwcap2.h */

/* To load a selector changes its base, on which thread-local memory relies: no handler of a signal
 * may run in between. Not by pthread_sigmask(), which leaves out what the C library itself uses. */
static void put_back_with_bases(struct mt_kvm_selectors before)
{
    const uint64_t all = UINT64_MAX;
    uint64_t mask;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof(all));
    __asm__ volatile("rdfsbase %%rax\n\t"
                     "movl %0, %%fs\n\t"
                     "wrfsbase %%rax\n\t"
                     "rdgsbase %%rax\n\t"
                     "movl %1, %%gs\n\t"
                     "wrgsbase %%rax"
                     :
                     : "r"((uint32_t)before.fs), "r"((uint32_t)before.gs)
                     : "rax", "memory");
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

void mt_kvm_put_selectors_back(struct mt_kvm_selectors before)
{
    __asm__ volatile("movl %0, %%ds\n\t"
                     "movl %1, %%es"
                     :
                     : "r"((uint32_t)before.ds), "r"((uint32_t)before.es)
                     : "memory");
    if (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)
        put_back_with_bases(before);
}
