/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the API share: guests by name, sandboxes, and the need for /dev/kvm. */
#ifndef MOTE_TESTS_API_FIXTURE_H
#define MOTE_TESTS_API_FIXTURE_H

#include <mote/mote.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define HELLO MOTE_BUILD_DIR "/guests/hello.elf"
#define ABI01 MOTE_BUILD_DIR "/guests/abi01.elf"
#define MISBEHAVE MOTE_BUILD_DIR "/tests/guests/misbehave.elf"
#define STARTUP MOTE_BUILD_DIR "/tests/guests/startup.elf"

/* The driver that the tests run on: the environment's MOTE_TEST_DRIVER, or kvm. */
const char *test_driver(void);

/* A configuration, or the default one for NULL, with the tests' driver. It is the calling thread's
 * until its next call of this function. */
const mote_config *for_test(const mote_config *config);

/* Let a guest that spins end soon, and all others in time, however busy the machine is: the limit
 * is one of processor time. */
void limit_spinning(mote_config *config);

/* Whether the tests' driver works here; why not is printed. */
bool has_driver(void);

/* End the test as skipped where it cannot run, and say why. */
#define NEEDS_DRIVER() \
    if (!has_driver()) \
    skip()

#define assert_ok(expression) \
    assert_ok_at((expression), &last_error, #expression, __FILE__, __LINE__)
#define assert_status(expression, wanted) \
    assert_status_at((expression), (wanted), &last_error, #expression, __FILE__, __LINE__)

/* Every call in a test reports here. */
extern mote_error last_error;

void assert_ok_at(mote_status status, const mote_error *err, const char *what, const char *file,
                  int line);
void assert_status_at(mote_status status, mote_status wanted, const mote_error *err,
                      const char *what, const char *file, int line);

mote_image *open_image(const char *path);
/* A sandbox that is not initialised yet. */
mote_sandbox *create_sandbox(const char *path, const mote_config *config);
/* A sandbox that is ready, with the given configuration or the default one. */
mote_sandbox *open_sandbox(const char *path, const mote_config *config);
/* The same, with one host function. */
mote_sandbox *open_with_function(const char *path, const mote_config *config,
                                 const mote_host_function *function);
/* A sandbox of hello whose host functions EchoI32 ... EchoBytes and Nothing answer. */
mote_sandbox *open_hello_with_host(const mote_config *config);

/* A host function that returns 7 and counts in the int that context points to. */
mote_status answer_7(void *context, const mote_value *args, size_t n_args, mote_value *result,
                     mote_error *err);

/* A host function that takes its time: context says how long it sleeps, and what it returns. */
struct slow_answer {
    uint64_t sleep_us;
    mote_value value;
};
mote_status answer_slowly(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err);

/* Call a function without arguments and drop its result. */
mote_status call_void(mote_sandbox *sandbox, const char *function);

/* From a thread of its own, cancel what runs in a sandbox, again and again until that has left it
 * in another state: a cancel before the call is nothing, and a thread may get its turn late. */
pthread_t cancel_soon(mote_sandbox *sandbox);
/* Wait until what another thread calls is in the sandbox. */
void wait_until_busy(mote_sandbox *sandbox);
/* What that thread may call: a call without an end. */
mote_status spin_until_cancelled(mote_sandbox *sandbox);

/* The witness that a sandbox is right. */
void assert_echoes(mote_sandbox *sandbox);

/* How many descriptors and mappings this process has. */
size_t count_descriptors(void);
size_t count_mappings(void);

/* Microseconds that only go forward. */
uint64_t now_us(void);

#endif
