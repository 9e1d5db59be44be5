// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Memory and CPUs that come and go: the kernel tells, the core judges.
 *
 * No module is asked when memory or a CPU is added; it can refuse that it goes
 * online. So an addition is judged as a whole, a DIMM or a driver's range, as
 * its first block is about to go online, and a removal once the resource is
 * gone. Blocks of a DIMM that say the same are told of once.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/ioport.h>
#include <linux/jiffies.h>
#include <linux/memory.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "bringup.h"
#include "power.h"
#include "tdxc_linux.h"
#include "trace.h"

/* What says the same as the last message is not told within this time of it. */
#define QUIET (30 * HZ)
/* Offline memory is looked for so many seconds: an eject comes soon. */
#define LOOKS 60u

/* Not the bring-up's mutex: who brings memory online holds locks that a
 * bring-up needs. */
static DEFINE_RWLOCK(published);

void tdxc_linux_publish(struct tdxc_linux_bringup *b, bool started)
{
	write_lock(&published);
	b->started = started;
	write_unlock(&published);
}

void tdxc_linux_hotplug_state(struct tdxc_hotplug_state *state)
{
	const struct tdxc_linux_bringup *b = tdxc_linux_bringup();
	const struct tdxc_platform *p = tdxc_linux_platform();

	*state = (struct tdxc_hotplug_state){
		.abi = TDXC_ABI,
		.flags = (tdxc_linux_param_use_tdx() ? 0
						     : TDXC_HOTPLUG_NO_USE_TDX),
		.tdx = p->usable ? TDXC_HOTPLUG_TDX_ENABLED
				 : TDXC_HOTPLUG_TDX_OFF,
		.seamrr_enabled = p->seamrr_enabled,
	};
	if (!b->started)
		return;
	state->tdx = TDXC_HOTPLUG_TDX_UP;
	state->cmrs = b->module.cmrs;
	state->nr_cmrs = b->module.nr_cmrs;
	state->memory = b->memory;
	state->nr_memory = b->nr_memory;
}

/* --- verdicts ------------------------------------------------------------- */

/* The last messages, and until when each is not repeated: DIMMs may come at the
 * same time, and their blocks take turns. */
static struct message {
	struct tdxc_range range;
	enum tdxc_hotplug_event event;
	enum tdxc_hotplug_reason reason;
	unsigned long until;
} told[8];
static unsigned int nr_told;
static DEFINE_SPINLOCK(told_lock);

static bool is_same(const struct message *a, const struct message *b)
{
	return a->event == b->event && a->reason == b->reason &&
	       a->range.start == b->range.start && a->range.end == b->range.end;
}

static bool is_news(enum tdxc_hotplug_event event, struct tdxc_range whole,
		    enum tdxc_hotplug_reason reason)
{
	const struct message m = {whole, event, reason, jiffies + QUIET};
	bool news = true;
	unsigned int i;

	spin_lock(&told_lock);
	for (i = 0; i < min_t(unsigned int, nr_told, ARRAY_SIZE(told)); i++) {
		if (!is_same(&told[i], &m) ||
		    !time_before(jiffies, told[i].until))
			continue;
		told[i].until = m.until;
		news = false;
	}
	if (news)
		told[nr_told++ % ARRAY_SIZE(told)] = m;
	spin_unlock(&told_lock);
	return news;
}

/* `whole`: what `range` is part of, for a message. `range` is NULL for CPUs,
 * where `whole` is the number. */
static bool is_refused(enum tdxc_hotplug_event event,
		       const struct tdxc_range *range, struct tdxc_range whole)
{
	char text[TDXC_HOTPLUG_MESSAGE_BYTES];
	struct tdxc_hotplug_verdict verdict;
	struct tdxc_hotplug_state state;
	struct tdxc_range first;
	int err;

	read_lock(&published);
	tdxc_linux_hotplug_state(&state);
	err = tdxc_hotplug_judge(&state, event, range, &first, 1, &verdict);
	read_unlock(&published);
	if (err)
		return false;
	trace_tdxcore_hotplug(event, whole.start, whole.end, verdict.answer,
			      verdict.reason);
	if (verdict.answer != TDXC_HOTPLUG_ALLOW &&
	    is_news(event, whole, verdict.reason)) {
		tdxc_hotplug_message(event, range, &verdict,
				     verdict.nr ? &first : NULL, text,
				     sizeof(text));
		if (range)
			pr_warn_ratelimited("tdxcore: %s\n", text);
		else
			pr_warn_ratelimited("tdxcore: CPU %llu: %s\n",
					    whole.start, text);
	}
	return verdict.answer == TDXC_HOTPLUG_REFUSE;
}

/* --- memory: what was there, and what is ---------------------------------- */

struct piece {
	struct tdxc_range range;
	bool driver; /* CXL, dax/kmem, virtio-mem */
};

/* Memory that was there when the module was loaded or came since and was let
 * in, as resources are cut. */
static struct piece *pieces;
static size_t nr_pieces;
static DEFINE_MUTEX(pieces_lock);

static int add_piece(struct piece piece)
{
	struct piece *more =
		krealloc(pieces, (nr_pieces + 1) * sizeof(*pieces), GFP_KERNEL);

	if (!more)
		return -ENOMEM;
	pieces = more;
	pieces[nr_pieces++] = piece;
	return 0;
}

static struct piece piece_of(const struct resource *res)
{
	return (struct piece){
		{res->start, res->end + 1},
		(res->flags & IORESOURCE_SYSRAM_DRIVER_MANAGED) ==
			IORESOURCE_SYSRAM_DRIVER_MANAGED,
	};
}

static int walk(void *arg, int (*fn)(struct resource *res, void *arg))
{
	return walk_iomem_res_desc(IORES_DESC_NONE,
				   IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0,
				   -1, arg, fn);
}

static int keep_resource(struct resource *res, void *arg)
{
	return add_piece(piece_of(res));
}

/* Where a block is; the end of a search. */
static int is_around(struct resource *res, void *arg)
{
	struct piece *found = arg;

	if (res->start > found->range.start || res->end + 1 < found->range.end)
		return 0;
	*found = piece_of(res);
	return 1;
}

static bool was_there(struct tdxc_range range)
{
	size_t i;

	for (i = 0; i < nr_pieces; i++)
		if (tdxc_range_overlaps(pieces[i].range, range))
			return true;
	return false;
}

static bool is_online_refused(struct tdxc_range range)
{
	struct piece whole = {.range = range};

	/* A block of boot memory may hold more than one resource. */
	walk(&whole, is_around);
	if (!was_there(range) &&
	    is_refused(whole.driver ? TDXC_HOTPLUG_DRIVER_ADD
				    : TDXC_HOTPLUG_ACPI_ADD,
		       &whole.range, whole.range))
		return true;
	return is_refused(TDXC_HOTPLUG_MEMORY_ONLINE, &range, whole.range);
}

static int let_in(struct tdxc_range range)
{
	struct piece whole = {.range = range};

	if (was_there(range))
		return 0;
	walk(&whole, is_around);
	return add_piece(whole);
}

/* --- memory that went ----------------------------------------------------- */

static unsigned int looks_left;

static bool is_gone(const struct piece *piece)
{
	struct piece found = {.range = piece->range};

	return walk(&found, is_around) != 1;
}

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(looking, look);

/* Nobody is asked before memory is ejected, so this only tells. */
static void look(struct work_struct *work)
{
	size_t i = 0;

	mutex_lock(&pieces_lock);
	while (i < nr_pieces) {
		struct piece piece = pieces[i];

		if (!is_gone(&piece)) {
			i++;
			continue;
		}
		pieces[i] = pieces[--nr_pieces];
		(void)is_refused(TDXC_HOTPLUG_ACPI_REMOVE, &piece.range,
				 piece.range);
	}
	if (looks_left > 0 && --looks_left > 0)
		schedule_delayed_work(&looking, HZ);
	mutex_unlock(&pieces_lock);
}

static int memory_event(struct notifier_block *block, unsigned long action,
			void *data)
{
	const struct memory_notify *notify = data;
	struct tdxc_range range = {
		PFN_PHYS(notify->start_pfn),
		PFN_PHYS(notify->start_pfn + notify->nr_pages),
	};
	bool refused = false;

	mutex_lock(&pieces_lock);
	switch (action) {
	case MEM_GOING_ONLINE:
		refused = is_online_refused(range);
		break;
	case MEM_ONLINE:
		/* without memory for it, it is judged anew next time */
		(void)let_in(range);
		break;
	case MEM_GOING_OFFLINE:
		refused =
			is_refused(TDXC_HOTPLUG_MEMORY_OFFLINE, &range, range);
		break;
	case MEM_OFFLINE:
		looks_left = LOOKS;
		cancel_delayed_work(&looking);
		schedule_delayed_work(&looking, HZ);
		break;
	default:
		break;
	}
	mutex_unlock(&pieces_lock);
	return refused ? NOTIFY_BAD : NOTIFY_OK;
}

static struct notifier_block memory_block = {.notifier_call = memory_event};

/* --- CPUs ----------------------------------------------------------------- */

/* Those that were there when the module was loaded, and did not go since. */
static struct cpumask at_load;
static enum cpuhp_state prepare_state;

static struct tdxc_range number(unsigned int cpu)
{
	return (struct tdxc_range){cpu, cpu + 1};
}

/* Before the CPU executes anything. */
static int cpu_comes(unsigned int cpu)
{
	enum tdxc_hotplug_event event = cpumask_test_cpu(cpu, &at_load)
						? TDXC_HOTPLUG_CPU_ONLINE
						: TDXC_HOTPLUG_CPU_ADD;

	return is_refused(event, NULL, number(cpu)) ? -EBUSY : 0;
}

/* After it has gone. What may keep it is asked in bringup.c. */
static int cpu_went(unsigned int cpu)
{
	(void)is_refused(TDXC_HOTPLUG_CPU_OFFLINE, NULL, number(cpu));
	return 0;
}

/* Physically: nobody is asked, so this only tells. */
static int cpu_device(struct notifier_block *block, unsigned long action,
		      void *data)
{
	const struct device *device = data;

	if (action == BUS_NOTIFY_ADD_DEVICE)
		(void)is_refused(TDXC_HOTPLUG_CPU_ADD, NULL,
				 number(device->id));
	if (action == BUS_NOTIFY_REMOVED_DEVICE) {
		cpumask_clear_cpu(device->id, &at_load);
		(void)is_refused(TDXC_HOTPLUG_CPU_REMOVE, NULL,
				 number(device->id));
	}
	return NOTIFY_OK;
}

static struct notifier_block cpu_block = {.notifier_call = cpu_device};

static int watch_cpus(void)
{
	int err;

	cpus_read_lock();
	cpumask_copy(&at_load, cpu_present_mask);
	cpus_read_unlock();
	err = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN,
					"x86/tdxcore:hotplug", cpu_comes,
					cpu_went);
	if (err < 0)
		return err;
	prepare_state = err;
	err = bus_register_notifier(&cpu_subsys, &cpu_block);
	if (err) {
		cpuhp_remove_state_nocalls(prepare_state);
		prepare_state = 0;
	}
	return err;
}

/* --- coming and going ----------------------------------------------------- */

int tdxc_linux_hotplug_init(void)
{
	int err = walk(NULL, keep_resource);

	if (!err)
		err = register_memory_notifier(&memory_block);
	if (err) {
		kfree(pieces);
		return err;
	}
	err = watch_cpus();
	if (err)
		tdxc_linux_hotplug_exit();
	return err;
}

void tdxc_linux_hotplug_exit(void)
{
	if (prepare_state) {
		bus_unregister_notifier(&cpu_subsys, &cpu_block);
		cpuhp_remove_state_nocalls(prepare_state);
	}
	unregister_memory_notifier(&memory_block);
	cancel_delayed_work_sync(&looking);
	kfree(pieces);
}
