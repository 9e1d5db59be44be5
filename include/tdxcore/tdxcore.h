/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief All public headers, and nothing else.
 */
#ifndef TDXCORE_TDXCORE_H
#define TDXCORE_TDXCORE_H

#include <tdxcore/check.h>
#include <tdxcore/cmr.h>
#include <tdxcore/coherence.h>
#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/gate.h>
#include <tdxcore/handover.h>
#include <tdxcore/hotplug.h>
#include <tdxcore/iter.h>
#include <tdxcore/metadata.h>
#include <tdxcore/mirror.h>
#include <tdxcore/module.h>
#include <tdxcore/pamt.h>
#include <tdxcore/plan.h>
#include <tdxcore/platform.h>
#include <tdxcore/range.h>
#include <tdxcore/scan.h>
#include <tdxcore/seamcall.h>
#include <tdxcore/sept.h>
#include <tdxcore/spte.h>
#include <tdxcore/status.h>
#include <tdxcore/td.h>
#include <tdxcore/td_params.h>
#include <tdxcore/tdmr.h>
#include <tdxcore/tracker.h>
#include <tdxcore/unshare.h>
#include <tdxcore/update.h>
#include <tdxcore/version.h>

#endif
