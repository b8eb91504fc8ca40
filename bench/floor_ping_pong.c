/* SPDX-License-Identifier: Apache-2.0 */
/* The quickest way to another CPU and back: parent and child each spin on the word that the other
 * writes. */
#include "bench/floor_ping_pong.h"
#include "bench/clock.h"
#include "bench/floor_print.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK_PASSES = 10 };
/* The word before the child has come to its CPU, and where there is none. */
enum { STARTING = -1, NO_OTHER_CPU = -2 };

static atomic_long *shared_word; /* even: the parent's turn; odd: the child's */

/* What the child of the ping-pong does: it goes to another CPU, and answers each odd number. */
static void pass_back(size_t here)
{
    cpu_set_t others;
    memset(&others, 0xFF, sizeof others);
    CPU_CLR(here, &others);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (sched_setaffinity(0, sizeof others, &others) != 0) {
        atomic_store(shared_word, NO_OTHER_CPU);
        _exit(0);
    }
    atomic_store(shared_word, 0);
    for (;;) {
        long now = atomic_load(shared_word);
        if (now & 1) {
            atomic_store(shared_word, now + 1);
        }
    }
}

static double pass_us(void)
{
    double start_us = clock_now_us();
    for (int i = 0; i < BLOCK_PASSES; i++) {
        long ours = atomic_load(shared_word) + 1;
        atomic_store(shared_word, ours);
        while (atomic_load(shared_word) == ours) {
        }
    }
    return (clock_now_us() - start_us) / BLOCK_PASSES;
}

bool ping_pong_measure(size_t here, double *us, size_t n)
{
    shared_word =
        mmap(NULL, sizeof *shared_word, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    floor_require(shared_word == MAP_FAILED ? -1 : 0, "mmap");
    atomic_store(shared_word, STARTING);
    pid_t child = (pid_t)floor_require(fork(), "fork");
    if (child == 0) {
        pass_back(here);
    }
    while (atomic_load(shared_word) == STARTING) {
        sched_yield();
    }
    bool is_possible = atomic_load(shared_word) != NO_OTHER_CPU;
    for (size_t i = 0; is_possible && i < n; i++) {
        us[i] = pass_us();
    }
    floor_require(kill(child, SIGKILL), "kill");
    floor_require(waitpid(child, NULL, 0), "waitpid");
    munmap(shared_word, sizeof *shared_word);
    return is_possible;
}
