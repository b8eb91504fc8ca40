/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each thread's alarm: one real-time signal that is blocked in the thread and is opened only while
 * a guest runs. It carries time limits (one POSIX timer per thread) and cancels from other threads.
 * No handler is installed and no disposition changed.
 *
 * The timer stays armed from call to call: a limit costs a warm call no system call. It is armed
 * again only when it fires before the deadline of the call that it interrupts.
 */
#ifndef MOTE_HOST_OS_ALARM_H
#define MOTE_HOST_OS_ALARM_H

#include <mote/error.h>
#include <signal.h>
#include <stdbool.h>

struct mt_alarm;

/* The number of the signal. */
int mt_alarm_signal(void);

/* Take a hold on the calling thread's alarm; the first hold sets it up. */
mote_status mt_alarm_hold(struct mt_alarm **out, mote_error *err);

/* Give up a hold, from any thread. The alarm goes with its thread, or earlier when its own thread
 * gives up the last hold. */
void mt_alarm_release(struct mt_alarm *alarm);

/* Whether an alarm is the calling thread's own. */
bool mt_alarm_is_own(const struct mt_alarm *alarm);

/* See to it that the signal comes at deadline_ns or earlier. Own thread only; makes a system call
 * only when the timer is not armed for as early as that, and counts it. MOTE_E_SYSTEM when the
 * timer cannot be armed: then no limit would be heard. */
mote_status mt_alarm_arm(struct mt_alarm *alarm, uint64_t deadline_ns, uint64_t *n_system_calls,
                         mote_error *err);

/* Take back one pending signal. Own thread only. False when none was pending. */
bool mt_alarm_drain(struct mt_alarm *alarm);

/* The signal mask for running a guest: the thread's own, with the signal opened. */
void mt_alarm_open_mask(sigset_t *mask);

/* Send the signal to the alarm's thread, from any thread; false when that was refused. The caller
 * sees to it that the alarm is held. Async-signal-safe. */
bool mt_alarm_ring(struct mt_alarm *alarm);

#endif
