/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a guest asks its host for something: one byte written with `out %al, %dx`. Ports 99, 101 and
 * 102 are those of Hyperlight 0.1; MT_PORT_DONE and MT_PORT_TRY_CALL are mote's own. With all of
 * them messages travel on the output buffer (docs/abi.md, Ports).
 *
 * Guests of the mote ABI keep log records and printed text back and push them, as GuestLogData
 * messages, on top of the main message at their next exit. The byte written to MT_PORT_LOG,
 * MT_PORT_CALL and MT_PORT_DONE is how many such records lie on top, oldest lowest. A record whose
 * level is MT_LOG_LEVEL_NONE is text for HostPrint. Guests of 0.1 write 0 to all three, and have
 * one record on top at MT_PORT_LOG.
 */
#ifndef MOTE_ABI_PORTS_H
#define MOTE_ABI_PORTS_H

#define MT_PORT_LOG 99u    /* only records: as many as the byte says, 0 counts as 1 */
#define MT_PORT_CALL 101u  /* records, and under them a FunctionCall of type host */
#define MT_PORT_ABORT 102u /* the byte is the abort code; its text is in the panic buffer */
#define MT_PORT_DONE 104u  /* initialised, or call finished: records, and under them the result */

/* As MT_PORT_CALL, of mote guests only; but when the host's function fails, or there is none that
 * takes these arguments, the guest goes on: it finds no new element on the input buffer, and the
 * failure in the host exception region, whose length is 0 after a call that was answered. */
#define MT_PORT_TRY_CALL 105u

/* The most records that may lie on the output buffer at one exit. */
#define MT_MAX_PENDING_RECORDS 64u

/* Values of GuestLogData.level (docs/abi.md, Messages). */
#define MT_LOG_LEVEL_TRACE 0u
#define MT_LOG_LEVEL_DEBUG 1u
#define MT_LOG_LEVEL_INFORMATION 2u
#define MT_LOG_LEVEL_WARNING 3u
#define MT_LOG_LEVEL_ERROR 4u
#define MT_LOG_LEVEL_CRITICAL 5u
#define MT_LOG_LEVEL_NONE 6u

/* The name of the host function that prints; every host has it. */
#define MT_HOST_PRINT_NAME "HostPrint"

#endif
