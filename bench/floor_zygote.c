/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mote-floor-zygote: makes the children of a floor, at the least cost that there can be. For each
 * file that comes on its standard input it makes a child, which maps the file, sends back the
 * listener of its filter, and from then on adds one to the file's first word before each notified
 * call. No C library, and no memory but this program's: what a process has is copied for its child.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "bench/floor_child.h"

/* Above what the linker gives this program, and below what the kernel does: stack and vdso. */
#define KERNEL_START 0x10000000l
#define ADDRESS_END 0x7ffffffff000l

void zygote_main(void);

__asm__(".globl _start\n"
        "_start:\n"
        "    leaq stack_end(%rip), %rsp\n"
        "    xorl %ebp, %ebp\n"
        "    call zygote_main\n"
        ".bss\n"
        "    .balign 16\n"
        "    .zero 4096\n"
        "stack_end:\n"
        ".text\n");

static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

static long address(const void *object)
{
    return (long)(uintptr_t)object;
}

static _Noreturn void leave(int status)
{
    for (;;) {
        system_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
    }
}

/* ---- Messages of one byte and one descriptor ---- */

static union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
} control;
static char byte;
static struct iovec part;
static struct msghdr message;

static int *descriptor(void)
{
    part.iov_base = &byte;
    part.iov_len = 1;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    return (int *)(void *)CMSG_DATA(&control.head);
}

static int receive_file(void)
{
    const int *file = descriptor();
    if (system_call(SYS_recvmsg, 0, address(&message), 0, 0, 0, 0) != 1) {
        leave(0); /* the floor has ended */
    }
    return *file;
}

static void send_listener(int listener)
{
    *descriptor() = listener;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    if (system_call(SYS_sendmsg, 0, address(&message), 0, 0, 0, 0) != 1) {
        leave(1);
    }
}

/* ---- Children ---- */

static _Noreturn void be_child(int file)
{
    static const struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof steps / sizeof steps[0],
                                       (struct sock_filter *)(uintptr_t)steps};
    long memory =
        system_call(SYS_mmap, 0, FLOOR_CHILD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    long listener = system_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                SECCOMP_FILTER_FLAG_NEW_LISTENER, address(&program), 0, 0, 0);
    if (memory < 0 || listener < 0) {
        leave(1);
    }
    send_listener((int)listener);
    volatile uint64_t *n_calls = (volatile uint64_t *)memory;
    for (;;) {
        ++*n_calls;
        system_call(SYS_getppid, 0, 0, 0, 0, 0, 0);
    }
}

void zygote_main(void)
{
    system_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    system_call(SYS_munmap, KERNEL_START, ADDRESS_END - KERNEL_START, 0, 0, 0, 0);
    for (;;) {
        int file = receive_file();
        if (system_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0) == 0) {
            be_child(file);
        }
        system_call(SYS_close, file, 0, 0, 0, 0, 0);
    }
}
