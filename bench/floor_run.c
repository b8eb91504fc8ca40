/* SPDX-License-Identifier: Apache-2.0 */
/* A floor as a child whose standard output is read. */
#include "bench/floor_run.h"
#include "bench/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Start program with its standard output in a pipe. Returns 0 or an errno. */
static int start(const char *program, pid_t *child, int *output)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    posix_spawn_file_actions_t actions;
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure == 0) {
        failure = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        char *argv[] = {(char[]){"mote-floor"}, NULL};
        if (failure == 0) {
            failure = posix_spawn(child, program, &actions, NULL, argv, environ);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (failure != 0) {
        close(ends[0]);
        return failure;
    }
    *output = ends[0];
    return 0;
}

/* Read until the end of the stream; what does not fit is read and dropped. */
static void read_all(int fd, char *text, size_t room)
{
    size_t used = 0;
    char rest[256];
    for (;;) {
        bool is_full = used == room - 1;
        ssize_t got =
            read(fd, is_full ? rest : text + used, is_full ? sizeof rest : room - 1 - used);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        used += is_full || got < 0 ? 0 : (size_t)got;
    }
    text[used] = '\0';
}

static bool has_finished_well(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The number after "key": in the text from *at on; *at moves behind it. NAN when it is not there.
 */
static double number_after(const char **at, const char *key)
{
    const char *found = *at ? strstr(*at, key) : NULL;
    if (found == NULL) {
        *at = NULL;
        return NAN;
    }
    char *end = NULL;
    double value = strtod(found + strlen(key), &end);
    *at = end;
    return value;
}

static struct summary summary_after(const char **at)
{
    struct summary summary = {0};
    summary.median_us = number_after(at, "\"median_us\":");
    summary.min_us = number_after(at, "\"min_us\":");
    summary.p90_us = number_after(at, "\"p90_us\":");
    return summary;
}

/* Likewise, where there is such a member at or behind *at. */
static bool read_member(const char **at, const char *key, struct summary *summary)
{
    bool is_there = *at != NULL && strstr(*at, key) != NULL;
    if (is_there) {
        *summary = summary_after(at);
    }
    return is_there;
}

mote_status floor_run(const char *program, struct floor *floor, mote_error *err)
{
    pid_t child = 0;
    int output = -1;
    int failure = start(program, &child, &output);
    if (failure != 0) {
        return fail(err, MOTE_E_SYSTEM, "start %s: %s", program, strerror(failure));
    }
    char text[1024];
    read_all(output, text, sizeof text);
    close(output);
    if (!has_finished_well(child)) {
        return fail(err, MOTE_E_NO_HYPERVISOR, "%s failed", program);
    }
    const char *at = text;
    struct floor read = {0};
    read.run = summary_after(&at);
    read.create = summary_after(&at);
    read.destroy = summary_after(&at);
    read.has_child = read_member(&at, "\"child\":", &read.child);
    read.has_ping_pong = read_member(&at, "\"ping_pong\":", &read.ping_pong);
    read.exits = number_after(&at, "\"exits\":");
    if (at == NULL) {
        return fail(err, MOTE_E_SYSTEM, "%s did not print its figures", program);
    }
    *floor = read;
    return MOTE_OK;
}

static void keep_lower(struct summary *lowest, const struct summary *other)
{
    if (other->median_us < lowest->median_us) {
        *lowest = *other;
    }
}

void floor_lower(struct floor *lowest, const struct floor *other)
{
    keep_lower(&lowest->run, &other->run);
    keep_lower(&lowest->create, &other->create);
    keep_lower(&lowest->destroy, &other->destroy);
    keep_lower(&lowest->child, &other->child);
}
