/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passthrough: reads and writes that the kernel does by itself, in a file of the host.
 *
 * This file owns the registration of such files with the connection. That passthrough is
 * asked for in the reply to INIT is in connection.c, that an open file says so in reply.c.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "fuse/protocol.h"
#include "fuse/fuse.h"

int finode_backing_open(struct finode_session *session, int fd)
{
	struct session *s = session_of(session);
	const struct protocol_backing_map map = {.fd = fd};
	int id;

	if (session_state(s) == SESSION_ENDED)
		return -ENOTCONN;
	if (!atomic_load_explicit(&s->passthrough, memory_order_acquire))
		return -EOPNOTSUPP;
	id = ioctl(s->transport.fd, PROTOCOL_BACKING_OPEN, &map);
	if (id > 0)
		return id;
	return id < 0 ? -errno : -EIO;
}

int finode_backing_close(struct finode_session *session, int id)
{
	const uint32_t number = (uint32_t)id;
	struct session *s = session_of(session);

	/* With the connection its ids have ended. */
	if (session_state(s) == SESSION_ENDED)
		return -ENOTCONN;
	if (ioctl(s->transport.fd, PROTOCOL_BACKING_CLOSE, &number) < 0)
		return -errno;
	return 0;
}
