/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mote: an embeddable micro-VM. This header includes all others.
 *
 * Conventions that hold everywhere:
 *  - A function that can fail returns a mote_status, of which MOTE_OK is 0, and fills the caller's
 *    mote_error. NULL may be passed for it.
 *  - On an error the outputs are untouched, unless a function says otherwise.
 *  - Lengths are in bytes, durations in microseconds; names say so.
 *  - Text is UTF-8.
 *  - A struct that begins with struct_size may grow in later versions: set it to the struct's size.
 *    A caller may have an older or a newer header than the library: fields that one of the two does
 *    not have are 0, which is their default. MOTE_E_STRUCT_SIZE: no version has this size, or a
 *    field is set that this library does not have.
 *  - The library never exits, aborts or prints, with one exception: what a guest prints goes to
 *    standard output, unless the configuration has a print callback.
 */
#ifndef MOTE_MOTE_H
#define MOTE_MOTE_H

#include <mote/config.h>
#include <mote/driver.h>
#include <mote/dump.h>
#include <mote/error.h>
#include <mote/host_function.h>
#include <mote/image.h>
#include <mote/metrics.h>
#include <mote/sandbox.h>
#include <mote/snapshot.h>
#include <mote/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this header: 10000 x major + 100 x minor + patch. */
#define MOTE_VERSION_NUMBER 100
/** Version of this header as text. */
#define MOTE_VERSION_TEXT "0.1.0"

/**
 * Return the version of the library that is linked, as text: "0.1.0".
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none.
 */
const char *mote_version(void);

/**
 * Return the version of the library that is linked, as MOTE_VERSION_NUMBER counts.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: none.
 */
int mote_version_number(void);

#ifdef __cplusplus
}
#endif

#endif
