/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Names of the error codes.
 *
 * The names live in one structure of char arrays and the table holds offsets
 * into it: a table of pointers would need relocations in a position-independent
 * build and so stop being constant (.data.rel.ro), which the library promises
 * not to have.
 */
#include <tdxcore/err.h>

#define ERR_LIST(X)                                                            \
	X(TDXC_OK)                                                             \
	X(TDXC_E_NOENT)                                                        \
	X(TDXC_E_IO)                                                           \
	X(TDXC_E_AGAIN)                                                        \
	X(TDXC_E_NOMEM)                                                        \
	X(TDXC_E_ACCES)                                                        \
	X(TDXC_E_BUSY)                                                         \
	X(TDXC_E_EXIST)                                                        \
	X(TDXC_E_NODEV)                                                        \
	X(TDXC_E_INVAL)                                                        \
	X(TDXC_E_NOSPC)                                                        \
	X(TDXC_E_RANGE)                                                        \
	X(TDXC_E_OPNOTSUPP)                                                    \
	X(TDXC_E_CANCELED)

struct err_pool {
#define X(err) char err[sizeof #err];
	ERR_LIST(X)
#undef X
};

static const struct err_pool err_pool = {
#define X(err) #err,
	ERR_LIST(X)
#undef X
};

struct err_entry {
	int16_t err;
	uint16_t name; /* Offset into err_pool. */
};

static const struct err_entry err_table[] = {
#define X(err) {err, (uint16_t)offsetof(struct err_pool, err)},
	ERR_LIST(X)
#undef X
};

const char *tdxc_err_name(int err)
{
	size_t i;

	for (i = 0; i < sizeof err_table / sizeof err_table[0]; i++) {
		if (err_table[i].err == err)
			return (const char *)&err_pool + err_table[i].name;
	}
	return "TDXC_E_?";
}
