/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/* Tracepoints: /sys/kernel/tracing/events/tdxcore. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tdxcore

#if !defined(TDXC_LINUX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TDXC_LINUX_TRACE_H

#include <linux/tracepoint.h>

#include <tdxcore/tdxcore.h>

TRACE_EVENT(
	tdxcore_seamcall,
	TP_PROTO(u64 rax, u64 status, const struct tdxc_seamcall_regs *regs),
	TP_ARGS(rax, status, regs),
	TP_STRUCT__entry(__field(u64, rax) __field(u64, status)
				 __field(u64, rcx) __field(u64, rdx)
					 __field(u64, r8) __field(u64, r9)),
	TP_fast_assign(__entry->rax = rax; __entry->status = status;
		       __entry->rcx = regs->rcx; __entry->rdx = regs->rdx;
		       __entry->r8 = regs->r8; __entry->r9 = regs->r9;),
	TP_printk("rax=0x%llx status=0x%llx rcx=0x%llx rdx=0x%llx r8=0x%llx "
		  "r9=0x%llx",
		  __entry->rax, __entry->status, __entry->rcx, __entry->rdx,
		  __entry->r8, __entry->r9));

TRACE_EVENT(tdxcore_fault,
	    TP_PROTO(u64 gfn, u32 level, bool is_private, int result),
	    TP_ARGS(gfn, level, is_private, result),
	    TP_STRUCT__entry(__field(u64, gfn) __field(u32, level)
				     __field(bool, is_private)
					     __field(int, result)),
	    TP_fast_assign(__entry->gfn = gfn; __entry->level = level;
			   __entry->is_private = is_private;
			   __entry->result = result;),
	    TP_printk("gfn=0x%llx level=%u %s result=%d", __entry->gfn,
		      __entry->level,
		      __entry->is_private ? "private" : "shared",
		      __entry->result));

TRACE_EVENT(tdxcore_zap,
	    TP_PROTO(u64 start, u64 end, bool is_private, int result),
	    TP_ARGS(start, end, is_private, result),
	    TP_STRUCT__entry(__field(u64, start) __field(u64, end)
				     __field(bool, is_private)
					     __field(int, result)),
	    TP_fast_assign(__entry->start = start; __entry->end = end;
			   __entry->is_private = is_private;
			   __entry->result = result;),
	    TP_printk("gfn=[0x%llx, 0x%llx) %s result=%d", __entry->start,
		      __entry->end, __entry->is_private ? "private" : "shared",
		      __entry->result));

TRACE_EVENT(
	tdxcore_conversion,
	TP_PROTO(u64 rax, u64 status, const struct tdxc_tdcall_regs *regs),
	TP_ARGS(rax, status, regs),
	TP_STRUCT__entry(__field(u64, rax) __field(u64, status)
				 __field(u64, rcx) __field(u64, r10)
					 __field(u64, r12) __field(u64, r13)),
	TP_fast_assign(__entry->rax = rax; __entry->status = status;
		       __entry->rcx = regs->rcx; __entry->r10 = regs->r10;
		       __entry->r12 = regs->r12; __entry->r13 = regs->r13;),
	TP_printk("rax=0x%llx status=0x%llx rcx=0x%llx r10=0x%llx r12=0x%llx "
		  "r13=0x%llx",
		  __entry->rax, __entry->status, __entry->rcx, __entry->r10,
		  __entry->r12, __entry->r13));

TRACE_EVENT(tdxcore_hotplug,
	    TP_PROTO(u32 event, u64 start, u64 end, u32 answer, u32 reason),
	    TP_ARGS(event, start, end, answer, reason),
	    TP_STRUCT__entry(__field(u32, event) __field(u64, start)
				     __field(u64, end) __field(u32, answer)
					     __field(u32, reason)),
	    TP_fast_assign(__entry->event = event; __entry->start = start;
			   __entry->end = end; __entry->answer = answer;
			   __entry->reason = reason;),
	    TP_printk("event=%u [0x%llx, 0x%llx) answer=%u reason=%u",
		      __entry->event, __entry->start, __entry->end,
		      __entry->answer, __entry->reason));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
