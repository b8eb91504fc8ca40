/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output buffer as a guest leaves it. Listed by itself, against a second reading that knows no
 * more than the rules; and at the end of a call, where it must be a result or an error.
 *
 * Input: how many elements are asked for, how the call ends, then the buffer from its start.
 */
#include "fuzz/fuzz_sandbox.h"

#include "abi/ports.h"
#include <stdlib.h>
#include <string.h>

#define OUTPUT_AT 64u /* in the window */
#define WINDOW_START 0x300000u
#define MAX_ASKED 65u

/* The rules of docs/abi.md, Buffers, in the plainest words. Returns how many elements there are,
 * -1 for a buffer that breaks them. */
static int list_plainly(const uint8_t *output, int asked, uint64_t *starts, uint64_t *ends)
{
    __int128 sp = 0;
    uint64_t word;
    int n = 0;
    memcpy(&word, output, 8);
    sp = word;
    if (sp < 8 || sp > FUZZ_BUFFER_BYTES)
        return -1;
    while (n < asked && sp != 8) {
        __int128 end = sp - 8;
        if (end < 8 + 4)
            return -1;
        memcpy(&word, output + end, 8);
        if (word < 8 || (__int128)word + 4 > end)
            return -1;
        starts[n] = word;
        ends[n] = (uint64_t)end;
        sp = word;
        n++;
    }
    return n;
}

static void check_copies(const struct mt_buffers *buffers, const struct mt_element *elements,
                         size_t n, const uint8_t *output)
{
    struct fuzz_counter counter = {.cap_bytes = FUZZ_BUFFER_BYTES};
    const mote_allocator allocator = fuzz_allocator(&counter);
    struct mt_copy copy = {0};
    for (size_t i = 0; i < n; i++) {
        mote_error err;
        size_t len_bytes = 0;
        uint32_t prefix;
        memcpy(&prefix, output + elements[i].start, sizeof(prefix));
        bool fits = (uint64_t)prefix + 4 <= elements[i].end - elements[i].start;
        mote_status status =
            mt_buffers_copy(buffers, &elements[i], &allocator, &copy, &len_bytes, &err);
        FUZZ_REQUIRE(status == (fits ? MOTE_OK : MOTE_E_PROTOCOL));
        fuzz_require_error(status, &err);
        FUZZ_REQUIRE(!fits || len_bytes == (uint64_t)prefix + 4);
        FUZZ_REQUIRE(!fits || memcmp(copy.data, output + elements[i].start, len_bytes) == 0);
    }
    FUZZ_REQUIRE(!counter.is_over_cap);
    mt_copy_fini(&copy, &allocator);
    FUZZ_REQUIRE(counter.n_live == 0);
}

static void list_alone(const uint8_t *output, int asked)
{
    struct mt_element elements[MAX_ASKED];
    uint64_t starts[MAX_ASKED];
    uint64_t ends[MAX_ASKED];
    mote_error err;
    size_t n = 0;
    uint8_t *memory = malloc(OUTPUT_AT + FUZZ_BUFFER_BYTES);
    FUZZ_REQUIRE(memory != NULL);
    memcpy(memory + OUTPUT_AT, output, FUZZ_BUFFER_BYTES);
    const struct mt_buffers buffers = {
        .window = {.host = memory,
                   .start = WINDOW_START,
                   .len_bytes = OUTPUT_AT + FUZZ_BUFFER_BYTES},
        .output = WINDOW_START + OUTPUT_AT,
        .output_bytes = FUZZ_BUFFER_BYTES,
    };
    int wanted = list_plainly(output, asked, starts, ends);
    mote_status status = mt_buffers_list_output(&buffers, elements, (size_t)asked, &n, &err);
    FUZZ_REQUIRE(status == (wanted < 0 ? MOTE_E_PROTOCOL : MOTE_OK));
    fuzz_require_error(status, &err);
    FUZZ_REQUIRE(n == (size_t)(wanted < 0 ? 0 : wanted));
    for (size_t i = 0; i < n; i++)
        FUZZ_REQUIRE(elements[i].start == starts[i] && elements[i].end == ends[i]);
    check_copies(&buffers, elements, n, output);
    FUZZ_REQUIRE(memcmp(memory + OUTPUT_AT, output, FUZZ_BUFFER_BYTES) == 0);
    if (n > 0) {
        uint64_t sp;
        mt_buffers_drop_from(&buffers, &elements[n - 1]);
        memcpy(&sp, memory + OUTPUT_AT, sizeof(sp));
        FUZZ_REQUIRE(sp == elements[n - 1].start);
    }
    free(memory);
}

/* ---- At the end of a call ---- */

static struct mt_script_step last_step(const mote_sandbox *sandbox, uint8_t how)
{
    static const uint16_t ports[] = {MT_PORT_DONE, MT_PORT_TRY_CALL, MT_PORT_CALL, MT_PORT_LOG};
    struct mt_script_step step = fuzz_done(sandbox);
    if (!fuzz_is_01(sandbox) || how % 4 > 1)
        step.exit = (struct mt_exit){
            .kind = MT_EXIT_PORT,
            .port = {.number = ports[how % 4], .value = how / 8, .size_bytes = 1, .count = 1},
        };
    return step;
}

static void check_result(mote_status status, const mote_value *result, mote_type wanted)
{
    if (status != MOTE_OK)
        return;
    FUZZ_REQUIRE(result->type == wanted);
    if (wanted == MOTE_TYPE_STR)
        FUZZ_REQUIRE(result->as.str.data[result->as.str.len_bytes] == '\0');
    if (wanted == MOTE_TYPE_STR || wanted == MOTE_TYPE_BYTES)
        FUZZ_REQUIRE(result->as.bytes.len_bytes < FUZZ_BUFFER_BYTES);
}

static void end_call(const uint8_t *output, size_t len_bytes, uint8_t asked, uint8_t how)
{
    const mote_config config = MOTE_CONFIG_INIT;
    const mote_value text = mote_str("x");
    mote_sandbox *sandbox = fuzz_create(how & 4, &config);
    fuzz_set_cap(sandbox);
    fuzz_make_ready(sandbox);
    const struct mt_script_write write = {fuzz_place(sandbox, MT_PLACE_OUTPUT), output, len_bytes};
    struct mt_script_step steps[2] = {last_step(sandbox, how), fuzz_done(sandbox)};
    steps[0].writes = &write;
    steps[0].n_writes = 1;
    mt_script_play(sandbox->machine, steps, 2);
    mote_type returns = fuzz_is_01(sandbox) ? (mote_type)(asked % 10) : MOTE_TYPE_STR;
    mote_value result;
    mote_error err;
    mote_status status = mote_call(sandbox, "Echo", &text, 1, returns, &result, &err);
    fuzz_require_error(status, &err);
    fuzz_require_state(sandbox, status, false);
    FUZZ_REQUIRE(status == MOTE_OK || status == MOTE_E_PROTOCOL || status == MOTE_E_NO_RESULT ||
                 status == MOTE_E_HOST_FUNCTION_UNKNOWN ||
                 status == MOTE_E_HOST_FUNCTION_ARGUMENTS || status == MOTE_E_INPUT_FULL);
    check_result(status, &result, returns);
    fuzz_destroy(sandbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
    static uint8_t output[FUZZ_BUFFER_BYTES];
    struct fuzz_input input = {data, len_bytes};
    uint8_t asked = fuzz_take_u8(&input);
    uint8_t how = fuzz_take_u8(&input);
    size_t output_bytes = input.left < sizeof(output) ? input.left : sizeof(output);
    fuzz_take(&input, output, sizeof(output));
    list_alone(output, asked % (MAX_ASKED + 1));
    end_call(output, output_bytes, asked, how);
    return 0;
}
