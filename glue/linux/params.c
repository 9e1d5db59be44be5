// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* What the administrator says. */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "tdxc_linux.h"

static bool use_tdx = true;
module_param(use_tdx, bool, 0444);
MODULE_PARM_DESC(use_tdx, "off: memory hotplug goes before TDX (default on)");

static bool dynamic_pamt = true;
module_param(dynamic_pamt, bool, 0444);
MODULE_PARM_DESC(dynamic_pamt,
		 "use Dynamic PAMT where the module has it (default on)");

static bool bench;
module_param(bench, bool, 0444);
MODULE_PARM_DESC(bench, "offer micro-benchmarks in debugfs (default off)");

bool tdxc_linux_param_use_tdx(void)
{
	return use_tdx;
}

bool tdxc_linux_param_dynamic_pamt(void)
{
	return dynamic_pamt;
}

bool tdxc_linux_param_bench(void)
{
	return bench;
}
