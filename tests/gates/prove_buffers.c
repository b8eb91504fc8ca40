/* SPDX-License-Identifier: Apache-2.0 */
/* host/memory/buffers.c against a guest that changes memory between any two reads: each read of a
 * number gives any number, whatever was there before. Small buffers, every size; numbers near the
 * buffer one by one, far ones where sums would wrap. */
#include "host/memory/buffers.h"
#include "abi/memory_map.h"
#include "tests/gates/prove.h"
#include "tests/gates/prove_fail.h"

#include <string.h>

enum { OUTPUT_AT = 0x1000, INPUT_AT = 0x2000, ERROR_AT = 0x3000 };
enum { LARGEST_OUTPUT = 48, LARGEST_INPUT = 64, NEAR = 12, N_ELEMENTS = 3 };
enum { UNTOUCHED = 77 };

/* What the code under proof may read or write now, and how often it did. */
static struct {
    uint64_t start;
    uint64_t len_bytes;
    unsigned n_reads;
    uint8_t bytes[LARGEST_INPUT];
} allowed;

static const uint64_t far[] = {
    UINT64_MAX,
    UINT64_MAX - 3,
    UINT64_MAX - 4,
    UINT64_MAX - 7,
    UINT64_MAX - 8,
    UINT64_MAX - 15,
    (uint64_t)1 << 63,
    UINT32_MAX,
    (uint64_t)1 << 32,
    ((uint64_t)1 << 63) - 1,
    UINT32_MAX - 3ull,
    UINT32_MAX - 4ull,
    UINT64_MAX - OUTPUT_AT + 1,
};

static uint64_t choose_number(void)
{
    unsigned n_near = (unsigned)allowed.len_bytes + NEAR;
    unsigned i = prove_choose(n_near + sizeof far / sizeof far[0]);
    return i < n_near ? i : far[i - n_near];
}

static void check_inside(struct mt_gva at, uint64_t len_bytes)
{
    PROVE(at.value >= allowed.start && at.value <= allowed.start + allowed.len_bytes);
    PROVE(len_bytes <= allowed.start + allowed.len_bytes - at.value);
}

/* ---- In the place of host/memory/guest_memory.c ---- */

bool mt_guest_read(const struct mt_window *window, struct mt_gva from, void *to, uint64_t len_bytes)
{
    (void)window;
    check_inside(from, len_bytes);
    allowed.n_reads++;
    if (len_bytes == sizeof(uint32_t)) {
        uint32_t number = (uint32_t)choose_number();
        memcpy(to, &number, sizeof number);
    } else {
        memset(to, 0xaa, len_bytes);
    }
    return true;
}

bool mt_guest_read_u64(const struct mt_window *window, struct mt_gva from, uint64_t *value)
{
    (void)window;
    check_inside(from, sizeof *value);
    allowed.n_reads++;
    *value = choose_number();
    return true;
}

bool mt_guest_write_u64(const struct mt_window *window, struct mt_gva to, uint64_t value)
{
    (void)window;
    check_inside(to, sizeof value);
    memcpy(allowed.bytes + (to.value - allowed.start), &value, sizeof value);
    return true;
}

uint8_t *mt_guest_build_at(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes)
{
    (void)window;
    check_inside(to, len_bytes);
    return allowed.bytes + (to.value - allowed.start);
}

/* What is noted as written lies where the host may write. */
void mt_guest_built(const struct mt_window *window, struct mt_gva to, uint64_t len_bytes)
{
    (void)window;
    check_inside(to, len_bytes);
}

/* ---- In the place of wire/: a message of any length that fits, or none ---- */

static size_t build(uint8_t *to, size_t room)
{
    size_t len_bytes = prove_choose((unsigned)(room / 8 + 1)) * 8;
    PROVE(to >= allowed.bytes && room <= (size_t)(allowed.bytes + allowed.len_bytes - to));
    memset(to, 0xcc, len_bytes);
    return len_bytes;
}

size_t mt_wire_build_call(uint8_t *to, size_t room, const struct mt_wire_call *call)
{
    (void)call;
    return build(to, room);
}

size_t mt_wire_build_result(uint8_t *to, size_t room, const struct mt_wire_value *value)
{
    (void)value;
    return build(to, room);
}

size_t mt_wire_call_bytes(const struct mt_wire_call *call)
{
    (void)call;
    return 0;
}

size_t mt_wire_result_bytes(const struct mt_wire_value *value)
{
    (void)value;
    return 0;
}

/* ---- Taking from the output buffer ---- */

static void check_elements(const struct mt_element *elements, size_t n, uint64_t bytes)
{
    uint64_t top = bytes;
    for (size_t i = 0; i < n; i++) {
        PROVE(elements[i].start >= MT_BUFFER_HEADER_BYTES);
        PROVE(elements[i].start + 4 <= elements[i].end);
        PROVE(elements[i].end + MT_BUFFER_BACK_POINTER_BYTES <= top);
        top = elements[i].start;
    }
}

static void check_copy(const struct mt_buffers *buffers, const struct mt_element *element)
{
    struct mt_copy copy = {0};
    size_t len_bytes = UNTOUCHED * 100;
    allowed.n_reads = 0;
    mote_status status = mt_buffers_copy(buffers, element, NULL, &copy, &len_bytes, NULL);
    if (status == MOTE_OK) {
        uint32_t prefix;
        memcpy(&prefix, copy.data, sizeof prefix);
        PROVE(len_bytes == prefix + sizeof prefix);
        PROVE(len_bytes <= element->end - element->start);
        PROVE(prove_allocated_bytes == len_bytes && copy.room_bytes == len_bytes);
        PROVE(allowed.n_reads == 2);
    } else {
        PROVE(status == MOTE_E_PROTOCOL && len_bytes == UNTOUCHED * 100 && copy.data == NULL);
        PROVE(allowed.n_reads == 1);
    }
    mt_copy_fini(&copy, NULL);
}

static void take(uint64_t bytes)
{
    struct mt_buffers buffers = {.output = OUTPUT_AT, .output_bytes = bytes};
    struct mt_element elements[N_ELEMENTS];
    size_t wanted = prove_choose(N_ELEMENTS) + 1;
    size_t found = UNTOUCHED;
    allowed.start = OUTPUT_AT;
    allowed.len_bytes = bytes;
    allowed.n_reads = 0;
    mote_status status = mt_buffers_list_output(&buffers, elements, wanted, &found, NULL);
    if (status != MOTE_OK) {
        PROVE(status == MOTE_E_PROTOCOL && found == UNTOUCHED);
        return;
    }
    PROVE(found <= wanted && allowed.n_reads == 1 + found);
    check_elements(elements, found, bytes);
    PROVE(found == wanted || found == 0 || elements[found - 1].start == MT_BUFFER_HEADER_BYTES);
    if (found > 0) {
        check_copy(&buffers, &elements[found - 1]);
        mt_buffers_drop_from(&buffers, &elements[found - 1]);
        PROVE(memcmp(allowed.bytes, &elements[found - 1].start, 8) == 0);
    }
}

static void take_error(uint64_t bytes)
{
    struct mt_buffers buffers = {.guest_error = ERROR_AT, .guest_error_bytes = bytes};
    struct mt_copy copy = {0};
    size_t len_bytes = UNTOUCHED;
    allowed.start = ERROR_AT;
    allowed.len_bytes = bytes;
    allowed.n_reads = 0;
    mote_status status = mt_buffers_copy_error(&buffers, NULL, &copy, &len_bytes, NULL);
    PROVE(status == MOTE_OK ? len_bytes == 0 || (len_bytes > 4 && len_bytes <= bytes)
                            : status == MOTE_E_PROTOCOL && len_bytes == UNTOUCHED);
    PROVE(allowed.n_reads <= 2);
    mt_copy_fini(&copy, NULL);
}

/* ---- Putting on the input buffer ---- */

static uint64_t u64_at(uint64_t offset)
{
    uint64_t value;
    memcpy(&value, allowed.bytes + offset, sizeof value);
    return value;
}

static void check_put(mote_status status, uint64_t floor, uint64_t bytes)
{
    if (status != MOTE_OK) {
        PROVE(status == MOTE_E_INPUT_FULL);
        return;
    }
    uint64_t end = u64_at(0);
    PROVE(end >= floor + 8 + MT_BUFFER_BACK_POINTER_BYTES && end <= bytes);
    PROVE(u64_at(end - MT_BUFFER_BACK_POINTER_BYTES) == floor);
    PROVE(allowed.bytes[floor] == 0xcc);
}

/* A call, then two results, each in the place of the one before. */
static void put(uint64_t bytes)
{
    struct mt_buffers buffers = {
        .input = INPUT_AT, .input_bytes = bytes, .input_floor = MT_BUFFER_HEADER_BYTES};
    allowed.start = INPUT_AT;
    allowed.len_bytes = bytes;
    allowed.n_reads = 0;
    mote_status status = mt_buffers_put_call(&buffers, NULL, NULL);
    check_put(status, MT_BUFFER_HEADER_BYTES, bytes);
    uint64_t floor = buffers.input_floor;
    PROVE(floor == (status == MOTE_OK ? u64_at(0) : MT_BUFFER_HEADER_BYTES));
    for (int i = 0; i < 2; i++) {
        check_put(mt_buffers_put_result(&buffers, NULL, NULL), floor, bytes);
        PROVE(buffers.input_floor == floor);
    }
    PROVE(allowed.n_reads == 0);
}

static void prove(void (*path)(uint64_t bytes), uint64_t smallest, uint64_t largest)
{
    for (uint64_t bytes = smallest; bytes <= largest; bytes++) {
        do
            path(bytes);
        while (prove_next());
    }
}

int main(void)
{
    prove(take, MT_BUFFER_HEADER_BYTES, LARGEST_OUTPUT);
    prove(take_error, 4, LARGEST_OUTPUT);
    prove(put, MT_BUFFER_HEADER_BYTES, LARGEST_INPUT);
    printf("%lu paths\n", prove_paths.n_paths);
    return 0;
}
