/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The frame of a call: what it holds, and how it reaches memory. */
#include "module.h"

bool tdxc_sim_hold(struct tdxc_sim_call *c, uint64_t *word, bool exclusive)
{
	if (!(exclusive ? tdxc_sim_lock_exclusive(word)
			: tdxc_sim_lock_shared(word)))
		return false;
	c->held[c->nr_held].word = word;
	c->held[c->nr_held++].exclusive = exclusive;
	return true;
}

void tdxc_sim_release(struct tdxc_sim_call *c, uint32_t level)
{
	while (c->nr_held > level) {
		const struct tdxc_sim_held *h = &c->held[--c->nr_held];

		if (h->exclusive)
			tdxc_sim_unlock_exclusive(h->word);
		else
			tdxc_sim_unlock_shared(h->word);
	}
}

uint32_t tdxc_sim_hkid_shift(const struct tdxc_sim_module *m)
{
	return m->platform.pa_width - m->platform.keyid_bits;
}

uint64_t tdxc_sim_hkid_mask(const struct tdxc_sim_module *m)
{
	return ((1ull << m->platform.keyid_bits) - 1) << tdxc_sim_hkid_shift(m);
}

uint64_t tdxc_sim_keyed(const struct tdxc_sim_module *m, uint64_t pa,
			uint32_t keyid)
{
	return pa | (uint64_t)keyid << tdxc_sim_hkid_shift(m);
}

void *tdxc_sim_page(const struct tdxc_sim_module *m, uint64_t pa,
		    uint32_t keyid)
{
	return m->ops->page(m->ctx, tdxc_sim_keyed(m, pa, keyid), false);
}

void *tdxc_sim_page_for_write(const struct tdxc_sim_module *m, uint64_t pa,
			      uint32_t keyid)
{
	return m->ops->page(m->ctx, tdxc_sim_keyed(m, pa, keyid), true);
}

uint32_t tdxc_sim_first_private(const struct tdxc_sim_module *m)
{
	return m->platform.shared_keyids + 1;
}

bool tdxc_sim_is_private_keyid(const struct tdxc_sim_module *m, uint64_t keyid)
{
	return keyid >= tdxc_sim_first_private(m) &&
	       keyid - tdxc_sim_first_private(m) < m->platform.private_keyids;
}

uint32_t tdxc_sim_package(const struct tdxc_sim_module *m, uint32_t lp)
{
	return lp * m->platform.nr_packages / m->platform.nr_lps;
}

uint64_t tdxc_sim_all_packages(const struct tdxc_sim_module *m)
{
	return (1ull << m->platform.nr_packages) - 1;
}

bool tdxc_sim_is_newer(const struct tdxc_sim_module *m)
{
	return m->platform.profile == TDXC_SIM_PROFILE_NEWER;
}

uint64_t tdxc_sim_check_shared(const struct tdxc_sim_module *m, uint64_t pa,
			       uint64_t align, uint64_t bytes, uint32_t operand)
{
	uint64_t plain = pa & ~tdxc_sim_hkid_mask(m);
	struct tdxc_range r = {plain, plain + bytes};

	if (pa % align != 0 || pa >= 1ull << m->platform.pa_width ||
	    tdxc_range_overlaps(r, m->platform.seamrr) ||
	    (pa & tdxc_sim_hkid_mask(m)) >> tdxc_sim_hkid_shift(m) >=
		    tdxc_sim_first_private(m))
		return STATUS(ST_OPERAND_INVALID, operand);
	return 0;
}

/* KeyID bits are part of pa here; they pass through unchanged. */
static char *shared_bytes(const struct tdxc_sim_module *m, uint64_t pa,
			  bool write, size_t *bytes)
{
	size_t offset = (size_t)(pa % PAGE_BYTES);
	char *page = m->ops->page(m->ctx, pa - offset, write);

	if (*bytes > PAGE_BYTES - offset)
		*bytes = PAGE_BYTES - offset;
	return page + offset;
}

void tdxc_sim_read_shared(const struct tdxc_sim_module *m, uint64_t pa,
			  void *out, size_t bytes)
{
	char *to = out;

	while (bytes != 0) {
		size_t n = bytes;

		memcpy(to, shared_bytes(m, pa, false, &n), n);
		to += n;
		pa += n;
		bytes -= n;
	}
}

void tdxc_sim_write_shared(const struct tdxc_sim_module *m, uint64_t pa,
			   const void *in, size_t bytes)
{
	const char *from = in;

	while (bytes != 0) {
		size_t n = bytes;
		char *to = shared_bytes(m, pa, true, &n);

		memcpy(to, from, n);
		from += n;
		pa += n;
		bytes -= n;
	}
}
