/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that breaks one rule of the ABI per function. It reaches into its own runtime. */
#include "abi/memory_map.h"
#include "abi/ports.h"
#include "guest/runtime/runtime.h"

#include <string.h>

static void set_output(uint64_t offset, uint64_t value)
{
    memcpy((void *)(uintptr_t)(mt_peb.output + offset), &value, sizeof(value));
}

static void set_prefix(uint32_t value)
{
    memcpy((void *)(uintptr_t)(mt_peb.output + MT_BUFFER_HEADER_BYTES), &value, sizeof(value));
}

static void push_result(const struct mt_wire_value *value)
{
    size_t room = 0;
    uint8_t *to = mt_output_room(&room);
    mt_output_push(mt_wire_build_result(to, room, value));
}

static void push_host_call(const char *name, enum mt_wire_call_type type, size_t n_params,
                           const struct mt_wire_value *params)
{
    struct mt_wire_call call = {.name = {(const uint8_t *)name, strlen(name)},
                                .call_type = type,
                                .returns = MT_WIRE_I32,
                                .n_params = n_params};
    size_t room = 0;
    uint8_t *to = mt_output_room(&room);
    memcpy(call.params, params, n_params * sizeof(params[0]));
    mt_output_push(mt_wire_build_call(to, room, &call));
    mt_out(MT_PORT_CALL, 0);
}

static void finish(void)
{
    mt_out(MT_PORT_DONE, 0);
}

static const struct mt_wire_value nothing = {.type = MT_WIRE_VOID};

MOTEG_FUNCTION(void, Fine)
{
}

MOTEG_FUNCTION(void, ReturnNothing)
{
    finish();
}

MOTEG_FUNCTION(void, Halt)
{
    __asm__ volatile("hlt");
}

MOTEG_FUNCTION(void, ReturnTwice)
{
    push_result(&nothing);
    push_result(&nothing);
    finish();
}

MOTEG_FUNCTION(void, ReturnWrongType)
{
    const struct mt_wire_value number = {.type = MT_WIRE_I32, .as.i32 = 5};
    push_result(&number);
    finish();
}

MOTEG_FUNCTION(void, AnnounceRecords)
{
    push_result(&nothing);
    mt_out(MT_PORT_DONE, 3);
}

MOTEG_FUNCTION(void, AnnounceTooMany)
{
    mt_out(MT_PORT_DONE, 255);
}

MOTEG_FUNCTION(void, StackPointerZero)
{
    push_result(&nothing);
    set_output(0, 0);
    finish();
}

MOTEG_FUNCTION(void, StackPointerPastEnd)
{
    push_result(&nothing);
    set_output(0, mt_peb.output_bytes + 1);
    finish();
}

MOTEG_FUNCTION(void, BackPointerZero)
{
    set_output(0, 64);
    set_output(56, 0);
    finish();
}

MOTEG_FUNCTION(void, BackPointerAllOnes)
{
    set_output(0, 64);
    set_output(56, UINT64_MAX);
    finish();
}

MOTEG_FUNCTION(void, PrefixAllOnes)
{
    push_result(&nothing);
    set_prefix(UINT32_MAX);
    finish();
}

MOTEG_FUNCTION(void, BadError)
{
    memset((void *)(uintptr_t)mt_peb.guest_error, 0xFF, mt_peb.guest_error_bytes);
    push_result(&nothing);
    finish();
}

MOTEG_FUNCTION(void, ReadPort)
{
    unsigned char byte;
    __asm__ volatile("inb %1, %0" : "=a"(byte) : "d"((unsigned short)MT_PORT_CALL));
}

MOTEG_FUNCTION(void, ForbiddenPort)
{
    __asm__ volatile("outb %b0, %w1" : : "a"(0), "d"(0x3F8));
}

MOTEG_FUNCTION(void, HostCallOfTypeGuest)
{
    push_host_call("HostPrint", MT_WIRE_CALL_GUEST, 0, &nothing);
}

MOTEG_FUNCTION(void, CallNobody)
{
    push_host_call("Nobody", MT_WIRE_CALL_HOST, 0, &nothing);
}

MOTEG_FUNCTION(void, PrintNumber)
{
    const struct mt_wire_value number = {.type = MT_WIRE_I32, .as.i32 = 5};
    push_host_call("HostPrint", MT_WIRE_CALL_HOST, 1, &number);
}

MOTEG_FUNCTION(void, PrintTwo)
{
    const struct mt_wire_value texts[2] = {
        {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"a", 1}},
        {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"b", 1}}};
    push_host_call("HostPrint", MT_WIRE_CALL_HOST, 2, texts);
}
