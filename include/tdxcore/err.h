/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Error codes: 0 or a negative value, equal to Linux's errno numbers.
 *
 * A lost race (TDXC_E_AGAIN: nothing happened, the caller's snapshot was
 * refreshed, try again at once) and a busy TDX module (TDXC_E_BUSY: the bounded
 * retries are used up, the old state is restored) are different codes, because
 * the right answers to them differ. The 64-bit completion status of a SEAMCALL
 * is never folded into these values.
 */
#ifndef TDXCORE_ERR_H
#define TDXCORE_ERR_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a function of the library returns when it returns `int`. */
enum tdxc_err {
	TDXC_OK = 0,	    /**< Done. */
	TDXC_E_NOENT = -2,  /**< The thing asked for does not exist. */
	TDXC_E_IO = -5,	    /**< The TDX module refused; see the diagnostic. */
	TDXC_E_AGAIN = -11, /**< Lost race; nothing changed; retry. */
	TDXC_E_NOMEM = -12, /**< No memory; nothing changed. */
	TDXC_E_ACCES = -13, /**< The CPU is not in VMX operation. */
	TDXC_E_BUSY = -16,  /**< Module busy after the bounded retries. */
	TDXC_E_EXIST = -17, /**< Present already, with other contents. */
	TDXC_E_NODEV = -19, /**< No TDX module, or TDX is off. */
	TDXC_E_INVAL = -22, /**< Argument outside its documented range. */
	TDXC_E_NOSPC = -28, /**< A caller's buffer or a module limit is too
				 small; the count needed is written back. */
	TDXC_E_RANGE = -34, /**< Address beyond the physical width. */
	TDXC_E_OPNOTSUPP = -95, /**< Not offered by this module or platform. */
	TDXC_E_CANCELED = -125, /**< Stopped on request; may be resumed. */
};

/**
 * @brief Name of an error code, such as "TDXC_E_NOSPC".
 *
 * @param err A value of #tdxc_err. @units{0 or negative}
 * @return A constant string; "TDXC_E_?" for any other value.
 * @complexity{O(number of codes)}
 */
const char *tdxc_err_name(int err);

#ifdef __cplusplus
}
#endif

#endif
