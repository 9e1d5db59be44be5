/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What operations on private memory cost: SEAMCALLs and broadcasts to vCPUs,
 * counted on the software platform with Dynamic PAMT, whose own calls are left
 * out. Nothing is timed, so the counts are the same on every computer. Beside
 * them what the operation may cost, and what one page of 4 KiB at a time costs
 * (kvm-mirror-mmu.md 6.4): BLOCK, TRACK, REMOVE and write-back, and a
 * broadcast, for each.
 *
 *   sept [--quick] [--json]
 *
 * A count beyond its limit is a failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cost.h"

#define MAX_COSTS 64u

static struct vmm_cost costs[MAX_COSTS];
static uint32_t nr_costs;

static void print_text(void)
{
	printf("operation,n,calls,write_backs,broadcasts,limit,"
	       "broadcast_limit,page_by_page_calls,"
	       "page_by_page_broadcasts\n");
	for (uint32_t i = 0; i < nr_costs; i++) {
		const struct vmm_cost *c = &costs[i];

		printf("%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		       ",%" PRIu64 "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n",
		       c->name, c->n, c->calls, c->write_backs, c->broadcasts,
		       c->limit, c->less_write_backs ? "+write_backs" : "",
		       c->broadcast_limit, c->page_by_page_calls,
		       c->page_by_page_broadcasts);
	}
}

static void print_json(void)
{
	printf("{\"benchmark\": \"sept\", \"results\": [");
	for (uint32_t i = 0; i < nr_costs; i++) {
		const struct vmm_cost *c = &costs[i];

		printf("%s\n  {\"operation\": \"%s\", \"n\": %" PRIu64
		       ", \"calls\": %" PRIu64 ", \"write_backs\": %" PRIu64
		       ", \"broadcasts\": %" PRIu64 ", \"limit\": %" PRIu64
		       ", \"limit_leaves_out_write_backs\": %s"
		       ", \"broadcast_limit\": %" PRIu64
		       ", \"page_by_page_calls\": %" PRIu64
		       ", \"page_by_page_broadcasts\": %" PRIu64 "}",
		       i == 0 ? "" : ",", c->name, c->n, c->calls,
		       c->write_backs, c->broadcasts, c->limit,
		       c->less_write_backs ? "true" : "false",
		       c->broadcast_limit, c->page_by_page_calls,
		       c->page_by_page_broadcasts);
	}
	printf("\n]}\n");
}

static bool measure_all(bool quick)
{
	bool good = true;

	nr_costs = vmm_cost_count(quick);
	for (uint32_t i = 0; i < nr_costs; i++) {
		struct vmm_cost *c = &costs[i];

		if (!vmm_cost_measure(i, false, c)) {
			fprintf(stderr, "sept: %s failed\n", c->name);
			return false;
		}
		if (!vmm_cost_is_good(c)) {
			fprintf(stderr,
				"sept: %s of %" PRIu64
				" costs more than it may\n",
				c->name, c->n);
			good = false;
		}
	}
	return good;
}

int main(int argc, char **argv)
{
	void (*print)(void) = print_text;
	bool quick = false;
	bool good;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			quick = true;
		} else if (strcmp(argv[i], "--json") == 0) {
			print = print_json;
		} else {
			fprintf(stderr, "usage: sept [--quick] [--json]\n");
			return EXIT_FAILURE;
		}
	}
	good = measure_all(quick);
	print();
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
