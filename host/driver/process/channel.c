/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between host and zygote, and the files that travel with them. */
#include "host/driver/process/process_internal.h"

#include "host/base/error.h"
#include "host/base/file_size.h"
#include "host/os/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define NS_PER_US 1000ull

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

union control {
    char bytes[CMSG_SPACE(MT_CHILD_MAX_SENT * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr head;
};

/* Kernels before 6.3 do not know MFD_EXEC; later ones may be set up to want it (sysctl(2),
 * vm.memfd_noexec). */
mote_status mt_process_make_file(const char *name, uint64_t len_bytes, int *fd, mote_error *err)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int made = memfd_create(name, flags | MFD_EXEC);
    if (made < 0 && errno == EINVAL)
        made = memfd_create(name, flags);
    if (made < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "memfd_create");
    int failure = mt_file_set_size(made, len_bytes);
    if (failure != 0) {
        close(made);
        return mt_fail_errno(err, MOTE_E_MEMORY, failure, "ftruncate of a memfd");
    }
    *fd = made;
    return MOTE_OK;
}

mote_status mt_process_seal(int fd, mote_error *err)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "fcntl(F_ADD_SEALS)");
    return MOTE_OK;
}

mote_status mt_channel_send(int channel, const void *message, size_t len_bytes, int fd,
                            mote_error *err)
{
    union {
        const void *constant;
        void *plain;
    } bytes = {.constant = message}; /* sendmsg() only reads */
    union control control;
    memset(&control, 0, sizeof(control));
    struct iovec part = {bytes.plain, len_bytes};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = CMSG_SPACE(sizeof(int))};
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
    ssize_t n;
    do
        n = sendmsg(channel, &head, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)len_bytes)
        return mt_fail_errno(err, MOTE_E_SYSTEM, n < 0 ? errno : EMSGSIZE, "sendmsg to the zygote");
    return MOTE_OK;
}

static const char *step_text(uint32_t step)
{
    static const char *const texts[] = {
#define STEP_TEXT(name, text) text,
        MT_STUB_STEPS(STEP_TEXT)
#undef STEP_TEXT
    };
    return step < MT_N_STEPS ? texts[step] : "an unknown step in the zygote";
}

static void take_fds(struct cmsghdr *control, int fds[MT_CHILD_MAX_SENT])
{
    size_t len_bytes = control->cmsg_len - CMSG_LEN(0);
    size_t room_bytes = MT_CHILD_MAX_SENT * sizeof(int);
    memcpy(fds, CMSG_DATA(control), len_bytes < room_bytes ? len_bytes : room_bytes);
}

/* Descriptors and sender, as they came with a message. */
static void take_control(struct msghdr *head, struct mt_channel_answer *out)
{
    for (size_t i = 0; i < MT_CHILD_MAX_SENT; i++)
        out->fds[i] = -1;
    out->sender = 0;
    out->failed = MT_STEP_NONE;
    out->os_errno = 0;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(head); control != NULL;
         control = CMSG_NXTHDR(head, control)) {
        struct ucred sender;
        if (control->cmsg_type == SCM_RIGHTS)
            take_fds(control, out->fds);
        if (control->cmsg_type != SCM_CREDENTIALS || control->cmsg_len < CMSG_LEN(sizeof(sender)))
            continue;
        memcpy(&sender, CMSG_DATA(control), sizeof(sender));
        out->sender = sender.pid;
    }
}

static void close_fds(int fds[MT_CHILD_MAX_SENT])
{
    for (size_t i = 0; i < MT_CHILD_MAX_SENT; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* Each recvmsg() waits for as long as the channel says. One that a signal ended is followed by
 * another only when the first would not yet be over: signals may come without end. */
static bool has_time_left(int channel, uint64_t started_ns)
{
    struct timeval patience;
    socklen_t len_bytes = sizeof(patience);
    if (getsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &patience, &len_bytes) != 0)
        return false;
    uint64_t patience_ns =
        (uint64_t)patience.tv_sec * NS_PER_S + (uint64_t)patience.tv_usec * NS_PER_US;
    return mt_clock_ns() - started_ns < patience_ns;
}

static mote_status receive_one(int channel, uint64_t started_ns, struct mt_stub_answer *answer,
                               struct mt_channel_answer *out, mote_error *err)
{
    union control control;
    struct iovec part = {answer, sizeof(*answer)};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control)};
    ssize_t n;
    /* A zygote that gave up on its first message leaves it unread: that is told before its answer.
     */
    do
        n = recvmsg(channel, &head, MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET) && has_time_left(channel, started_ns));
    if (n < 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "recvmsg from the zygote");
    if (n == 0)
        return mt_fail(err, MOTE_E_SYSTEM, "the zygote is gone");
    take_control(&head, out);
    if (n == (ssize_t)sizeof(*answer) && !(head.msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
        return MOTE_OK;
    close_fds(out->fds);
    return mt_fail(err, MOTE_E_SYSTEM, "a message of %zd bytes from the zygote, or no descriptors",
                   n);
}

/* Answers to requests that were given up may still be under way. */
mote_status mt_channel_receive(int channel, uint64_t sequence, struct mt_channel_answer *out,
                               mote_error *err)
{
    const uint64_t started_ns = mt_clock_ns();
    struct mt_stub_answer answer = {0, 0, 0};
    for (;;) {
        mote_status status = receive_one(channel, started_ns, &answer, out, err);
        if (status != MOTE_OK)
            return status;
        if (answer.sequence == sequence || answer.step != MT_STEP_NONE)
            break;
        close_fds(out->fds);
    }
    if (answer.step == MT_STEP_NONE)
        return MOTE_OK;
    close_fds(out->fds);
    out->failed = (enum mt_stub_step)answer.step;
    out->os_errno = answer.os_errno;
    return mt_fail_errno(err, MOTE_E_SYSTEM, answer.os_errno, step_text(answer.step));
}
