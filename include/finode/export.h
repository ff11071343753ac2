/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every public header needs: visibility, C++ linkage, initialisers, the size of an
 * author's type.
 */
#ifndef FINODE_EXPORT_H
#define FINODE_EXPORT_H

#if defined(__GNUC__)
#define FINODE_API	 __attribute__((visibility("default")))
#define FINODE_NODISCARD __attribute__((warn_unused_result))
#else
#define FINODE_API
#define FINODE_NODISCARD
#endif

#ifdef __cplusplus
#define FINODE_BEGIN_DECLS extern "C" {
#define FINODE_END_DECLS   }
#else
#define FINODE_BEGIN_DECLS
#define FINODE_END_DECLS
#endif

/** What each .._OPS_FOR says: size and alignment of the author's type and of its base. */
#define FINODE_OBJECT_FOR(type_, member_)                                                  \
	.object_size = sizeof(type_), .object_align = __alignof__(type_),                  \
	.base_offset = offsetof(type_, member_),                                           \
	.base_size = sizeof(((type_ *)0)->member_)

/*
 * The initialisers of structs that say their size. C++ has designators since C++20 only,
 * and wants all members named: there each is a value that a function makes.
 */
#ifndef __cplusplus
#define FINODE_SIZED_INIT(type_, size_member_)                                             \
	{                                                                                  \
		.size_member_ = sizeof(type_)                                              \
	}
#else
#define FINODE_SIZED_INIT(type_, size_member_)                                             \
	[] {                                                                               \
		type_ sized_ = {};                                                         \
		sized_.size_member_ = sizeof(type_);                                       \
		return sized_;                                                             \
	}()

/* The same for ops, with what .._OPS_FOR says of the author's type. */
#define FINODE_OBJECT_OPS_INIT(ops_, type_, member_)                                       \
	[] {                                                                               \
		ops_ sized_ = {};                                                          \
		sized_.ops_size = sizeof(ops_);                                            \
		sized_.object_size = sizeof(type_);                                        \
		sized_.object_align = alignof(type_);                                      \
		sized_.base_offset = offsetof(type_, member_);                             \
		sized_.base_size = sizeof(((type_ *)nullptr)->member_);                    \
		return sized_;                                                             \
	}()
#endif

#endif
