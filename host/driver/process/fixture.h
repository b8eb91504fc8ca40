/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the process driver share: a sandbox of few pages, its runs and its process. */
#ifndef MOTE_HOST_DRIVER_PROCESS_FIXTURE_H
#define MOTE_HOST_DRIVER_PROCESS_FIXTURE_H

#include "abi/ports.h"
#include "host/driver/process/process_internal.h"
#include "host/os/clock.h"
#include <mote/image.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Where the sandbox's regions are. */
#define CODE MT_BASE_ADDRESS
#define DATA (CODE + 0x1000)
#define CONSTANT (DATA + 0x2000)
#define STACK (CONSTANT + 0x1000)
#define STACK_END (STACK + 0x1000)
#define MS 1000000ull

struct fixture {
    uint8_t *code;
    struct mt_region regions[4];
    struct mt_plan plan;
    mote_allocator allocator;
    void *prepared;
    struct mt_machine *machine;
    struct mt_window window;
    uint64_t deadline_ns;
};

/* For the tests that need one sandbox only. */
extern struct fixture fixture;

/* Set up a group of tests: ask once whether the driver works here. Where all was to be had and it
 * does not work all the same, the driver is broken, and the group fails. */
int find_driver(void **state);
/* Whether it works; why not is printed. */
bool has_driver(void);
/* How children wait here: the report's kind. */
const char *driver_kind(void);

#define SKIP_WITHOUT_DRIVER() \
    if (!has_driver()) \
    skip()

/* Plan a sandbox whose page of code begins with this, and goes on with breakpoints. */
void init_plan(struct fixture *f, const void *code, size_t len_bytes);
/* Create the machine of what was prepared. */
mote_status make(struct fixture *f, mote_error *err);
/* All of it: plan, prepare and create. */
void load(struct fixture *f, const void *code, size_t len_bytes);
void unload(struct fixture *f);
/* Come up again after whatever became of a child. */
void renew(struct fixture *f);

/* Enter at an address, with a limit from now. */
void start(struct fixture *f, uint64_t rip, uint64_t limit_ns);
/* The next exit, whatever it is. */
struct mt_exit run_once(struct fixture *f);
/* The next exit that is no interruption, or the interruption at the deadline. */
struct mt_exit run_on(struct fixture *f);
/* Resume the guest and leave it running, as where the host has a signal and gives the call up. */
void leave_running(struct fixture *f);
uint8_t *guest_bytes(struct fixture *f, uint64_t address);

/* mov $104, %edx; 1: out %al, %dx; jmp 1b */
extern const uint8_t answers[8];
/* Fails unless the guest comes to port 104. */
void assert_answers(struct fixture *f);

/* The process behind a pidfd, as the kernel tells. 0 when it is gone. */
int pid_of(int pidfd);
size_t count_entries(const char *path);

/* A whole life with one call, in a sandbox of its own. Returns 0 when it worked. */
int call_once(void);
/* Fails unless the function returns 0 in a forked child. */
void assert_forked(int (*fn)(void));

#endif
