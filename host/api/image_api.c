/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/image.h>: reading files, references, facts. */
#include "host/base/alloc.h"
#include "host/base/error.h"
#include "host/base/limits.h"
#include "host/base/struct_size.h"
#include "host/base/text.h"
#include "host/sandbox/operations.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    uint8_t *data;
    uint64_t len_bytes;
};

/* ---- Reading ---- */

static mote_status cannot_open(const char *path, int os_errno, const char *reason, mote_error *err)
{
    char escaped[256];
    char here[256];
    char folder[256] = "";
    mt_escape(escaped, sizeof(escaped), path, strlen(path));
    if (path[0] != '/' && getcwd(here, sizeof(here)) != NULL)
        mt_escape(folder, sizeof(folder), here, strlen(here));
    mote_status status =
        mt_fail(err, MOTE_E_IMAGE_OPEN, "%s: %s%s%s%s", escaped, reason,
                folder[0] != '\0' ? " (searched in " : "", folder, folder[0] != '\0' ? ")" : "");
    if (err == NULL)
        return status;
    err->os_errno = os_errno;
    mt_error_copy(err->subject, sizeof(err->subject), path, strlen(path));
    return status;
}

static mote_status cannot_read(const char *path, int os_errno, mote_error *err)
{
    const char *meaning = strerrordesc_np(os_errno);
    return cannot_open(path, os_errno, meaning != NULL ? meaning : "unknown errno", err);
}

/* Only a regular file will do, and opening must not wait for a FIFO's other end. */
static mote_status open_regular(const char *path, int *fd, uint64_t *len_bytes, mote_error *err)
{
    struct stat facts;
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0)
        return cannot_read(path, errno, err);
    mote_status status = MOTE_OK;
    if (fstat(opened, &facts) != 0)
        status = cannot_read(path, errno, err);
    else if (!S_ISREG(facts.st_mode))
        status = cannot_open(
            path, 0, S_ISDIR(facts.st_mode) ? "is a directory" : "is not a regular file", err);
    else if ((uint64_t)facts.st_size > MT_MAX_FILE_BYTES)
        status = mt_image_too_large((uint64_t)facts.st_size, err);
    if (status != MOTE_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    *len_bytes = (uint64_t)facts.st_size;
    return MOTE_OK;
}

/* The file may shrink while it is read: what is not there any more is not counted. */
static mote_status read_all(int fd, const char *path, struct file *file, mote_error *err)
{
    uint64_t n_read = 0;
    while (n_read < file->len_bytes) {
        ssize_t n = read(fd, file->data + n_read, file->len_bytes - n_read);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_read(path, errno, err);
        if (n == 0)
            break;
        n_read += (uint64_t)n;
    }
    file->len_bytes = n_read;
    return MOTE_OK;
}

static mote_status read_file(const char *path, const mote_allocator *allocator, struct file *file,
                             mote_error *err)
{
    int fd = -1;
    struct file made = {NULL, 0};
    mote_status status = open_regular(path, &fd, &made.len_bytes, err);
    if (status != MOTE_OK)
        return status;
    made.data = mt_alloc(allocator, made.len_bytes);
    if (made.data == NULL)
        status = mt_fail(err, MOTE_E_MEMORY, "no memory to read a file of %" PRIu64 " bytes",
                         made.len_bytes);
    else
        status = read_all(fd, path, &made, err);
    close(fd);
    if (status != MOTE_OK) {
        mt_release(allocator, made.data);
        return status;
    }
    *file = made;
    return MOTE_OK;
}

/* ---- Images ---- */

static mote_status make_image(const uint8_t *data, uint64_t len_bytes,
                              const mote_allocator *allocator, mote_image **out, mote_error *err)
{
    mote_image *image = mt_alloc_zero(allocator, sizeof(*image));
    if (image == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for an image");
    mote_status status = mt_image_init(&image->parsed, data, len_bytes, allocator, err);
    if (status == MOTE_OK) {
        int failure = pthread_mutex_init(&image->lock, NULL);
        if (failure != 0) {
            mt_image_fini(&image->parsed);
            status = mt_fail_errno(err, MOTE_E_MEMORY, failure, "pthread_mutex_init");
        }
    }
    if (status != MOTE_OK) {
        mt_release(allocator, image);
        return status;
    }
    atomic_init(&image->n_refs, 1);
    *out = image;
    return MOTE_OK;
}

mote_status mote_image_open(const char *path, const mote_allocator *allocator, mote_image **out,
                            mote_error *err)
{
    mote_allocator ours;
    struct file file;
    if (path == NULL || out == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "path or out is NULL");
    if (!mt_allocator_set(&ours, allocator))
        return mt_fail(err, MOTE_E_ARGUMENT, "a function of the allocator is NULL");
    mote_status status = read_file(path, &ours, &file, err);
    if (status != MOTE_OK)
        return status;
    status = make_image(file.data, file.len_bytes, &ours, out, err);
    mt_release(&ours, file.data);
    if (status != MOTE_OK && err != NULL)
        mt_error_copy(err->subject, sizeof(err->subject), path, strlen(path));
    return mt_outcome(status, err);
}

mote_status mote_image_from_bytes(const void *data, size_t len_bytes,
                                  const mote_allocator *allocator, mote_image **out,
                                  mote_error *err)
{
    mote_allocator ours;
    if (data == NULL || out == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "data or out is NULL");
    if (!mt_allocator_set(&ours, allocator))
        return mt_fail(err, MOTE_E_ARGUMENT, "a function of the allocator is NULL");
    return mt_outcome(make_image(data, len_bytes, &ours, out, err), err);
}

void mote_image_unref(mote_image *image)
{
    if (image == NULL || atomic_fetch_sub(&image->n_refs, 1) != 1)
        return;
    mote_allocator allocator = image->parsed.allocator;
    mt_templates_fini(image);
    pthread_mutex_destroy(&image->lock);
    mt_image_fini(&image->parsed);
    mt_release(&allocator, image);
}

/* ---- Facts ---- */

mote_status mote_image_facts_get(const mote_image *image, mote_image_facts *facts, mote_error *err)
{
    static const struct mt_struct kind = {"mote_image_facts", 80, sizeof(*facts)};
    if (image == NULL || facts == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "image or facts is NULL");
    mote_status status = mt_struct_check(&kind, facts->struct_size, err);
    if (status == MOTE_OK)
        mt_struct_write(&kind, facts, facts->struct_size, &image->parsed.facts);
    return mt_outcome(status, err);
}

const mote_function *mote_image_function(const mote_image *image, size_t index)
{
    if (image == NULL || index >= image->parsed.n_functions)
        return NULL;
    return &image->parsed.functions[index];
}

const mote_section *mote_image_section(const mote_image *image, size_t index)
{
    if (image == NULL || index >= image->parsed.n_sections)
        return NULL;
    return &image->parsed.sections[index];
}

mote_status mote_image_check_call(const mote_image *image, const char *function,
                                  const mote_value *args, size_t n_args, mote_type returns,
                                  mote_error *err)
{
    mote_type found;
    if (image == NULL)
        return mt_fail(err, MOTE_E_ARGUMENT, "image is NULL");
    mote_status status = mt_check_words(function, args, n_args, returns, err);
    if (status == MOTE_OK)
        status = mt_check_call(&image->parsed, function, args, n_args, returns, &found, err);
    return mt_outcome(status, err);
}

static mote_status list_map(const struct mt_image *parsed, const struct mt_layout *layout,
                            mote_region *regions, size_t n_max, size_t *n_regions, mote_error *err)
{
    struct mt_region *all =
        mt_alloc_array_zero(&parsed->allocator, mt_layout_max_regions(parsed), sizeof(*all));
    if (all == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a list of regions");
    size_t n = mt_layout_regions(layout, parsed, NULL, all);
    for (size_t i = 0; i < n && i < n_max; i++)
        regions[i] = (mote_region){all[i].name, all[i].start, all[i].len_bytes, all[i].rights};
    mt_release(&parsed->allocator, all);
    *n_regions = n;
    return MOTE_OK;
}

mote_status mote_image_map(const mote_image *image, const mote_config *config, mote_region *regions,
                           size_t n_max, size_t *n_regions, mote_error *err)
{
    mote_config known;
    struct mt_settings settings;
    struct mt_layout layout;
    if (image == NULL || n_regions == NULL || (regions == NULL && n_max > 0))
        return mt_fail(err, MOTE_E_ARGUMENT, "image, n_regions or regions is NULL");
    mote_status status = mt_config_read(&known, config, err);
    if (status == MOTE_OK)
        status = mt_settings_init(&settings, &known, &image->parsed.facts, err);
    if (status == MOTE_OK)
        status = mt_layout_init(&layout, &image->parsed, &settings.sizes, err);
    if (status == MOTE_OK)
        status = list_map(&image->parsed, &layout, regions, n_max, n_regions, err);
    return mt_outcome(status, err);
}
