/* SPDX-License-Identifier: Apache-2.0 */
/* mote doctor: which drivers work here, why the others do not, and what this process may have. */
#include "tools/mote/command.h"

#include "tools/mote/output.h"
#include "tools/mote/report.h"
#include "tools/mote/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* More than there will be drivers. */
#define MAX_DRIVERS 8

struct diagnosis {
    mote_driver_report drivers[MAX_DRIVERS];
    size_t n_drivers;
    struct rlimit open_files;
};

static void examine(struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < MAX_DRIVERS; i++) {
        mote_driver_report *report = &diagnosis->drivers[i];
        report->struct_size = sizeof(*report);
        if (mote_driver_examine(i, report, NULL) != MOTE_OK)
            break;
        diagnosis->n_drivers++;
    }
    if (getrlimit(RLIMIT_NOFILE, &diagnosis->open_files) != 0)
        diagnosis->open_files = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
}

static bool hardware_works(const struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->n_drivers; i++) {
        if (diagnosis->drivers[i].is_hardware && diagnosis->drivers[i].works)
            return true;
    }
    return false;
}

/* The first hardware driver's reason is the error. */
static void fill_error(const struct diagnosis *diagnosis, mote_error *err)
{
    *err = (mote_error){.code = MOTE_E_NO_HYPERVISOR, .text = "no hardware driver is built in"};
    for (size_t i = 0; i < diagnosis->n_drivers; i++) {
        const mote_driver_report *driver = &diagnosis->drivers[i];
        if (!driver->is_hardware)
            continue;
        err->os_errno = driver->os_errno;
        snprintf(err->subject, sizeof(err->subject), "%s", driver->operation);
        snprintf(err->text, sizeof(err->text), "%s: %s", driver->name, driver->reason);
        return;
    }
}

/* Measured on the spot, in nanoseconds; null where the driver does not work. */
static void print_measured_json(struct json *json, const mote_driver_report *driver)
{
    const struct {
        const char *key;
        uint64_t ns;
    } figures[] = {{"create_ns", driver->create_ns},
                   {"call_ns", driver->call_ns},
                   {"spin_call_ns", driver->spin_call_ns},
                   {"stop_ns", driver->stop_ns}};
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        if (driver->works && !driver->is_for_debugging)
            json_unsigned(json, figures[i].key, figures[i].ns);
        else
            json_null(json, figures[i].key);
    }
}

static void print_driver_json(struct json *json, const mote_driver_report *driver)
{
    json_open(json, NULL, '{');
    json_text(json, "name", driver->name);
    json_text(json, "isolation", driver->isolation);
    json_text_if_any(json, "kind", driver->kind);
    json_bool(json, "hardware", driver->is_hardware);
    json_bool(json, "works", driver->works);
    json_text_if_any(json, "reason", driver->reason);
    json_text_if_any(json, "advice", driver->advice);
    json_text_if_any(json, "operation", driver->operation);
    if (driver->os_errno == 0)
        json_null(json, "errno");
    else
        json_signed(json, "errno", driver->os_errno);
    json_text(json, "errno_name", driver->os_errno == 0 ? NULL : strerrorname_np(driver->os_errno));
    if (driver->max_sandboxes == 0)
        json_null(json, "max_sandboxes");
    else
        json_unsigned(json, "max_sandboxes", driver->max_sandboxes);
    print_measured_json(json, driver);
    json_close(json, '}');
}

static void print_limit_json(struct json *json, const char *key, rlim_t limit)
{
    if (limit == RLIM_INFINITY)
        json_null(json, key);
    else
        json_unsigned(json, key, limit);
}

static int print_json(const struct options *options, const struct diagnosis *diagnosis,
                      const mote_error *err)
{
    struct json json = {0};
    json_open(&json, NULL, '{');
    if (err != NULL)
        report_error_json(&json, options, err, NULL);
    else
        json_bool(&json, "ok", true);
    json_open(&json, "drivers", '[');
    for (size_t i = 0; i < diagnosis->n_drivers; i++)
        print_driver_json(&json, &diagnosis->drivers[i]);
    json_close(&json, ']');
    json_open(&json, "limits", '{');
    json_open(&json, "open_files", '{');
    print_limit_json(&json, "soft", diagnosis->open_files.rlim_cur);
    print_limit_json(&json, "hard", diagnosis->open_files.rlim_max);
    json_close(&json, '}');
    json_close(&json, '}');
    json_close(&json, '}');
    return report_json_end(&json, err != NULL ? (int)mote_status_class(err->code) : 0);
}

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

static void append_measured(char *text, size_t room, const mote_driver_report *driver)
{
    text_append(text, room, "  measured: create %.1f us, call %.1f us", us(driver->create_ns),
                us(driver->call_ns));
    if (driver->spin_call_ns != 0)
        text_append(text, room, " (spinning %.2f us)", us(driver->spin_call_ns));
    text_append(text, room, ", stop %.1f us after its limit\n", us(driver->stop_ns));
}

static mote_status print_driver(const mote_driver_report *driver, mote_error *err)
{
    char text[1024] = "";
    text_append(text, sizeof(text), "driver %s: %s; %s", driver->name,
                driver->works ? "works" : "does not work", driver->isolation);
    if (driver->kind[0] != '\0')
        text_append(text, sizeof(text), " (%s)", driver->kind);
    text_append(text, sizeof(text), "\n");
    if (driver->reason[0] != '\0')
        text_append(text, sizeof(text), "  reason: %s\n", driver->reason);
    if (driver->advice[0] != '\0')
        text_append(text, sizeof(text), "  advice: %s\n", driver->advice);
    if (driver->works && !driver->is_for_debugging)
        append_measured(text, sizeof(text), driver);
    if (driver->max_sandboxes != 0)
        text_append(text, sizeof(text), "  sandboxes: at most %" PRIu64 " at once in one process\n",
                    driver->max_sandboxes);
    return output_result(text, strlen(text), err);
}

static const char *limit_text(rlim_t limit, char to[24])
{
    if (limit == RLIM_INFINITY)
        return "no limit";
    snprintf(to, 24, "%ju", (uintmax_t)limit);
    return to;
}

static mote_status print_limits(const struct diagnosis *diagnosis, mote_error *err)
{
    char text[256];
    char soft[24];
    char hard[24];
    int n = snprintf(text, sizeof(text), "open files: %s, can be raised to %s (ulimit -n)\n",
                     limit_text(diagnosis->open_files.rlim_cur, soft),
                     limit_text(diagnosis->open_files.rlim_max, hard));
    return output_result(text, (size_t)n, err);
}

static int print_text(const struct options *options, const struct diagnosis *diagnosis,
                      const mote_error *found)
{
    mote_error err;
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < diagnosis->n_drivers && status == MOTE_OK; i++)
        status = print_driver(&diagnosis->drivers[i], &err);
    if (status == MOTE_OK)
        status = print_limits(diagnosis, &err);
    if (status != MOTE_OK)
        return report_error(options, &err, NULL);
    return found != NULL ? (int)mote_status_class(found->code) : 0;
}

int command_doctor(const struct options *options)
{
    struct diagnosis diagnosis = {0};
    mote_error err;
    const mote_error *found = NULL;
    examine(&diagnosis);
    if (!hardware_works(&diagnosis)) {
        fill_error(&diagnosis, &err);
        report_line(&err, NULL);
        found = &err;
    }
    return options->json ? print_json(options, &diagnosis, found)
                         : print_text(options, &diagnosis, found);
}
