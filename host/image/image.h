/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parsed guest binary. The parsers are pure: bytes in, description out; they know nothing of
 * sandboxes. Addresses in here are relative to the page of the lowest byte loaded, or to what lies
 * below it at the image's alignment (a first span without rights then fills the gap, which is
 * smaller than 2 MiB), so that the image can be put at any multiple of its alignment.
 */
#ifndef MOTE_HOST_IMAGE_IMAGE_H
#define MOTE_HOST_IMAGE_IMAGE_H

#include "host/base/limits.h"
#include <mote/image.h>

/* A run of whole pages with the same rights. */
struct mt_image_span {
    uint64_t start; /* multiple of 4096 */
    uint64_t len_bytes;
    uint32_t rights; /* MOTE_RIGHT_*; never write and execute together */
};

struct mt_image_symbol {
    uint64_t start;
    uint64_t len_bytes; /* 0 when the file does not say */
    const char *name;   /* one harmless line, cut to fit an error; in names */
};

struct mt_image {
    mote_allocator allocator;
    mote_image_facts facts;
    uint8_t *memory;                 /* (c) what gets loaded, relocated for address 0 */
    uint64_t memory_bytes;           /* (c) multiple of 4096, pages of zeroes at the end included */
    uint64_t alignment;              /* (c) what the load address must be a multiple of, >= 4096 */
    uint64_t entry;                  /* (c) */
    uint64_t *relocations;           /* (c) where to add the load address to a u64; ascending */
    size_t n_relocations;            /* (c) */
    struct mt_image_span *spans;     /* (c) ascending, without gaps: together [0, memory_bytes) */
    size_t n_spans;                  /* (c) */
    mote_section *sections;          /* (c) of a PE file, ascending by start */
    size_t n_sections;               /* (c) */
    mote_function *functions;        /* (c) sorted by name; names in memory */
    size_t n_functions;              /* (c) */
    struct mt_image_symbol *symbols; /* (c) functions, ascending by start; may be none */
    size_t n_symbols;                /* (c) */
    char *names;                     /* (c) storage of the symbols' names */
    /* (c): set while parsing, never changed after */
};

/* Parse a guest binary. *image is filled, and must be given to mt_image_fini(), only on success. */
mote_status mt_image_init(struct mt_image *image, const uint8_t *file, uint64_t file_bytes,
                          const mote_allocator *allocator, mote_error *err);
void mt_image_fini(struct mt_image *image);

/* The error of a file that is over the cap: who knows its size need not read it. */
mote_status mt_image_too_large(uint64_t file_bytes, mote_error *err);

/* The function that an address lies in and how far into it; NULL for none. */
const char *mt_image_symbol_at(const struct mt_image *image, uint64_t address,
                               uint64_t *into_bytes);

/* The declared function of that name; NULL for none. */
const mote_function *mt_image_function_named(const struct mt_image *image, const char *name);

/* Write the image, relocated for load_address, to memory_bytes bytes at to. */
void mt_image_place(const struct mt_image *image, uint64_t load_address, uint8_t *to);

#endif
