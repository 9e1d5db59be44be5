/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Images of TDX modules, and what the P-SEAMLDR is given of them: refused where
 * anything is wrong, before any SEAMCALL.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/update.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define HEADER	     TDXC_UPDATE_HEADER_BYTES
#define PAGE	     4096ull
#define MAX	     TDXC_UPDATE_MODULE_PAGES

struct checked {
	struct tdxc_update_image image;
	struct tdxc_update_image_fault fault;
	int err;
};

static uint8_t header[HEADER];

static void good_header(uint32_t module_pages)
{
	static const uint32_t one = 1;

	memset(header, 0, sizeof(header));
	memcpy(header, "\x00\x02\x34\x12TDX-BLOB", 12);
	memcpy(header + 12, &one, sizeof(one));
	memcpy(header + 16, &module_pages, sizeof(module_pages));
}

static struct checked check_image(uint64_t size)
{
	struct checked c;

	memset(&c, 0xA5, sizeof(c));
	c.err = tdxc_update_image_check(header, size, &c.image, &c.fault);
	return c;
}

static void expect_refused(const struct checked *c,
			   enum tdxc_update_image_fault_kind kind,
			   uint32_t offset, uint64_t value)
{
	ck_assert_int_eq(c->err, TDXC_E_INVAL);
	ck_assert_int_eq(c->fault.kind, kind);
	ck_assert_uint_eq(c->fault.offset, offset);
	ck_assert_uint_eq(c->fault.value, value);
	/* Member by member: a returned structure's padding is anything. */
	ck_assert_uint_eq(c->image.sigstruct_offset, 0);
	ck_assert_uint_eq(c->image.module_offset, 0);
	ck_assert_uint_eq(c->image.sigstruct_pages, 0);
	ck_assert_uint_eq(c->image.module_pages, 0);
	ck_assert_uint_eq(c->image.checksum, 0);
}

/* --- images ----------------------------------------------------------------
 */

START_TEST(an_image_is_a_header_a_signature_and_1_to_496_pages)
{
	uint32_t pages;

	for (pages = 1; pages <= MAX; pages++) {
		struct checked c;

		good_header(pages);
		c = check_image((pages + 2) * PAGE);
		ck_assert_int_eq(c.err, TDXC_OK);
		ck_assert_int_eq(c.fault.kind, TDXC_IMAGE_OK);
		ck_assert_uint_eq(c.image.sigstruct_offset, PAGE);
		ck_assert_uint_eq(c.image.sigstruct_pages, 1);
		ck_assert_uint_eq(c.image.module_offset, 2 * PAGE);
		ck_assert_uint_eq(c.image.module_pages, pages);
		ck_assert_uint_eq(c.image.checksum, 0x1234);
	}
}
END_TEST

struct bad_field {
	uint32_t offset;
	uint32_t bytes;
	uint64_t value;
	enum tdxc_update_image_fault_kind kind;
};

/* linux-host-tdx.md 13, ideas 46 and 47. The pages of the last four, times 4096
 * and cut to 32 bits, add up to the size of the image. */
static const struct bad_field bad_fields[] = {
	{0, 2, 0, TDXC_IMAGE_VERSION},
	{0, 2, 0x0100, TDXC_IMAGE_VERSION},
	{0, 2, 0x0201, TDXC_IMAGE_VERSION},
	{0, 2, 0x0002, TDXC_IMAGE_VERSION},
	{4, 8, 0, TDXC_IMAGE_MAGIC},
	{4, 8, 0x5844542D424F4C42, TDXC_IMAGE_MAGIC}, /* "BLOB-TDX" */
	{4, 8, 0x424F4C422D584455, TDXC_IMAGE_MAGIC},
	{4, 8, 0x434F4C422D584454, TDXC_IMAGE_MAGIC},
	{12, 4, 0, TDXC_IMAGE_SIGSTRUCT_PAGES},
	{12, 4, 2, TDXC_IMAGE_SIGSTRUCT_PAGES},
	{12, 4, 0xFFFFFFFF, TDXC_IMAGE_SIGSTRUCT_PAGES},
	{16, 4, 0, TDXC_IMAGE_MODULE_PAGES},
	{16, 4, MAX + 1, TDXC_IMAGE_MODULE_PAGES},
	{16, 4, 0xFFFFFFFF, TDXC_IMAGE_MODULE_PAGES},
	{12, 4, 0x100001, TDXC_IMAGE_SIGSTRUCT_PAGES},
	{12, 4, 0x80000001, TDXC_IMAGE_SIGSTRUCT_PAGES},
	{16, 4, 0x100005, TDXC_IMAGE_MODULE_PAGES},
	{16, 4, 0xFFF00005, TDXC_IMAGE_MODULE_PAGES},
};

START_TEST(idea_46_47_every_bad_field_is_refused_and_named)
{
	const struct bad_field *bad = &bad_fields[_i];
	struct checked c;

	good_header(5);
	memcpy(header + bad->offset, &bad->value, bad->bytes);
	c = check_image(7 * PAGE);
	expect_refused(&c, bad->kind, bad->offset, bad->value);
}
END_TEST

START_TEST(idea_46_an_image_shorter_than_its_header_is_not_read)
{
	static const uint64_t sizes[] = {0, 1, 20, HEADER - 1};
	struct tdxc_update_image_fault fault;
	struct tdxc_update_image image;
	size_t i;

	for (i = 0; i < COUNT(sizes); i++) {
		ck_assert_int_eq(
			tdxc_update_image_check(NULL, sizes[i], &image, &fault),
			TDXC_E_INVAL);
		ck_assert_int_eq(fault.kind, TDXC_IMAGE_SHORT);
		ck_assert_uint_eq(fault.value, sizes[i]);
	}
}
END_TEST

START_TEST(idea_46_an_image_of_another_length_is_refused)
{
	static const uint64_t sizes[] = {
		HEADER,
		6 * PAGE,
		7 * PAGE - 1,
		7 * PAGE + 1,
		8 * PAGE,
		1ull << 32,
		(1ull << 32) + 7 * PAGE,
		UINT64_MAX,
		7 * PAGE / 2,
	};
	struct checked c;
	size_t i;

	good_header(5);
	for (i = 0; i < COUNT(sizes); i++) {
		c = check_image(sizes[i]);
		expect_refused(&c, TDXC_IMAGE_LENGTH, 7 * PAGE, sizes[i]);
	}
}
END_TEST

START_TEST(idea_46_no_reserved_byte_may_be_set)
{
	uint32_t at;

	for (at = 20; at < HEADER; at++) {
		struct checked c;

		good_header(5);
		header[at] = (uint8_t)(1u << at % 8);
		c = check_image(7 * PAGE);
		expect_refused(&c, TDXC_IMAGE_RESERVED, at, header[at]);
	}
}
END_TEST

/* Valgrind and AddressSanitizer watch what is read. */
START_TEST(only_the_header_is_read_and_at_any_address)
{
	size_t shift;

	good_header(496);
	for (shift = 0; shift < 8; shift++) {
		uint8_t *block = malloc(HEADER + shift);
		struct tdxc_update_image_fault fault;
		struct tdxc_update_image image;

		ck_assert_ptr_nonnull(block);
		memcpy(block + shift, header, HEADER);
		ck_assert_int_eq(tdxc_update_image_check(block + shift,
							 498 * PAGE, &image,
							 &fault),
				 TDXC_OK);
		free(block);
	}
}
END_TEST

START_TEST(the_checksum_is_reported_and_not_judged)
{
	uint32_t sum;

	good_header(1);
	for (sum = 0; sum < 0x10000; sum += 0x1111) {
		struct checked c;

		header[2] = (uint8_t)sum;
		header[3] = (uint8_t)(sum >> 8);
		c = check_image(3 * PAGE);
		ck_assert_int_eq(c.err, TDXC_OK);
		ck_assert_uint_eq(c.image.checksum, sum);
	}
}
END_TEST

static const char *text(unsigned kind)
{
	return tdxc_update_image_fault_text(
		(enum tdxc_update_image_fault_kind)kind);
}

START_TEST(every_fault_has_a_text_of_its_own)
{
	unsigned k, other;

	for (k = 0; k < TDXC_IMAGE_FAULTS; k++) {
		ck_assert_str_ne(text(k), "");
		ck_assert_str_ne(text(k), "unknown reason");
		for (other = 0; other < k; other++)
			ck_assert_str_ne(text(k), text(other));
	}
	ck_assert_str_eq(text(k), "unknown reason");
	ck_assert_str_eq(text(1000000), "unknown reason");
}
END_TEST

/* --- SEAMLDR_PARAMS --------------------------------------------------------
 */

static struct tdxc_seamldr_params params;
static uint64_t sigstruct = 0x7000;
static uint64_t list[MAX];
static uint32_t bad;

static struct tdxc_update_pages good_pages(uint32_t n)
{
	const struct tdxc_update_pages pages = {&sigstruct, 1, n, list};
	uint32_t i;

	/* Anywhere, as long as it is a page. */
	for (i = 0; i < MAX; i++)
		list[i] = 0xFFFFFFFFFF000 - i * 0x3000ull;
	sigstruct = 0x7000;
	return pages;
}

static uint64_t word_at(size_t offset)
{
	uint64_t word;

	memcpy(&word, (const char *)&params + offset, sizeof(word));
	return word;
}

START_TEST(parameters_are_laid_out_as_the_p_seamldr_reads_them)
{
	static const uint32_t counts[] = {1, 2, 495, 496};
	struct tdxc_update_pages pages = good_pages(counts[_i]);
	size_t i;

	memset(&params, 0xA5, sizeof(params));
	ck_assert_int_eq(tdxc_update_params_fill(&params, TDXC_SEAMLDR_UPDATE,
						 &pages, &bad),
			 TDXC_OK);
	ck_assert_uint_eq(word_at(0), 1ull << 32); /* version 0, scenario 1 */
	ck_assert_uint_eq(word_at(8), 0x7000);
	for (i = 16; i < 120; i += 8)
		ck_assert_uint_eq(word_at(i), 0);
	ck_assert_uint_eq(word_at(120), counts[_i]);
	for (i = 0; i < MAX; i++)
		ck_assert_uint_eq(word_at(128 + 8 * i),
				  i < counts[_i] ? list[i] : 0);
}
END_TEST

START_TEST(loading_is_another_scenario)
{
	struct tdxc_update_pages pages = good_pages(1);

	ck_assert_int_eq(tdxc_update_params_fill(&params, TDXC_SEAMLDR_LOAD,
						 &pages, &bad),
			 TDXC_OK);
	ck_assert_uint_eq(word_at(0), 0);
}
END_TEST

START_TEST(the_list_may_be_written_where_it_belongs)
{
	struct tdxc_update_pages pages = good_pages(200);

	memset(&params, 0xA5, sizeof(params));
	memcpy(params.module_pa, list, sizeof(list));
	pages.module = params.module_pa;
	ck_assert_int_eq(tdxc_update_params_fill(&params, TDXC_SEAMLDR_UPDATE,
						 &pages, &bad),
			 TDXC_OK);
	ck_assert_mem_eq(params.module_pa, list, 200 * sizeof(list[0]));
	ck_assert_uint_eq(params.module_pa[200], 0);
	ck_assert_uint_eq(params.module_pa[495], 0);
}
END_TEST

static const uint64_t bad_addresses[] = {
	0,	    1,		0x800,
	0x1FFF,	    1ull << 52, (1ull << 52) + 0x1000,
	1ull << 63, UINT64_MAX,
};

START_TEST(a_bad_address_is_refused_and_named_and_nothing_written)
{
	struct tdxc_seamldr_params before;
	struct tdxc_update_pages pages = good_pages(10);
	uint32_t at;

	memset(&params, 0xA5, sizeof(params));
	before = params;
	for (at = 0; at <= 10; at++) {
		pages = good_pages(10);
		*(at == 0 ? &sigstruct : &list[at - 1]) = bad_addresses[_i];
		ck_assert_int_eq(tdxc_update_params_fill(&params,
							 TDXC_SEAMLDR_UPDATE,
							 &pages, &bad),
				 TDXC_E_RANGE);
		ck_assert_uint_eq(bad, at);
		ck_assert_mem_eq(&params, &before, sizeof(params));
	}
}
END_TEST

struct bad_count {
	uint32_t nr_sigstruct;
	uint32_t nr_module;
	unsigned scenario;
};

static const struct bad_count bad_counts[] = {
	{0, 1, 1},	 {2, 1, 1}, {1, 0, 1},
	{1, MAX + 1, 1}, {1, 1, 2}, {1, 0xFFFFFFFF, 1},
};

START_TEST(counts_that_do_not_fit_are_refused)
{
	const struct bad_count *b = &bad_counts[_i];
	struct tdxc_update_pages pages = good_pages(MAX);
	struct tdxc_seamldr_params before;

	memset(&params, 0xA5, sizeof(params));
	before = params;
	pages.nr_sigstruct = b->nr_sigstruct;
	pages.nr_module = b->nr_module;
	ck_assert_int_eq(
		tdxc_update_params_fill(&params,
					(enum tdxc_seamldr_scenario)b->scenario,
					&pages, &bad),
		TDXC_E_INVAL);
	ck_assert_mem_eq(&params, &before, sizeof(params));
}
END_TEST

/* --- SEAMLDR_INFO ------------------------------------------------------------
 */

struct script {
	uint64_t busy; /* CF = 1 so often first */
	uint64_t status;
	uint64_t calls;
	uint8_t *block;
};

static struct script script;

static uint64_t scripted_call(void *ctx, uint64_t rax,
			      struct tdxc_seamcall_regs *regs,
			      enum tdxc_seamcall_shape shape)
{
	struct script *s = ctx;
	unsigned i;

	ck_assert_uint_eq(rax, TDXC_SEAMLDR_INFO);
	ck_assert_uint_eq(regs->rcx, 0x1100);
	ck_assert_int_eq(shape, TDXC_SEAMCALL_IN);
	s->calls++;
	if (s->calls <= s->busy)
		return TDXC_STATUS_VMFAILINVALID;
	for (i = 0; i < 256; i++)
		s->block[i] = (uint8_t)i;
	return s->status;
}

static const struct tdxc_seamcall_ops scripted_ops = {TDXC_ABI, scripted_call};
static const struct tdxc_seamcall_port scripted = {&scripted_ops, &script};
static struct tdxc_seamldr_info info;
static struct tdxc_seamcall_diag diag;

static int read_info(bool loses_vmcs, uint64_t pa)
{
	int err;

	script.block = malloc(256);
	ck_assert_ptr_nonnull(script.block);
	memset(&info, 0xA5, sizeof(info));
	memset(&diag, 0xA5, sizeof(diag));
	err = tdxc_update_read_info(&scripted, loses_vmcs, script.block, pa,
				    &info, &diag);
	free(script.block);
	return err;
}

static bool info_is_zero(void)
{
	static const struct tdxc_seamldr_info zero;

	return memcmp(&info, &zero, sizeof(info)) == 0;
}

START_TEST(info_is_read_from_where_the_p_seamldr_puts_it)
{
	memset(&script, 0, sizeof(script));
	ck_assert_int_eq(read_info(false, 0x1100), TDXC_OK);
	ck_assert_uint_eq(info.version, 0x03020100);
	ck_assert_uint_eq(info.attributes, 0x07060504);
	ck_assert_uint_eq(info.vendor, 0x0B0A0908);
	ck_assert_uint_eq(info.build_date, 0x0F0E0D0C);
	ck_assert_uint_eq(info.build_num, 0x1110);
	ck_assert_uint_eq(info.minor_version, 0x1312);
	ck_assert_uint_eq(info.major_version, 0x1514);
	ck_assert_uint_eq(info.update_version, 0x1716);
	ck_assert_uint_eq(info.acm_x2apic_id, 0x1B1A1918);
	ck_assert_uint_eq(info.remaining_updates, 0x1F1E1D1C);
	ck_assert_uint_eq(info.seam_info[0], 32);
	ck_assert_uint_eq(info.seam_info[127], 159);
	ck_assert_uint_eq(info.seam_ready, 160);
	ck_assert_uint_eq(info.seam_debug, 161);
	ck_assert_uint_eq(info.p_seam_ready, 162);
}
END_TEST

/* linux-host-tdx.md 13, idea 50. */
START_TEST(idea_50_a_machine_that_loses_its_vmcs_makes_no_call)
{
	memset(&script, 0, sizeof(script));
	ck_assert_int_eq(read_info(true, 0x1100), TDXC_E_OPNOTSUPP);
	ck_assert_uint_eq(script.calls, 0);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert(info_is_zero());
}
END_TEST

START_TEST(a_block_that_is_not_aligned_is_refused_without_a_call)
{
	memset(&script, 0, sizeof(script));
	ck_assert_int_eq(read_info(false, 0x1180), TDXC_E_INVAL);
	ck_assert_uint_eq(script.calls, 0);
	ck_assert(info_is_zero());
}
END_TEST

START_TEST(a_busy_p_seamldr_is_asked_again_a_bounded_number_of_times)
{
	memset(&script, 0, sizeof(script));
	script.busy = 17;
	ck_assert_int_eq(read_info(false, 0x1100), TDXC_OK);
	ck_assert_uint_eq(script.calls, 18);
	ck_assert_uint_eq(diag.calls, 18);
	memset(&script, 0, sizeof(script));
	script.busy = UINT64_MAX;
	ck_assert_int_eq(read_info(false, 0x1100), TDXC_E_BUSY);
	ck_assert_uint_eq(script.calls, TDXC_UPDATE_ATTEMPTS);
	ck_assert_uint_eq(diag.calls, TDXC_UPDATE_ATTEMPTS);
	ck_assert_uint_eq(diag.status, TDXC_STATUS_VMFAILINVALID);
	ck_assert(info_is_zero());
}
END_TEST

struct refusal {
	uint64_t status;
	int err;
};

static const struct refusal refusals[] = {
	{0x8000000000010000, TDXC_E_IO},
	{1, TDXC_E_IO}, /* what would be information from the module */
	{TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
	{TDXC_STATUS_UD, TDXC_E_ACCES},
};

START_TEST(any_status_but_0_is_a_refusal)
{
	memset(&script, 0, sizeof(script));
	script.status = refusals[_i].status;
	ck_assert_int_eq(read_info(false, 0x1100), refusals[_i].err);
	ck_assert_uint_eq(script.calls, 1);
	ck_assert_uint_eq(diag.status, refusals[_i].status);
	ck_assert(info_is_zero());
}
END_TEST

static TCase *image_case(void)
{
	TCase *tc = tcase_create("images");

	tcase_add_test(tc, an_image_is_a_header_a_signature_and_1_to_496_pages);
	tcase_add_loop_test(tc, idea_46_47_every_bad_field_is_refused_and_named,
			    0, COUNT(bad_fields));
	tcase_add_test(tc,
		       idea_46_an_image_shorter_than_its_header_is_not_read);
	tcase_add_test(tc, idea_46_an_image_of_another_length_is_refused);
	tcase_add_test(tc, idea_46_no_reserved_byte_may_be_set);
	tcase_add_test(tc, only_the_header_is_read_and_at_any_address);
	tcase_add_test(tc, the_checksum_is_reported_and_not_judged);
	tcase_add_test(tc, every_fault_has_a_text_of_its_own);
	return tc;
}

static TCase *params_case(void)
{
	TCase *tc = tcase_create("parameters");

	tcase_add_loop_test(
		tc, parameters_are_laid_out_as_the_p_seamldr_reads_them, 0, 4);
	tcase_add_test(tc, loading_is_another_scenario);
	tcase_add_test(tc, the_list_may_be_written_where_it_belongs);
	tcase_add_loop_test(
		tc, a_bad_address_is_refused_and_named_and_nothing_written, 0,
		COUNT(bad_addresses));
	tcase_add_loop_test(tc, counts_that_do_not_fit_are_refused, 0,
			    COUNT(bad_counts));
	return tc;
}

static TCase *info_case(void)
{
	TCase *tc = tcase_create("info");

	tcase_add_test(tc, info_is_read_from_where_the_p_seamldr_puts_it);
	tcase_add_test(tc, idea_50_a_machine_that_loses_its_vmcs_makes_no_call);
	tcase_add_test(tc,
		       a_block_that_is_not_aligned_is_refused_without_a_call);
	tcase_add_test(
		tc, a_busy_p_seamldr_is_asked_again_a_bounded_number_of_times);
	tcase_add_loop_test(tc, any_status_but_0_is_a_refusal, 0,
			    COUNT(refusals));
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("update_image");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, image_case());
	suite_add_tcase(suite, params_case());
	suite_add_tcase(suite, info_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
