/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Version of the library, and of its structure layouts.
 *
 * Two numbers move on their own: the semantic version of the API, and
 * TDXC_ABI, which changes when the layout of a configuration or ops structure
 * does. A caller writes TDXC_ABI into the `abi` member of every such structure
 * and the library refuses a value it was not built with, so that a header and
 * an archive of different age cannot be mixed unnoticed.
 */
#ifndef TDXCORE_VERSION_H
#define TDXCORE_VERSION_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TDXC_VERSION_MAJOR 0 /**< Changes when the API breaks. */
#define TDXC_VERSION_MINOR 1 /**< Changes when the API grows. */
#define TDXC_VERSION_PATCH 0 /**< Changes when neither does. */

/** Layout of the configuration and ops structures. */
#define TDXC_ABI 1

/**
 * @brief Version of the linked archive.
 *
 * @return major * 65536 + minor * 256 + patch. @complexity{O(1)}
 */
uint32_t tdxc_version(void);

/**
 * @brief Structure layout of the linked archive.
 *
 * @return The TDXC_ABI the archive was built with. @complexity{O(1)}
 */
uint32_t tdxc_abi(void);

#ifdef __cplusplus
}
#endif

#endif
