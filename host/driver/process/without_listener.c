/* SPDX-License-Identifier: Apache-2.0 */
/*
 * without_listener PROGRAM ARGUMENT...: run a program as below a supervisor that listens to system
 * calls: nobody else can have a seccomp listener there. For tests.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* Root needs no promise to gain no privileges, and its tests may need to give up some. */
static int confine(void)
{
    const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return 0;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || confine() != 0) {
        fprintf(stderr, "usage: without_listener PROGRAM ARGUMENT...\n");
        return 2;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "without_listener: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
