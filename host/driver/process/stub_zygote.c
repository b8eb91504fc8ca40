/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zygote: a process that has the image of one plan mapped and nothing of the host, and makes
 * children of itself. It runs no guest. It ends when the host closes the channel or ends; its
 * children end with it.
 *
 * No C library, no heap, no thread: one message in, one child or one error out.
 */
#include "abi/memory_map.h"
#include "host/driver/process/stub_calls.h"
#include "host/driver/process/stub_filter.h"
#include "host/driver/process/stub_layout.h"
#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#define ADDRESS_END 0x7ffffffff000ul
#define KERNEL_SIGNALS 64
#define KERNEL_SIGSET_BYTES 8
#define KERNEL_SA_RESTORER 0x04000000ul
#define ALL_PROCESSORS_BYTES 1024
#define TICK_US 10000

#define HIDDEN __attribute__((visibility("hidden")))

void stub_lockdown(const struct msghdr *message) HIDDEN;
void stub_main(void);

struct kernel_sigaction {
    unsigned long handler;
    unsigned long flags;
    unsigned long restorer;
    unsigned long mask;
};

/* Room for control messages with up to two descriptors. */
union control {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr head;
};

static struct mt_stub_plan plan;
static long zygote_pid;

/* The entry: the system's stack is about to go. */
__asm__(".text\n"
        ".globl stub_start\n"
        "stub_start:\n"
        "    leaq stub_stack_end(%rip), %rsp\n"
        "    xorl %ebp, %ebp\n"
        "    call stub_main\n"
        "    hlt\n"
        ".bss\n"
        ".balign 4096\n"
        "    .zero 0x8000\n"
        "stub_stack_end:\n"
        ".text\n");

/* The compiler may call for these. */
void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

void *memset(void *to, int value, size_t n)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    return to;
}

static _Noreturn void leave(void)
{
    for (;;)
        stub_call1(SYS_exit_group, 0);
}

/* ---- The channel ---- */

static void answer(uint64_t sequence, enum mt_stub_step step, long result)
{
    struct mt_stub_answer text = {sequence, (uint32_t)step, (int32_t)-result};
    stub_call6(SYS_sendto, MT_ZYGOTE_CHANNEL, stub_address(&text), sizeof(text), MSG_NOSIGNAL, 0,
               0);
}

static _Noreturn void fail(uint64_t sequence, enum mt_stub_step step, long result)
{
    answer(sequence, step, result);
    leave();
}

static void demand(long result, enum mt_stub_step step)
{
    if (result < 0)
        fail(0, step, result);
}

/* Receive a message of exactly len_bytes with one descriptor. Leaves when the host is gone. */
static int receive(void *to, size_t len_bytes, enum mt_stub_step step)
{
    union control control = {.head = {0}};
    struct iovec part = {to, len_bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    long n = stub_call3(SYS_recvmsg, MT_ZYGOTE_CHANNEL, stub_address(&message), 0);
    if (n == 0)
        leave();
    if (n != (long)len_bytes || message.msg_controllen < CMSG_LEN(sizeof(int)) ||
        control.head.cmsg_type != SCM_RIGHTS)
        fail(0, step, n < 0 ? n : -EBADMSG);
    int fd;
    memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
    return fd;
}

/* Wait for a request. Leaves when the host's process has ended, whoever else holds the channel. */
static void wait_for_request(void)
{
    struct pollfd sources[] = {{MT_ZYGOTE_CHANNEL, POLLIN, 0}, {MT_ZYGOTE_HOST, POLLIN, 0}};
    do
        stub_call3(SYS_poll, stub_address(sources), 2, -1);
    while (sources[0].revents == 0 && sources[1].revents == 0);
    if (sources[1].revents != 0)
        leave();
}

/* ---- The zygote's own state: what children inherit ---- */

static void close_inherited(void)
{
    const unsigned first = MT_ZYGOTE_HOST + 1;
    if (stub_call3(SYS_close_range, first, UINT32_MAX, 0) == 0)
        return;
    struct rlimit limit = {0, 0};
    stub_call4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, stub_address(&limit));
    for (unsigned long fd = first; fd < limit.rlim_max && fd < (1ul << 20); fd++)
        stub_call1(SYS_close, (long)fd);
}

/* Stack, vdso, vvar, heap: all but what the stub's own file was mapped to. */
static void unmap_inherited(void)
{
    const long gap = MT_STUB_PAGE + MT_PAGE_BYTES;
    demand(stub_call3(SYS_munmap, 0, MT_STUB_PAGE, 0), MT_STEP_UNMAP);
    demand(stub_call3(SYS_munmap, gap, MT_PROCESS_SETUP - gap, 0), MT_STEP_UNMAP);
    demand(stub_call3(SYS_munmap, MT_PROCESS_END, (long)(ADDRESS_END - MT_PROCESS_END), 0),
           MT_STEP_UNMAP);
}

static void set_limits(void)
{
    static const struct {
        int resource;
        unsigned long limit;
    } limits[] = {{RLIMIT_CORE, 0},
                  {RLIMIT_FSIZE, 0},
                  {RLIMIT_MEMLOCK, 0},
                  {RLIMIT_MSGQUEUE, 0},
                  {RLIMIT_NOFILE, MT_ZYGOTE_N_DESCRIPTORS}};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rlimit limit = {limits[i].limit, limits[i].limit};
        demand(stub_call4(SYS_prlimit64, 0, limits[i].resource, stub_address(&limit), 0),
               MT_STEP_LIMIT);
    }
}

static bool is_handled(int signal)
{
    static const int handled[] = {SIGSEGV, SIGBUS, SIGILL,  SIGFPE,
                                  SIGTRAP, SIGSYS, SIGPROF, SIGUSR1};
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++) {
        if (handled[i] == signal)
            return true;
    }
    return false;
}

/* Children end without becoming zombies, since SIGCHLD is ignored: signal(7). Their handlers run
 * with the mask that they found, and may be interrupted by themselves. */
static void set_signals(void)
{
    for (int signal = 1; signal <= KERNEL_SIGNALS; signal++) {
        struct kernel_sigaction action = {.handler = (unsigned long)SIG_IGN};
        if (signal == SIGKILL || signal == SIGSTOP)
            continue;
        if (is_handled(signal))
            action = (struct kernel_sigaction){.handler = MT_STUB_PAGE + MT_KEEP_HANDLER,
                                               .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER |
                                                        KERNEL_SA_RESTORER};
        demand(stub_call4(SYS_rt_sigaction, signal, stub_address(&action), 0, KERNEL_SIGSET_BYTES),
               MT_STEP_SIGNALS);
    }
    const unsigned long none = 0;
    demand(stub_call4(SYS_rt_sigprocmask, SIG_SETMASK, stub_address(&none), 0, KERNEL_SIGSET_BYTES),
           MT_STEP_SIGNALS);
    const stack_t stack = {.ss_sp = (void *)(MT_PROCESS_FROM + MT_FROM_STACK),
                           .ss_size = MT_PROCESS_FROM_BYTES - MT_FROM_STACK};
    demand(stub_call3(SYS_sigaltstack, stub_address(&stack), 0, 0), MT_STEP_SIGNAL_STACK);
}

/* The host's thread may have been bound to some processors; its children shall go where calls come
 * from. What the system does not allow is left as it is. */
static void use_all_processors(void)
{
    static unsigned char all[ALL_PROCESSORS_BYTES];
    memset(all, 0xFF, sizeof(all));
    stub_call3(SYS_sched_setaffinity, 0, sizeof(all), stub_address(all));
}

static void become_zygote(void)
{
    close_inherited();
    unmap_inherited();
    demand(stub_call6(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0), MT_STEP_NO_NEW_PRIVILEGES);
    demand(stub_call6(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0), MT_STEP_NOT_DUMPABLE);
    /* Signals of the terminal are not for us. A session of our own would do that too, but the
     * scheduler may keep sessions apart, and then each call is a switch between two groups. */
    demand(stub_call3(SYS_setpgid, 0, 0, 0), MT_STEP_GROUP);
    stub_call1(SYS_chdir, stub_address("/"));
    stub_call6(SYS_prctl, PR_SET_NAME, stub_address("mote-zygote"), 0, 0, 0, 0);
    set_limits();
    set_signals();
    use_all_processors();
    zygote_pid = stub_call1(SYS_getpid, 0);
}

/* ---- Mapping ---- */

static long map(unsigned long start, unsigned long len_bytes, unsigned protection, int fd,
                unsigned long file_offset)
{
    long at = stub_call6(SYS_mmap, (long)start, (long)len_bytes, (long)protection,
                         MAP_SHARED | MAP_FIXED, fd, (long)file_offset);
    return at < 0 && at > -4096 ? at : 0;
}

static long map_all(bool is_private, int fd)
{
    for (uint64_t i = 0; i < plan.n_mappings && i < MT_ZYGOTE_MAX_MAPPINGS; i++) {
        const struct mt_stub_mapping *mapping = &plan.mappings[i];
        if ((mapping->is_private != 0) != is_private)
            continue;
        long result =
            map(mapping->start, mapping->len_bytes, mapping->protection, fd, mapping->file_offset);
        if (result < 0)
            return result;
    }
    return 0;
}

static long map_private(int fd)
{
    long result = map_all(true, fd);
    if (result == 0)
        result = map(MT_PROCESS_TO, MT_PROCESS_TO_BYTES, PROT_READ, fd, plan.control_offset);
    if (result == 0)
        result = map(MT_PROCESS_FROM, MT_PROCESS_FROM_BYTES, PROT_READ | PROT_WRITE, fd,
                     plan.control_offset + MT_PROCESS_TO_BYTES);
    return result;
}

/* ---- A child ---- */

static long open_self(void)
{
    return stub_call3(SYS_pidfd_open, stub_call1(SYS_getpid, 0), 0, 0);
}

/* From the first filter on only the steps in stub_keep.S can be made. */
static void lock_down(uint64_t sequence, int pidfd)
{
    static union control control;
    static struct mt_stub_answer text;
    static struct iovec part = {&text, sizeof(text)};
    static struct msghdr message = {.msg_iov = &part,
                                    .msg_iovlen = 1,
                                    .msg_control = &control,
                                    .msg_controllen = sizeof(control)};
    struct sock_fprog *locked = (struct sock_fprog *)(MT_PROCESS_FROM + MT_FROM_PROGRAM);
    *locked = stub_locked_program();
    text = (struct mt_stub_answer){sequence, MT_STEP_NONE, 0};
    control.head = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    struct sock_fprog program = stub_listening_program();
    long listener =
        stub_call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                   SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                   stub_address(&program));
    if (listener == -EINVAL)
        listener = stub_call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                              SECCOMP_FILTER_FLAG_NEW_LISTENER, stub_address(&program));
    if (listener < 0)
        fail(sequence, MT_STEP_FILTER, listener);
    const int fds[2] = {(int)listener, pidfd};
    memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
    stub_lockdown(&message);
}

static _Noreturn void become_child(uint64_t sequence, int memory_fd)
{
    static const struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    long result = stub_call6(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
    if (result < 0)
        fail(sequence, MT_STEP_PARENT_DEATH, result);
    if (stub_call1(SYS_getppid, 0) != zygote_pid)
        leave();
    stub_call6(SYS_prctl, PR_SET_NAME, stub_address("mote-guest"), 0, 0, 0, 0);
    result = map_private(memory_fd);
    if (result < 0)
        fail(sequence, MT_STEP_MAP_PRIVATE, result);
    result = stub_call3(SYS_setitimer, ITIMER_PROF, stub_address(&tick), 0);
    if (result < 0)
        fail(sequence, MT_STEP_TICK, result);
    long pidfd = open_self();
    if (pidfd < 0)
        fail(sequence, MT_STEP_PIDFD, pidfd);
    lock_down(sequence, (int)pidfd);
    leave();
}

static void serve(void)
{
    struct mt_stub_request request;
    wait_for_request();
    int memory_fd = receive(&request, sizeof(request), MT_STEP_REQUEST);
    long pid = stub_call6(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (pid == 0)
        become_child(request.sequence, memory_fd);
    if (pid < 0)
        answer(request.sequence, MT_STEP_CLONE, pid);
    stub_call1(SYS_close, memory_fd);
}

void stub_main(void)
{
    become_zygote();
    int image_fd = receive(&plan, sizeof(plan), MT_STEP_PLAN);
    demand(map_all(false, image_fd), MT_STEP_MAP_SHARED);
    stub_call1(SYS_close, image_fd);
    answer(0, MT_STEP_NONE, 0);
    for (;;)
        serve();
}
