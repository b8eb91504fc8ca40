/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Birth and death of zygotes. Between host and zygote stands a keeper: see process.h for why. It is
 * a process that shares our memory, runs on a stack of its own with every signal blocked, uses
 * nothing of the C library and no thread-local memory, and does nothing but wait for the zygote and
 * what the zygote leaves behind.
 *
 * The zygote ends by itself when the channel is closed or when the host's process, of which it
 * holds a pidfd, has ended - not when the thread that spawned it ends, as a parent-death signal
 * would have it.
 */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include "host/driver/process/stub_calls.h"
#include "host/os/process.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEPER_STACK_BYTES 0x10000u
#define FIRST_SPARE_FD 10 /* above the numbers that a zygote has */
#define ANSWER_SECONDS 10

/* What a keeper starts from; on its own stack. */
struct keeper_start {
    int channel;
    int host;
    int stub;
    long os_errno; /* of execveat(), for the host to read once the channel is closed */
    const char *arguments[2];
    const char *environment[1];
};

MT_BARE static long move_fd(int from, int to)
{
    return stub_call3(SYS_dup3, from, to, 0);
}

/* The three descriptors go out of the way first: any of them may have a number that is needed. */
MT_BARE static long become_zygote(const struct keeper_start *start)
{
    long stub = stub_call3(SYS_fcntl, start->stub, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    long channel = stub_call3(SYS_fcntl, start->channel, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    long host = stub_call3(SYS_fcntl, start->host, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);
    if (stub < 0 || channel < 0 || host < 0)
        return -EMFILE;
    long result = move_fd((int)channel, MT_ZYGOTE_CHANNEL);
    if (result >= 0)
        result = move_fd((int)host, MT_ZYGOTE_HOST);
    if (result < 0)
        return result;
    return stub_call6(SYS_execveat, stub, stub_address(""), stub_address(start->arguments),
                      stub_address(start->environment), AT_EMPTY_PATH, 0);
}

MT_BARE static void close_all(void)
{
    if (stub_call3(SYS_close_range, 0, UINT32_MAX, 0) == 0)
        return;
    for (long fd = 0; fd < 1 << 20; fd++)
        stub_call1(SYS_close, fd);
}

/* The vfork()ed process shares this stack frame, until it has gone. Children whose zygote ends
 * before them become the keeper's. */
MT_BARE static int keep(void *argument)
{
    struct keeper_start *start = argument;
    stub_call6(SYS_prctl, PR_SET_NAME, stub_address("mote-keeper"), 0, 0, 0, 0);
    stub_call6(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0);
    long zygote = stub_call6(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0, 0);
    if (zygote == 0) {
        start->os_errno = -become_zygote(start);
        for (;;)
            stub_call1(SYS_exit_group, 1);
    }
    if (zygote < 0)
        start->os_errno = -zygote;
    close_all();
    long reaped;
    do
        reaped = stub_call4(SYS_wait4, -1, 0, __WALL, 0);
    while (reaped > 0 || reaped == -EINTR);
    for (;;)
        stub_call1(SYS_exit_group, 0);
    return 0;
}

static mote_status open_stub(int *stub, mote_error *err)
{
    size_t len_bytes = (size_t)(mt_process_stub_end - mt_process_stub);
    mote_status status = mt_process_make_file("mote-stub", len_bytes, stub, err);
    if (status != MOTE_OK)
        return status;
    ssize_t n = write(*stub, mt_process_stub, len_bytes);
    if (n != (ssize_t)len_bytes)
        status = mt_fail_errno(err, MOTE_E_SYSTEM, n < 0 ? errno : ENOSPC, "write of the stub");
    if (status == MOTE_OK)
        status = mt_process_seal(*stub, err);
    if (status != MOTE_OK)
        close(*stub);
    return status;
}

/* The kernel shall say which process a message comes from. */
static mote_status open_channel(int ends[2], mote_error *err)
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "socketpair");
    const int yes = 1;
    if (setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
        setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == 0)
        return MOTE_OK;
    int failure = errno;
    close(ends[0]);
    close(ends[1]);
    return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "setsockopt of the zygote's channel");
}

/* All signals are blocked around the birth: the keeper has our handlers and would run them. */
static mote_status make_keeper(struct mt_zygote *zygote, struct keeper_start *start,
                               mote_error *err)
{
    sigset_t all;
    sigset_t before;
    int keeper = -1;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int pid = clone(keep, start, CLONE_VM | CLONE_PIDFD, start, &keeper);
    int failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, failure, "clone of the keeper");
    zygote->keeper = keeper;
    return MOTE_OK;
}

static mote_status start_zygote(struct mt_zygote *zygote, struct keeper_start *start,
                                mote_error *err)
{
    start->host = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (start->host < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "pidfd_open");
    mote_status status = open_stub(&start->stub, err);
    if (status == MOTE_OK) {
        int ends[2];
        status = open_channel(ends, err);
        if (status == MOTE_OK) {
            zygote->channel = ends[0];
            start->channel = ends[1];
            status = make_keeper(zygote, start, err);
            close(ends[1]);
        }
        close(start->stub);
    }
    close(start->host);
    return status;
}

mote_status mt_process_spawn(struct mt_zygote *zygote, mote_error *err)
{
    *zygote = (struct mt_zygote){.channel = -1, .keeper = -1};
    mote_status status = mt_process_mark(&zygote->process_mark, err);
    if (status != MOTE_OK)
        return status;
    void *stack = mmap(NULL, KEEPER_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the keeper's stack");
    zygote->stack = stack;
    struct keeper_start *start = (struct keeper_start *)((uint8_t *)stack + KEEPER_STACK_BYTES) - 1;
    start->arguments[0] = "mote-zygote";
    zygote->exec_errno = &start->os_errno;
    status = start_zygote(zygote, start, err);
    if (status != MOTE_OK)
        mt_process_end_zygote(zygote);
    return status;
}

static void wait_for_keeper(int keeper)
{
    siginfo_t information;
    while (waitid((idtype_t)P_PIDFD, (id_t)keeper, &information, WEXITED | __WALL) != 0 &&
           errno == EINTR)
        continue;
}

bool mt_process_is_zygote_gone(const struct mt_zygote *zygote)
{
    struct pollfd channel = {zygote->channel, 0, 0};
    if (!mt_process_is(zygote->process_mark))
        return false;
    return zygote->channel < 0 || (poll(&channel, 1, 0) == 1 && (channel.revents & POLLHUP));
}

/* Only its own process may end a zygote and wait for the keeper; a forked child has no more than
 * copies of the descriptors. */
void mt_process_end_zygote(struct mt_zygote *zygote)
{
    bool is_own = mt_process_is(zygote->process_mark);
    if (zygote->channel >= 0) {
        if (is_own)
            shutdown(zygote->channel, SHUT_RDWR);
        close(zygote->channel);
    }
    if (zygote->keeper >= 0) {
        if (is_own)
            wait_for_keeper(zygote->keeper);
        close(zygote->keeper);
    }
    if (zygote->stack != NULL)
        munmap(zygote->stack, KEEPER_STACK_BYTES);
    *zygote = (struct mt_zygote){.channel = -1, .keeper = -1};
}
