/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors. */
#include "tools/mote/output.h"

#include "tools/mote/usage.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* A descriptor that was closed is filled so that using it still fails: standard input is opened
 * for writing and standard output for reading. Standard error swallows what it gets. */
void output_prepare(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", modes[fd]) != fd)
            _exit(MOTE_CLASS_HOST);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

bool output_can_go_on(int fd, short event, int os_errno)
{
    struct pollfd wanted = {.fd = fd, .events = event};
    if (os_errno == EINTR)
        return true;
    if (os_errno != EAGAIN)
        return false;
    (void)poll(&wanted, 1, -1); /* what made it fail is told by the next attempt */
    return true;
}

int output_write(int fd, const void *data, size_t len_bytes)
{
    const uint8_t *at = data;
    while (len_bytes > 0) {
        ssize_t n = write(fd, at, len_bytes);
        if (n < 0 && output_can_go_on(fd, POLLOUT, errno))
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        at += n;
        len_bytes -= (size_t)n;
    }
    return 0;
}

mote_status output_fail(int os_errno, mote_error *err)
{
    return host_fail(err, MOTE_E_OUTPUT, os_errno, "write standard output");
}

mote_status output_result(const void *data, size_t len_bytes, mote_error *err)
{
    int os_errno = output_write(STDOUT_FILENO, data, len_bytes);
    return os_errno == 0 ? MOTE_OK : output_fail(os_errno, err);
}
