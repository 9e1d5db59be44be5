/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Private faults from end to end on the software platform: a guest touches a
 * page that is not there, exits, the library lends a page, the guest enters
 * again, accepts it and goes on. With one and with two vCPUs on threads of
 * their own, each in memory of its own, in pages of 4 KiB and of 2 MiB.
 *
 *   fault_4k, fault_2m  param: threads. ns_per_op: elapsed time over all faults
 *
 * Which share of the threads' time is spent inside the platform, in SEAMCALLs
 * and in what the guest does after VP.ENTER, is a remark: the rest is the
 * library's and the VMM's.
 *
 *   run [--quick] [--json]
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "vmm.h"

#define PAGE	    4096ull
#define MIB	    0x100000ull
#define GPA	    0x40000000ull
#define APART	    (256 * MIB)
#define MAX_THREADS 2u
#define MAX_RESULTS 8u

struct result {
	const char *name;
	uint32_t threads;
	uint64_t faults;
	uint64_t ns; /* elapsed, of the fastest repetition */
	uint64_t
		platform_ns; /* in the platform, all threads, same repetition */
	uint64_t reps;
};

static struct tdxc_sim_host host;
static struct tdxc_sim_vmm *vm;
static uint64_t pages = 32768; /* of 4K, by each thread */
static uint64_t pieces = 128;  /* of 2M, by each thread */
static uint64_t repeats = 7;
static struct result results[MAX_RESULTS];
static uint32_t nr_results;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "run: %s\n", what);
	exit(EXIT_FAILURE);
}

/* --- time inside the platform --------------------------------------------- */

static _Thread_local uint64_t inside_ns;
static uint64_t all_inside_ns;

static uint64_t timed_call(void *ctx, uint64_t rax,
			   struct tdxc_seamcall_regs *regs,
			   enum tdxc_seamcall_shape shape)
{
	uint64_t began = bench_now();
	uint64_t status =
		tdxc_sim_port_seamcall_ops.call(ctx, rax, regs, shape);

	inside_ns += bench_now() - began;
	return status;
}

static const struct tdxc_seamcall_ops timed_ops = {
	.abi = TDXC_ABI,
	.call = timed_call,
};

/* --- work ------------------------------------------------------------------
 */

struct worker {
	pthread_t id;
	uint32_t vcpu;
	struct tdxc_sim_guest_op script[TDXC_SIM_GUEST_MAX_OPS];
	size_t nr_ops;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct tdxc_sim_vmm_result r;

	inside_ns = 0;
	tdxc_sim_host_thread_begin(&host);
	r = tdxc_sim_vmm_run(vm, w->vcpu, w->script, w->nr_ops);
	tdxc_sim_host_thread_end(&host);
	must(r.result == TDXC_SIM_GUEST_DONE, "a guest did not finish");
	(void)__atomic_add_fetch(&all_inside_ns, inside_ns, __ATOMIC_RELAXED);
	return NULL;
}

static void up(bool large)
{
	const struct tdxc_sim_host_config h = {.seed = 1};
	const struct tdxc_sim_vmm_config c = {
		.nr_vcpus = MAX_THREADS,
		.slots = {{GPA, MAX_THREADS * APART, false}},
		.small_pages = !large,
		.no_check = true,
	};
	int err;

	must(tdxc_sim_host_up(&host, &h) == TDXC_OK, "no host");
	host.seamcall.ops = &timed_ops;
	tdxc_sim_host_thread_begin(&host);
	vm = tdxc_sim_vmm_create(&host, &c, &err);
	must(vm != NULL, "no VM");
	must(tdxc_sim_vmm_finalize(vm) == TDXC_OK, "not finalised");
}

static void down(void)
{
	must(tdxc_sim_vmm_destroy(vm, NULL) == TDXC_OK, "no teardown");
	tdxc_sim_host_thread_end(&host);
	tdxc_sim_host_down(&host);
}

/* A pass over its memory: each page is accepted, which needs it to be there. */
static void make_script(struct worker *w, uint32_t vcpu, bool large)
{
	uint64_t bytes = large ? pieces * 2 * MIB : pages * PAGE;

	w->vcpu = vcpu;
	w->script[0] = (struct tdxc_sim_guest_op){
		large ? TDXC_SIM_GUEST_ACCEPT_2M : TDXC_SIM_GUEST_ACCEPT_4K,
		GPA + vcpu * APART, bytes, 0};
	w->nr_ops = 1;
}

static uint64_t faults_now(void)
{
	struct tdxc_sim_vmm_counts counts;

	tdxc_sim_vmm_read_counts(vm, &counts);
	return counts.private_faults;
}

static void run_once(struct result *r, bool large)
{
	struct worker workers[MAX_THREADS];
	uint64_t faults;
	uint64_t began;
	uint64_t ns;

	up(large);
	faults = faults_now();
	all_inside_ns = 0;
	began = bench_now();
	for (uint32_t i = 0; i < r->threads; i++) {
		make_script(&workers[i], i, large);
		must(pthread_create(&workers[i].id, NULL, work, &workers[i]) ==
			     0,
		     "no thread");
	}
	for (uint32_t i = 0; i < r->threads; i++)
		(void)pthread_join(workers[i].id, NULL);
	ns = bench_now() - began;
	r->faults = faults_now() - faults;
	must(r->faults == r->threads * (large ? pieces : pages),
	     "other faults than expected");
	if (r->reps == 0 || ns < r->ns) {
		r->ns = ns;
		r->platform_ns = all_inside_ns;
	}
	r->reps++;
	down();
}

static void measure(const char *name, bool large, uint32_t threads)
{
	struct result *r = &results[nr_results++];

	*r = (struct result){.name = name, .threads = threads};
	while (r->reps < repeats)
		run_once(r, large);
}

/* --- results ---------------------------------------------------------------
 */

static double ns_per_fault(const struct result *r)
{
	return (double)r->ns / (double)r->faults;
}

static double faults_per_second(const struct result *r)
{
	return r->ns == 0 ? 0 : 1e9 / ns_per_fault(r);
}

/* Of the time that the threads had. */
static double share(const struct result *r)
{
	return r->ns == 0
		       ? 0
		       : (double)r->platform_ns / ((double)r->ns * r->threads);
}

static void print_text(void)
{
	for (uint32_t i = 0; i < nr_results; i++) {
		const struct result *r = &results[i];

		printf("# %s with %u threads: %.0f faults per second, %.0f %% "
		       "of the threads' time inside the platform\n",
		       r->name, r->threads, faults_per_second(r),
		       100 * share(r));
	}
	bench_header();
	for (uint32_t i = 0; i < nr_results; i++) {
		const struct result *r = &results[i];

		printf("%s,%u,%.2f,%" PRIu64 ",%" PRIu64 "\n", r->name,
		       r->threads, ns_per_fault(r), r->faults, r->reps);
	}
}

static void print_json(void)
{
	printf("{\"benchmark\": \"run\", \"results\": [");
	for (uint32_t i = 0; i < nr_results; i++) {
		const struct result *r = &results[i];

		printf("%s\n  {\"name\": \"%s\", \"threads\": %u"
		       ", \"faults\": %" PRIu64 ", \"ns_per_fault\": %.2f"
		       ", \"faults_per_second\": %.0f"
		       ", \"share_inside_platform\": %.3f"
		       ", \"repetitions\": %" PRIu64 "}",
		       i == 0 ? "" : ",", r->name, r->threads, r->faults,
		       ns_per_fault(r), faults_per_second(r), share(r),
		       r->reps);
	}
	printf("\n]}\n");
}

int main(int argc, char **argv)
{
	void (*print)(void) = print_text;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0) {
			pages = 256;
			pieces = 4;
			repeats = 1;
		} else if (strcmp(argv[i], "--json") == 0) {
			print = print_json;
		} else {
			fprintf(stderr, "usage: run [--quick] [--json]\n");
			return EXIT_FAILURE;
		}
	}
	for (uint32_t threads = 1; threads <= MAX_THREADS; threads++) {
		measure("fault_4k", false, threads);
		measure("fault_2m", true, threads);
	}
	print();
	return EXIT_SUCCESS;
}
