/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into every test program. A case that fails leaves its sandboxes behind, and cmocka's way
 * out of it opens the signal again that their thread's alarm keeps blocked: it would end the
 * program with all cases that were to come. Here it is blocked again and sent once more, as if it
 * had never been opened. Where that happens though no case has failed, the program does.
 */
#include <mote/sandbox.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define STRAY_STATUS 99

static volatile sig_atomic_t has_strayed;

static void put_back(int number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    has_strayed = 1;
    sigaddset(&interrupted->uc_sigmask, number);
    syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), number, info);
}

__attribute__((constructor)) static void watch(void)
{
    struct sigaction action = {.sa_sigaction = put_back, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(SIGRTMIN + MOTE_SIGNAL_ABOVE_SIGRTMIN, &action, NULL);
}

/* A program with a failed case has a status of its own, which says no more than this one. */
__attribute__((destructor)) static void tell(void)
{
    if (!has_strayed)
        return;
    fflush(NULL);
    _exit(STRAY_STATUS);
}
