/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the contract share: sandboxes of few pages without a library, guests in machine
 * code, and a run of the same cases on each driver. Where two drivers may differ, the table in
 * contract_fixture.c says how and why.
 */
#ifndef MOTE_HOST_DRIVER_CONTRACT_FIXTURE_H
#define MOTE_HOST_DRIVER_CONTRACT_FIXTURE_H

#include "abi/memory_map.h"
#include "abi/ports.h"
#include "host/driver/driver.h"
#include "host/os/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* ---- Drivers ---- */

struct differences {
    const char *name; /* as the tests' groups have it */
    const char *driver;
    uint64_t spin_ns; /* how its waits begin */
    /* A process has no monitor pages: nothing is mapped where a VM has them. */
    bool has_monitor_pages;
    /* In a process the filter sees the number before any exception could be raised. */
    bool refuses_syscalls;
    /* Linux has a 32-bit code segment, which the monitor has not: in a process the jump there is
     * noticed at the next exit, not at the jump. */
    bool has_32_bit_segment;
    /* Where in the stub page its `ret` is. */
    uint64_t stub_return;
    /* A child maps the sandbox's memory from the same file: the host's mapping is a shared one. */
    const char *mapping_rights;
};

/* The driver whose turn it is, and whether it works here. */
extern const struct differences *current;
extern const struct mt_driver *driver;
extern bool works;

#define SKIP_WITHOUT_DRIVER() \
    if (!works) { \
        print_message("skipped: driver %s does not work here\n", driver->name); \
        skip(); \
    }

/* On each driver, or on the one that MOTE_TEST_DRIVER names. Returns how many failed. */
int run_on_every_driver(const struct CMUnitTest *tests, size_t n_tests);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- A sandbox of few pages ---- */

#define TABLES_BYTES 0x8000u
#define CODE (MT_BASE_ADDRESS + TABLES_BYTES)
#define DATA (CODE + 0x1000)
#define GUARD (DATA + 0x1000)
#define CONSTANT (GUARD + 0x1000)
#define STACK (CONSTANT + 0x1000)
#define KERNEL_STACK (STACK + 0x1000)
#define BOOT_STACK (KERNEL_STACK + 0x1000)
#define INITIAL_RSP (STACK + 0x1000 - 0x28)

#define MS 1000000ull
#define LIMIT_NS (2000 * MS)
#define LONG_NS (20000 * MS)

struct fixture {
    uint8_t *code;
    struct mt_region regions[8];
    struct mt_plan plan;
    void *prepared;
    struct mt_machine *machine;
    struct mt_window window;
    uint64_t deadline_ns;
};

int set_up(void **state);
int tear_down(void **state);

/* Make a sandbox whose code page begins like this; the rest of it is breakpoints. */
void load(struct fixture *f, const void *code, size_t len_bytes);

#define SECOND 0x200 /* offset of a second program in the code page */

/* The same with two programs. */
void load_two(struct fixture *f, const void *first, size_t first_bytes, const void *second,
              size_t second_bytes);

uint8_t *guest_bytes(struct fixture *f, uint64_t address);

/* ---- Runs ---- */

/* The next run begins at an offset in the code page, and has so long. */
void enter(struct fixture *f, uint64_t offset);
void begin(struct fixture *f, uint64_t limit_ns);

/* Whatever ends the run first, be it a signal. */
struct mt_exit run_once(struct fixture *f);

/* Until the guest needs the host, or the time is over. */
struct mt_exit run_on(struct fixture *f);
struct mt_exit run_from(struct fixture *f, uint64_t offset, uint64_t limit_ns);

/* Load a program and run it. */
struct mt_exit run_code(struct fixture *f, const void *code, size_t len_bytes);
#define RUN(f, ...) \
    run_code(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

void assert_fault(const struct mt_exit *exit, unsigned vector, uint64_t rip);
void assert_port(const struct mt_exit *exit, unsigned number, unsigned value);

/* ---- Machine code ---- */

#define BYTE_OF(number, n) (uint8_t)((number) >> 8 * (n))
#define BYTES_OF(number) \
    BYTE_OF(number, 0), BYTE_OF(number, 1), BYTE_OF(number, 2), BYTE_OF(number, 3)
#define MOV(opcode, number) (opcode), BYTES_OF(number)
#define MOV_HIGH(opcode, number) 0x41, (opcode), BYTES_OF(number)
#define PUSHF 0x9C
#define PUSH_LOW 0x50, 0x53, 0x51, 0x52, 0x56, 0x57, 0x55 /* rax rbx rcx rdx rsi rdi rbp */
#define PUSH_HIGH \
    0x41, 0x50, 0x41, 0x51, 0x41, 0x52, 0x41, 0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57
#define WRFSBASE_RCX 0xF3, 0x48, 0x0F, 0xAE, 0xD1
#define WRGSBASE_RCX 0xF3, 0x48, 0x0F, 0xAE, 0xD9
#define PUSH_FSBASE 0xF3, 0x48, 0x0F, 0xAE, 0xC0, 0x50 /* rdfsbase %rax; push %rax */
#define PUSH_GSBASE 0xF3, 0x48, 0x0F, 0xAE, 0xC8, 0x50
#define MOV_ECX(address) 0xB9, BYTES_OF(address)
#define MOV_EDX(number) 0xBA, BYTES_OF(number)
#define OUT 0xEE
#define DONE MOV_EDX(MT_PORT_DONE), OUT

#endif
