/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes on the script driver, for targets whose input is what a guest does. */
#ifndef MOTE_FUZZ_FUZZ_SANDBOX_H
#define MOTE_FUZZ_FUZZ_SANDBOX_H

#include "fuzz/fuzz.h"
#include "host/driver/script/script.h"
#include "host/sandbox/sandbox.h"
#include <mote/mote.h>

/* Sizes of the sandboxes' buffers. */
#define FUZZ_BUFFER_BYTES 0x2000u
#define FUZZ_ERROR_BYTES 0x100u

/* Where the image's code page has a `hlt`, and where its functions begin. */
#define FUZZ_CODE 0x1000u
#define FUZZ_HLT 0x20u
#define FUZZ_DISPATCH 0x30u

/* A good image of either ABI, made once. */
mote_image *fuzz_image(bool is_01);

/* Create a sandbox of it. config gives callbacks and flags; sizes and driver are set here. */
mote_sandbox *fuzz_create(bool is_01, const mote_config *config);

/* Host functions are registered: from here on the library may allocate no more than copies of
 * messages take. */
void fuzz_set_cap(const mote_sandbox *sandbox);

/* Destroy it, and require that everything it allocated is back. */
void fuzz_destroy(mote_sandbox *sandbox);

/* Initialise it as a guest would that does nothing wrong. */
void fuzz_make_ready(mote_sandbox *sandbox);

/* The step by which a guest of either ABI says that it is done. */
struct mt_script_step fuzz_done(const mote_sandbox *sandbox);

bool fuzz_is_01(const mote_sandbox *sandbox);
uint64_t fuzz_place(const mote_sandbox *sandbox, enum mt_place place);

/* The state that an outcome of init or of a call that entered the guest must leave. */
void fuzz_require_state(const mote_sandbox *sandbox, mote_status status, bool is_init);

#endif
