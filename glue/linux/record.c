// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * The recorder: binary entries in one piece of memory while calls are made,
 * text when the file is read. When the memory is full nothing more is kept, and
 * the file says so.
 */
#include "record.h"

#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include <tdxcore/seamcall.h>
#include <tdxcore/status.h>

#include "tdxc_linux.h"

#define INFO_BYTES 512u
#define LINE_WORDS 8u
#define MAX_MIB	   4096u
/* Upper halves of statuses (tdx-module-abi.md 2.3). */
#define CODE_NO_ENTROPY	    0x80000203u
#define CODE_KEY_GENERATION 0x80000800u

static bool record;
module_param(record, bool, 0444);
MODULE_PARM_DESC(record, "write every SEAMCALL and its answer to debugfs");

static uint record_mib = 16;
module_param(record_mib, uint, 0444);
MODULE_PARM_DESC(record_mib, "memory for what is recorded (default 16)");

enum kind {
	MACHINE,
	MEMORY,
	CALL,
	ENTERED,
	LEFT,
	TDCALL,
	TDCALL_LEFT,
};

/* An entry: this word, then nr words. */
struct head {
	u8 kind;
	u8 unused;
	u16 lp;
	u32 nr;
};

static_assert(sizeof(struct head) == sizeof(u64));

static DEFINE_RAW_SPINLOCK(lock);
static u64 *entries;
static size_t room; /* words */
static size_t used; /* of them; written last, with release */
static u64 dropped; /* entries */
static struct dentry *file;

bool tdxc_record_is_on(void)
{
	return READ_ONCE(entries) != NULL;
}

unsigned long tdxc_record_begin(void) __acquires(&lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	return flags;
}

void tdxc_record_end(unsigned long flags) __releases(&lock)
{
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* --- writing -------------------------------------------------------------- */

/* Two pieces, so that nobody needs to join them before. */
static void put(enum kind kind, u32 lp, const void *a, u32 nr_a, const void *b,
		u32 nr_b)
{
	const struct head head = {kind, 0, (u16)lp, nr_a + nr_b};
	size_t at = used;

	if (room - at < 1 + nr_a + nr_b) {
		dropped++;
		room = at; /* nothing after a hole */
		return;
	}
	memcpy(&entries[at], &head, sizeof(head));
	memcpy(&entries[at + 1], a, nr_a * sizeof(u64));
	memcpy(&entries[at + 1 + nr_a], b, nr_b * sizeof(u64));
	smp_store_release(&used, at + 1 + nr_a + nr_b);
}

void tdxc_record_machine(const struct tdxc_record_platform *platform)
{
	unsigned long flags = tdxc_record_begin();

	put(MACHINE, 0, platform, sizeof(*platform) / sizeof(u64), NULL, 0);
	tdxc_record_end(flags);
}

static void memory(tdxc_record_page page, void *ctx, u64 pa, size_t bytes)
{
	size_t offset = offset_in_page(pa);
	const char *at = page(ctx, pa - offset);

	if (at && offset + bytes <= PAGE_SIZE && pa % 8 == 0)
		put(MEMORY, 0, &pa, 1, at + offset, bytes / 8);
}

/* SYS.CONFIG: the array of pointers, and what they point to. */
static void layout(const struct tdxc_record_regs *in, tdxc_record_page page,
		   void *ctx)
{
	u64 pa = in->r[TDXC_RECORD_RCX];
	u64 nr = in->r[TDXC_RECORD_RDX];
	const u64 *pointers = page(ctx, pa & PAGE_MASK);
	u64 i;

	if (!pointers || nr * 8 > PAGE_SIZE - offset_in_page(pa))
		return;
	memory(page, ctx, pa, nr * 8);
	for (i = 0; i < nr; i++)
		memory(page, ctx, pointers[offset_in_page(pa) / 8 + i],
		       INFO_BYTES);
}

void tdxc_record_operands(const struct tdxc_record_regs *in,
			  tdxc_record_page page, void *ctx)
{
	switch (in->r[TDXC_RECORD_RAX] & ~0xFF0000ull) {
	case TDXC_SYS_CONFIG:
		layout(in, page, ctx);
		break;
	case TDXC_MNG_INIT:
		memory(page, ctx, in->r[TDXC_RECORD_RDX], 1024);
		break;
	case TDXC_MEM_PAGE_ADD:
		memory(page, ctx, in->r[TDXC_RECORD_R9], PAGE_SIZE);
		break;
	}
}

static void pair(enum kind kind, u32 lp, const struct tdxc_record_regs *in,
		 const struct tdxc_record_regs *out)
{
	put(kind, lp, in, TDXC_RECORD_REGS, out, out ? TDXC_RECORD_REGS : 0);
}

void tdxc_record_call(u32 lp, const struct tdxc_record_regs *in,
		      const struct tdxc_record_regs *out)
{
	pair(CALL, lp, in, out);
}

void tdxc_record_entered(u32 lp, const struct tdxc_record_regs *in)
{
	pair(ENTERED, lp, in, NULL);
}

void tdxc_record_left(u32 lp, const struct tdxc_record_regs *out)
{
	pair(LEFT, lp, out, NULL);
}

void tdxc_record_tdcall(u32 lp, const struct tdxc_record_regs *in,
			const struct tdxc_record_regs *out, bool left)
{
	pair(left ? TDCALL_LEFT : TDCALL, lp, in, out);
}

/* --- reading -------------------------------------------------------------- */

static void registers(struct seq_file *m, const u64 *r, u32 nr)
{
	u32 i;

	while (nr > 0 && r[nr - 1] == 0)
		nr--;
	for (i = 0; i < nr; i++)
		seq_printf(m, " %llx", r[i]);
}

static void answer(struct seq_file *m, const char *word, const u64 *r)
{
	seq_printf(m, "ret%s %llx", word, r[0]);
	registers(m, r + 1, TDXC_RECORD_REGS - 1);
	seq_putc(m, '\n');
}

/* RAX as LEAF VERSION, and the operands. */
static void request(struct seq_file *m, u32 lp, const u64 *r)
{
	seq_printf(m, "call %x %llx %llx", lp, r[0] & ~0xFF0000ull,
		   r[0] >> 16 & 0xFF);
	registers(m, r + 1, TDXC_RECORD_REGS - 1);
	seq_putc(m, '\n');
}

/* What was pending, or missing, is no register: the answer tells. */
static void surroundings(struct seq_file *m, u32 lp, u64 status, bool before)
{
	if (tdxc_again(status) == TDXC_AGAIN_RESUME)
		seq_printf(m, "intr %x %x\n", lp, before);
	else if (before && status >> 32 == CODE_NO_ENTROPY)
		seq_puts(m, "keyfail entropy 1\n");
	else if (before && status >> 32 == CODE_KEY_GENERATION)
		seq_puts(m, "keyfail busy 1\n");
}

static bool is_no_answer(u64 status)
{
	return status == TDXC_STATUS_VMFAILINVALID ||
	       status == TDXC_STATUS_UD || status == TDXC_STATUS_GP;
}

static void show_call(struct seq_file *m, u32 lp, const u64 *r)
{
	const u64 *out = r + TDXC_RECORD_REGS;

	if (is_no_answer(out[0]) || (r[0] & TDXC_SEAMLDR) != 0) {
		seq_printf(m, "# not of this format: RAX %llx, answer %llx\n",
			   r[0], out[0]);
		return;
	}
	surroundings(m, lp, out[0], true);
	request(m, lp, r);
	answer(m, "", out);
	surroundings(m, lp, out[0], false);
}

static void show_tdcall(struct seq_file *m, u32 lp, const u64 *r,
			const char *word)
{
	seq_printf(m, "tdcall %x", lp);
	registers(m, r, TDXC_RECORD_REGS);
	if (r[0] == 0)
		seq_puts(m, " 0");
	seq_putc(m, '\n');
	answer(m, word, r + TDXC_RECORD_REGS);
}

/* The format knows one exit that the guest does not ask for. */
static void show_left(struct seq_file *m, u32 lp, const u64 *r)
{
	static const u64 interrupt[TDXC_RECORD_REGS] = {
		[TDXC_RECORD_RAX] = 1, [TDXC_RECORD_R9] = 0x80000030};

	if (memcmp(r, interrupt, sizeof(interrupt)) != 0) {
		seq_puts(m, "# an exit that the format has no word for:");
		registers(m, r, TDXC_RECORD_REGS);
		seq_putc(m, '\n');
	}
	seq_printf(m, "exit %x\n", lp);
	answer(m, " exit", interrupt);
}

static void show_memory(struct seq_file *m, const u64 *words, u32 nr)
{
	u64 pa = *words++;
	u32 at;

	nr--;
	seq_printf(m, "fill %llx %x 0\n", pa, nr * 8);
	for (at = 0; at < nr; at += LINE_WORDS) {
		u32 n = min_t(u32, LINE_WORDS, nr - at);
		u32 i;

		if (!memchr_inv(words + at, 0, n * 8))
			continue;
		seq_printf(m, "mem %llx", pa + at * 8);
		for (i = 0; i < n; i++)
			seq_printf(m, " %llx", words[at + i]);
		seq_putc(m, '\n');
	}
}

static void show_platform(struct seq_file *m,
			  const struct tdxc_record_platform *p)
{
	u64 i;

	seq_printf(m, "lps %llx %llx\n", p->nr_lps, p->nr_packages);
	seq_printf(m, "keyids %llx %llx %llx\n", p->keyid_bits,
		   p->shared_keyids, p->private_keyids);
	seq_printf(m, "pawidth %llx\n", p->pa_width);
	seq_printf(m, "seamrr %llx %llx\n", p->seamrr_start, p->seamrr_bytes);
	seq_printf(m, "fms %llx\n", p->fms);
	seq_printf(m, "cacheblocks %llx\n", p->cache_blocks);
	for (i = 0; i < p->nr_cmrs; i++)
		seq_printf(m, "cmr %llx %llx\n", p->cmrs[i].base,
			   p->cmrs[i].size);
}

/* The file begins with the first machine's platform; a case is named after the
 * place of its entry. */
static void show_machine(struct seq_file *m, size_t at, const u64 *words)
{
	const struct tdxc_record_platform *p = (const void *)words;

	if (at == 0) {
		seq_puts(m, "tdxtrace 1\n");
		show_platform(m, p);
	}
	seq_printf(m, "case recorded-%zx\n", at);
	if (at != 0)
		show_platform(m, p);
}

static void show_entry(struct seq_file *m, size_t at)
{
	const u64 *words = &entries[at + 1];
	struct head head;

	memcpy(&head, &entries[at], sizeof(head));
	switch ((enum kind)head.kind) {
	case MACHINE:
		show_machine(m, at, words);
		break;
	case MEMORY:
		show_memory(m, words, head.nr);
		break;
	case CALL:
		show_call(m, head.lp, words);
		break;
	case ENTERED:
		request(m, head.lp, words);
		seq_puts(m, "ret enter\n");
		break;
	case LEFT:
		show_left(m, head.lp, words);
		break;
	case TDCALL:
		show_tdcall(m, head.lp, words, "");
		break;
	case TDCALL_LEFT:
		show_tdcall(m, head.lp, words, " exit");
		break;
	}
}

/* The position is the entry's place; the one after the last says what is
 * missing. */
static void *seq_start(struct seq_file *m, loff_t *pos)
{
	return *pos <= smp_load_acquire(&used) ? pos : NULL;
}

static void *seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct head head = {.nr = 0};

	if (*pos < smp_load_acquire(&used))
		memcpy(&head, &entries[*pos], sizeof(head));
	*pos += 1 + head.nr;
	return seq_start(m, pos);
}

static void seq_stop(struct seq_file *m, void *v)
{
}

static int seq_show(struct seq_file *m, void *v)
{
	loff_t at = *(loff_t *)v;

	if (at < smp_load_acquire(&used))
		show_entry(m, at);
	else if (READ_ONCE(dropped) != 0)
		seq_printf(m, "# the memory is full: %llu entries missing\n",
			   READ_ONCE(dropped));
	return 0;
}

static const struct seq_operations trace_sops = {
	.start = seq_start,
	.next = seq_next,
	.stop = seq_stop,
	.show = seq_show,
};
DEFINE_SEQ_ATTRIBUTE(trace);

int tdxc_record_init(void)
{
	u64 *memory;

	if (!record)
		return 0;
	if (record_mib == 0 || record_mib > MAX_MIB)
		return -EINVAL;
	memory = __vmalloc((size_t)record_mib << 20,
			   GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!memory)
		return -ENOMEM;
	room = ((size_t)record_mib << 20) / sizeof(u64);
	used = 0;
	dropped = 0;
	WRITE_ONCE(entries, memory);
	file = debugfs_create_file("trace", 0400, tdxc_linux_debug_root(), NULL,
				   &trace_fops);
	return 0;
}

/* Nobody makes calls any more. */
void tdxc_record_exit(void)
{
	debugfs_remove(file);
	file = NULL;
	vfree(entries);
	entries = NULL;
}
