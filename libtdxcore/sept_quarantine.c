/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Pages that may be the module's: named, and never handed back. */
#include "sept_work.h"

#define LOST	  1ull
#define RECOVERED 2ull

/* An entry takes its place by counting itself. */
static uint64_t claim(struct tdxc_sept_quarantine *quarantine)
{
	uint64_t at = tdxc_load_once(&quarantine->count);

	while (!tdxc_try_cmpxchg(&quarantine->count, &at, at + 1))
		tdxc_relax();
	return at;
}

/* The entry of a page that is lost; NULL: there is none. */
static struct tdxc_sept_lost *
find_lost(const struct tdxc_sept_quarantine *quarantine, uint64_t pa,
	  uint32_t level)
{
	uint64_t n = tdxc_load_acquire(&quarantine->count);
	uint64_t i;

	for (i = 0; i < n && i < quarantine->room; i++) {
		struct tdxc_sept_lost *lost = &quarantine->lost[i];

		if (tdxc_load_acquire(&lost->state) == LOST && lost->pa == pa &&
		    lost->level == level)
			return lost;
	}
	return NULL;
}

bool tdxc_sept_quarantine_add(struct tdxc_sept_quarantine *quarantine,
			      const struct tdxc_sept_lost *lost)
{
	uint64_t at;
	struct tdxc_sept_lost *entry;

	if (find_lost(quarantine, lost->pa, lost->level))
		return true;
	at = claim(quarantine);
	if (at >= quarantine->room)
		return false;
	entry = &quarantine->lost[at];
	entry->pa = lost->pa;
	entry->level = lost->level;
	entry->use = lost->use;
	entry->gfn = lost->gfn;
	entry->diag = lost->diag;
	tdxc_store_release(&entry->state, LOST);
	return true;
}

bool tdxc_sept_quarantine_recover(struct tdxc_sept_quarantine *quarantine,
				  uint64_t pa, uint32_t level)
{
	struct tdxc_sept_lost *lost = find_lost(quarantine, pa, level);
	uint64_t state = LOST;

	if (!lost || !tdxc_try_cmpxchg(&lost->state, &state, RECOVERED))
		return false;
	tdxc_sept_add_(&quarantine->recovered, 1);
	return true;
}

/* The first one is what the others may come of. */
static void diagnose(struct tdxc_sept *sept,
		     const struct tdxc_seamcall_diag *diag)
{
	uint64_t none = 0;

	if (tdxc_load_once(&sept->diagnosing) != 0 ||
	    !tdxc_try_cmpxchg(&sept->diagnosing, &none, 1))
		return;
	sept->diag = *diag;
	tdxc_store_release(&sept->diagnosed, 1);
}

int tdxc_sept_lose_(struct tdxc_sept *sept, enum tdxc_sept_use use,
		    struct tdxc_gfn gfn, uint32_t level, uint64_t pa,
		    const struct tdxc_seamcall_diag *diag)
{
	const struct tdxc_sept_lost lost = {
		.pa = pa,
		.level = level,
		.use = use,
		.gfn = gfn,
		.diag = *diag,
	};

	diagnose(sept, diag);
	/* Without room for its name it is counted. */
	(void)tdxc_sept_quarantine_add(sept->config.quarantine, &lost);
	return TDXC_E_IO;
}
