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
#include "host/driver/process/stub_script.h"
#include <errno.h>
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
#include <sys/uio.h>

#define ADDRESS_END 0x7ffffffff000ul
#define KERNEL_SIGNALS 64
#define KERNEL_SIGSET_BYTES 8
#define KERNEL_SA_RESTORER 0x04000000ul

#define NO_PROCESSOR UINT64_MAX

#define HIDDEN __attribute__((visibility("hidden")))

long stub_make_child(const struct stub_child_call *script, long step) HIDDEN;
void stub_main(void) HIDDEN;
extern uint8_t stub_stack[] HIDDEN;
extern uint8_t stub_stack_end[] HIDDEN;

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

static bool has_close_range;
static bool can_move;

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
        ".globl stub_stack\n"
        ".globl stub_stack_end\n"
        ".hidden stub_stack\n"
        ".hidden stub_stack_end\n"
        "stub_stack:\n"
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
    long n;
    do
        n = stub_call3(SYS_poll, stub_address(sources), 2, -1);
    while (n == 0 || n == -EINTR);
    if (n < 0 || sources[1].revents != 0)
        leave();
}

/* ---- The zygote's own state: what children inherit ---- */

static void close_inherited(void)
{
    const unsigned first = MT_ZYGOTE_HOST + 1;
    has_close_range = stub_call3(SYS_close_range, first, UINT32_MAX, 0) == 0;
    if (has_close_range)
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

/* The number of descriptors is not among them: it also bounds how many of its user are under way in
 * messages (unix(7), ETOOMANYREFS), and children of other zygotes send theirs at the same time. */
static void set_limits(void)
{
    static const struct {
        int resource;
        unsigned long limit;
    } limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_MEMLOCK, 0}, {RLIMIT_MSGQUEUE, 0}};
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
 * from. */
static void use_all_processors(void)
{
    unsigned char all[STUB_PROCESSORS_BYTES];
    memset(all, 0xFF, sizeof(all));
    can_move = stub_call3(SYS_sched_setaffinity, 0, sizeof(all), stub_address(all)) == 0;
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
}

/* ---- Mapping ---- */

static long map(unsigned long start, unsigned long len_bytes, unsigned protection, int fd,
                unsigned long file_offset)
{
    long at = stub_call6(SYS_mmap, (long)start, (long)len_bytes, (long)protection,
                         MAP_SHARED | MAP_FIXED, fd, (long)file_offset);
    return at < 0 && at > -4096 ? at : 0;
}

static long map_shared(const struct mt_stub_plan *plan, int fd)
{
    for (uint64_t i = 0; i < plan->n_mappings && i < MT_ZYGOTE_MAX_MAPPINGS; i++) {
        const struct mt_stub_mapping *mapping = &plan->mappings[i];
        if (mapping->is_private)
            continue;
        long result =
            map(mapping->start, mapping->len_bytes, mapping->protection, fd, mapping->file_offset);
        if (result < 0)
            return result;
    }
    return 0;
}

/* ---- Children ---- */

static void write_scripts(const struct mt_stub_plan *plan)
{
    const struct stub_facts facts = {.plan = plan,
                                     .zygote = stub_call1(SYS_getpid, 0),
                                     .has_close_range = has_close_range,
                                     .can_move = can_move};
    stub_write_scripts(&facts);
}

/* Children need no stack. Without one, the kernel has less to copy and neither side has to copy a
 * page that the other may write. */
static void confine(bool waits_by_futex)
{
    struct sock_fprog program = stub_zygote_program(waits_by_futex);
    demand(stub_call3(SYS_madvise, stub_address(stub_stack), stub_stack_end - stub_stack,
                      MADV_DONTFORK),
           MT_STEP_FORK_NO_STACK);
    demand(stub_call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, stub_address(&program)),
           MT_STEP_CONFINE);
}

/* A child is made where the host runs, which waits for it: to wake another processor takes longer
 * than most of its steps. Where the system does not allow that, it is made here. */
static void go_to(uint64_t processor)
{
    unsigned char mask[STUB_PROCESSORS_BYTES];
    if (!can_move || processor >= sizeof(mask) * 8)
        return;
    memset(mask, 0, sizeof(mask));
    mask[processor / 8] = (unsigned char)(1u << processor % 8);
    stub_call3(SYS_sched_setaffinity, 0, sizeof(mask), stub_address(mask));
}

static void serve(uint64_t *processor)
{
    struct mt_stub_request request = {0, 0, 0};
    wait_for_request();
    int memory_fd = receive(&request, sizeof(request), MT_STEP_REQUEST);
    if (request.processor != *processor)
        go_to(request.processor);
    *processor = request.processor;
    long pid = stub_make_child(stub_script(request.is_tracked != 0), MT_STEP_PIDFD);
    if (pid < 0)
        answer(request.sequence, MT_STEP_CLONE, pid);
    stub_call1(SYS_close, memory_fd);
}

/* Returns whether children wait by futex. */
static bool learn_plan(void)
{
    struct mt_stub_plan plan;
    plan.n_mappings =
        0; /* receive() leaves where it does not fill it; the analyser cannot see that */
    int image_fd = receive(&plan, sizeof(plan), MT_STEP_PLAN);
    demand(map_shared(&plan, image_fd), MT_STEP_MAP_SHARED);
    stub_call1(SYS_close, image_fd);
    write_scripts(&plan);
    return plan.waits_by_futex != 0;
}

void stub_main(void)
{
    uint64_t processor = NO_PROCESSOR;
    become_zygote();
    confine(learn_plan());
    answer(0, MT_STEP_NONE, 0);
    for (;;)
        serve(&processor);
}
