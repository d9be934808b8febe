/* SPDX-License-Identifier: MIT */
#include "base/resident.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is mapped writable has been written, if only by the loader, and is in no file. */
static int release_object(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		uintptr_t begin = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
		uintptr_t end = object->dlpi_addr + part->p_vaddr + part->p_memsz;

		if (part->p_type == PT_LOAD && !(part->p_flags & PF_W))
			/* NOLINTNEXTLINE(performance-no-int-to-ptr): as the loader gives it */
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
	return 0;
}

void rr_release_code(void)
{
	(void)dl_iterate_phdr(release_object, NULL);
}
