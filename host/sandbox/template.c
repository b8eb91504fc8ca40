/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: made once for an image and a configuration. */
#include "host/sandbox/template.h"

#include "host/base/error.h"
#include "host/base/page.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Templates without sandboxes that an image keeps for the next sandbox of the same configuration.
 */
#define MAX_IDLE_TEMPLATES 4u

static void destroy(const mote_allocator *allocator, struct mt_template *template)
{
    if (template->prepared != NULL)
        template->driver->unprepare(template->prepared);
    if (template->placed != NULL)
        munmap(template->placed, template->placed_bytes);
    mt_release(allocator, template->regions);
    mt_release(allocator, template);
}

/* Put the relocated image into pages of its own, which are never written again. */
static mote_status place_image(struct mt_template *template, const struct mt_image *image,
                               mote_error *err)
{
    void *pages =
        mmap(NULL, image->memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mmap of the image");
    template->placed = pages;
    template->placed_bytes = image->memory_bytes;
    if (madvise(pages, image->memory_bytes, MADV_DONTDUMP) != 0)
        return mt_fail_errno(err, MOTE_E_SYSTEM, errno, "madvise(MADV_DONTDUMP)");
    mt_image_place(image, template->layout.start[MT_PLACE_CODE], template->placed);
    if (mprotect(pages, image->memory_bytes, PROT_READ) != 0)
        return mt_fail_errno(err, MOTE_E_MEMORY, errno, "mprotect of the image");
    return MOTE_OK;
}

/* New private memory is zero already: only what comes before the image's last non-zero byte has to
 * be copied. */
static uint64_t bytes_to_copy(const struct mt_template *template)
{
    uint64_t private_offset =
        template->layout.private_start - template->layout.start[MT_PLACE_CODE];
    uint64_t end = template->placed_bytes;
    while (end >= private_offset + MT_PAGE_BYTES &&
           mt_page_is_zero(template->placed + end - MT_PAGE_BYTES))
        end -= MT_PAGE_BYTES;
    while (end > private_offset && template->placed[end - 1] == 0)
        end--;
    return end > private_offset ? end - private_offset : 0;
}

static mote_status list_regions(struct mt_template *template, const struct mt_image *image,
                                const mote_allocator *allocator, mote_error *err)
{
    template->regions =
        mt_alloc_array_zero(allocator, mt_layout_max_regions(image), sizeof(template->regions[0]));
    if (template->regions == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a list of regions");
    template->n_regions =
        mt_layout_regions(&template->layout, image, template->placed, template->regions);
    const struct mt_layout *layout = &template->layout;
    template->plan = (struct mt_plan){
        .regions = template->regions,
        .n_regions = template->n_regions,
        .tables_start = layout->start[MT_PLACE_TABLES],
        .tables_len_bytes = layout->len_bytes[MT_PLACE_TABLES],
        .exception_stack = mt_layout_end(layout, MT_PLACE_KERNEL_STACK),
        .double_fault_stack = mt_layout_end(layout, MT_PLACE_BOOT_STACK),
        .sparse_start = layout->sparse_start,
        .sparse_end = layout->sparse_end,
    };
    return MOTE_OK;
}

static mote_status make(const struct mt_image *image, const struct mt_driver *driver,
                        const struct mt_sizes *sizes, struct mt_template **out, mote_error *err)
{
    const mote_allocator *allocator = &image->allocator;
    struct mt_template *template = mt_alloc_zero(allocator, sizeof(*template));
    if (template == NULL)
        return mt_fail(err, MOTE_E_MEMORY, "no memory for a template");
    template->driver = driver;
    mote_status status = mt_layout_init(&template->layout, image, sizes, err);
    if (status == MOTE_OK)
        status = place_image(template, image, err);
    if (status == MOTE_OK) {
        template->private_copy_bytes = bytes_to_copy(template);
        status = list_regions(template, image, allocator, err);
    }
    if (status == MOTE_OK)
        status = driver->prepare(&template->plan, allocator, &template->prepared, err);
    if (status != MOTE_OK) {
        destroy(allocator, template);
        return status;
    }
    *out = template;
    return MOTE_OK;
}

static bool is_same(const struct mt_sizes *a, const struct mt_sizes *b)
{
    return a->input == b->input && a->output == b->output &&
           a->host_definitions == b->host_definitions && a->host_exception == b->host_exception &&
           a->guest_error == b->guest_error && a->guest_panic == b->guest_panic &&
           a->kernel_stack == b->kernel_stack && a->stack == b->stack && a->heap == b->heap &&
           a->memory_cap == b->memory_cap && a->executable_heap == b->executable_heap;
}

static struct mt_template *find(const mote_image *image, const struct mt_driver *driver,
                                const struct mt_sizes *sizes)
{
    for (struct mt_template *at = image->templates; at != NULL; at = at->next) {
        if (at->driver == driver && is_same(&at->layout.sizes, sizes))
            return at;
    }
    return NULL;
}

mote_status mt_template_get(mote_image *image, const struct mt_driver *driver,
                            const struct mt_sizes *sizes, struct mt_template **out, mote_error *err)
{
    mote_status status = MOTE_OK;
    pthread_mutex_lock(&image->lock);
    struct mt_template *template = find(image, driver, sizes);
    if (template == NULL) {
        status = make(&image->parsed, driver, sizes, &template, err);
        if (template != NULL) {
            template->next = image->templates;
            image->templates = template;
        }
    }
    if (template != NULL) {
        template->n_users++;
        *out = template;
    }
    pthread_mutex_unlock(&image->lock);
    return status;
}

/* Unlink the last idle template of the list when there are too many; NULL when there are not. */
static struct mt_template *take_surplus(mote_image *image)
{
    struct mt_template **last_idle = NULL;
    unsigned n_idle = 0;
    for (struct mt_template **at = &image->templates; *at != NULL; at = &(*at)->next) {
        if ((*at)->n_users == 0) {
            last_idle = at;
            n_idle++;
        }
    }
    if (n_idle <= MAX_IDLE_TEMPLATES)
        return NULL;
    struct mt_template *surplus = *last_idle;
    *last_idle = surplus->next;
    return surplus;
}

void mt_template_hold(mote_image *image, struct mt_template *template)
{
    pthread_mutex_lock(&image->lock);
    template->n_users++;
    pthread_mutex_unlock(&image->lock);
}

void mt_template_put(mote_image *image, struct mt_template *template)
{
    pthread_mutex_lock(&image->lock);
    template->n_users--;
    struct mt_template *surplus = take_surplus(image);
    pthread_mutex_unlock(&image->lock);
    if (surplus != NULL)
        destroy(&image->parsed.allocator, surplus);
}

void mt_templates_fini(mote_image *image)
{
    while (image->templates != NULL) {
        struct mt_template *template = image->templates;
        image->templates = template->next;
        destroy(&image->parsed.allocator, template);
    }
}

size_t mt_template_code_at(const struct mt_template *template, uint64_t address, uint8_t *to,
                           size_t n)
{
    uint64_t code = template->layout.start[MT_PLACE_CODE];
    if (address < code || address - code >= template->placed_bytes)
        return 0;
    uint64_t offset = address - code;
    uint64_t left = template->placed_bytes - offset;
    size_t n_there = left < n ? (size_t)left : n;
    memcpy(to, template->placed + offset, n_there);
    return n_there;
}

const struct mt_region *mt_template_region_at(const struct mt_template *template, uint64_t address)
{
    for (size_t i = 0; i < template->n_regions; i++) {
        const struct mt_region *region = &template->regions[i];
        if (address >= region->start && address - region->start < region->len_bytes)
            return region;
    }
    return NULL;
}
