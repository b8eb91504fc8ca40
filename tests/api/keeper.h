/* SPDX-License-Identifier: Apache-2.0 */
/* Short words for what tests do with guests/keeper.c, a guest that counts. */
#ifndef MOTE_TESTS_API_KEEPER_H
#define MOTE_TESTS_API_KEEPER_H

#include "tests/api/fixture.h"

#define KEEPER MOTE_BUILD_DIR "/tests/guests/keeper.elf"

/* A sandbox with one snapshot on its stack. */
mote_sandbox *open_keeper(const mote_config *config);

/* The same with a host function Ask, which AskHost calls with its number and takes one from. */
mote_sandbox *open_asking(const mote_config *config, mote_host_fn fn, void *context);

/* Add to its counter; returns what it is then. */
int32_t keeper_add(mote_sandbox *sandbox, int32_t n);
int32_t keeper_counter(mote_sandbox *sandbox);

/* A call without arguments that resets. */
mote_status keeper_reset_call(mote_sandbox *sandbox, const char *function);
void keeper_call_u32(mote_sandbox *sandbox, const char *function, uint32_t n);

bool is_kvm(void);

/* Which of the places that guests/keeper.c lists hold the canary, as bits. */
#define KEEPER_MASK 0x1234567812345678ull
#define KEEPER_CANARY 0x00005AC35A3C1BADull
uint32_t keeper_look(mote_sandbox *sandbox);

#endif
