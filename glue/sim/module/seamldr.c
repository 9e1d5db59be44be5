/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The P-SEAMLDR, which installs modules: linux-host-tdx.md 2.8, 10.2. How it
 * refuses is inferred.
 */
#include "module.h"

#define ADDRESSES 496u

enum {
	LEAF_INFO = 0,
	LEAF_INSTALL = 1,
};

enum scenario {
	SCENARIO_LOAD,
	SCENARIO_UPDATE,
};

/* SEAMLDR_INFO. */
struct info {
	uint32_t version;
	uint32_t attributes;
	uint32_t vendor;
	uint32_t build_date;
	uint16_t build;
	uint16_t minor;
	uint16_t major;
	uint16_t update;
	uint32_t acm_x2apic_id;
	uint32_t remaining;
	uint8_t seam_info[128];
	uint8_t seam_ready;
	uint8_t seam_debug;
	uint8_t p_seam_ready;
	uint8_t reserved[93];
};

TDXC_STATIC_ASSERT(sizeof(struct info) == 256, "SEAMLDR_INFO");

/* SEAMLDR_PARAMS up to the addresses of the module's pages. */
struct params {
	uint32_t version;
	uint32_t scenario;
	uint64_t signature;
	uint8_t reserved[104];
	uint64_t nr_pages;
};

TDXC_STATIC_ASSERT(sizeof(struct params) == 128, "SEAMLDR_PARAMS");

/* FNV-1a by words: it depends on the order, too. */
uint64_t tdxc_sim_image_sum(uint64_t sum, const void *page)
{
	const char *from = page;
	size_t i;

	for (i = 0; i < PAGE_BYTES; i += 8) {
		uint64_t word;

		memcpy(&word, from + i, sizeof(word));
		sum = (sum ^ word) * 0x100000001B3ull;
	}
	return sum;
}

static bool is_shared(const struct tdxc_sim_module *m, uint64_t pa,
		      uint64_t bytes)
{
	return tdxc_sim_check_shared(m, pa, bytes, bytes, 0) == 0;
}

static uint64_t report(const struct tdxc_sim_module *m, uint64_t pa)
{
	struct info info = {0};

	if (!is_shared(m, pa, sizeof(info)))
		return TDXC_SIM_SEAMLDR_BAD_PARAM;
	info.vendor = 0x8086;
	info.build_date = 20240212;
	info.build = 744;
	info.minor = 5;
	info.major = 1;
	info.remaining = m->seamldr.remaining;
	info.seam_ready = tdxc_load_acquire(&m->seamldr.unloaded) == 0;
	info.p_seam_ready = 1;
	tdxc_sim_write_shared(m, pa, &info, sizeof(info));
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	uint8_t all = 0;
	size_t i;

	for (i = 0; i < n; i++)
		all |= bytes[i];
	return all == 0;
}

static uint64_t page_address(const struct tdxc_sim_module *m, uint64_t params,
			     uint64_t i)
{
	uint64_t pa;

	tdxc_sim_read_shared(m, params + sizeof(struct params) + 8 * i, &pa,
			     sizeof(pa));
	return pa;
}

static bool params_ok(const struct tdxc_sim_module *m, uint64_t at,
		      const struct params *p)
{
	uint64_t i;

	if (p->version != 0 || p->scenario > SCENARIO_UPDATE ||
	    p->nr_pages == 0 || p->nr_pages > ADDRESSES || p->signature == 0 ||
	    !is_shared(m, p->signature, PAGE_BYTES) ||
	    !is_zero(p->reserved, sizeof(p->reserved)))
		return false;
	for (i = 0; i < p->nr_pages; i++) {
		if (!is_shared(m, page_address(m, at, i), PAGE_BYTES))
			return false;
	}
	return true;
}

/* The first call of an installation finds a module that is shut down; to load
 * one, none will do as well. */
static bool may_install(const struct tdxc_sim_module *m, uint32_t lp,
			uint32_t scenario)
{
	const struct tdxc_sim_seamldr *s = &m->seamldr;

	if (s->nr_installed != 0)
		return s->scenario == scenario &&
		       (s->installed[lp / 64] >> (lp % 64) & 1) == 0;
	if (tdxc_load_acquire(&s->unloaded) != 0)
		return scenario == SCENARIO_LOAD;
	return tdxc_load_acquire(&m->state) == TDXC_SIM_SHUTDOWN;
}

static bool is_signed(const struct tdxc_sim_module *m, uint64_t at,
		      const struct params *p)
{
	struct tdxc_sim_signature signature;
	uint64_t sum = 0;
	uint64_t i;

	tdxc_sim_read_shared(m, p->signature, &signature, sizeof(signature));
	if (signature.magic != TDXC_SIM_SIGNATURE_MAGIC ||
	    signature.nr_pages != p->nr_pages)
		return false;
	for (i = 0; i < p->nr_pages; i++)
		sum = tdxc_sim_image_sum(
			sum,
			m->ops->page(m->ctx, page_address(m, at, i), false));
	return sum == signature.sum;
}

static void load(struct tdxc_sim_module *m,
		 const struct tdxc_sim_identity *identity)
{
	struct tdxc_sim_seamldr *s = &m->seamldr;

	if (s->scenario == SCENARIO_LOAD)
		m->handoff.valid = false;
	tdxc_sim_forget(m);
	m->identity = *identity;
	m->generation++;
	memset(s->installed, 0, sizeof(s->installed));
	s->nr_installed = 0;
	s->remaining--;
	tdxc_store_release(&s->unloaded, 0);
}

static uint64_t install(struct tdxc_sim_module *m, uint32_t lp, uint64_t at)
{
	struct tdxc_sim_seamldr *s = &m->seamldr;
	struct tdxc_sim_image image;
	struct params p;

	if (!is_shared(m, at, PAGE_BYTES))
		return TDXC_SIM_SEAMLDR_BAD_PARAM;
	tdxc_sim_read_shared(m, at, &p, sizeof(p));
	if (!params_ok(m, at, &p))
		return TDXC_SIM_SEAMLDR_BAD_PARAM;
	if (!may_install(m, lp, p.scenario))
		return TDXC_SIM_SEAMLDR_BAD_CALL;
	if (s->remaining == 0)
		return TDXC_SIM_SEAMLDR_NO_UPDATES;
	tdxc_sim_read_shared(m, page_address(m, at, 0), &image, sizeof(image));
	if (image.magic != TDXC_SIM_IMAGE_MAGIC || !is_signed(m, at, &p))
		return TDXC_SIM_SEAMLDR_BAD_SIGNATURE;
	tdxc_store_release(&s->unloaded, 1);
	s->scenario = p.scenario;
	s->installed[lp / 64] |= 1ull << (lp % 64);
	if (++s->nr_installed == m->platform.nr_lps)
		load(m, &image.identity);
	return 0;
}

void tdxc_sim_seamldr(struct tdxc_sim_module *m, uint32_t lp,
		      struct tdxc_sim_regs *regs)
{
	uint64_t leaf = regs->gpr[TDXC_SIM_RAX] & ~(1ull << 63);
	uint64_t pa = regs->gpr[TDXC_SIM_RCX];
	uint64_t status = TDXC_SIM_SEAMLDR_BAD_CALL;

	if (!tdxc_sim_lock_exclusive(&m->seamldr.lock)) {
		regs->gpr[TDXC_SIM_RAX] = TDXC_STATUS_VMFAILINVALID;
		return;
	}
	if (leaf == LEAF_INFO)
		status = report(m, pa);
	else if (leaf == LEAF_INSTALL)
		status = install(m, lp, pa);
	tdxc_sim_unlock_exclusive(&m->seamldr.lock);
	regs->gpr[TDXC_SIM_RAX] = status;
}
