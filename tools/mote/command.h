/* SPDX-License-Identifier: Apache-2.0 */
/* The commands. Each gets its parsed words and returns the exit status of the program. */
#ifndef MOTE_TOOLS_MOTE_COMMAND_H
#define MOTE_TOOLS_MOTE_COMMAND_H

#include "tools/mote/options.h"

int command_call(const struct options *options);
int command_bench(const struct options *options);
int command_list(const struct options *options);
int command_inspect(const struct options *options);
int command_doctor(const struct options *options);

#endif
