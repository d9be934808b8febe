/* SPDX-License-Identifier: MIT */
#include "control/temp_size.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/dirwalk.h"
#include "base/fd.h"

#define LIMIT_NS (100 * RR_NS_PER_MS)

int temp_size(const char *path, uint64_t *ret_bytes, bool *ret_complete)
{
	rr_autofd int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	uint64_t until_ns = rr_now_boot_ns() + LIMIT_NS, bytes = 0;
	dirwalk_auto struct dirwalk walk = { .pin = -1 };
	int r = root < 0 ? -errno : dirwalk_start(&walk, root, 0);

	if (r < 0)
		return r;
	*ret_complete = true;
	while ((r = dirwalk_next(&walk)) > DIRWALK_END) {
		if (r == DIRWALK_FAILED)
			*ret_complete = false;
		if (r != DIRWALK_ENTRY)
			continue;
		bytes += inode_share(&walk.entry.st);
		if (S_ISDIR(walk.entry.st.mode) && dirwalk_enter(&walk) != DIRWALK_ENTERED)
			*ret_complete = false;
		if (rr_now_boot_ns() < until_ns)
			continue;
		*ret_complete = false;
		break;
	}
	*ret_bytes = bytes;
	return r < 0 ? r : 0;
}
