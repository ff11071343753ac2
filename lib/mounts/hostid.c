/* SPDX-License-Identifier: BSD-3-Clause */
/* Which mount of the host an object is in, by what statx(2) says of it. */
#include <sys/sysmacros.h>

#include "base/statx.h"
#include "core/object.h"

struct finode_mount_id finode_mount_id_of(const struct statx *stx)
{
	const bool known = (stx->stx_mask & FINODE_STATX_MNT_ID) != 0;

	return (struct finode_mount_id){{known ? stx->stx_mnt_id : 0,
					 makedev(stx->stx_dev_major, stx->stx_dev_minor)}};
}

int finode_mount_of(struct finode *dir, const struct statx *stx, void *arg,
		    struct finode_mount **out)
{
	const struct finode_mount_id id = finode_mount_id_of(stx);
	const struct finode_mount_id *here = &dir->mount->id;
	const bool same_mount = id.word[0] == here->word[0];
	const bool same_dev = id.word[1] == here->word[1];

	/* 0 is no mount's: a kernel that does not tell. */
	if (!same_mount || (!same_dev && (S_ISDIR(stx->stx_mode) || id.word[0] == 0)))
		return finode_mount_obtain(dir->mount, &id, arg, out, NULL);
	*out = finode_mount_hold(dir->mount);
	return 0;
}
