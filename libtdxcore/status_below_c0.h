/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Success, information, dead objects, transient refusals, and the codes that
 * software makes up: everything below 0xC000000000000000.
 *
 * Included by status.c only, and more than once: STATUS(code, name, remedy,
 * detail, meaning, hint) and ALIAS(code, name, remedy, detail) are defined
 * there. ALIAS is a second published value of a name whose texts stand
 * elsewhere. Ascending by code; a test holds the list against the reference
 * pages (tdx-module-abi.md 2.3; linux-host-tdx.md 2.2, 2.3, appendix A).
 */
/* clang-format off */
STATUS(0x0000000000000000, SUCCESS, NONE, NUMBER,
	"done",
	"after a TD ran, the low half is the VM exit reason")
STATUS(0x0000030100000000, PAGE_ALREADY_FREE, NONE, NUMBER,
	"the page has no owner already",
	"nothing to do")
STATUS(0x0000081500000000, KEY_CONFIGURED, NONE, NUMBER,
	"this package has the key already",
	"go on with the packages that lack it")
STATUS(0x0000082100000000, NO_HKID_READY_TO_WBCACHE, NONE, NUMBER,
	"no KeyID waits for a cache write-back",
	"nothing to write back; treat as done")
STATUS(0x00000A0300000000, TDMR_ALREADY_INITIALIZED, NONE, NUMBER,
	"the TDMR was initialised to its end earlier",
	"treat as done")
STATUS(0x00000B0700000000, GPA_RANGE_ALREADY_BLOCKED, NONE, OPERAND,
	"the range is blocked already",
	"go on with TRACK")
STATUS(0x00000B0A00000000, PAGE_ALREADY_ACCEPTED, NONE, NUMBER,
	"the guest has accepted the page already; details: level found",
	"a second accept can be an attack: check who accepted first")
STATUS(0x00000C0B00000000, METADATA_FIRST_FIELD_ID_IN_CONTEXT, NONE, NUMBER,
	"the query for a null field id was answered with the first id",
	"read on from the id in RDX")
STATUS(0x00000C0C00000000, METADATA_FIELD_SKIP, NONE, NUMBER,
	"the field is passed over; used inside the module",
	"not expected outside the module")
STATUS(0x00000E0300000000, ALREADY_WRITE_BLOCKED, NONE, NUMBER,
	"the page is blocked for writing already",
	"nothing to do")
STATUS(0x0000110000000000, L2_EXIT_HOST_ROUTED_ASYNC, NONE, NUMBER,
	"a nested guest left to the host, asynchronously",
	"handle the exit and enter again")
STATUS(0x0000110100000000, L2_EXIT_HOST_ROUTED_TDVMCALL, NONE, NUMBER,
	"a nested guest's TDVMCALL goes to the host",
	"handle the call and enter again")
STATUS(0x0000110200000000, L2_EXIT_PENDING_INTERRUPT, NONE, NUMBER,
	"a nested guest left for a pending interrupt",
	"deliver the interrupt and enter again")
STATUS(0x0000112000000000, PENDING_INTERRUPT, NONE, NUMBER,
	"an interrupt waits for the guest",
	"handle the interrupt and repeat")
STATUS(0x0000114000000000, TD_EXIT_BEFORE_L2_ENTRY, NONE, NUMBER,
	"the TD left before its nested guest was entered",
	"enter again")
STATUS(0x0000114100000000, TD_EXIT_ON_L2_VM_EXIT, NONE, NUMBER,
	"the TD left while its nested guest left",
	"enter again")
STATUS(0x0000114200000000, TD_EXIT_ON_L2_TO_L1, NONE, NUMBER,
	"the TD left on the way from the nested guest to its parent",
	"enter again")
STATUS(0x4000000100000000, NON_RECOVERABLE_VCPU, DEAD, NUMBER,
	"this vCPU can never be entered again; details: exit reason",
	"tear the vCPU down; other vCPUs may still run")
STATUS(0x4000000200000000, NON_RECOVERABLE_TD, DEAD, NUMBER,
	"the TD is dead; its memory can be reclaimed; details: exit reason",
	"tear the TD down")
ALIAS(0x6000000200000000, NON_RECOVERABLE_TD, DEAD, NUMBER)
STATUS(0x6000000500000000, NON_RECOVERABLE_TD_NON_ACCESSIBLE, DEAD, NUMBER,
	"the TD is dead and its memory must not be touched; details: exit "
	"reason",
	"tear the TD down; suspect a memory integrity error, look for "
	"machine checks")
STATUS(0x6000000700000000, NON_RECOVERABLE_TD_WRONG_APIC_MODE, DEAD, NUMBER,
	"the TD died: it was entered with the APIC not in x2APIC mode",
	"switch the host to x2APIC before entering TDs")
STATUS(0x6000000A00000000, NON_RECOVERABLE_TD_CORRUPTED_MD, DEAD, NUMBER,
	"the TD is dead: its control structures are corrupt",
	"tear the TD down; look for machine checks")
STATUS(0x8000000300000000, INTERRUPTED_RESUMABLE, RETRY, NUMBER,
	"an interrupt cut a long operation short; its progress is kept",
	"repeat with the registers as returned, or with the leaf's resume "
	"flag")
STATUS(0x8000000400000000, INTERRUPTED_RESTARTABLE, RETRY, NUMBER,
	"an interrupt cut the operation short; nothing was changed",
	"repeat the call from the start")
STATUS(0x8000000800000000, CROSS_TD_FAULT, ACT, NUMBER,
	"a fault came from the structures of another TD",
	"look at the TD that the call reached through this one")
STATUS(0x8000020000000000, OPERAND_BUSY, RETRY, OPERAND,
	"another call holds the object that the details name",
	"repeat at once, a bounded number of times; kick vCPUs if it is the "
	"S-EPT")
STATUS(0x8000020100000000, PREVIOUS_TLB_EPOCH_BUSY, ACT, NUMBER,
	"a vCPU that entered two epochs ago is still inside the TD",
	"force every vCPU of the TD out, then repeat")
STATUS(0x8000020200000000, SYS_BUSY, RETRY, NUMBER,
	"another processor is in a leaf that excludes this one",
	"repeat; run system-wide leaves one at a time")
STATUS(0x8000020300000000, RND_NO_ENTROPY, RETRY, NUMBER,
	"the processor's random generator had nothing to give",
	"repeat, up to 10 times as for RDRAND")
STATUS(0x8000020400000000, OPERAND_BUSY_HOST_PRIORITY, RETRY, OPERAND,
	"the guest's call made way for the host",
	"repeat from the guest; the host should finish its operation soon")
STATUS(0x8000020600000000, INTERRUPTED_BUSY, RETRY, NUMBER,
	"a long operation gave way to another host call",
	"repeat when the other call is done")
STATUS(0x8000030700000000, INTERRUPTED_PAMT, RETRY, NUMBER,
	"interrupted while Dynamic PAMT pages were set up or taken down",
	"repeat the call")
STATUS(0x8000030800000000, MISSING_PAMT_PAGE_PAIR, ACT, OPERAND,
	"the page's 2 MiB range has no Dynamic PAMT pages",
	"give it a pair with PHYMEM.PAMT.ADD, then repeat")
STATUS(0x8000051200000000, UPDATE_COMPATIBILITY_SENSITIVE, ACT, NUMBER,
	"the shutdown for an update would hurt a TD in a delicate phase",
	"wait until no TD is being built or migrated, then repeat")
STATUS(0x8000070100000000, VCPU_ASSOCIATED, ACT, NUMBER,
	"the vCPU belongs to another processor",
	"run VP.FLUSH on the processor that ran it last")
STATUS(0x8000070200000000, VCPU_NOT_ASSOCIATED, ACT, NUMBER,
	"the vCPU does not belong to this processor",
	"nothing to flush here; flush where the vCPU ran last")
STATUS(0x8000080000000000, KEY_GENERATION_FAILED, RETRY, NUMBER,
	"no entropy for a new key; the package counts as not configured",
	"repeat on the same package, bounded")
STATUS(0x8000081000000000, TD_KEYS_NOT_CONFIGURED, ACT, NUMBER,
	"the TD has no usable key",
	"run MNG.KEY.CONFIG on every package; too late once teardown began")
STATUS(0x8000081700000000, WBCACHE_NOT_COMPLETE, ACT, NUMBER,
	"a package has not written its caches back for this KeyID",
	"run PHYMEM.CACHE.WB on every package, then repeat")
STATUS(0x8000082400000000, FLUSHVP_NOT_DONE, ACT, NUMBER,
	"a vCPU of the TD still belongs to a processor",
	"run VP.FLUSH for every vCPU where it ran last, then repeat")
STATUS(0x8000110300000000, L2_VM_ENTRY_FAILED, ACT, NUMBER,
	"the processor refused to enter the nested guest",
	"the TD must correct the nested guest's state")
STATUS(0x8000FF0000000000, SEAMCALL_FAILED, NEVER, VECTOR,
	"SEAMCALL itself failed, cause not recorded (made by software)",
	"the module never ran; see whether it is loaded and VMX is on")
STATUS(0x8000FF0000000006, SEAMCALL_UD, ACT, VECTOR,
	"SEAMCALL raised #UD: the processor is not in VMX operation (made by "
	"software)",
	"turn VMX on on this processor (VMXON) before calling the module")
STATUS(0x8000FF000000000D, SEAMCALL_GP, NEVER, VECTOR,
	"SEAMCALL raised #GP: no SEAM range, TDX is off in firmware (made by "
	"software)",
	"enable TDX in the BIOS setup (TME, multi-key TME, SEAM loader)")
STATUS(0x8000FF00FFFF0000, VMFAILINVALID, ACT, NUMBER,
	"SEAMCALL set CF: no module is loaded, or the loader is busy (made "
	"by software)",
	"load a TDX module; if P-SEAMLDR was called, serialise the calls")
STATUS(0x9000000900000000, CROSS_TD_TRAP, ACT, NUMBER,
	"a trap came from the structures of another TD",
	"look at the TD that the call reached through this one")
STATUS(0x9000020500000000, HOST_PRIORITY_BUSY_TIMEOUT, ACT, NUMBER,
	"the guest could not get a lock the host kept for too long",
	"finish or drop the host operation on this TD, then enter again")
