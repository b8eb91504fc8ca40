/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PEB as a guest of 0.1 leaves it when it has initialised. The one number taken from it leads
 * into code, or the sandbox is poisoned; all else in it changes nothing.
 *
 * Input: the PEB. Its dispatch pointer is raw, or, by the first byte of what follows, an offset to
 * the start of some place.
 */
#include "fuzz/fuzz_sandbox.h"

#include "abi/peb.h"
#include <string.h>

/* The image's one page of code. */
static bool is_code(const mote_sandbox *sandbox, uint64_t address)
{
    uint64_t start = fuzz_place(sandbox, MT_PLACE_CODE) + FUZZ_CODE;
    return address >= start && address < start + 0x1000;
}

static void check_call(mote_sandbox *sandbox, uint64_t dispatch)
{
    static uint8_t message[64] __attribute__((aligned(8)));
    const struct mt_wire_value value = {.type = MT_WIRE_I32, .as.i32 = 5};
    size_t len_bytes = mt_wire_build_result(message, sizeof(message), &value);
    const uint64_t bottom = 8;
    const uint64_t sp = 8 + len_bytes + 8;
    uint64_t output = fuzz_place(sandbox, MT_PLACE_OUTPUT);
    const struct mt_script_write writes[] = {
        {output, &sp, sizeof(sp)},
        {output + 8, message, len_bytes},
        {output + 8 + len_bytes, &bottom, sizeof(bottom)},
    };
    struct mt_script_step step = fuzz_done(sandbox);
    step.writes = writes;
    step.n_writes = 3;
    mt_script_play(sandbox->machine, &step, 1);
    mote_value result;
    FUZZ_REQUIRE(mote_call(sandbox, "F", NULL, 0, MOTE_TYPE_I32, &result, NULL) == MOTE_OK);
    FUZZ_REQUIRE(result.as.i32 == 5);
    struct mt_script_record record = mt_script_record_of(sandbox->machine);
    FUZZ_REQUIRE(record.n_enters == 2 && record.entered.rip == dispatch);
    FUZZ_REQUIRE(record.entered.rsp == sandbox->template->layout.initial_rsp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    const mote_config config = MOTE_CONFIG_INIT;
    struct fuzz_input input = {data, len_bytes};
    struct mt_peb peb;
    mote_error err;
    fuzz_take(&input, &peb, sizeof(peb));
    uint8_t place = fuzz_take_u8(&input);
    mote_sandbox *sandbox = fuzz_create(true, &config);
    fuzz_set_cap(sandbox);
    if (place % 32 < MT_N_PLACES)
        peb.dispatch_function += fuzz_place(sandbox, (enum mt_place)(place % 32));
    const struct mt_script_write write = {fuzz_place(sandbox, MT_PLACE_PEB), &peb, sizeof(peb)};
    struct mt_script_step step = fuzz_done(sandbox);
    step.writes = &write;
    step.n_writes = 1;
    mt_script_play(sandbox->machine, &step, 1);
    mote_status status = mote_sandbox_init(sandbox, &err);
    bool is_good = is_code(sandbox, peb.dispatch_function);
    fuzz_require_error(status, &err);
    FUZZ_REQUIRE(status == (is_good ? MOTE_OK : MOTE_E_PROTOCOL));
    FUZZ_REQUIRE(is_good || err.protocol_value == peb.dispatch_function);
    fuzz_require_state(sandbox, status, true);
    if (is_good)
        check_call(sandbox, peb.dispatch_function);
    fuzz_destroy(sandbox);
    return 0;
}
