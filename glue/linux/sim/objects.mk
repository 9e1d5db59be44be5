# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
#
# The software TDX module inside the kernel: what is between the two sims is
# the same source as in user space.

ccflags-y += -I$(src)/../sim/module -I$(src)/../sim/audit

tdxcore-y += record.o \
	sim/actor.o \
	sim/audit.o \
	sim/audit_pamt.o \
	sim/audit_sept.o \
	sim/audit_td.o \
	sim/audit_vcpu.o \
	sim/firmware.o \
	sim/guest.o \
	sim/host.o \
	sim/init.o \
	sim/machine.o \
	sim/module_call.o \
	sim/module_config.o \
	sim/module_dispatch.o \
	sim/module_epoch.o \
	sim/module_fields.o \
	sim/module_guest.o \
	sim/module_keys.o \
	sim/module_lock.o \
	sim/module_measure.o \
	sim/module_pamt.o \
	sim/module_phymem.o \
	sim/module_seamldr.o \
	sim/module_sept.o \
	sim/module_sept_block.o \
	sim/module_sept_leaf.o \
	sim/module_sept_page.o \
	sim/module_sept_table.o \
	sim/module_sys.o \
	sim/module_sys_fields.o \
	sim/module_td.o \
	sim/module_td_fields.o \
	sim/module_td_params.o \
	sim/module_update.o \
	sim/module_vcpu.o \
	sim/pages.o \
	sim/sparse.o \
	sim/stress.o \
	sim/tests.o \
	sim/vcpu.o \
	sim/vm.o \
	sim/vm_end.o \
	sim/vm_memory.o \
	sim/vm_ops.o
