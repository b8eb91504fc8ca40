/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a sandbox, registering its host functions, destroying it. */
#include "host/sandbox/operations.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include "host/os/process.h"
#include "host/sandbox/choose.h"
#include <pthread.h>
#include <string.h>

static atomic_uint_least64_t last_id;

/* New memory is zero; what the image has to write to follows. */
static void load_image(const mote_sandbox *sandbox, const struct mt_window *window)
{
    const struct mt_template *template = sandbox->template;
    uint64_t from = template->layout.private_start - template->layout.start[MT_PLACE_CODE];
    if (template->private_copy_bytes > 0)
        mt_guest_write(window, mt_gva(template->layout.private_start), template->placed + from,
                       template->private_copy_bytes);
}

static mote_status register_print(mote_sandbox *sandbox, mote_error *err)
{
    const struct mt_host_function print = {.as_registered = {
                                               .name = MT_HOST_PRINT_NAME,
                                               .fn = mt_host_print,
                                               .context = sandbox,
                                               .returns = MOTE_TYPE_I32,
                                               .n_params = 1,
                                               .params = {MOTE_TYPE_STR},
                                           }};
    return mt_registry_add(&sandbox->registry, &sandbox->allocator, &print, err);
}

/* From here on somebody may watch. */
static mote_status apply_config(mote_sandbox *sandbox, const mote_config *config, mote_error *err)
{
    struct mt_settings *settings = &sandbox->settings;
    mote_status status = mt_settings_init(settings, config, &sandbox->image->parsed.facts, err);
    if (status != MOTE_OK)
        return status;
    mt_metrics_hold(settings->metrics);
    mt_rate_init(&sandbox->log_rate, settings->log_rate_per_s, settings->log_burst);
    mt_observe_begin(sandbox, MOTE_SPAN_CREATE, "");
    return MOTE_OK;
}

static mote_status fill(mote_sandbox *sandbox, const mote_config *config, mote_error *err)
{
    struct mt_window window;
    mote_status status = apply_config(sandbox, config, err);
    if (status == MOTE_OK)
        status = mt_choose_driver(config, &sandbox->driver, err);
    if (status == MOTE_OK)
        status = mt_process_mark(&sandbox->process_mark, err);
    if (status == MOTE_OK)
        status = register_print(sandbox, err);
    if (status == MOTE_OK && sandbox->settings.filter_host_functions)
        status = mt_worker_create(&sandbox->allocator, &sandbox->worker, err);
    if (status == MOTE_OK)
        status = mt_template_get(sandbox->image, sandbox->driver, &sandbox->settings.sizes,
                                 &sandbox->template, err);
    if (status == MOTE_OK)
        status =
            sandbox->driver->create(sandbox->template->prepared, &sandbox->machine, &window, err);
    if (status != MOTE_OK)
        return status;
    if (sandbox->driver->spin != NULL)
        sandbox->driver->spin(sandbox->machine, sandbox->settings.spin_us * 1000);
    load_image(sandbox, &window);
    mt_buffers_init(&sandbox->buffers, &sandbox->template->layout, &window);
    return MOTE_OK;
}

static mote_status create(mote_image *image, const mote_config *config, mote_sandbox **out,
                          mote_error *err)
{
    mote_sandbox *sandbox = mt_alloc_zero(&image->parsed.allocator, sizeof(*sandbox));
    if (sandbox == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a sandbox");
    sandbox->allocator = image->parsed.allocator;
    sandbox->image = image;
    atomic_fetch_add(&image->n_refs, 1);
    atomic_init(&sandbox->state, MOTE_SANDBOX_CREATED);
    sandbox->id = atomic_fetch_add(&last_id, 1) + 1;
    uint64_t started_ns = mt_clock_ns();
    mote_status status = fill(sandbox, config, err);
    mt_observe_end(sandbox, MOTE_SPAN_CREATE, "", started_ns, mt_clock_ns(), status);
    if (status == MOTE_OK)
        status = mt_observe_check_process(sandbox, err);
    if (status != MOTE_OK) {
        mt_sandbox_destroy(sandbox);
        return status;
    }
    *out = sandbox;
    return MOTE_OK;
}

/* A thread that is cancelled half-way would leave locks that others wait for (pthreads(7)): it is
 * once it has done this. */
mote_status mt_sandbox_create(mote_image *image, const mote_config *config, mote_sandbox **out,
                              mote_error *err)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    mote_status status = create(image, config, out, err);
    pthread_setcancelstate(cancel_state, NULL);
    return status;
}

static void destroy(mote_sandbox *sandbox)
{
    mote_image *image = sandbox->image;
    mote_allocator allocator = sandbox->allocator;
    bool is_copy = !mt_process_is(sandbox->process_mark);
    mt_worker_destroy(sandbox->worker, is_copy);
    if (sandbox->machine != NULL) {
        sandbox->driver->destroy(sandbox->machine, is_copy);
        mt_metrics_add(sandbox->settings.metrics, MT_COUNTER_DESTROYED, 1);
    }
    mote_metrics_destroy(sandbox->settings.metrics);
    mt_history_fini(sandbox);
    if (sandbox->template != NULL)
        mt_template_put(image, sandbox->template);
    mt_registry_fini(&sandbox->registry, &allocator);
    mt_copy_fini(&sandbox->result_copy, &allocator);
    mt_copy_fini(&sandbox->message_copy, &allocator);
    mt_release(&allocator, sandbox);
    mote_image_unref(image);
}

void mt_sandbox_destroy(mote_sandbox *sandbox)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    destroy(sandbox);
    pthread_setcancelstate(cancel_state, NULL);
}

static bool has_print_types(const mote_host_function *function)
{
    return function->n_params == 1 && function->params[0] == MOTE_TYPE_STR &&
           function->returns == MOTE_TYPE_I32;
}

mote_status mt_sandbox_register(mote_sandbox *sandbox, const mote_host_function *function,
                                const int *system_calls, size_t n_system_calls, mote_error *err)
{
    struct mt_host_function added = {.as_registered = *function};
    mote_status status = mt_system_calls_set(&added.allowed, system_calls, n_system_calls, err);
    if (status != MOTE_OK)
        return status;
    bool is_print = function->name != NULL && strcmp(function->name, MT_HOST_PRINT_NAME) == 0;
    if (is_print && !has_print_types(function))
        return mt_fail(err, MOTE_E_ARGUMENT, "%s has other types than (str) -> i32",
                       MT_HOST_PRINT_NAME);
    struct mt_host_function before = {.as_registered = {.name = NULL}};
    if (function->name != NULL) {
        const struct mt_host_function *known =
            mt_registry_find(&sandbox->registry, function->name, strlen(function->name));
        if (known != NULL)
            before = *known;
    }
    status = mt_registry_add(&sandbox->registry, &sandbox->allocator, &added, err);
    if (status != MOTE_OK)
        return status;
    status = mt_sandbox_publish_definitions(sandbox, err);
    if (status == MOTE_OK)
        return MOTE_OK;
    if (before.as_registered.name != NULL)
        (void)mt_registry_add(&sandbox->registry, &sandbox->allocator, &before, NULL);
    else
        mt_registry_remove(&sandbox->registry, &sandbox->allocator, function->name);
    return status;
}
