/* SPDX-License-Identifier: Apache-2.0 */
/* Guest files: parsed once, immutable, shared by any number of sandboxes. */
#ifndef MOTE_IMAGE_H
#define MOTE_IMAGE_H

#include <mote/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A parsed guest file. Reference-counted; sandboxes hold references of their own. */
typedef struct mote_image mote_image;

/** Which contract a guest was built to. */
typedef enum mote_abi {
    MOTE_ABI_HYPERLIGHT_0_1 = 0, /**< no note: functions register at run time */
    MOTE_ABI_MOTE_1 = 1          /**< a mote note with a table of typed functions */
} mote_abi;

/** The format of a guest's file. */
typedef enum mote_format {
    MOTE_FORMAT_ELF = 0, /**< static PIE, ELF-64 */
    MOTE_FORMAT_PE = 1   /**< relocatable, PE32+; always of the 0.1 ABI */
} mote_format;

/** One function that an image declares. */
typedef struct mote_function {
    const char *name;
    mote_type returns;
    size_t n_params;
    mote_type params[MOTE_MAX_PARAMETERS];
} mote_function;

/** What a guest may do with a range of its memory, as bits. */
enum { MOTE_RIGHT_READ = 1, MOTE_RIGHT_WRITE = 2, MOTE_RIGHT_EXECUTE = 4 };

/** One region of a sandbox's memory map. */
typedef struct mote_region {
    const char *name; /**< "heap", "guard", ...: lives as long as the library is loaded */
    uint64_t start;   /**< guest-virtual address */
    uint64_t len_bytes;
    uint32_t rights; /**< MOTE_RIGHT_* of the guest; 0 for none */
} mote_region;

/** Room for the name of a section, with its NUL. */
#define MOTE_SECTION_NAME_BYTES 36

/** A section of a PE file. */
typedef struct mote_section {
    char name[MOTE_SECTION_NAME_BYTES]; /**< UTF-8, escaped where it cannot be printed */
    uint64_t start;                     /**< relative to the image's first byte */
    uint64_t len_bytes;
    uint32_t rights; /**< MOTE_RIGHT_* that it asks for; a page gets those of all its sections */
} mote_section;

/** Facts of an image. */
typedef struct mote_image_facts {
    size_t struct_size; /**< set by the caller to sizeof(mote_image_facts) */
    mote_format format;
    mote_abi abi;
    uint32_t abi_version; /**< of the mote note; 0 without one */
    uint32_t n_segments;  /**< ELF segments or PE sections that take up memory */
    uint32_t n_relocations;
    uint32_t n_functions;
    uint64_t file_bytes;
    uint64_t loaded_bytes; /**< from the first byte loaded to the last, zeroed memory included */
    uint64_t entry;        /**< relative to the first byte loaded */
    uint64_t heap_bytes;   /**< heap that the image asks for */
    uint64_t stack_bytes;  /**< stack that the image asks for */
    bool has_symbols;
    bool has_other_functions; /**< it may have functions that are not in its table */
} mote_image_facts;

/**
 * Read and parse a guest file.
 *
 * allocator may be NULL for malloc; it is copied.
 *
 * Units: none.
 * Owner: the caller owns *out and releases it with mote_image_unref().
 * Threads: any; may block on the file system.
 * Errors: MOTE_E_ARGUMENT (path or out is NULL, allocator incomplete), MOTE_E_IMAGE_OPEN (missing,
 * unreadable, not a regular file), MOTE_E_IMAGE_* (malformed: err->load has field, value and
 * offset), MOTE_E_MEMORY. *out is untouched.
 */
MOTE_NODISCARD mote_status mote_image_open(const char *path, const mote_allocator *allocator,
                                           mote_image **out, mote_error *err);

/**
 * Parse a guest file from memory.
 *
 * Units: len_bytes in bytes.
 * Owner: the bytes stay the caller's and are not needed afterwards; the caller owns *out and
 * releases it with mote_image_unref().
 * Threads: any.
 * Errors: MOTE_E_ARGUMENT (data or out is NULL, allocator incomplete), MOTE_E_IMAGE_* (malformed:
 * err->load has field, value and offset), MOTE_E_MEMORY. *out is untouched.
 */
MOTE_NODISCARD mote_status mote_image_from_bytes(const void *data, size_t len_bytes,
                                                 const mote_allocator *allocator, mote_image **out,
                                                 mote_error *err);

/**
 * Give up a reference to an image; NULL is a no-op.
 *
 * Units: none.
 * Owner: the image is released once no sandbox uses it either.
 * Threads: any.
 * Errors: none.
 */
void mote_image_unref(mote_image *image);

/**
 * Return the facts of an image.
 *
 * Units: sizes in bytes.
 * Owner: the caller owns *facts.
 * Threads: any.
 * Errors: MOTE_E_ARGUMENT (image or facts is NULL), MOTE_E_STRUCT_SIZE.
 */
MOTE_NODISCARD mote_status mote_image_facts_get(const mote_image *image, mote_image_facts *facts,
                                                mote_error *err);

/**
 * Return a function that the image declares, by index from 0, in the order of their names.
 *
 * Units: none.
 * Owner: the image; the pointer lives as long as the image.
 * Threads: any.
 * Errors: none; NULL past the last function, for an image without a table, and for a NULL image.
 */
const mote_function *mote_image_function(const mote_image *image, size_t index);

/**
 * Return a section of a PE file, by index from 0, in the order of their addresses. Those that take
 * up no memory are left out.
 *
 * Units: none.
 * Owner: the image; the pointer lives as long as the image.
 * Threads: any.
 * Errors: none; NULL past the last section, for an ELF file, and for a NULL image.
 */
const mote_section *mote_image_section(const mote_image *image, size_t index);

/**
 * Check a call against the functions that an image declares, as mote_call() does before it enters
 * the guest.
 *
 * An image without a table declares nothing: any call passes, but returns must not be
 * MOTE_TYPE_ANY.
 *
 * Units: none.
 * Owner: nothing changes hands.
 * Threads: any.
 * Errors: MOTE_E_ARGUMENT (NULL, more than 11 arguments, an argument that has no value type, a name
 * that is empty or not UTF-8), MOTE_E_GUEST_ERROR with codes 4 (no such function; err->text has
 * near names), 5 (number of arguments) and 14 (type of an argument), MOTE_E_TYPE (type of the
 * result).
 */
MOTE_NODISCARD mote_status mote_image_check_call(const mote_image *image, const char *function,
                                                 const mote_value *args, size_t n_args,
                                                 mote_type returns, mote_error *err);

/**
 * Return the memory map that a sandbox of this image and configuration has.
 *
 * Needs no hypervisor. Regions come in address order. At most n_max of them are stored; *n_regions
 * is how many there are. config may be NULL for the defaults.
 *
 * Units: sizes in bytes, addresses guest-virtual.
 * Owner: the caller owns the array.
 * Threads: any.
 * Errors: MOTE_E_ARGUMENT (image or n_regions is NULL, or regions is NULL and n_max is not 0),
 * MOTE_E_STRUCT_SIZE, MOTE_E_TOO_LARGE (a size is over its cap), MOTE_E_IMAGE_TOO_LARGE.
 */
MOTE_NODISCARD mote_status mote_image_map(const mote_image *image, const mote_config *config,
                                          mote_region *regions, size_t n_max, size_t *n_regions,
                                          mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
