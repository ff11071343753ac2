# SPDX-License-Identifier: BSD-3-Clause
# Sourced before anything else, with the script's own arguments: root runs the script again in
# a mount namespace of its own. What it mounts is nobody else's, and who looks through the
# machine's directories does not disturb it.
if [ "$(id -u)" = 0 ] && [ -z "${FINODE_UNSHARED:-}" ]; then
	FINODE_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
fi
