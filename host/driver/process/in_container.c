/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in_container PROGRAM ARGUMENT...: run a program without capabilities under the system-call
 * profile that container engines apply by default. For tests.
 */
#include "host/driver/process/container_profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2 || mt_container_confine(EPERM) != 0) {
        fprintf(stderr, "usage: in_container PROGRAM ARGUMENT...\n");
        return 2;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "in_container: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
