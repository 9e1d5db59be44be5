/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What TD_PARAMS are judged by and struct tdxc_sysinfo does not hold. */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/td_params.h>
#include <tdxcore/version.h>

/* tdx-module-abi.md 3.9, 2.3 */
#define ID_CONFIG_FLAGS_FIXED0	  0x9900000300000006ull
#define ID_CONFIG_FLAGS_FIXED1	  0x9900000300000007ull
#define ID_ARCH_CAP_MASK	  0x9900000300000600ull
#define STATUS_FIELD_ID_INCORRECT 0xC0000C0000000000ull
#define STATUS_FIELD_NOT_READABLE 0xC0000C0200000000ull

/* *value stays where the module does not have the field. */
static int read_field(const struct tdxc_seamcall_port *port, uint64_t id,
		      uint64_t *value, struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {.rdx = id};
	int err = tdxc_seamcall(port, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_RET,
				&limits, diag);

	switch (tdxc_status_code(diag->status)) {
	case STATUS_FIELD_ID_INCORRECT:
	case STATUS_FIELD_NOT_READABLE:
		return TDXC_OK;
	default:
		if (err == TDXC_OK)
			*value = regs.r8;
		return err;
	}
}

int tdxc_td_rules_read(const struct tdxc_seamcall_port *port,
		       struct tdxc_td_rules *rules,
		       struct tdxc_seamcall_diag *diag)
{
	uint64_t fixed0 = TDXC_TD_FLAG_GPAW;
	uint64_t fixed1 = 0;
	uint64_t mask = 0;
	int err;

	memset(diag, 0, sizeof(*diag));
	if (rules->abi != TDXC_ABI)
		return TDXC_E_INVAL;
	err = read_field(port, ID_CONFIG_FLAGS_FIXED0, &fixed0, diag);
	if (err == TDXC_OK)
		err = read_field(port, ID_CONFIG_FLAGS_FIXED1, &fixed1, diag);
	if (err == TDXC_OK)
		err = read_field(port, ID_ARCH_CAP_MASK, &mask, diag);
	if (err != TDXC_OK)
		return err;
	rules->config_flags_fixed0 = fixed0;
	rules->config_flags_fixed1 = fixed1;
	rules->arch_cap_mask = mask;
	return TDXC_OK;
}
