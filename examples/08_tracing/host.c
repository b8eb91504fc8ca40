/* SPDX-License-Identifier: Apache-2.0 */
/* A host that keeps the spans of its sandbox, shows how they nest, and writes them as a trace that
 * Chrome's and Perfetto's viewers open. */
#include <mote/mote.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS = 64, NAME_BYTES = 96, NS_PER_US = 1000 };

/* What is kept of a span; its text is borrowed until the callback returns. */
struct event {
    bool is_end;
    mote_status status;
    uint64_t sandbox_id;
    uint64_t time_ns;
    const char *operation; /* a constant of the library's */
    char function[NAME_BYTES];
};

struct trace {
    struct event events[MAX_EVENTS];
    size_t n;
};

static void keep_span(void *context, const mote_span *span)
{
    struct trace *trace = context;
    if (trace->n == MAX_EVENTS) {
        return;
    }
    struct event *event = &trace->events[trace->n++];
    event->is_end = span->is_end;
    event->status = span->status;
    event->sandbox_id = span->sandbox_id;
    event->time_ns = span->time_ns;
    event->operation = span->operation;
    snprintf(event->function, sizeof(event->function), "%s", span->function);
}

/* ---- What is watched ---- */

static mote_status translate(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    (void)context;
    (void)n_args;
    (void)err;
    bool is_hello = strcmp(args[0].as.str.data, "hello") == 0;
    *result = is_hello ? mote_str("salut") : args[0];
    return MOTE_OK;
}

static mote_status start(const char *path, const mote_config *config, mote_sandbox **out,
                         mote_error *err)
{
    const mote_host_function function = {
        .name = "Translate",
        .fn = translate,
        .returns = MOTE_TYPE_STR,
        .n_params = 1,
        .params = {MOTE_TYPE_STR},
    };
    mote_image *image = NULL;
    mote_status status = mote_image_open(path, NULL, &image, err);
    if (status != MOTE_OK) {
        return status;
    }
    mote_sandbox *sandbox = NULL;
    status = mote_sandbox_create(image, config, &sandbox, err);
    mote_image_unref(image); /* the sandbox holds a reference of its own */
    if (status == MOTE_OK) {
        status = mote_sandbox_register(sandbox, &function, err);
    }
    if (status == MOTE_OK) {
        status = mote_sandbox_evolve(sandbox, NULL, NULL, err);
    }
    if (status != MOTE_OK) {
        mote_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

static int make_calls(const char *path, struct trace *trace)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;
    config.driver = getenv("MOTE_DRIVER");
    config.span = keep_span;
    config.span_context = trace;
    mote_error err;
    mote_sandbox *sandbox = NULL;
    if (start(path, &config, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "start: %s\n", err.text);
        return 1;
    }
    const mote_value name = mote_str("World");
    mote_value greeting;
    mote_status greeted =
        mote_call_reset(sandbox, "Greet", &name, 1, MOTE_TYPE_STR, &greeting, &err);
    if (greeted == MOTE_OK) {
        printf("%s\n", greeting.as.str.data);
    } else {
        fprintf(stderr, "Greet: %s\n", err.text);
    }
    mote_status broken = mote_call_reset(sandbox, "Break", NULL, 0, MOTE_TYPE_VOID, NULL, NULL);
    mote_sandbox_destroy(sandbox);
    return greeted == MOTE_OK && broken == MOTE_E_GUEST_FAULT ? 0 : 1;
}

/* ---- What is shown ---- */

static void show(const struct trace *trace)
{
    int depth = 0;
    for (size_t i = 0; i < trace->n; i++) {
        const struct event *event = &trace->events[i];
        if (event->is_end) {
            depth--;
            if (event->status != MOTE_OK) {
                printf("%*s%s\n", 4 * depth + 2, "", mote_status_name(event->status));
            }
            continue;
        }
        printf("%*s%s%s%s\n", 4 * depth, "", event->operation,
               event->function[0] != '\0' ? " " : "", event->function);
        depth++;
    }
}

static void write_json_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20) {
            fprintf(file, "\\u%04x", (unsigned)(unsigned char)*text);
        } else {
            fputc(*text, file);
        }
    }
}

/* One line of the trace; a sandbox stands where the format has a thread. */
static void write_event(FILE *file, const struct event *event)
{
    fprintf(file, "{\"name\": \"%s%s", event->operation, event->function[0] != '\0' ? " " : "");
    write_json_text(file, event->function);
    fprintf(file,
            "\", \"ph\": \"%s\", \"pid\": 1, \"tid\": %" PRIu64 ", \"ts\": %" PRIu64 ".%03" PRIu64
            ", \"args\": {\"status\": \"%s\"}}",
            event->is_end ? "E" : "B", event->sandbox_id, event->time_ns / NS_PER_US,
            event->time_ns % NS_PER_US, mote_status_name(event->status));
}

static int write_trace(const char *path, const struct trace *trace)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    fputs("{\"traceEvents\": [\n", file);
    for (size_t i = 0; i < trace->n; i++) {
        fputs(i > 0 ? ",\n" : "", file);
        write_event(file, &trace->events[i]);
    }
    fputs("\n]}\n", file);
    return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct trace trace;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: host GUEST [FILE]\n");
        return 2;
    }
    int status = make_calls(argv[1], &trace);
    if (status != 0) {
        return status;
    }
    show(&trace);
    return argc == 3 ? write_trace(argv[2], &trace) : 0;
}
