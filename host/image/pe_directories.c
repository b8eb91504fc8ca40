/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PE: data directories that ask for more than a guest can have. Others are of no concern: exports,
 * exceptions, resources, certificates, debug data and the load configuration change nothing in how
 * an image is loaded.
 */
#include "host/image/pe.h"

#include "host/base/text.h"

/* A DLL's name is cut to this in an error. */
#define NAME_BYTES 64u

static const struct {
    enum mt_pe_directory_index index;
    const char *field;
    const char *complaint;
} refused[] = {
    {MT_PE_TLS, "TLS directory", "a guest has no thread-local storage"},
    {MT_PE_DELAY_IMPORT, "delay import directory", "a guest has no DLLs"},
    {MT_PE_CLR, "CLR directory", "a guest has no .NET runtime"},
};

/* The name, or nothing where there is none that can be shown. */
static void read_dll_name(const struct mt_pe *pe, const struct mt_image *image, uint64_t rva,
                          char name[NAME_BYTES])
{
    name[0] = '\0';
    if (!mt_pe_is_loaded(pe, rva, 1))
        return;
    uint64_t room = image->memory_bytes - rva;
    const char *from = (const char *)image->memory + rva;
    mt_escape(name, NAME_BYTES, from, strnlen(from, room < NAME_BYTES ? room : NAME_BYTES));
}

/* GNU ld makes an import directory for every image; one without imports ends before its first
 * entry, which then is zero. */
static mote_status check_imports(const struct mt_pe *pe, const struct mt_image *image,
                                 mote_error *err)
{
    const struct mt_pe_directory *directory = &pe->directories[MT_PE_IMPORT];
    struct mt_pe_import import;
    char name[NAME_BYTES];
    if (directory->rva == 0)
        return MOTE_OK;
    if (!mt_pe_is_loaded(pe, directory->rva, sizeof(import)))
        return mt_fail_load(err, MOTE_E_IMAGE_BOUNDS, "import directory", directory->rva,
                            mt_pe_directory_at(pe, MT_PE_IMPORT), "not inside a section");
    memcpy(&import, image->memory + directory->rva, sizeof(import));
    if (import.name_rva == 0)
        return MOTE_OK;
    read_dll_name(pe, image, import.name_rva, name);
    return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, "import Name", import.name_rva,
                        mt_pe_file_offset(pe, directory->rva) +
                            offsetof(struct mt_pe_import, name_rva),
                        "needs %s, and a guest has no DLLs", name[0] != '\0' ? name : "a DLL");
}

mote_status mt_pe_check_directories(const struct mt_pe *pe, const struct mt_image *image,
                                    mote_error *err)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        uint32_t rva = pe->directories[refused[i].index].rva;
        if (rva != 0)
            return mt_fail_load(err, MOTE_E_IMAGE_FORMAT, refused[i].field, rva,
                                mt_pe_directory_at(pe, refused[i].index), "%s",
                                refused[i].complaint);
    }
    return check_imports(pe, image, err);
}
