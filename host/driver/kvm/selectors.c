/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment selectors of the thread that runs a guest. kvm_pvm leaves in them what the guest has
 * loaded, and takes the next guest's from there: so that guests do not find what others left, and
 * our thread does not either, they are put back. Any other KVM changes none of them.
 */
#include "host/driver/kvm/kvm_internal.h"

#include <signal.h>
#include <sys/auxv.h>

#define HWCAP2_FSGSBASE 2ul /* asm/hwcap2.h */

/* To load a selector changes its base, on which thread-local memory relies: no handler of a signal
 * may run in between. */
static void put_back_with_bases(struct mt_kvm_selectors before)
{
    sigset_t all;
    sigset_t mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    __asm__ volatile("rdfsbase %%rax\n\t"
                     "movl %0, %%fs\n\t"
                     "wrfsbase %%rax\n\t"
                     "rdgsbase %%rax\n\t"
                     "movl %1, %%gs\n\t"
                     "wrgsbase %%rax"
                     :
                     : "r"((uint32_t)before.fs), "r"((uint32_t)before.gs)
                     : "rax", "memory");
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
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
