/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc about this process. */
#include "tests/gates/usage.h"

#include <dirent.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C library's heap settles within so much; a leak of one byte a round is more. */
enum { RESIDENT_SLACK_BYTES = 128 * 1024 };

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static long count_entries(const char *path)
{
    DIR *folder = opendir(path);
    long n = 0;
    if (folder == NULL)
        give_up(path);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n - 2; /* . and .. */
}

static long count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    long n = 0;
    int c;
    if (file == NULL)
        give_up(path);
    while ((c = getc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}

/* Memory of our own: pages of files come and go with the kernel's cache. */
static long read_resident_bytes(void)
{
    static const char *const fields[] = {"RssAnon:", "RssShmem:"};
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long resident_kib = 0;
    if (file == NULL)
        give_up("/proc/self/status");
    while (fgets(line, sizeof(line), file) != NULL) {
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            size_t len = strlen(fields[i]);
            if (strncmp(line, fields[i], len) == 0)
                resident_kib += strtol(line + len, NULL, 10);
        }
    }
    fclose(file);
    return resident_kib * 1024;
}

struct usage usage_now(void)
{
    malloc_trim(0);
    return (struct usage){
        .resident_bytes = read_resident_bytes(),
        .descriptors = count_entries("/proc/self/fd"),
        .mappings = count_lines("/proc/self/maps"),
        .threads = count_entries("/proc/self/task"),
    };
}

void usage_print(const char *name, long n, double seconds, const struct usage *usage)
{
    printf("%s: %9ld after %6.1f s: %ld KiB resident, %ld descriptors, %ld mappings, %ld threads\n",
           name, n, seconds, usage->resident_bytes / 1024, usage->descriptors, usage->mappings,
           usage->threads);
}

bool usage_has_grown(const char *name, const struct usage *before, const struct usage *after)
{
    const struct {
        const char *what;
        long before;
        long after;
        long slack;
    } rows[] = {
        {"resident bytes", before->resident_bytes, after->resident_bytes, RESIDENT_SLACK_BYTES},
        {"descriptors", before->descriptors, after->descriptors, 0},
        {"mappings", before->mappings, after->mappings, 0},
        {"threads", before->threads, after->threads, 0},
    };
    bool has_grown = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].after <= rows[i].before + rows[i].slack)
            continue;
        printf("%s: %s grew from %ld to %ld\n", name, rows[i].what, rows[i].before, rows[i].after);
        has_grown = true;
    }
    return has_grown;
}
