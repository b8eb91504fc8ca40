/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that is ready to be called, from the words of a command line. */
#ifndef MOTE_TOOLS_MOTE_SESSION_H
#define MOTE_TOOLS_MOTE_SESSION_H

#include "tools/mote/arguments.h"
#include "tools/mote/guest_output.h"
#include "tools/mote/options.h"

/* A zeroed session is closed. */
struct session {
    const struct options *options;
    struct arguments arguments;
    mote_config config;
    mote_image *image;
    mote_sandbox *sandbox;
    struct guest_output output;
};

/* Check everything that can be checked before the guest runs, in the contract's order, then create
 * the sandbox and initialise the guest. session_close() comes after an error too. */
mote_status session_open(struct session *session, const struct options *options, mote_error *err);

/* Call the function. The result is borrowed until the next call. */
mote_status session_call(struct session *session, mote_value *result, mote_error *err);

/* Print an error, with the source line of a fault, and return the exit status. */
int session_report(struct session *session, const mote_error *err);

/* End what the guest prints; comes before anything else is written to standard error. */
void session_end_output(struct session *session);

void session_close(struct session *session);

#endif
