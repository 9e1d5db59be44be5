/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* The module's own structure, and the order of the rest. */
#include "audit_state.h"

#define LOCK_BITS     0xFFFFull
#define LOCK_PRIORITY 2ull
#define LOCK_READER   4ull

static void put_char(struct tdxc_sim_violation *out, size_t *at, char c)
{
	if (*at < sizeof(out->text) - 1)
		out->text[(*at)++] = c;
}

/* "what: where", the latter in hexadecimal. */
static void describe(struct tdxc_sim_violation *out)
{
	const char *from = out->what;
	uint32_t shift = 64;
	size_t at = 0;

	while (*from != '\0')
		put_char(out, &at, *from++);
	put_char(out, &at, ':');
	put_char(out, &at, ' ');
	while (shift > 4 && out->where >> (shift - 4) == 0)
		shift -= 4;
	for (; shift != 0; shift -= 4) {
		uint32_t digit = (uint32_t)(out->where >> (shift - 4)) & 15;

		put_char(out, &at,
			 (char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
	}
	out->text[at] = '\0';
}

bool tdxc_sim_audit_fail(struct tdxc_sim_auditor *a, const char *what,
			 uint64_t where)
{
	if (!a->out->what) {
		a->out->what = what;
		a->out->where = where;
		describe(a->out);
	}
	return false;
}

const void *tdxc_sim_audit_page(const struct tdxc_sim_auditor *a, uint64_t pa,
				uint32_t keyid)
{
	static const uint64_t zeros[PAGE_BYTES / 8];

	return a->ops->exists(a->ctx, pa) ? tdxc_sim_page(a->m, pa, keyid)
					  : zeros;
}

uint64_t tdxc_sim_audit_readers(const struct tdxc_sim_auditor *a,
				const uint64_t *word)
{
	uint64_t readers = 0;

	for (uint32_t lp = 0; lp < a->m->platform.nr_lps; lp++) {
		const struct tdxc_sim_lp *l = &a->m->lps[lp];

		for (uint32_t i = 0; l->in_guest && i < 4; i++)
			readers += l->held[i] == word;
	}
	return readers;
}

/* A failed attempt leaves the priority bit, as it should. */
bool tdxc_sim_audit_lock(struct tdxc_sim_auditor *a, const uint64_t *word,
			 const char *what, uint64_t where)
{
	uint64_t lock = *word & LOCK_BITS & ~LOCK_PRIORITY;

	if (lock == 0 || lock == LOCK_READER * tdxc_sim_audit_readers(a, word))
		return true;
	return tdxc_sim_audit_fail(a, what, where);
}

struct tdxc_sim_page_record *
tdxc_sim_audit_find(const struct tdxc_sim_auditor *a, uint64_t pa)
{
	size_t low = 0;
	size_t high = a->nr_pages;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (a->pages[middle].pa < pa)
			low = middle + 1;
		else
			high = middle;
	}
	return low < a->nr_pages && a->pages[low].pa == pa ? &a->pages[low]
							   : NULL;
}

static bool locks_are_free(struct tdxc_sim_auditor *a)
{
	struct tdxc_sim_module *m = a->m;
	uint32_t i;

	if (m->inside != 0)
		return tdxc_sim_audit_fail(a, "calls still inside the module",
					   m->inside);
	if (!tdxc_sim_audit_lock(a, &m->lock, "global lock held", m->lock) ||
	    !tdxc_sim_audit_lock(a, &m->kot_lock, "KeyID table lock held",
				 m->kot_lock) ||
	    !tdxc_sim_audit_lock(a, &m->key_lock, "key engine lock held",
				 m->key_lock) ||
	    !tdxc_sim_audit_lock(a, &m->seamldr.lock, "P-SEAMLDR lock held",
				 m->seamldr.lock))
		return false;
	for (i = 0; i < m->nr_tdmrs; i++) {
		if (!tdxc_sim_audit_lock(a, &m->tdmrs[i].lock, "TDMR lock held",
					 m->tdmrs[i].base))
			return false;
	}
	for (i = 0; i < m->platform.nr_packages; i++) {
		if (!tdxc_sim_audit_lock(a, &m->cache_wb[i].lock,
					 "cache write-back lock held", i))
			return false;
	}
	return true;
}

static bool keyid_ok(struct tdxc_sim_auditor *a, uint32_t keyid)
{
	const struct tdxc_sim_kot *kot = &a->m->kot[keyid];
	uint32_t users = a->keyid_users[keyid];
	bool taken = kot->state == TDXC_SIM_KEYID_ASSIGNED ||
		     kot->state == TDXC_SIM_KEYID_FLUSHED;

	if (users > 1)
		return tdxc_sim_audit_fail(a, "two TDs share a KeyID", keyid);
	if (taken && users == 0)
		return tdxc_sim_audit_fail(a, "KeyID taken by no TD", keyid);
	if (kot->state != TDXC_SIM_KEYID_FREE &&
	    !tdxc_sim_is_private_keyid(a->m, keyid))
		return tdxc_sim_audit_fail(a, "shared KeyID in the table",
					   keyid);
	if ((kot->to_flush != 0 && kot->state != TDXC_SIM_KEYID_FLUSHED) ||
	    (kot->to_flush & ~tdxc_sim_all_packages(a->m)) != 0)
		return tdxc_sim_audit_fail(
			a, "packages to flush for a KeyID wrong", keyid);
	return true;
}

static bool keyids_ok(struct tdxc_sim_auditor *a)
{
	for (uint32_t i = 0; i < TDXC_SIM_MAX_KEYIDS; i++) {
		if (!keyid_ok(a, i))
			return false;
	}
	if (a->m->kot[a->m->global_keyid].state != TDXC_SIM_KEYID_RESERVED)
		return tdxc_sim_audit_fail(a, "global KeyID not reserved",
					   a->m->global_keyid);
	return true;
}

/* Each LP in guest runs a vCPU of its own, of the TD it names. */
static bool lps_ok(struct tdxc_sim_auditor *a)
{
	const struct tdxc_sim_module *m = a->m;

	for (uint32_t lp = 0; lp < m->platform.nr_lps; lp++) {
		const struct tdxc_sim_page_record *vcpu;

		if (!m->lps[lp].in_guest)
			continue;
		vcpu = tdxc_sim_audit_find(a, m->lps[lp].tdvpr);
		if (!vcpu || vcpu->type != PT_TDVPR ||
		    vcpu->owner != m->lps[lp].tdr)
			return tdxc_sim_audit_fail(
				a, "LP in a guest that is none", lp);
		for (uint32_t other = 0; other < lp; other++) {
			if (m->lps[other].in_guest &&
			    m->lps[other].tdvpr == m->lps[lp].tdvpr)
				return tdxc_sim_audit_fail(
					a, "vCPU runs on two LPs", lp);
		}
	}
	return true;
}

static bool everything_ok(struct tdxc_sim_auditor *a)
{
	if (a->m->state > TDXC_SIM_SHUTDOWN)
		return tdxc_sim_audit_fail(a, "module state unknown",
					   a->m->state);
	if (!locks_are_free(a))
		return false;
	if (a->m->state != TDXC_SIM_READY && a->m->state != TDXC_SIM_SHUTDOWN)
		return true;
	if (!tdxc_sim_audit_pamt(a) || !lps_ok(a) || !tdxc_sim_audit_tds(a) ||
	    !keyids_ok(a))
		return false;
	return a->m->builds == a->builds ||
	       tdxc_sim_audit_fail(a, "TDs being built counted wrongly",
				   a->m->builds);
}

int tdxc_sim_audit_run(struct tdxc_sim_auditor *a,
		       struct tdxc_sim_violation *out)
{
	memset(out, 0, sizeof(*out));
	a->out = out;
	return everything_ok(a) ? 0 : -1;
}
