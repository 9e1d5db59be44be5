/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The words of hotplug, in tables of fixed-width strings (plan_text.c says
 * why), and the one line that a log gets.
 */
#include <tdxcore/hotplug.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

const char *tdxc_hotplug_event_name(enum tdxc_hotplug_event event)
{
	static const char names[][16] = {
		[TDXC_HOTPLUG_ACPI_ADD] = "acpi-add",
		[TDXC_HOTPLUG_ACPI_REMOVE] = "acpi-remove",
		[TDXC_HOTPLUG_DRIVER_ADD] = "driver-add",
		[TDXC_HOTPLUG_MEMORY_ONLINE] = "memory-online",
		[TDXC_HOTPLUG_MEMORY_OFFLINE] = "memory-offline",
		[TDXC_HOTPLUG_CPU_ADD] = "cpu-add",
		[TDXC_HOTPLUG_CPU_REMOVE] = "cpu-remove",
		[TDXC_HOTPLUG_CPU_ONLINE] = "cpu-online",
		[TDXC_HOTPLUG_CPU_OFFLINE] = "cpu-offline",
	};

	return (size_t)event < COUNT(names) ? names[event] : "?";
}

const char *tdxc_hotplug_answer_name(enum tdxc_hotplug_answer answer)
{
	static const char names[][8] = {"allow", "warn", "refuse"};

	return (size_t)answer < COUNT(names) ? names[answer] : "?";
}

const char *tdxc_hotplug_severity_name(enum tdxc_hotplug_severity severity)
{
	static const char names[][16] = {"ordinary", "firmware-bug",
					 "possible-attack"};

	return (size_t)severity < COUNT(names) ? names[severity] : "?";
}

const char *tdxc_hotplug_reason_name(enum tdxc_hotplug_reason reason)
{
	static const char names[][20] = {
		[TDXC_HOTPLUG_NO_TDX] = "no-tdx",
		[TDXC_HOTPLUG_USE_TDX_OFF] = "use-tdx-off",
		[TDXC_HOTPLUG_REMOVED_UNKNOWN] = "removed-unknown",
		[TDXC_HOTPLUG_ADDED_UNKNOWN] = "added-unknown",
		[TDXC_HOTPLUG_REMOVED_CMR] = "removed-cmr",
		[TDXC_HOTPLUG_ADDED_CMR] = "added-cmr",
		[TDXC_HOTPLUG_REMOVED_OTHER] = "removed-other",
		[TDXC_HOTPLUG_ADDED_POLICY] = "added-policy",
		[TDXC_HOTPLUG_ADDED_TRACKED] = "added-tracked",
		[TDXC_HOTPLUG_NOT_UP] = "not-up",
		[TDXC_HOTPLUG_TDX_MEMORY] = "tdx-memory",
		[TDXC_HOTPLUG_NOT_TDX_MEMORY] = "not-tdx-memory",
		[TDXC_HOTPLUG_NOT_TDX_TRACKED] = "not-tdx-tracked",
		[TDXC_HOTPLUG_FIRST_MIB] = "first-mib",
		[TDXC_HOTPLUG_FIRST_MIB_KEPT] = "first-mib-kept",
		[TDXC_HOTPLUG_GOES_OFFLINE] = "goes-offline",
		[TDXC_HOTPLUG_SEAMRR_OFF] = "seamrr-off",
		[TDXC_HOTPLUG_SEAMRR_ON] = "seamrr-on",
		[TDXC_HOTPLUG_LOGICAL_CPU] = "logical-cpu",
	};

	return (size_t)reason < COUNT(names) ? names[reason] : "?";
}

const char *tdxc_hotplug_reason_text(enum tdxc_hotplug_reason reason)
{
	static const char texts[][96] = {
		[TDXC_HOTPLUG_NO_TDX] = "TDX is off",
		[TDXC_HOTPLUG_USE_TDX_OFF] =
			"the administrator chose hotplug instead of TDX",
		[TDXC_HOTPLUG_REMOVED_UNKNOWN] =
			"whether it is convertible memory is not known",
		[TDXC_HOTPLUG_ADDED_UNKNOWN] =
			"TDX is enabled, and CMRs are not known",
		[TDXC_HOTPLUG_REMOVED_CMR] =
			"convertible memory (CMR) went, though CMRs are fixed "
			"at boot",
		[TDXC_HOTPLUG_ADDED_CMR] =
			"convertible memory (CMR) came, though CMRs are fixed "
			"at boot",
		[TDXC_HOTPLUG_REMOVED_OTHER] = "not convertible memory",
		[TDXC_HOTPLUG_ADDED_POLICY] =
			"policy, not the architecture: the page allocator "
			"holds TDX memory only",
		[TDXC_HOTPLUG_ADDED_TRACKED] =
			"not TDX memory, which the host keeps apart",
		[TDXC_HOTPLUG_NOT_UP] = "no TDX module is up",
		[TDXC_HOTPLUG_TDX_MEMORY] = "all of it is TDX memory",
		[TDXC_HOTPLUG_NOT_TDX_MEMORY] =
			"not all of it is TDX memory, whose list is frozen",
		[TDXC_HOTPLUG_NOT_TDX_TRACKED] =
			"not all of it is TDX memory, which the host keeps "
			"apart",
		[TDXC_HOTPLUG_FIRST_MIB] =
			"the first MiB is never TDX memory, the rest is",
		[TDXC_HOTPLUG_FIRST_MIB_KEPT] =
			"the first MiB is never TDX memory and nobody gets "
			"it, the rest is",
		[TDXC_HOTPLUG_GOES_OFFLINE] = "memory may always go offline",
		[TDXC_HOTPLUG_SEAMRR_OFF] = "SEAMRR is off",
		[TDXC_HOTPLUG_SEAMRR_ON] =
			"SEAMRR is on: no physical CPU comes or goes, with or "
			"without a module",
		[TDXC_HOTPLUG_LOGICAL_CPU] =
			"logical CPUs are the module's matter, not the "
			"platform's",
	};

	return (size_t)reason < COUNT(texts) ? texts[reason] : "?";
}

/* --- the line ------------------------------------------------------------- */

/* A text that grows, and one byte kept for the NUL. */
struct line {
	char *text;
	size_t room;
	size_t nr;
};

static void line_put(struct line *l, const char *s)
{
	for (; *s != '\0' && l->nr < l->room; s++)
		l->text[l->nr++] = *s;
}

static void line_put_hex(struct line *l, uint64_t value)
{
	char digits[19] = "0x";
	size_t at = 2;
	uint32_t shift = 60;

	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		digits[at++] = (char)("0123456789abcdef"[value >> shift & 0xF]);
		if (shift == 0)
			break;
	}
	digits[at] = '\0';
	line_put(l, digits);
}

static void line_put_range(struct line *l, struct tdxc_range r)
{
	line_put(l, "[mem ");
	line_put_hex(l, r.start);
	line_put(l, "-");
	line_put_hex(l, r.end - 1);
	line_put(l, "]");
}

static void line_put_severity(struct line *l,
			      enum tdxc_hotplug_severity severity)
{
	if (severity == TDXC_HOTPLUG_FIRMWARE_BUG)
		line_put(l, ", firmware bug");
	if (severity == TDXC_HOTPLUG_POSSIBLE_ATTACK)
		line_put(l, ", firmware bug or attack");
}

void tdxc_hotplug_message(enum tdxc_hotplug_event event,
			  const struct tdxc_range *range,
			  const struct tdxc_hotplug_verdict *verdict,
			  const struct tdxc_range *first, char *text,
			  size_t bytes)
{
	struct line l = {text, bytes - 1, 0};

	line_put(&l, tdxc_hotplug_event_name(event));
	if (range != NULL) {
		line_put(&l, " ");
		line_put_range(&l, *range);
	}
	line_put(&l, ": ");
	line_put(&l, tdxc_hotplug_answer_name(verdict->answer));
	line_put_severity(&l, verdict->severity);
	line_put(&l, ": ");
	line_put(&l, tdxc_hotplug_reason_text(verdict->reason));
	if (first != NULL && verdict->nr > 0) {
		line_put(&l, ": ");
		line_put_range(&l, *first);
		if (verdict->nr > 1 || verdict->more)
			line_put(&l, " and more");
	}
	text[l.nr] = '\0';
}
