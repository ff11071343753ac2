/* SPDX-License-Identifier: BSD-3-Clause */
/* What every public header needs: visibility, C++ linkage. */
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

#endif
