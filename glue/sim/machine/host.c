/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Software's loads, stores and cache instructions, line by line. */
#include <string.h>

#include "lines.h"
#include "machine.h"

enum access {
	LOAD,
	STORE,
	STORE_DIRECT,
	FLUSH,
};

/* Bytes that are to move, all in memory that exists. */
struct span {
	struct tdxc_sim_line at;
	size_t bytes;
	char *buffer;
};

static int check(const struct tdxc_sim_machine *machine, uint32_t lp,
		 uint64_t pa, size_t bytes, struct span *span)
{
	uint64_t end = tdxc_sim_memory_size(machine->memory);
	int err;

	if (lp >= machine->platform.nr_lps)
		return TDXC_E_INVAL;
	span->at.lp = lp;
	span->bytes = bytes;
	err = tdxc_sim_machine_split(machine, pa, &span->at.pa,
				     &span->at.keyid);
	if (err != TDXC_OK)
		return err;
	return span->at.pa < end && bytes <= end - span->at.pa ? TDXC_OK
							       : TDXC_E_RANGE;
}

/* Guests may use the same bytes at once, as they may on a machine: words that
 * are aligned move whole. */
static void move(char *to, const char *from, size_t bytes)
{
	if (((uintptr_t)to | (uintptr_t)from | bytes) % 8 == 0) {
		for (; bytes != 0; bytes -= 8, to += 8, from += 8)
			__atomic_store_n(
				(uint64_t *)(void *)to,
				__atomic_load_n(
					(const uint64_t *)(const void *)from,
					__ATOMIC_RELAXED),
				__ATOMIC_RELAXED);
		return;
	}
	for (; bytes != 0; bytes--, to++, from++)
		__atomic_store_n(to, __atomic_load_n(from, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

/* Without the line model: inside one page. */
static int plain_part(struct tdxc_sim_machine *machine, enum access access,
		      const struct tdxc_sim_line *at, char *buffer,
		      size_t bytes)
{
	size_t offset = (size_t)(at->pa % 4096);
	const char *from;
	char *to;

	if (access == FLUSH)
		return TDXC_OK;
	if (access == LOAD) {
		from = tdxc_sim_memory_peek(machine->memory, at->pa);
		if (from)
			move(buffer, from + offset, bytes);
		else
			memset(buffer, 0, bytes);
		return TDXC_OK;
	}
	to = tdxc_sim_memory_page(machine->memory, at->pa);
	if (!to)
		return TDXC_E_NOMEM;
	move(to + offset, buffer, bytes);
	return TDXC_OK;
}

static int line_part(struct tdxc_sim_machine *machine, enum access access,
		     const struct tdxc_sim_line *at, char *buffer, size_t bytes)
{
	switch (access) {
	case LOAD:
		return tdxc_sim_lines_load(machine->lines, at, buffer, bytes);
	case STORE:
		return tdxc_sim_lines_store(machine->lines, at, buffer, bytes);
	case STORE_DIRECT:
		return tdxc_sim_lines_store_direct(machine->lines, at, buffer,
						   bytes);
	case FLUSH:
		break;
	}
	tdxc_sim_lines_clflush(machine->lines, at);
	return TDXC_OK;
}

/* A machine check does not keep the other lines from being done. */
static int each_part(struct tdxc_sim_machine *machine, enum access access,
		     const struct span *span)
{
	size_t unit = machine->lines ? TDXC_SIM_LINE : 4096;
	struct tdxc_sim_line at = span->at;
	size_t done = 0;
	int result = TDXC_OK;

	while (done < span->bytes) {
		size_t n = unit - (size_t)(at.pa % unit);
		char *buffer = span->buffer ? span->buffer + done : NULL;
		int err;

		if (n > span->bytes - done)
			n = span->bytes - done;
		err = machine->lines
			      ? line_part(machine, access, &at, buffer, n)
			      : plain_part(machine, access, &at, buffer, n);
		if (err == TDXC_E_NOMEM)
			return err;
		if (err != TDXC_OK)
			result = err;
		done += n;
		at.pa += n;
	}
	return result;
}

int tdxc_sim_machine_load(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t pa, void *out, size_t bytes)
{
	struct span span = {.buffer = out};
	int err = check(machine, lp, pa, bytes, &span);

	return err == TDXC_OK ? each_part(machine, LOAD, &span) : err;
}

/* What is stored is only read, whatever the type of a span's buffer. */
static int store(struct tdxc_sim_machine *machine, enum access access,
		 struct span *span, const void *in)
{
	union {
		const void *in;
		char *buffer;
	} same = {.in = in};

	span->buffer = same.buffer;
	return each_part(machine, access, span);
}

int tdxc_sim_machine_store(struct tdxc_sim_machine *machine, uint32_t lp,
			   uint64_t pa, const void *in, size_t bytes)
{
	struct span span;
	int err = check(machine, lp, pa, bytes, &span);

	return err == TDXC_OK ? store(machine, STORE, &span, in) : err;
}

int tdxc_sim_machine_copy(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint64_t to, uint64_t from, size_t bytes)
{
	struct span span;
	int err = check(machine, lp, to, bytes, &span);
	int result = TDXC_OK;

	if (err == TDXC_OK)
		err = check(machine, lp, from, bytes, &span);
	while (err == TDXC_OK && bytes != 0) {
		char line[TDXC_SIM_LINE];
		size_t n = sizeof(line) - (size_t)(from % sizeof(line));
		int stored;

		if (n > bytes)
			n = bytes;
		err = tdxc_sim_machine_load(machine, lp, from, line, n);
		stored = tdxc_sim_machine_store(machine, lp, to, line, n);
		if (err == TDXC_OK)
			err = stored;
		if (err == TDXC_E_IO) {
			result = err;
			err = TDXC_OK;
		}
		from += n;
		to += n;
		bytes -= n;
	}
	return err == TDXC_OK ? result : err;
}

int tdxc_sim_machine_movdir64b(struct tdxc_sim_machine *machine, uint32_t lp,
			       uint64_t pa, const void *line)
{
	if (pa % TDXC_SIM_LINE != 0)
		return TDXC_E_INVAL;
	return tdxc_sim_machine_store_nt(machine, lp, pa, line, TDXC_SIM_LINE);
}

int tdxc_sim_machine_store_nt(struct tdxc_sim_machine *machine, uint32_t lp,
			      uint64_t pa, const void *in, size_t bytes)
{
	struct span span;
	int err = check(machine, lp, pa, bytes, &span);

	return err == TDXC_OK ? store(machine, STORE_DIRECT, &span, in) : err;
}

int tdxc_sim_machine_pconfig(struct tdxc_sim_machine *machine, uint32_t lp,
			     uint32_t keyid)
{
	if (lp >= machine->platform.nr_lps)
		return TDXC_E_INVAL;
	if (machine->options.sme || keyid == 0 ||
	    keyid > machine->platform.shared_keyids)
		return TDXC_E_RANGE;
	if (machine->lines)
		tdxc_sim_lines_new_key(machine->lines, keyid);
	return TDXC_OK;
}

int tdxc_sim_machine_clflush(struct tdxc_sim_machine *machine, uint32_t lp,
			     uint64_t pa, size_t bytes)
{
	struct span span = {.buffer = NULL};
	int err = check(machine, lp, pa, bytes, &span);

	return err == TDXC_OK ? each_part(machine, FLUSH, &span) : err;
}

static int flush_all(struct tdxc_sim_machine *machine, uint32_t lp,
		     bool invalidate)
{
	if (lp >= machine->platform.nr_lps)
		return TDXC_E_INVAL;
	if (machine->lines)
		tdxc_sim_lines_flush_package(
			machine->lines,
			lp * machine->platform.nr_packages /
				machine->platform.nr_lps,
			-1, invalidate);
	return TDXC_OK;
}

int tdxc_sim_machine_wbinvd(struct tdxc_sim_machine *machine, uint32_t lp)
{
	return flush_all(machine, lp, true);
}

int tdxc_sim_machine_wbnoinvd(struct tdxc_sim_machine *machine, uint32_t lp)
{
	return flush_all(machine, lp, false);
}

void tdxc_sim_machine_evict(struct tdxc_sim_machine *machine, uint64_t lines)
{
	if (machine->lines)
		tdxc_sim_lines_evict(machine->lines, lines);
}

uint64_t tdxc_sim_machine_dirty(struct tdxc_sim_machine *machine,
				uint32_t keyid)
{
	return machine->lines ? tdxc_sim_lines_dirty(machine->lines, keyid) : 0;
}

bool tdxc_sim_machine_write64(struct tdxc_sim_machine *machine, uint64_t pa,
			      uint64_t value)
{
	return tdxc_sim_machine_store(machine, 0, pa, &value, sizeof(value)) ==
	       TDXC_OK;
}

uint64_t tdxc_sim_machine_read64(struct tdxc_sim_machine *machine, uint64_t pa)
{
	uint64_t value = 0;

	(void)tdxc_sim_machine_load(machine, 0, pa, &value, sizeof(value));
	return value;
}
