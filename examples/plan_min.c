/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The least a program does to plan a machine's TDX memory: CMRs and RAM in,
 * TDMR_INFO out, ready for SYS.CONFIG.
 *
 *     cc plan_min.c $(pkg-config --cflags --libs tdxcore) -o plan_min
 *
 * In a kernel the CMRs and the limits come from the module's metadata, and the
 * memory comes from the kernel's own allocator.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <tdxcore/tdxcore.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GIB	     0x40000000ull

/* As the module reports them. */
static const struct tdxc_cmr reported[] = {
	{0x100000, 0x7F700000},
	{4 * GIB, 62 * GIB},
};

/* What the firmware calls RAM; the second node begins in the middle. */
static const struct tdxc_plan_ram ram[] = {
	{{0, 0x9F000}, 0},
	{{0x100000, 0x7F800000}, 0},
	{{4 * GIB, 34 * GIB}, 0},
	{{34 * GIB, 66 * GIB}, 1},
};

static void print_layout(const struct tdxc_plan *plan, const char *infos,
			 size_t stride)
{
	uint32_t i;

	for (i = 0; i < plan->nr_tdmrs; i++) {
		const struct tdxc_tdmr_info *t =
			(const void *)(infos + i * stride);
		uint32_t k;

		printf("TDMR %" PRIu32 ": 0x%" PRIx64 " size 0x%" PRIx64
		       ", PAMT at 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 "\n",
		       i, t->base, t->size, t->pamt_4k.base, t->pamt_2m.base,
		       t->pamt_1g.base);
		for (k = 0; k < plan->tdmrs[i].nr_reserved; k++)
			printf("  reserved: offset 0x%" PRIx64
			       " size 0x%" PRIx64 "\n",
			       t->reserved[k].offset, t->reserved[k].size);
	}
	printf("PAMT %" PRIu64 " KiB, usable %" PRIu64 " MiB, lost %" PRIu64
	       " bytes\n",
	       plan->pamt_bytes >> 10, plan->usable_bytes >> 20,
	       plan->lost_bytes);
}

/* TDMR_INFO structures must be 512-byte aligned, one stride apart. */
static int seal_and_print(struct tdxc_plan *plan, size_t stride)
{
	size_t bytes = plan->nr_tdmrs * stride;
	char *infos = aligned_alloc(TDXC_TDMR_INFO_ALIGN, bytes);
	struct tdxc_plan_fault fault;
	int err = TDXC_E_NOMEM;

	if (infos)
		err = tdxc_plan_seal(plan, infos, bytes, &fault);
	if (err == TDXC_OK)
		print_layout(plan, infos, stride);
	free(infos);
	return err;
}

static int plan_and_print(const struct tdxc_plan_config *config)
{
	struct tdxc_plan_fault fault;
	struct tdxc_plan plan;
	void *scratch;
	size_t bytes;
	int err = tdxc_plan_scratch_bytes(config, &bytes);

	if (err != TDXC_OK)
		return err;
	scratch = malloc(bytes);
	if (!scratch)
		return TDXC_E_NOMEM;
	err = tdxc_plan_make(&plan, config, scratch, bytes, &fault);
	if (err == TDXC_OK)
		err = seal_and_print(
			&plan,
			tdxc_tdmr_info_stride(config->limits.max_reserved));
	else
		fprintf(stderr, "no layout: %s\n",
			tdxc_plan_fault_text(fault.kind));
	free(scratch);
	return err;
}

int main(void)
{
	struct tdxc_range cmrs[COUNT(reported)];
	struct tdxc_plan_config config = {
		.abi = TDXC_ABI,
		.limits = tdxc_limits_observed(),
		.cmrs = cmrs,
		.ram = ram,
		.nr_ram = COUNT(ram),
	};
	struct tdxc_cmr_fault fault;
	int err;

	err = tdxc_cmr_read(reported, COUNT(reported), config.limits.pa_bits,
			    cmrs, &config.nr_cmrs, &fault);
	if (err == TDXC_OK)
		err = plan_and_print(&config);
	if (err != TDXC_OK)
		fprintf(stderr, "%s\n", tdxc_err_name(err));
	return err == TDXC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
