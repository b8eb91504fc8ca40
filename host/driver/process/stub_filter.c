/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two filters of a child. The first has the listener and lets the child's last steps pass; the
 * second, put over it when they are done, allows nothing. Of the answers of both the kernel takes
 * the stricter one (seccomp(2)), so that the waiting call is notified, and all else is trapped.
 *
 * A call is told by architecture, place, number and arguments. The place is the address behind the
 * instruction.
 */
#include "host/driver/process/stub_filter.h"

#include "host/driver/process/stub_layout.h"
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#define FIELD(member) ((uint32_t)offsetof(struct seccomp_data, member))
#define LOW(member) FIELD(member)
#define HIGH(member) (FIELD(member) + 4)

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
/* Go on when the loaded word is this one, or else trap. */
#define DEMAND(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0), RETURN(SECCOMP_RET_TRAP)
/* Skip n instructions when the loaded word is another one. */
#define WHEN(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n)

#define DEMAND_FIELD(offset, value) LOAD(offset), DEMAND(value)
#define DEMAND_ARGUMENT(index, high, low) \
    DEMAND_FIELD(LOW(args[index]), low), DEMAND_FIELD(HIGH(args[index]), high)

#define PLACE(offset) (MT_STUB_PAGE + (offset))

/* At one place one call has one outcome; six instructions. */
#define AT(offset, number, action) \
    WHEN(PLACE(offset), 4), LOAD(FIELD(nr)), DEMAND(number), RETURN(action)

/* Architecture and place, whose low half stays loaded. */
#define PROLOGUE \
    DEMAND_FIELD(FIELD(arch), AUDIT_ARCH_X86_64), DEMAND_FIELD(HIGH(instruction_pointer), 0), \
        LOAD(LOW(instruction_pointer))

#define WAITING(action) \
    DEMAND(PLACE(MT_KEEP_RESUME)), DEMAND_FIELD(FIELD(nr), SYS_futex), \
        DEMAND_ARGUMENT(0, 0, MT_PROCESS_TO + MT_TO_WORD), DEMAND_ARGUMENT(1, 0, 0), \
        DEMAND_ARGUMENT(2, 0, 0), DEMAND_ARGUMENT(3, 0, 0), DEMAND_ARGUMENT(4, 0, 0), \
        DEMAND_ARGUMENT(5, 0, 0), RETURN(action)

static struct sock_filter listening[] = {
    PROLOGUE,
    AT(MT_KEEP_SENT, SYS_sendmsg, SECCOMP_RET_ALLOW),
    AT(MT_KEEP_CLOSED, SYS_close, SECCOMP_RET_ALLOW),
    AT(MT_KEEP_UNMAPPED, SYS_munmap, SECCOMP_RET_ALLOW),
    AT(MT_KEEP_FILTERED, SYS_seccomp, SECCOMP_RET_ALLOW),
    AT(MT_KEEP_STOPPED, SYS_exit_group, SECCOMP_RET_ALLOW),
    WAITING(SECCOMP_RET_USER_NOTIF),
};

/* Lies in the page that stays: a child installs it when all else is gone. */
__attribute__((section(".keep_data"))) const struct sock_filter locked[] = {
    PROLOGUE,
    AT(MT_KEEP_STOPPED, SYS_exit_group, SECCOMP_RET_KILL_PROCESS),
    WAITING(SECCOMP_RET_ALLOW),
};

struct sock_fprog stub_listening_program(void)
{
    return (struct sock_fprog){sizeof(listening) / sizeof(listening[0]), listening};
}

struct sock_fprog stub_locked_program(void)
{
    /* The kernel only reads it. */
    union {
        const struct sock_filter *constant;
        struct sock_filter *plain;
    } program = {.constant = locked};
    return (struct sock_fprog){sizeof(locked) / sizeof(locked[0]), program.plain};
}
