/* SPDX-License-Identifier: Apache-2.0 */
/* What every attack is judged by: the host is unharmed, another sandbox is unharmed, the error is
 * fit to be shown, and the offender is in the state that its error says. */
#ifndef MOTE_TESTS_HOSTILE_WITNESS_H
#define MOTE_TESTS_HOSTILE_WITNESS_H

#include "tests/api/fixture.h"

#define HOSTILE MOTE_BUILD_DIR "/guests/hostile.elf"

/* End a test that looks inside the kvm driver as skipped where that driver cannot run. */
#define NEEDS_KVM() \
    if (!has_kvm()) \
    skip()

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZERS 1
#else
#define UNDER_SANITIZERS 0
#endif

/* How often a thing is tried that should be tried n times: a fifth of it under sanitizers and on an
 * emulated CPU, where creations are slow. */
size_t rounds(size_t n);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Whether the kvm driver works here; why not is printed. */
bool has_kvm(void);

/* Before and after all cases of a program: open and close the witness; nothing may be left. */
int witness_set_up(void **state);
int witness_tear_down(void **state);

/* A sandbox of the hostile guest that is ready. The image is shared by all of them. */
mote_sandbox *new_offender(const mote_config *config);
/* The same, but not initialised. */
mote_sandbox *new_offender_created(const mote_config *config);
/* One that is ready on the kvm driver, whichever the tests' driver is: for its inside. */
mote_sandbox *new_kvm_offender(const mote_config *config);
/* The hostile image that they share. */
mote_image *hostile_image(void);

/* Call a function of an offender, for a result that is dropped. The witness's memory is noted
 * before; last_error is cleared. */
mote_status provoke(mote_sandbox *offender, const char *function, const mote_value *args,
                    size_t n_args);

/*
 * After an attack that gave status: its text is one printable line without a host address; it took
 * no longer than a time limit and some grace; the offender is ready, poisoned or dead as the
 * status says and behaves so; the witness's memory is as it was and it answers. Destroys the
 * offender.
 */
void assert_contained(mote_sandbox *offender, mote_status status);

/* The half of it that is about the host and the witness; for a guest that has confused itself. */
void assert_others_unharmed(mote_sandbox *offender);

/* Call Echo and compare. */
void assert_echo(mote_sandbox *sandbox);

/* Memory of this process that is in use, in KiB. */
size_t resident_kib(void);

#endif
