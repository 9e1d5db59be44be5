/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What can be seen of a VM: counters, what is mapped, and whether all agrees.
 */
#include <stdio.h>
#include <string.h>

#include "vmm_impl.h"

/* States as SEPT.RD reports them. */
#define STATE(rdx)    ((rdx) >> 8 & 0xFF)
#define STATE_FREE    0u
#define STATE_PENDING 2u
#define STATE_MAPPED  4u
#define STATE_TABLE   0x84u

void tdxc_sim_vmm_read_counts(struct tdxc_sim_vmm *vm,
			      struct tdxc_sim_vmm_counts *counts)
{
	const uint64_t *from = (const uint64_t *)(const void *)&vm->counts;
	uint64_t *to = (uint64_t *)(void *)counts;

	for (size_t i = 0; i < sizeof(*counts) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void tdxc_sim_vmm_mmu_counts(struct tdxc_sim_vmm *vm,
			     struct tdxc_mmu_counts *counts)
{
	memset(counts, 0, sizeof(*counts));
	for (uint32_t i = 0; i < vm->host->description.nr_lps; i++)
		tdxc_mmu_counts_add(counts, &vm->cpus[i].mmu);
}

uint32_t tdxc_sim_vmm_level(struct tdxc_sim_vmm *vm, uint64_t gpa,
			    bool is_private)
{
	struct tdxc_found found = {0, tdxc_spte_empty()};
	struct tdxc_root *root = vm->mirror;

	tdxc_sim_host_read_lock(vm->host);
	if (is_private ||
	    tdxc_root_get(&vm->mmu, TDXC_ROOTS_DIRECT, &root) == TDXC_OK) {
		found = tdxc_lookup(&root->tree, vmm_gfn(gpa / VMM_PAGE));
		while (!is_private &&
		       tdxc_root_put(&vm->mmu, root) == TDXC_E_AGAIN)
			;
	}
	tdxc_sim_host_read_unlock(vm->host);
	return tdxc_spte_is_leaf(found.spte) ? (uint32_t)found.level : 0;
}

bool tdxc_sim_vmm_is_shared(struct tdxc_sim_vmm *vm, uint64_t gpa)
{
	struct tdxc_sim_vmm_memory *m = vmm_find(vm, gpa / VMM_PAGE);

	return m && vmm_is_shared(m, gpa / VMM_PAGE);
}

void *tdxc_sim_vmm_private_page(struct tdxc_sim_vmm *vm, uint64_t gpa)
{
	struct tdxc_sim_vmm_memory *m = vmm_find(vm, gpa / VMM_PAGE);
	uint64_t pa;

	if (!m || vm->host->config.lines ||
	    tdxc_sim_vmm_level(vm, gpa, true) == 0)
		return NULL;
	pa = vmm_page(vm, m, gpa / VMM_PAGE, VMM_PRIVATE);
	return pa == 0 ? NULL
		       : tdxc_sim_memory_page(vm->host->machine.memory, pa);
}

/* --- the host's own view of shared memory -------------------------------- */

static int for_shared(struct tdxc_sim_vmm *vm, uint64_t gpa, uint64_t bytes,
		      uint64_t value, uint64_t *wrong)
{
	struct tdxc_sim_machine *machine = &vm->host->machine;
	uint32_t lp = tdxc_sim_port_lp();
	struct vmm_range range;
	int err = vmm_range(vm, gpa, bytes, &range);

	for (uint64_t at = gpa; err == TDXC_OK && at < gpa + bytes; at += 8) {
		uint64_t want = tdxc_sim_guest_pattern(at, value);
		uint64_t pa =
			vmm_page(vm, range.memory, at / VMM_PAGE, VMM_SHARED);

		if (pa == 0 || !vmm_is_shared(range.memory, at / VMM_PAGE))
			return TDXC_E_NOENT;
		pa += at % VMM_PAGE;
		if (!wrong) {
			tdxc_sim_guest_store(machine, lp, pa, want);
		} else if (tdxc_sim_guest_load(machine, lp, pa) != want) {
			*wrong = at;
			return TDXC_E_IO;
		}
	}
	return err;
}

int tdxc_sim_vmm_host_write(struct tdxc_sim_vmm *vm, uint64_t gpa,
			    uint64_t bytes, uint64_t value)
{
	int err = tdxc_sim_vmm_populate(vm, gpa, bytes, false);

	if (err != TDXC_OK)
		return err;
	(void)vmm_begin(vm);
	err = for_shared(vm, gpa, bytes, value, NULL);
	vmm_end(vm);
	return err;
}

int tdxc_sim_vmm_host_verify(struct tdxc_sim_vmm *vm, uint64_t gpa,
			     uint64_t bytes, uint64_t value, uint64_t *where)
{
	int err;

	*where = 0;
	(void)vmm_begin(vm);
	err = for_shared(vm, gpa, bytes, value, where);
	vmm_end(vm);
	if (err == TDXC_OK)
		vmm_count(&vm->counts.bytes_verified, bytes);
	return err;
}

/* --- mirror, Secure EPT, backing ----------------------------------------- */

struct comparison {
	struct tdxc_sim_vmm *vm;
	char *text;
	size_t bytes;
	bool wrong;
	/* of the walk */
	uint64_t pages[4];
	uint64_t tables;
};

static void differ(struct comparison *c, const struct tdxc_iter *it,
		   const char *what, uint64_t rdx)
{
	if (c->wrong)
		return;
	c->wrong = true;
	(void)snprintf(c->text, c->bytes,
		       "%s: gpa %llx level %u mirror %llx, SEPT.RD %llx", what,
		       (unsigned long long)(it->gfn * VMM_PAGE), it->level,
		       (unsigned long long)it->spte.bits,
		       (unsigned long long)rdx);
}

static bool backed(struct comparison *c, const struct tdxc_iter *it)
{
	struct tdxc_sim_vmm *vm = c->vm;
	struct tdxc_sim_vmm_memory *m = vmm_find(vm, it->gfn);

	if (!m)
		return false;
	for (uint64_t i = 0; i < tdxc_level_frames(it->level); i++) {
		if (vmm_page(vm, m, it->gfn + i, VMM_PRIVATE) !=
			    tdxc_spte_pa(it->spte) + i * VMM_PAGE ||
		    vmm_is_shared(m, it->gfn + i))
			return false;
	}
	return true;
}

static void compare_entry(struct comparison *c, const struct tdxc_iter *it)
{
	struct tdxc_sim_vmm *vm = c->vm;
	struct tdxc_seamcall_regs regs = {
		.rcx = it->gfn * VMM_PAGE | (it->level - 1),
		.rdx = vm->td.tdr,
	};
	struct tdxc_seamcall_diag diag;
	uint64_t state;

	if (tdxc_seamcall(&vm->host->seamcall, TDXC_MEM_SEPT_RD, &regs,
			  TDXC_SEAMCALL_RET, &vm->host->config.limits,
			  &diag) != TDXC_OK) {
		differ(c, it, "no entry of the Secure EPT", diag.status);
		return;
	}
	state = STATE(regs.rdx);
	if (tdxc_spte_is_table(it->spte)) {
		if (state != STATE_TABLE)
			differ(c, it, "no table", regs.rdx);
	} else if (tdxc_spte_is_leaf(it->spte)) {
		if ((state != STATE_MAPPED && state != STATE_PENDING) ||
		    (regs.rcx & TDXC_SPTE_PA_MASK) != tdxc_spte_pa(it->spte))
			differ(c, it, "another page", regs.rdx);
		else if (!backed(c, it))
			differ(c, it, "no such page behind it", regs.rdx);
	} else if (it->spte.bits != TDXC_SPTE_EMPTY_BITS) {
		differ(c, it, "frozen", regs.rdx);
	} else if (state != STATE_FREE) {
		differ(c, it, "something", regs.rdx);
	}
}

static void count_entry(struct comparison *c, const struct tdxc_iter *it)
{
	if (tdxc_spte_is_table(it->spte))
		c->tables++;
	else if (tdxc_spte_is_leaf(it->spte))
		c->pages[it->level]++;
}

/* What the library counted is what is there (H16). */
static void compare_counts(struct comparison *c)
{
	struct tdxc_mmu_counts counts;

	tdxc_sim_vmm_mmu_counts(c->vm, &counts);
	if (c->wrong || (counts.pages[1][1] == c->pages[1] &&
			 counts.pages[1][2] == c->pages[2] &&
			 counts.tables[1] == c->tables))
		return;
	c->wrong = true;
	(void)snprintf(c->text, c->bytes,
		       "counted %llu, %llu pages and %llu tables; there are "
		       "%llu, %llu and %llu",
		       (unsigned long long)counts.pages[1][1],
		       (unsigned long long)counts.pages[1][2],
		       (unsigned long long)counts.tables[1],
		       (unsigned long long)c->pages[1],
		       (unsigned long long)c->pages[2],
		       (unsigned long long)c->tables);
}

int tdxc_sim_vmm_compare(struct tdxc_sim_vmm *vm, char *text, size_t bytes)
{
	struct comparison c = {.vm = vm, .text = text, .bytes = bytes};
	struct tdxc_iter it;
	int err;

	(void)vmm_begin(vm);
	tdxc_sim_host_read_lock(vm->host);
	err = tdxc_iter_begin(&it, &vm->mirror->tree, vmm_gfn(0),
			      vmm_gfn(vm->mirror->tree.end), TDXC_LEVEL_4K);
	while (err == TDXC_OK && it.valid && !c.wrong) {
		compare_entry(&c, &it);
		count_entry(&c, &it);
		tdxc_iter_next(&it);
	}
	tdxc_sim_host_read_unlock(vm->host);
	if (err == TDXC_OK)
		compare_counts(&c);
	vmm_end(vm);
	if (err != TDXC_OK)
		(void)snprintf(text, bytes, "no walk: %d", err);
	return err == TDXC_OK && !c.wrong ? 0 : -1;
}
