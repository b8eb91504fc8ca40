/* SPDX-License-Identifier: Apache-2.0 */
/* What runs guests on this host: which drivers work, and why not where they do not. */
#ifndef MOTE_DRIVER_H
#define MOTE_DRIVER_H

#include <mote/error.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a driver can do on this host. */
typedef struct mote_driver_report {
    size_t struct_size;    /**< set by the caller to sizeof(mote_driver_report) */
    char name[16];         /**< "kvm" */
    char isolation[64];    /**< "hardware virtualisation" */
    char kind[64];         /**< which implementation serves it: "kvm_pvm", "kvm_intel", ... or "" */
    bool is_hardware;      /**< isolation rests on a hypervisor */
    bool is_for_debugging; /**< no isolation, no limits: chosen by name only, and not measured */
    bool works;            /**< a sandbox can be created */
    int32_t os_errno;      /**< errno of what failed, or 0 */
    char operation[64];    /**< what failed: "open /dev/kvm", or "" */
    char reason[256];      /**< one line on why it does not work, or "" */
    char advice[256];      /**< one line on what to do about it, or "" */
    uint64_t max_sandboxes; /**< how many this process may have at once by its limits; 0: unknown */
    uint64_t create_ns;     /**< from nothing to a guest's first exit, median; 0: not measured */
    uint64_t call_ns;       /**< one round trip to a guest and back, median */
    uint64_t spin_call_ns;  /**< the same with mote_config.spin_us; 0: this driver's do not spin */
    uint64_t stop_ns;       /**< how long after its limit an endless loop was stopped */
} mote_driver_report;

/**
 * Return the name of a driver, by index from 0 in order of preference.
 *
 * Units: none.
 * Owner: the library; the text lives as long as the library is loaded.
 * Threads: any.
 * Errors: none; NULL past the last driver.
 */
const char *mote_driver_name(size_t index);

/**
 * Examine a driver on this host, by index from 0.
 *
 * Opens and closes what the driver needs, and measures it with a guest of a few instructions, which
 * takes some milliseconds; keeps nothing. A driver for debugging is not measured.
 *
 * Units: nanoseconds where the name says so.
 * Owner: the caller owns *report.
 * Threads: any.
 * Errors: MOTE_E_ARGUMENT (report is NULL, or index is past the last driver), MOTE_E_STRUCT_SIZE. A
 * driver that does not work is no error: the report says so.
 */
MOTE_NODISCARD mote_status mote_driver_examine(size_t index, mote_driver_report *report,
                                               mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
