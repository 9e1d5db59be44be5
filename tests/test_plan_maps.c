/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Every real machine of tests/data/maps is planned: convertible memory taken as
 * the RAM alone and as the span around it, static and Dynamic PAMT, NUMA nodes
 * where they are known; and the machines that ran TDX with the CMRs they
 * printed. Always: the checker accepts, no RAM is lost unless a proof says that
 * some must be, and PAMT bytes and TDMRs are never more than one TDMR per range
 * would take - whether or not that method's areas would have sufficed.
 *
 * Prints a table: ours/baseline.
 */
#include <check.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tdxcore/cmr.h>
#include <tdxcore/err.h>

#include "map/map.h"

#include "plan/baseline.h"
#include "plan/case.h"
#include "plan/verify.h"

#define MAX_FILES 512
#define GIB4	  0x100000000ull
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

enum cmr_mode { CMR_RAM, CMR_SPAN, CMR_LOG };

static const char *const mode_names[] = {"ram", "span", "log"};
static const char *const pamt_names[] = {"static", "dynamic"};

static char *files[MAX_FILES];
static size_t nr_files;
static struct plan_case c;

/* Sums over all machines of one mode. */
struct total {
	unsigned machines;
	unsigned refused; /* by the baseline */
	unsigned lossy;
	uint64_t ours;
	uint64_t theirs;
	uint32_t tdmrs;
	uint32_t their_tdmrs;
};

static const char *data_folder(void)
{
	const char *at = getenv("TDXC_TEST_DATA");

	return at ? at : "tests/data";
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name);
	size_t m = strlen(end);

	return n >= m && !strcmp(name + n - m, end);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_files(const char *const *ends, size_t nr_ends)
{
	char path[1024];
	struct dirent *e;
	DIR *dir;
	size_t i;

	snprintf(path, sizeof(path), "%s/maps", data_folder());
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "cannot read %s", path);
	while ((e = readdir(dir)) != NULL) {
		for (i = 0; i < nr_ends && !ends_with(e->d_name, ends[i]); i++)
			;
		if (i == nr_ends)
			continue;
		ck_assert_uint_lt(nr_files, MAX_FILES);
		files[nr_files] = strdup(e->d_name);
		ck_assert_ptr_nonnull(files[nr_files]);
		nr_files++;
	}
	closedir(dir);
	qsort(files, nr_files, sizeof(files[0]), by_name);
}

static void free_files(void)
{
	while (nr_files)
		free(files[--nr_files]);
}

/* maps/NAME.end, where NAME is that of `file`. */
static void path_of(char *path, size_t bytes, const char *file, const char *end)
{
	size_t stem = (size_t)(strrchr(file, '.') - file);

	snprintf(path, bytes, "%s/maps/%.*s%s", data_folder(), (int)stem, file,
		 end);
}

static void read_map(const char *file, struct map *map)
{
	struct map_error error;
	struct map_list nodes;
	uint64_t uncovered;
	char path[1024];

	path_of(path, sizeof(path), file, strrchr(file, '.'));
	ck_assert_msg(map_read(path, map, &error) == MAP_OK, "%s:%zu: %s", path,
		      error.line, error.text);
	path_of(path, sizeof(path), file, ".numa");
	if (access(path, R_OK))
		return;
	ck_assert_msg(map_read_numa(path, &nodes, &error) == MAP_OK,
		      "%s:%zu: %s", path, error.line, error.text);
	ck_assert_int_eq(map_apply_nodes(map, &nodes, &uncovered, &error),
			 MAP_OK);
	map_list_free(&nodes);
}

static void take_ram(const struct map *map)
{
	struct tdxc_plan_ram *ram;
	size_t n;
	size_t i;

	case_init(&c);
	ck_assert_int_eq(map_ram(map, &ram, &n), MAP_OK);
	for (i = 0; i < n; i++)
		case_ram(&c, ram[i].range.start, ram[i].range.end, ram[i].node);
	free(ram);
}

static void take_cmrs(const struct map *map, enum cmr_mode mode)
{
	struct tdxc_range *cmrs;
	size_t n;
	size_t i;

	ck_assert_int_eq(mode == CMR_RAM ? map_cmrs_ram(map, &cmrs, &n)
					 : map_cmrs_span(map, &cmrs, &n),
			 MAP_OK);
	c.config.nr_cmrs = 0;
	for (i = 0; i < n; i++)
		case_cmr(&c, cmrs[i].start, cmrs[i].end);
	free(cmrs);
}

static uint32_t most_areas(const struct plan_run *run)
{
	uint32_t most = 0;
	uint32_t i;

	for (i = 0; i < run->plan.nr_tdmrs; i++)
		if (run->plan.tdmrs[i].nr_reserved > most)
			most = run->plan.tdmrs[i].nr_reserved;
	return most;
}

static void print_head(void)
{
	printf("%-44s %-4s %-7s %6s %9s %21s %9s %s\n", "machine", "CMRs",
	       "PAMT", "ranges", "TDMRs", "PAMT KiB", "areas", "lost KiB");
}

static void print_row(const char *name, enum cmr_mode mode,
		      const struct plan_run *run, const struct baseline *b,
		      enum baseline_result result)
{
	const struct tdxc_plan *p = &run->plan;
	char areas[16] = "refused";

	if (result == BASELINE_OK)
		snprintf(areas, sizeof(areas), "%u", b->max_areas);
	printf("%-44.44s %-4s %-7s %6zu %5u/%-3u %10" PRIu64 "/%-10" PRIu64
	       " %4u/%-7s %" PRIu64 "%s\n",
	       name, mode_names[mode],
	       pamt_names[c.config.limits.pamt_bitmap_bits != 0], b->nr_usable,
	       p->nr_tdmrs, b->nr_tdmrs, p->pamt_bytes / 1024,
	       b->pamt_bytes / 1024, most_areas(run), areas,
	       p->lost_bytes / 1024,
	       p->lost_bytes && p->proven ? " (proven)" : "");
	fflush(stdout);
}

static void add(struct total *t, const struct plan_run *run,
		const struct baseline *b, enum baseline_result result)
{
	t->machines++;
	t->refused += result != BASELINE_OK;
	t->lossy += run->plan.lost_bytes != 0;
	t->ours += run->plan.pamt_bytes;
	t->theirs += b->pamt_bytes;
	t->tdmrs += run->plan.nr_tdmrs;
	t->their_tdmrs += b->nr_tdmrs;
}

static void print_total(const char *what, const struct total *t)
{
	printf("%s: %u machines, baseline refuses %u, lossy %u, TDMRs %u/%u, "
	       "PAMT MiB %" PRIu64 "/%" PRIu64 "\n",
	       what, t->machines, t->refused, t->lossy, t->tdmrs,
	       t->their_tdmrs, t->ours >> 20, t->theirs >> 20);
	fflush(stdout);
}

/*
 * Machines on which RAM has to be given up, and why that cannot be helped.
 * The planner's own proof (lost_bound) is enough too.
 */
static bool loss_is_explained(const struct tdxc_plan *p)
{
	return p->lost_bytes == 0 || p->lost_bound == p->lost_bytes;
}

/* A partial map of which only a hole was published. */
static bool quotes_no_ram(const char *name)
{
	return !strcmp(name, "cxl-amd-1tb-hole-partial.e820");
}

/* Plan `c` and hold it against the baseline on the same RAM. */
static void judge(const char *name, enum cmr_mode mode, struct total *total)
{
	enum baseline_result result;
	struct plan_run run;
	struct baseline b;
	const char *wrong;

	plan_run(&run, &c);
	if (quotes_no_ram(name)) {
		ck_assert_int_eq(run.fault.kind, TDXC_PLAN_FAULT_NO_MEMORY);
		plan_run_end(&run);
		return;
	}
	ck_assert_msg(!run.make && !run.seal, "%s: %s", name,
		      tdxc_plan_fault_text(run.fault.kind));
	wrong = verify_run(&c, &run);
	ck_assert_msg(!wrong, "%s (%s): %s", name, mode_names[mode], wrong);
	baseline_alloc(&b, &c.config.limits, c.ram, c.config.nr_ram);
	result = baseline_run(&b);
	/* of the tiny and the many only what differs is worth a line */
	if (mode != CMR_SPAN && !c.config.limits.pamt_bitmap_bits)
		print_row(name, mode, &run, &b, result);
	else if (run.plan.lost_bytes)
		print_row(name, mode, &run, &b, result);
	ck_assert_msg(loss_is_explained(&run.plan),
		      "%s (%s): %" PRIu64 " bytes lost, bound %" PRIu64, name,
		      mode_names[mode], run.plan.lost_bytes,
		      run.plan.lost_bound);
	ck_assert_msg(result != BASELINE_TOO_MANY_TDMRS, "%s", name);
	ck_assert_msg(run.plan.pamt_bytes <= b.pamt_bytes,
		      "%s (%s): more PAMT bytes than the baseline", name,
		      mode_names[mode]);
	ck_assert_msg(run.plan.nr_tdmrs <= b.nr_tdmrs,
		      "%s (%s): more TDMRs than the baseline", name,
		      mode_names[mode]);
	add(total, &run, &b, result);
	baseline_free(&b);
	plan_run_end(&run);
}

START_TEST(every_machine_is_planned_without_loss)
{
	static const char *const ends[] = {".e820", ".iomem", ".efimap"};
	struct total total[2][2];
	char what[64];
	uint32_t bits;
	int mode;
	size_t i;

	memset(total, 0, sizeof(total));
	list_files(ends, COUNT(ends));
	ck_assert_uint_ge(nr_files, 190);
	print_head();
	for (i = 0; i < nr_files; i++) {
		struct map map;

		read_map(files[i], &map);
		for (mode = CMR_RAM; mode <= CMR_SPAN; mode++) {
			for (bits = 0; bits <= 1; bits++) {
				take_ram(&map);
				take_cmrs(&map, (enum cmr_mode)mode);
				c.config.limits.pamt_bitmap_bits = bits;
				judge(files[i], (enum cmr_mode)mode,
				      &total[mode][bits]);
			}
		}
		map_free(&map);
	}
	for (mode = CMR_RAM; mode <= CMR_SPAN; mode++)
		for (bits = 0; bits <= 1; bits++) {
			snprintf(what, sizeof(what), "CMR %s, %s PAMT",
				 mode_names[mode], pamt_names[bits]);
			print_total(what, &total[mode][bits]);
		}
	free_files();
}
END_TEST

/* Some logs of TDX machines quote no CMR. */
static bool log_has_cmrs(const char *path)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "r");

	ck_assert_msg(f != NULL, "cannot read %s", path);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, "CMR: [") != NULL;
	fclose(f);
	return found;
}

/* CMRs a machine printed; false when its log has none. */
static bool take_logged_cmrs(const char *file)
{
	struct tdxc_cmr raw[TDXC_MAX_CMRS];
	struct tdxc_cmr_fault fault;
	struct map_error error;
	struct map_list list;
	char path[1024];
	size_t i;

	path_of(path, sizeof(path), file, ".tdxlog");
	if (!log_has_cmrs(path))
		return false;
	ck_assert_msg(map_read_cmrs(path, &list, &error) == MAP_OK, "%s: %s",
		      path, error.text);
	ck_assert_uint_le(list.nr, TDXC_MAX_CMRS);
	for (i = 0; i < list.nr; i++) {
		raw[i].base = list.entries[i].range.start;
		raw[i].size = tdxc_range_size(list.entries[i].range);
	}
	ck_assert_msg(tdxc_cmr_read(raw, list.nr, c.config.limits.pa_bits,
				    c.cmrs, &c.config.nr_cmrs,
				    &fault) == TDXC_OK,
		      "%s: %s", path, tdxc_cmr_fault_text(fault.kind));
	map_list_free(&list);
	return true;
}

START_TEST(tdx_machines_are_planned_on_their_own_cmrs)
{
	static const char *const ends[] = {".tdxlog"};
	struct total total[2];
	uint32_t bits;
	size_t i;
	size_t k;

	memset(total, 0, sizeof(total));
	list_files(ends, COUNT(ends));
	ck_assert_uint_ge(nr_files, 10);
	print_head();
	for (i = 0; i < nr_files; i++) {
		for (bits = 0; bits <= 1; bits++) {
			case_init(&c);
			c.config.limits.pamt_bitmap_bits = bits;
			if (!take_logged_cmrs(files[i]))
				continue;
			for (k = 0; k < c.config.nr_cmrs; k++)
				case_ram(&c, c.cmrs[k].start, c.cmrs[k].end,
					 k ? (uint32_t)k - 1 : 0);
			judge(files[i], CMR_LOG, &total[bits]);
		}
	}
	for (bits = 0; bits <= 1; bits++)
		print_total(pamt_names[bits], &total[bits]);
	ck_assert_uint_ge(total[0].machines, 8);
	free_files();
}
END_TEST

/*
 * canonical/tdx#135: the map that Linux cannot plan, on the CMRs that the
 * machine printed. The published map ends below 4 GiB; above, RAM is taken to
 * fill the CMRs.
 */
START_TEST(the_emerald_rapids_server_is_planned_without_loss)
{
	const char *file = "tdx-emr-foxcreekpass-256g.e820";
	struct total total;
	uint32_t bits;
	size_t k;

	memset(&total, 0, sizeof(total));
	for (bits = 0; bits <= 1; bits++) {
		struct plan_run run;
		struct baseline b;
		struct map map;

		read_map(file, &map);
		take_ram(&map);
		map_free(&map);
		c.config.limits.pamt_bitmap_bits = bits;
		ck_assert(take_logged_cmrs(file));
		for (k = 0; k < c.config.nr_cmrs; k++)
			if (c.cmrs[k].start >= GIB4)
				case_ram(&c, c.cmrs[k].start, c.cmrs[k].end,
					 k ? (uint32_t)k - 1 : 0);
		baseline_alloc(&b, &c.config.limits, c.ram, c.config.nr_ram);
		ck_assert_int_eq(baseline_run(&b), BASELINE_TOO_MANY_AREAS);
		ck_assert_uint_eq(b.bad_tdmr, 0);
		baseline_free(&b);
		plan_run(&run, &c);
		ck_assert_int_eq(run.make, TDXC_OK);
		ck_assert_ptr_null(verify_run(&c, &run));
		ck_assert_uint_eq(run.plan.lost_bytes, 0);
		ck_assert_uint_eq(run.plan.nr_tdmrs, 2);
		ck_assert_uint_le(run.plan.tdmrs[0].nr_reserved, 2);
		plan_run_end(&run);
		judge(file, CMR_LOG, &total);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("plan_maps");
	TCase *tc = tcase_create("maps");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, every_machine_is_planned_without_loss);
	tcase_add_test(tc, tdx_machines_are_planned_on_their_own_cmrs);
	tcase_add_test(tc, the_emerald_rapids_server_is_planned_without_loss);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
