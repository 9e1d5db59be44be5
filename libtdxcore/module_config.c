/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Bring-up from SYS.CONFIG to the last package's key.
 */
#include "module_work.h"

#include <tdxcore/err.h>

/* SYS.CONFIG R8. tdx-module-abi.md 4.1, 11 */
#define CONFIG_DYNAMIC_PAMT (1ull << 16)

int tdxc_module_configure(struct tdxc_module *m,
			  struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {m->config.pointers_pa,
					  m->nr_tdmrs,
					  m->config.global_keyid,
					  0,
					  0,
					  0};
	int err;

	memset(diag, 0, sizeof(*diag));
	if (tdxc_module_step(m) != TDXC_MODULE_CONFIG)
		return TDXC_E_INVAL;
	if (tdxc_module_cpus_missing(m, NULL, 0) != 0)
		return TDXC_E_NODEV;
	if (m->limits.pamt_bitmap_bits != 0)
		regs.r8 |= CONFIG_DYNAMIC_PAMT;
	err = tdxc_module_call_(m, TDXC_SYS_CONFIG, &regs, TDXC_SEAMCALL_IN,
				diag);
	if (err != TDXC_OK)
		return err;
	m->configured = true;
	tdxc_module_set_step_(m, TDXC_MODULE_FLUSH);
	return TDXC_OK;
}

int tdxc_module_flush(struct tdxc_module *m)
{
	int err;

	if (tdxc_module_step(m) != TDXC_MODULE_FLUSH)
		return TDXC_E_INVAL;
	err = m->config.ops->flush_caches(m->config.ctx);
	if (err == TDXC_OK)
		tdxc_module_set_step_(m, TDXC_MODULE_KEYS);
	return err;
}

static void mark_package(struct tdxc_module *m, uint32_t package)
{
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		if (m->config.cpus[i].package == package)
			m->config.cpus[i].keyed = 1;
	}
}

static bool all_keyed(const struct tdxc_module *m)
{
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++) {
		if (m->config.cpus[i].keyed == 0)
			return false;
	}
	return true;
}

static bool is_first_of_package(const struct tdxc_module_cpu *cpus, uint32_t i)
{
	uint32_t k;

	for (k = 0; k < i; k++) {
		if (cpus[k].package == cpus[i].package)
			return false;
	}
	return true;
}

/* Asked once: the square of the number of CPUs is no matter. */
static uint32_t count_packages(const struct tdxc_module *m)
{
	uint32_t packages = 0;
	uint32_t i;

	for (i = 0; i < m->config.nr_cpus; i++)
		packages += is_first_of_package(m->config.cpus, i) ? 1 : 0;
	return packages;
}

/* The module is not ready before the last package it knows has the key. */
static int keys_finish(struct tdxc_module *m)
{
	if (!all_keyed(m))
		return TDXC_OK;
	if (m->info.num_pkgs > count_packages(m))
		return TDXC_E_NODEV;
	tdxc_module_set_step_(m, TDXC_MODULE_TDMRS);
	return TDXC_OK;
}

int tdxc_module_key_config(struct tdxc_module *m, uint32_t cpu,
			   struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_regs regs = {0, 0, 0, 0, 0, 0};
	int err;

	memset(diag, 0, sizeof(*diag));
	if (tdxc_module_step(m) != TDXC_MODULE_KEYS || cpu >= m->config.nr_cpus)
		return TDXC_E_INVAL;
	if (m->config.cpus[cpu].keyed == 0) {
		err = tdxc_module_call_(m, TDXC_SYS_KEY_CONFIG, &regs,
					TDXC_SEAMCALL_IN, diag);
		if (err != TDXC_OK)
			return err;
		mark_package(m, m->config.cpus[cpu].package);
	}
	return keys_finish(m);
}
