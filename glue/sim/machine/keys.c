/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Which KeyID an address names, and what kind of KeyID it is. */
#include "machine.h"

static uint32_t keyid_shift(const struct tdxc_sim_machine *machine)
{
	return machine->platform.pa_width - machine->platform.keyid_bits;
}

/* The C-bit is the topmost of the bits that encryption takes from the
 * physical width. */
static uint64_t c_bit(const struct tdxc_sim_machine *machine)
{
	return (uint64_t)1 << (machine->platform.pa_width - 1);
}

uint64_t tdxc_sim_machine_keyed(const struct tdxc_sim_machine *machine,
				uint64_t pa, uint32_t keyid)
{
	if (machine->options.sme)
		return keyid != 0 ? pa | c_bit(machine) : pa;
	return pa | (uint64_t)keyid << keyid_shift(machine);
}

bool tdxc_sim_machine_is_private(const struct tdxc_sim_machine *machine,
				 uint32_t keyid)
{
	const struct tdxc_sim_platform *p = &machine->platform;

	return !machine->options.sme && keyid > p->shared_keyids &&
	       keyid - p->shared_keyids <= p->private_keyids;
}

int tdxc_sim_machine_split(const struct tdxc_sim_machine *machine, uint64_t pa,
			   uint64_t *plain, uint32_t *keyid)
{
	const struct tdxc_sim_platform *p = &machine->platform;
	uint64_t field = pa >> keyid_shift(machine);

	*plain = pa & (((uint64_t)1 << keyid_shift(machine)) - 1);
	if (machine->options.sme) {
		*keyid = field != 0;
		return field == 0 || field == c_bit(machine) >>
						       keyid_shift(machine)
			       ? TDXC_OK
			       : TDXC_E_RANGE;
	}
	*keyid = (uint32_t)field;
	return field <= (uint64_t)p->shared_keyids + p->private_keyids
		       ? TDXC_OK
		       : TDXC_E_RANGE;
}
