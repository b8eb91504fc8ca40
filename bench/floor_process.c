/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under the process driver's figures: one notified system call, vfork and exec, a kill,
 * a child behind a listener, and for comparison two cores that pass a word to and fro. */
#include "bench/clock.h"
#include "bench/floor_child.h"
#include "bench/floor_ping_pong.h"
#include "bench/floor_print.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 2000, BLOCK_RUNS = 10, WARM_UP_RUNS = 1000, LIVES = 200 };
enum { PASS_BLOCKS = 20000 }; /* these are short, and have modes */
enum { NO_LISTENER = -1, FAILED = -2 };

static atomic_int *shared_listener; /* a descriptor, which parent and child have in common */
static unsigned long n_notified;

/* Linux 6.6; older headers do not have it. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul

static void end(pid_t child)
{
    floor_require(kill(child, SIGKILL), "kill");
    floor_require(waitpid(child, NULL, 0), "waitpid");
}

/* What the child of the notifications does: one system call, again and again. */
static void call_for_ever(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof steps[0], steps};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0) {
        perror("a listener to system calls");
        atomic_store(shared_listener, FAILED);
        _exit(1);
    }
    atomic_store(shared_listener, listener);
    for (;;) {
        syscall(SYS_getppid);
    }
}

static void receive(int listener, struct seccomp_notif *call)
{
    do {
        *call = (struct seccomp_notif){0}; /* the kernel demands it */
    } while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, call) != 0 && errno == EINTR);
    floor_require(call->data.nr == SYS_getppid ? 0 : -1, "a notification");
    n_notified++;
}

/* Answer and wait for the next call, n times. Returns the mean duration. */
static double notify_us(int listener, struct seccomp_notif *call, int n)
{
    double start_us = clock_now_us();
    for (int i = 0; i < n; i++) {
        struct seccomp_notif_resp answer = {.id = call->id};
        floor_require(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer),
                      "SECCOMP_IOCTL_NOTIF_SEND");
        receive(listener, call);
    }
    return (clock_now_us() - start_us) / n;
}

static void measure_notification(double *us)
{
    shared_listener = mmap(NULL, sizeof *shared_listener, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    floor_require(shared_listener == MAP_FAILED ? -1 : 0, "mmap");
    atomic_store(shared_listener, NO_LISTENER);
    /* A fork that shares the descriptors, so that the listener needs no passing. */
    pid_t child =
        (pid_t)floor_require(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0), "clone");
    if (child == 0) {
        call_for_ever();
    }
    int listener = NO_LISTENER;
    while ((listener = atomic_load(shared_listener)) == NO_LISTENER) {
        sched_yield();
    }
    if (listener == FAILED) {
        exit(1);
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP); /* an older kernel does without */
    struct seccomp_notif call;
    receive(listener, &call);
    notify_us(listener, &call, WARM_UP_RUNS);
    for (int i = 0; i < BLOCKS; i++) {
        us[i] = notify_us(listener, &call, BLOCK_RUNS);
    }
    end(child);
    close(listener);
}

static double exec_us(void)
{
    char *argv[] = {(char[]){"true"}, NULL};
    char *environment[] = {NULL};
    int status = 0;
    double start_us = clock_now_us();
    pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): it is measured */
    if (child == 0) {
        execve("/bin/true", argv, environment);
        _exit(127);
    }
    floor_require(child, "vfork");
    floor_require(waitpid(child, &status, 0), "waitpid");
    double us = clock_now_us() - start_us;
    floor_require(status == 0 ? 0 : -1, "/bin/true");
    return us;
}

static double kill_us(void)
{
    pid_t child = (pid_t)floor_require(fork(), "fork");
    if (child == 0) {
        pause();
        _exit(1);
    }
    double start_us = clock_now_us();
    end(child);
    return clock_now_us() - start_us;
}

/* The keys are those of mote-floor. */
int main(void)
{
    static double run[BLOCKS], pass[PASS_BLOCKS], birth[LIVES], death[LIVES], child[LIVES];
    size_t here = floor_stay_here();
    measure_notification(run);
    for (int i = 0; i < LIVES; i++) {
        birth[i] = exec_us();
        death[i] = kill_us();
    }
    child_measure(child, LIVES);
    floor_print("{\"run\"", run, BLOCKS);
    floor_print("\"create\"", birth, LIVES);
    floor_print("\"destroy\"", death, LIVES);
    floor_print("\"child\"", child, LIVES);
    if (ping_pong_measure(here, pass, PASS_BLOCKS)) {
        floor_print("\"ping_pong\"", pass, PASS_BLOCKS);
    }
    printf("\"exits\":%lu}\n", n_notified);
}
