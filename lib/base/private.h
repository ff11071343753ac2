/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the libraries of this project share among themselves.
 *
 * libfinode is a library of its own on top of libfinode-core. What it calls in there,
 * beside the public functions, is declared with FINODE_PRIVATE and exported in a version
 * node of this name (core.map.in); everything else without FINODE_API is hidden. Nobody
 * else may use it: it changes with every version, and so does the name of the node, by
 * which the loader refuses a libfinode together with the libfinode-core of another version.
 */
#ifndef FINODE_LIB_PRIVATE_H
#define FINODE_LIB_PRIVATE_H

#define FINODE_PRIVATE __attribute__((visibility("default")))

#endif
