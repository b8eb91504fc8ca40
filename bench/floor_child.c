/* SPDX-License-Identifier: Apache-2.0 */
/* The host of the least that a child costs; floor_zygote.c is the other side. */
#include "bench/floor_child.h"
#include "bench/clock.h"
#include "bench/floor_print.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WARM_UP_CHILDREN = 20 };

/* The zygote lies beside this program. Its children leave no zombies, since it ignores them. */
static void become_zygote(int channel)
{
    char path[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    char *name = len > 0 ? strrchr(path, '/') : NULL;
    if (name == NULL ||
        snprintf(name, sizeof path - (size_t)(name - path), "/mote-floor-zygote") < 0) {
        _exit(1);
    }
    signal(SIGCHLD, SIG_IGN);
    dup2(channel, STDIN_FILENO);
    execl(path, "mote-floor-zygote", (char *)NULL);
    perror(path);
    _exit(1);
}

static pid_t start_zygote(int *channel)
{
    int ends[2];
    floor_require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    pid_t zygote = (pid_t)floor_require(fork(), "fork");
    if (zygote == 0) {
        become_zygote(ends[1]);
    }
    close(ends[1]);
    *channel = ends[0];
    return zygote;
}

/* Send the file, and take the listener of the child that is made for it. */
static int exchange(int channel, int file)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.head), &file, sizeof file);
    floor_require(sendmsg(channel, &message, MSG_NOSIGNAL), "sendmsg to mote-floor-zygote");
    message.msg_controllen = sizeof control;
    bool has_listener = recvmsg(channel, &message, MSG_CMSG_CLOEXEC) == 1 &&
                        message.msg_controllen >= CMSG_LEN(sizeof(int));
    floor_require(has_listener ? 0 : -1, "a child of mote-floor-zygote");
    int listener;
    memcpy(&listener, CMSG_DATA(&control.head), sizeof listener);
    return listener;
}

static struct seccomp_notif hear(int listener)
{
    struct seccomp_notif call = {0};
    floor_require(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call), "SECCOMP_IOCTL_NOTIF_RECV");
    return call;
}

static double child_us(int channel)
{
    double start_us = clock_now_us();
    int file = (int)floor_require(memfd_create("mote-floor", MFD_CLOEXEC), "memfd_create");
    floor_require(ftruncate(file, FLOOR_CHILD_BYTES), "ftruncate");
    volatile uint64_t *memory =
        mmap(NULL, FLOOR_CHILD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    floor_require(memory == MAP_FAILED ? -1 : 0, "mmap");
    *memory = 0;
    int listener = exchange(channel, file);
    struct seccomp_notif call = hear(listener);
    struct seccomp_notif_resp answer = {.id = call.id};
    floor_require(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), "SECCOMP_IOCTL_NOTIF_SEND");
    call = hear(listener);
    double us = clock_now_us() - start_us;
    floor_require(*memory == 2 ? 0 : -1, "the second call of a child");
    kill((pid_t)call.pid, SIGKILL);
    close(listener);
    close(file);
    munmap((void *)(uintptr_t)memory, FLOOR_CHILD_BYTES);
    return us;
}

void child_measure(double *us, size_t n)
{
    int channel = -1;
    pid_t zygote = start_zygote(&channel);
    for (int i = 0; i < WARM_UP_CHILDREN; i++) {
        child_us(channel);
    }
    for (size_t i = 0; i < n; i++) {
        us[i] = child_us(channel);
    }
    close(channel);
    floor_require(waitpid(zygote, NULL, 0), "waitpid");
}
