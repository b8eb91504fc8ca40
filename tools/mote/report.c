/* SPDX-License-Identifier: Apache-2.0 */
/* Reporting errors. */
#include "tools/mote/report.h"

#include "tools/mote/guest_output.h"
#include "tools/mote/output.h"
#include "tools/mote/text.h"
#include "tools/mote/usage.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the writers of the objects need. */
struct report {
    const struct options *options;
    const mote_error *err;
    const struct source_line *source;
};

/* A row says which codes have an object of which form; the first that fits counts. */
struct object {
    mote_class class;
    mote_status code; /* MOTE_OK: all other codes of the class */
    void (*write)(struct json *json, const struct report *report);
};

static const char *class_name(mote_class class)
{
    static const char *const names[] = {
        [MOTE_CLASS_NONE] = "none",
        [MOTE_CLASS_GUEST_ERROR] = "guest-error",
        [MOTE_CLASS_USAGE] = "usage",
        [MOTE_CLASS_LOAD] = "load",
        [MOTE_CLASS_GUEST_FAULT] = "guest-fault",
        [MOTE_CLASS_TIME_LIMIT] = "time-limit",
        [MOTE_CLASS_HOST] = "host",
    };
    return names[class];
}

/* Vectors for which the CPU pushes an error code (Intel SDM volume 3, section 6.3, table 6-1). */
static bool has_error_code(int32_t vector)
{
    switch (vector) {
    case 8:
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
    case 17:
    case 21:
        return true;
    default:
        return false;
    }
}

static const char *access_name(uint32_t access)
{
    static const char *const names[] = {
        [MOTE_ACCESS_NONE] = NULL,
        [MOTE_ACCESS_READ] = "read",
        [MOTE_ACCESS_WRITE] = "write",
        [MOTE_ACCESS_EXECUTE] = "execute",
    };
    return access < sizeof(names) / sizeof(names[0]) ? names[access] : NULL;
}

static void write_guest(struct json *json, const struct report *report)
{
    json_open(json, "guest", '{');
    json_unsigned(json, "code", report->err->guest_code);
    json_text(json, "name", mote_guest_code_name(report->err->guest_code));
    json_text(json, "message", report->err->message);
    json_close(json, '}');
}

static void write_usage(struct json *json, const struct report *report)
{
    bool is_about_word = report->err->subject[0] != '\0' || usage_is_about_word();
    json_text(json, "argument", is_about_word ? report->err->subject : NULL);
}

static void write_load(struct json *json, const struct report *report)
{
    const mote_load *load = &report->err->load;
    json_text(json, "file", options_guest(report->options));
    json_text_if_any(json, "field", load->field);
    if (load->field[0] == '\0') {
        json_null(json, "value");
        json_null(json, "offset");
        return;
    }
    json_address(json, "value", load->value);
    json_address(json, "offset", load->offset);
}

static void write_source(struct json *json, const struct source_line *source)
{
    if (source == NULL) {
        json_null(json, "source");
        return;
    }
    json_open(json, "source", '{');
    json_text(json, "file", source->file);
    json_signed(json, "line", source->line);
    json_text_if_any(json, "function", source->function);
    json_close(json, '}');
}

static void write_fault(struct json *json, const struct report *report)
{
    const mote_fault *fault = &report->err->fault;
    json_open(json, "fault", '{');
    json_text_if_any(json, "cause", fault->cause);
    if (fault->vector < 0)
        json_null(json, "vector");
    else
        json_signed(json, "vector", fault->vector);
    json_text_if_any(json, "name", fault->name);
    if (has_error_code(fault->vector))
        json_unsigned(json, "error_code", fault->error_code);
    else
        json_null(json, "error_code");
    json_text(json, "access", access_name(fault->access));
    json_address(json, "rip", fault->rip);
    json_address(json, "rsp", fault->rsp);
    if (fault->has_address != 0)
        json_address(json, "address", fault->address);
    else
        json_null(json, "address");
    json_text_if_any(json, "region", fault->region);
    json_text_if_any(json, "symbol", fault->symbol);
    write_source(json, report->source);
    json_close(json, '}');
}

/* A guest may abort with a code alone. */
static void write_abort(struct json *json, const struct report *report)
{
    json_open(json, "abort", '{');
    json_unsigned(json, "code", report->err->guest_code);
    json_text_if_any(json, "message", report->err->message);
    json_close(json, '}');
}

static void write_protocol(struct json *json, const struct report *report)
{
    json_open(json, "protocol", '{');
    json_text_if_any(json, "buffer", report->err->protocol_buffer);
    json_text_if_any(json, "field", report->err->protocol_field);
    json_address(json, "value", report->err->protocol_value);
    json_close(json, '}');
}

static void write_limit(struct json *json, const struct report *report)
{
    const mote_limit *limit = &report->err->limit;
    json_open(json, "limit", '{');
    json_text_if_any(json, "kind", limit->kind);
    json_text_if_any(json, "phase", limit->phase);
    json_unsigned(json, "limit_us", limit->limit_us);
    json_unsigned(json, "elapsed_us", limit->elapsed_us);
    json_close(json, '}');
}

static void write_host(struct json *json, const struct report *report)
{
    int os_errno = report->err->os_errno;
    json_open(json, "host", '{');
    json_text_if_any(json, "operation", report->err->subject);
    if (os_errno == 0)
        json_null(json, "errno");
    else
        json_signed(json, "errno", os_errno);
    json_text(json, "errno_name", os_errno == 0 ? NULL : strerrorname_np(os_errno));
    json_close(json, '}');
}

/* Only a host function that failed has a code, and may have an empty message; one that could not be
 * called has neither. */
static void write_host_function(struct json *json, const struct report *report)
{
    const mote_error *err = report->err;
    json_open(json, "host_function", '{');
    json_text_if_any(json, "name", err->function);
    if (err->code == MOTE_E_HOST_FUNCTION) {
        json_unsigned(json, "code", err->guest_code);
        json_text(json, "message", err->message);
    } else {
        json_null(json, "code");
        json_text_if_any(json, "message", err->message);
    }
    json_close(json, '}');
}

static const struct object objects[] = {
    {MOTE_CLASS_GUEST_ERROR, MOTE_OK, write_guest},
    {MOTE_CLASS_USAGE, MOTE_OK, write_usage},
    {MOTE_CLASS_LOAD, MOTE_OK, write_load},
    {MOTE_CLASS_GUEST_FAULT, MOTE_E_GUEST_FAULT, write_fault},
    {MOTE_CLASS_GUEST_FAULT, MOTE_E_GUEST_ABORT, write_abort},
    {MOTE_CLASS_GUEST_FAULT, MOTE_E_PROTOCOL, write_protocol},
    {MOTE_CLASS_TIME_LIMIT, MOTE_OK, write_limit},
    {MOTE_CLASS_HOST, MOTE_E_HOST_FUNCTION, write_host_function},
    {MOTE_CLASS_HOST, MOTE_E_HOST_FUNCTION_UNKNOWN, write_host_function},
    {MOTE_CLASS_HOST, MOTE_E_HOST_FUNCTION_ARGUMENTS, write_host_function},
    {MOTE_CLASS_HOST, MOTE_E_SYSTEM_CALL, write_host_function},
    {MOTE_CLASS_HOST, MOTE_OK, write_host},
};

/* The error's text, and after a fault's symbol where that is in the source. */
static void full_text(char *to, size_t to_bytes, const mote_error *err,
                      const struct source_line *source)
{
    if (source == NULL)
        snprintf(to, to_bytes, "%s", err->text);
    else if (err->fault.symbol[0] == '\0' && source->function[0] != '\0')
        snprintf(to, to_bytes, "%s in %s at %s:%d", err->text, source->function, source->file,
                 source->line);
    else
        snprintf(to, to_bytes, "%s at %s:%d", err->text, source->file, source->line);
}

void report_line(const mote_error *err, const struct source_line *source)
{
    char text[sizeof(err->text) + sizeof(*source) + 64];
    char whole[sizeof(text) + 64];
    char line[REPORT_LINE_BYTES];
    full_text(text, sizeof(text), err, source);
    snprintf(whole, sizeof(whole), "%s %s: %s", GUEST_OUTPUT_OWN_PREFIX,
             mote_status_name(err->code), text);
    size_t n = text_line(line, sizeof(line), whole, strlen(whole));
    line[n] = '\n'; /* in place of the NUL: the line is at most REPORT_LINE_BYTES long */
    (void)output_write(STDERR_FILENO, line, n + 1);
}

void report_error_json(struct json *json, const struct options *options, const mote_error *err,
                       const struct source_line *source)
{
    const struct report report = {options, err, source};
    mote_class class = mote_status_class(err->code);
    char text[sizeof(err->text) + sizeof(*source) + 64];
    full_text(text, sizeof(text), err, source);
    json_bool(json, "ok", false);
    json_text(json, "class", class_name(class));
    json_signed(json, "status", (int64_t) class);
    json_text(json, "code", mote_status_name(err->code));
    json_text(json, "text", text);
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        const struct object *object = &objects[i];
        if (object->class != class || (object->code != MOTE_OK && object->code != err->code))
            continue;
        object->write(json, &report);
        return;
    }
}

int report_json_end(struct json *json, int status)
{
    int os_errno = json_end(json);
    if (os_errno == 0)
        return status;
    mote_error err;
    (void)output_fail(os_errno, &err);
    report_line(&err, NULL);
    return status != 0 ? status : (int)MOTE_CLASS_HOST;
}

int report_error(const struct options *options, const mote_error *err,
                 const struct source_line *source)
{
    int status = (int)mote_status_class(err->code);
    report_line(err, source);
    if (!options->json || err->code == MOTE_E_OUTPUT)
        return status;
    struct json json = {0};
    json_open(&json, NULL, '{');
    report_error_json(&json, options, err, source);
    json_close(&json, '}');
    return report_json_end(&json, status);
}
