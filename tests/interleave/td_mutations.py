#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Break the end of a TD in every known way; each must be noticed.

    td_mutations.py TREE FOLDER CC...    TREE: the sources; FOLDER: scratch

As mutations.py: textual replacements in a copy of a source, the scenarios whose
names begin so, and the properties (td_scenarios.c) of which one must fail.
"""
import mutant

FLAGS = ["-std=c11", "-O1", "-D_POSIX_C_SOURCE=200809L",
         "-Itests/interleave/env", "-Iinclude", "-Ilibtdxcore",
         "-ffunction-sections", "-Wl,--gc-sections"]
# Of the core, what the scenarios reach.
CORE = ("td", "td_build", "td_exit", "td_page", "td_teardown", "td_vcpu",
        "sept", "sept_call", "sept_page", "sept_quarantine", "sept_remove",
        "sept_resize", "sept_set", "sept_track", "module", "module_undo",
        "pamt", "pamt_use", "platform_keyid", "seamcall", "spte", "status",
        "err", "range")
SOURCES = ("tests/interleave/explore.c", "tests/interleave/td_scenarios.c")

AGAIN = """\
	if (tdxc_td_step_(td) != TDXC_TD_RUN)
		return TDXC_E_INVAL;
	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);
"""
MARK = "	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n	regs->"
OUT = "	err = came_out(td, v, regs, exit);\n"
EMPTY = "	if (!tdxc_td_is_empty_(td))\n		return TDXC_E_BUSY;\n"
CLEAR = "	(void)tdxc_xchg(&v->cpu, 0);\n"
FLUSH = "	err = flush(td, v, diag);\n"
SET = """\
		(void)tdxc_xchg(&td->step, TDXC_TD_VCPUS);
"""

# What is broken, where, [(its text, the text instead)], scenarios, properties.
MUTATIONS = (
    ("a vCPU that was let in does not look at the step again", "td_vcpu",
     [(AGAIN, "	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n")],
     "one vCPU", ("T-LATE", "T-KNOWN", "T-CLOSE")),
    ("a vCPU looks at the step before it says that it enters", "td_vcpu",
     [(AGAIN, "	tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n"),
      ("	err = tdxc_sept_enter_begin(td->config.sept, vcpu);\n",
       "	if (tdxc_td_step_(td) != TDXC_TD_RUN)\n"
       "		return TDXC_E_INVAL;\n"
       "	err = tdxc_sept_enter_begin(td->config.sept, vcpu);\n")],
     "one vCPU", ("T-LATE", "T-KNOWN", "T-CLOSE")),
    ("a vCPU is marked after it has left", "td_vcpu",
     [("	tdxc_sept_enter_end(td->config.sept, vcpu);\n",
       "	tdxc_sept_enter_end(td->config.sept, vcpu);\n"
       "	if (err == TDXC_OK)\n"
       "		tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n"),
      (MARK, "	regs->")],
     "one vCPU", ("T-KNOWN", "T-CLOSE")),
    ("a vCPU is marked only if it got in", "td_vcpu",
     [(MARK, "	regs->"),
      (OUT, OUT + "	if (err == TDXC_OK)\n"
            "		tdxc_store_release(&v->cpu, (uint64_t)cpu + 1);\n")],
     "one vCPU, busy", ("T-KNOWN", "T-CLOSE")),
    ("the end does not look for vCPUs inside", "td",
     [(EMPTY, "")], "one vCPU", ("T-INSIDE", "T-LATE", "T-KNOWN")),
    ("the end looks for vCPUs inside before it forbids entry", "td",
     [("	if (step < TDXC_TD_VCPUS) {\n",
       EMPTY + "	if (step < TDXC_TD_VCPUS) {\n"),
      (EMPTY + "	if (!has", "	if (!has")],
     "one vCPU", ("T-INSIDE", "T-LATE", "T-KNOWN")),
    ("the end looks for marks before it looks for vCPUs inside", "td",
     [(EMPTY + "	if (!has_associated(td))\n",
       "	bool marked = has_associated(td);\n" + EMPTY
       + "	if (!marked)\n")],
     "one vCPU", ("T-CLOSE", "T-KNOWN")),
    ("entry is forbidden only after the looks", "td",
     [(SET, ""),
      ("		(void)tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_CLOSE);\n",
       "		(void)tdxc_xchg(&td->step, TDXC_TD_CLOSE);\n"
       "	else\n"
       "		(void)tdxc_xchg(&td->step, vcpus);\n")],
     "one vCPU", ("T-LATE", "T-KNOWN", "T-CLOSE")),
    ("a flush does not look for vCPUs inside", "td_vcpu",
     [("	if (tdxc_td_is_empty_(td) &&\n	    tdxc_td_first",
       "	if (tdxc_td_first")],
     "two vCPUs", ("T-CLOSE",)),
    ("a flush looks for vCPUs inside before the step", "td_vcpu",
     [("	if (!tdxc_try_cmpxchg(&td->step, &vcpus, TDXC_TD_VCPUS))\n"
       "		return;\n", "")],
     "two vCPUs", ("T-CLOSE",)),
    ("a mark is cleared before the flush", "td_vcpu",
     [(FLUSH, CLEAR + FLUSH)],
     "one vCPU", ("T-KNOWN",)),
    ("a flush closes the step whatever the marks say", "td_vcpu",
     [(" &&\n	    tdxc_td_first_associated_(td) == "
       "td->config.sept->config.nr_vcpus", "")],
     "two vCPUs", ("T-CLOSE",)),
)

mutant.main(FLAGS, [*SOURCES, *(f"libtdxcore/{room}.c" for room in CORE)],
            [(name, f"libtdxcore/{room}.c", *rest)
             for name, room, *rest in MUTATIONS])
