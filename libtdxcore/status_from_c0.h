/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Refusals that the same call would meet again unless something else changes
 * first: everything from 0xC000000000000000 on. See status_below_c0.h.
 */
/* clang-format off */
STATUS(0xC000000600000000, INVALID_RESUMPTION, NEVER, NUMBER,
	"a resume was asked for, but nothing was interrupted here",
	"start the operation anew")
STATUS(0xC000010000000000, OPERAND_INVALID, NEVER, OPERAND,
	"an operand is malformed or out of range",
	"correct the operand named in the details; RAX: leaf or version not "
	"supported by this module")
STATUS(0xC000010100000000, OPERAND_ADDR_RANGE_ERROR, NEVER, OPERAND,
	"the address is in no initialised part of a TDMR",
	"use memory of the layout given to SYS.CONFIG, after TDMR.INIT "
	"passed its GiB")
STATUS(0xC000010200000000, EVENT_FILTER_INVALID, NEVER, NUMBER,
	"an event filter has a bad entry",
	"correct the filter list")
STATUS(0xC000010300000000, EVENT_FILTER_ORDER_INVALID, NEVER, NUMBER,
	"event filters are out of order",
	"sort the filter list")
STATUS(0xC000030000000000, PAGE_METADATA_INCORRECT, NEVER, OPERAND,
	"the PAMT knows the page under another type or size than needed",
	"the page is in use, reserved or already free: read it with "
	"PHYMEM.PAGE.RDMD")
STATUS(0xC000030200000000, PAGE_NOT_OWNED_BY_TD, NEVER, OPERAND,
	"the page belongs to another TD",
	"compare the owner that PHYMEM.PAGE.RDMD gives")
STATUS(0xC000030300000000, PAGE_NOT_FREE, NEVER, OPERAND,
	"the page is in use",
	"give a page that the module does not own")
STATUS(0xC000030400000000, HPA_RANGE_NOT_FREE, NEVER, OPERAND,
	"the 2 MiB range is in use or has its PAMT pages already",
	"add a pair to a range only once, and before it is used")
STATUS(0xC000030500000000, NO_PAMT_PAGE_PAIR, NEVER, OPERAND,
	"the 2 MiB range has no PAMT pages to remove",
	"count references to a range before removing its pair")
STATUS(0xC000030600000000, PAMT_PAGE_NOT_EMPTY, ACT, NUMBER,
	"a 4 KiB page of the range is in use; details: which page of the "
	"pair",
	"take the range's pages back from the module first")
STATUS(0xC000040000000000, TD_ASSOCIATED_PAGES_EXIST, ACT, NUMBER,
	"the TD still has pages, so its root cannot go",
	"reclaim every other page first, the TDR last")
STATUS(0xC000050000000000, SYS_INIT_NOT_PENDING, NEVER, NUMBER,
	"the module is past SYS.INIT",
	"call SYS.INIT once per boot of the module; keep its result")
STATUS(0xC000050200000000, SYS_LP_INIT_NOT_DONE, ACT, NUMBER,
	"this processor has not run SYS.LP.INIT",
	"run SYS.LP.INIT on it, then repeat")
STATUS(0xC000050300000000, SYS_LP_INIT_DONE, NEVER, NUMBER,
	"this processor has run SYS.LP.INIT already",
	"harmless: treat as done")
STATUS(0xC000050500000000, SYS_NOT_READY, ACT, NUMBER,
	"the module is not ready for this leaf",
	"finish the bring-up; on a field read during bring-up: a TDX 1.0 "
	"module, update it to 1.5")
STATUS(0xC000050600000000, SYS_SHUTDOWN, DEAD, NUMBER,
	"the module has been shut down",
	"load a module again, by an update or a reboot")
STATUS(0xC000050700000000, SYS_KEY_CONFIG_NOT_PENDING, NEVER, NUMBER,
	"SYS.CONFIG has not succeeded, or every package has its key",
	"call SYS.CONFIG first, then this once per package")
STATUS(0xC000050800000000, SYS_STATE_INCORRECT, NEVER, NUMBER,
	"the module's state does not allow an update",
	"initialise every processor, then call SYS.UPDATE before SYS.CONFIG")
STATUS(0xC000050900000000, SYS_INVALID_HANDOFF, NEVER, NUMBER,
	"the old module left no state the new one can take over",
	"shut down with a hand-off version that both modules know")
STATUS(0xC000050A00000000, SYS_INCOMPATIBLE_SIGSTRUCT, NEVER, NUMBER,
	"the module does not fit the signature it was loaded with",
	"install module and signature file of one release")
STATUS(0xC000050B00000000, SYS_LP_INIT_NOT_PENDING, NEVER, NUMBER,
	"SYS.INIT has not succeeded, or the module is configured already",
	"call SYS.INIT first; it may have failed")
STATUS(0xC000050C00000000, SYS_CONFIG_NOT_PENDING, ACT, NUMBER,
	"a processor has not run SYS.LP.INIT, or the module is configured "
	"already",
	"run SYS.LP.INIT on every processor, those the host keeps offline "
	"too")
STATUS(0xC000050D00000000, INCOMPATIBLE_SEAM_CAPABILITIES, NEVER, NUMBER,
	"the processor lacks SEAM operations, or differs from the first one",
	"update the BIOS and microcode")
STATUS(0xC000051100000000, CRYPTO_SELF_TEST_FAILED, NEVER, NUMBER,
	"the module's test of its own cryptography failed",
	"suspect the hardware or a damaged module")
STATUS(0xC000060500000000, TD_NON_DEBUG, NEVER, NUMBER,
	"only a TD with the DEBUG attribute allows this",
	"build the TD with ATTRIBUTES.DEBUG")
STATUS(0xC000060600000000, TDCS_NOT_ALLOCATED, ACT, NUMBER,
	"the TD has too few control pages",
	"add pages with MNG.ADDCX")
STATUS(0xC000060700000000, LIFECYCLE_STATE_INCORRECT, ACT, NUMBER,
	"the TD's lifecycle (keys, teardown) does not allow this now",
	"follow the order KEY.CONFIG, VPFLUSHDONE, CACHE.WB, KEY.FREEID, "
	"RECLAIM")
STATUS(0xC000060800000000, OP_STATE_INCORRECT, ACT, NUMBER,
	"the TD's build or migration phase does not allow this now",
	"check the order: INIT, add pages and vCPUs, FINALIZE, run")
STATUS(0xC000060900000000, NO_VCPUS, ACT, NUMBER,
	"the TD has no initialised vCPU",
	"run VP.CREATE, VP.ADDCX and VP.INIT before MR.FINALIZE")
STATUS(0xC000061000000000, TDCX_NUM_INCORRECT, NEVER, NUMBER,
	"the number of control pages is wrong",
	"take the counts from TDCS_BASE_SIZE and TDVPS_BASE_SIZE")
STATUS(0xC000062100000000, X2APIC_ID_NOT_UNIQUE, NEVER, NUMBER,
	"another vCPU has this x2APIC id",
	"number the vCPUs differently")
STATUS(0xC000062200000000, INCOMPATIBLE_MRTD_CONTEXT, NEVER, NUMBER,
	"the TD's build began under another module version",
	"build the TD again; do not update the module during a build")
STATUS(0xC000070000000000, VCPU_STATE_INCORRECT, NEVER, NUMBER,
	"the vCPU is not in the state this needs",
	"initialise a vCPU once, and before it is entered")
STATUS(0xC000070400000000, NO_VALID_VE_INFO, NEVER, NUMBER,
	"there is no #VE to report",
	"ask only from the #VE handler, once")
STATUS(0xC000070500000000, MAX_VCPUS_EXCEEDED, NEVER, NUMBER,
	"the TD has as many vCPUs as TD_PARAMS.MAX_VCPUS allows",
	"set MAX_VCPUS higher when the TD is built")
STATUS(0xC000070600000000, TSC_ROLLBACK, NEVER, NUMBER,
	"the time stamp counter went back since the vCPU last ran",
	"do not write the TSC; keep it in step on all processors")
STATUS(0xC000070700000000, INTERRUPTIBILITY_BLOCKED, NEVER, NUMBER,
	"the guest's interruptibility does not allow this now",
	"repeat when the guest can take interrupts")
STATUS(0xC000073000000000, TD_VMCS_FIELD_NOT_INITIALIZED, NEVER, NUMBER,
	"a VMCS field this needs was never set",
	"set the field before entering")
STATUS(0xC000073100000000, TD_VMCS_FIELD_ERROR, NEVER, NUMBER,
	"a VMCS field has a value that is not allowed",
	"correct the field")
STATUS(0xC000081100000000, KEY_STATE_INCORRECT, NEVER, NUMBER,
	"the KeyID is not in the state this needs",
	"check the order of key operations")
STATUS(0xC000082000000000, HKID_NOT_FREE, NEVER, NUMBER,
	"the KeyID is taken: by a TD, or by the module",
	"choose another; a failed SYS.CONFIG keeps the KeyID it was given")
STATUS(0xC000082300000000, WBCACHE_RESUME_ERROR, NEVER, NUMBER,
	"no cache write-back of this package was interrupted",
	"start with RCX = 0 on this package")
STATUS(0xC000082500000000, NUM_ACTIVATED_HKIDS_NOT_SUPPORTED, NEVER, NUMBER,
	"the BIOS gave TDX more KeyIDs than the module can handle",
	"lower the number of TDX KeyIDs in the BIOS setup")
STATUS(0xC000090000000000, INCORRECT_CPUID_VALUE, NEVER, NUMBER,
	"CPUID says something the module does not accept",
	"update the BIOS: an old one is the usual cause; then the TDX module")
STATUS(0xC000090100000000, LIMIT_CPUID_MAXVAL_SET, ACT, NUMBER,
	"IA32_MISC_ENABLE hides most of CPUID",
	"turn off the limit on CPUID in the BIOS setup")
STATUS(0xC000090200000000, INCONSISTENT_CPUID_FIELD, NEVER, CPUID,
	"CPUID differs from that of the first processor; RCX: leaf and sub- "
	"leaf",
	"update BIOS and microcode; all sockets need the same stepping and "
	"settings")
STATUS(0xC000090300000000, CPUID_MAX_SUBLEAVES_UNRECOGNIZED, NEVER, CPUID,
	"CPUID has more sub-leaves than the module knows",
	"update the TDX module")
STATUS(0xC000090400000000, CPUID_LEAF_1F_FORMAT_UNRECOGNIZED, NEVER, NUMBER,
	"CPUID leaf 1Fh describes the topology in an unknown form",
	"update the TDX module")
STATUS(0xC000090500000000, INVALID_WBINVD_SCOPE, NEVER, NUMBER,
	"the scope of WBINVD is not one the module supports",
	"update the TDX module; the platform may not be supported")
STATUS(0xC000090600000000, INVALID_PKG_ID, NEVER, NUMBER,
	"a package has a number of 8 or more",
	"the module handles 8 packages, numbered from 0")
STATUS(0xC000090700000000, ENABLE_MONITOR_FSM_NOT_SET, ACT, NUMBER,
	"MONITOR/MWAIT is switched off",
	"enable MONITOR/MWAIT in the BIOS setup")
STATUS(0xC000090800000000, CPUID_LEAF_NOT_SUPPORTED, NEVER, CPUID,
	"a CPUID leaf the module needs does not exist",
	"update the BIOS; the processor may not be supported")
STATUS(0xC000091000000000, SMRR_NOT_LOCKED, NEVER, MSR,
	"the BIOS left the SMM range registers unlocked",
	"update the BIOS")
STATUS(0xC000091100000000, INVALID_SMRR_CONFIGURATION, NEVER, MSR,
	"the SMM range registers are set up wrongly",
	"update the BIOS")
STATUS(0xC000091200000000, SMRR_OVERLAPS_CMR, NEVER, MSR,
	"SMM memory lies in memory the BIOS called convertible",
	"update the BIOS")
STATUS(0xC000091300000000, SMRR_LOCK_NOT_SUPPORTED, NEVER, MSR,
	"the SMM range registers cannot be locked",
	"the processor does not support TDX")
STATUS(0xC000091400000000, SMRR_NOT_SUPPORTED, NEVER, MSR,
	"there are no SMM range registers",
	"the processor does not support TDX")
STATUS(0xC000092000000000, INCONSISTENT_MSR, ACT, MSR,
	"an MSR differs from that of the first processor; its index is in "
	"the details",
	"give it the same value on every processor; else update BIOS and "
	"microcode")
STATUS(0xC000092100000000, INCORRECT_MSR_VALUE, ACT, MSR,
	"an MSR has an unsupported value; its index is in the details",
	"correct that MSR, by a BIOS setting or by not letting the kernel "
	"change it")
STATUS(0xC000093000000000, SEAMREPORT_NOT_AVAILABLE, NEVER, NUMBER,
	"the processor cannot make SEAM reports",
	"update the microcode")
STATUS(0xC000093100000000, SEAMDB_GETREF_NOT_AVAILABLE, NEVER, NUMBER,
	"the processor lacks SEAMDB_GETREF",
	"update the microcode")
STATUS(0xC000093200000000, SEAMDB_REPORT_NOT_AVAILABLE, NEVER, NUMBER,
	"the processor lacks SEAMDB_REPORT",
	"update the microcode")
STATUS(0xC000093300000000, SEAMVERIFYREPORT_NOT_AVAILABLE, NEVER, NUMBER,
	"the processor cannot verify SEAM reports",
	"update the microcode")
STATUS(0xC0000A0000000000, INVALID_TDMR, NEVER, TDMR,
	"a TDMR's base or size is not a GiB multiple, is 0, wraps, or is "
	"beyond the width",
	"align the TDMR to 1 GiB, below the KeyID bits")
STATUS(0xC0000A0100000000, NON_ORDERED_TDMR, NEVER, TDMR,
	"a TDMR starts below the end of the one before it",
	"sort the TDMRs by base and let none overlap")
STATUS(0xC0000A0200000000, TDMR_OUTSIDE_CMRS, NEVER, TDMR,
	"memory of a TDMR that is not reserved is not convertible",
	"reserve what lies in no CMR; RAM hot-plugged or from CXL is in none")
STATUS(0xC0000A1000000000, INVALID_PAMT, NEVER, TDMR,
	"a PAMT region is unaligned, too small, wraps, or is beyond the "
	"width",
	"size it by the module's PAMT entry sizes, in 4 KiB units")
STATUS(0xC0000A1100000000, PAMT_OUTSIDE_CMRS, NEVER, TDMR,
	"a PAMT region is not in convertible memory",
	"allocate it inside one run of touching CMRs")
STATUS(0xC0000A1200000000, PAMT_OVERLAP, NEVER, TDMR,
	"a PAMT region overlaps another, or memory that is not reserved",
	"reserve the region in every TDMR it lies in")
STATUS(0xC0000A2000000000, INVALID_RESERVED_IN_TDMR, NEVER, TDMR,
	"a reserved area is unaligned, wraps, or leaves its TDMR",
	"use offsets from the TDMR's base, in 4 KiB units")
STATUS(0xC0000A2100000000, NON_ORDERED_RESERVED_IN_TDMR, NEVER, TDMR,
	"reserved areas overlap, are out of order, or have an empty one "
	"between them",
	"sort the areas and put the unused ones last")
STATUS(0xC0000A2200000000, CMR_LIST_INVALID, NEVER, NUMBER,
	"the BIOS gave a malformed list of convertible memory",
	"update the BIOS")
STATUS(0xC0000B0000000000, EPT_WALK_FAILED, NEVER, OPERAND,
	"the walk of the secure EPT ended above the level asked for",
	"RDX tells where: add the missing table, unblock it, or split the "
	"large page")
STATUS(0xC0000B0100000000, EPT_ENTRY_FREE, NEVER, OPERAND,
	"the secure EPT entry is free",
	"map the page first")
STATUS(0xC0000B0200000000, EPT_ENTRY_NOT_FREE, NEVER, OPERAND,
	"the secure EPT entry is in use",
	"remove what is mapped there first")
STATUS(0xC0000B0300000000, EPT_ENTRY_NOT_PRESENT, NEVER, OPERAND,
	"the page is not mapped, or blocked, or not accepted yet",
	"map the page first, and have it accepted")
STATUS(0xC0000B0400000000, EPT_ENTRY_NOT_LEAF, NEVER, OPERAND,
	"a page table is mapped where a page was expected",
	"go one level down")
STATUS(0xC0000B0500000000, EPT_ENTRY_LEAF, NEVER, OPERAND,
	"a page is mapped where a page table was expected",
	"go one level up, or split the page")
STATUS(0xC0000B0600000000, GPA_RANGE_NOT_BLOCKED, ACT, OPERAND,
	"the range must be blocked first",
	"run MEM.RANGE.BLOCK and MEM.TRACK, force the vCPUs out, then repeat")
STATUS(0xC0000B0800000000, TLB_TRACKING_NOT_DONE, ACT, OPERAND,
	"a vCPU may still have the old mapping in its TLB",
	"run MEM.TRACK, force every vCPU of the TD out once, then repeat")
STATUS(0xC0000B0900000000, EPT_INVALID_PROMOTE_CONDITIONS, NEVER, OPERAND,
	"the 512 entries below are not one contiguous, uniform page",
	"map all 512 from aligned memory in the same state, or leave them "
	"small")
STATUS(0xC0000B0B00000000, PAGE_SIZE_MISMATCH, ACT, NUMBER,
	"the host mapped a smaller page than the guest accepts; details: "
	"level found",
	"accept at the smaller size")
STATUS(0xC0000B0C00000000, GPA_RANGE_BLOCKED, NEVER, OPERAND,
	"the range is blocked",
	"unblock it first")
STATUS(0xC0000B0D00000000, EPT_ENTRY_STATE_INCORRECT, NEVER, OPERAND,
	"the secure EPT entry is not in a state this leaf takes",
	"RCX and RDX hold the entry and its state: host and module disagree "
	"about it")
STATUS(0xC0000B0E00000000, EPT_PAGE_NOT_FREE, ACT, OPERAND,
	"the page table to be removed has entries in use",
	"remove everything below it first")
STATUS(0xC0000B0F00000000, L2_SEPT_WALK_FAILED, NEVER, NUMBER,
	"the walk of a nested guest's secure EPT ended too early",
	"add the tables that are missing for that guest")
STATUS(0xC0000B1000000000, L2_SEPT_ENTRY_NOT_FREE, NEVER, NUMBER,
	"an entry of a nested guest's secure EPT is in use",
	"remove the nested mapping first")
STATUS(0xC0000B1100000000, PAGE_ATTR_INVALID, NEVER, OPERAND,
	"the page attributes asked for are not allowed",
	"correct the attributes")
STATUS(0xC0000B1200000000, L2_SEPT_PAGE_NOT_PROVIDED, NEVER, OPERAND,
	"the split needs a table page for a nested guest too",
	"give one page per nested guest that maps the range")
STATUS(0xC0000C0000000000, METADATA_FIELD_ID_INCORRECT, NEVER, NUMBER,
	"the module does not know this field id",
	"look at TDX_FEATURES first: newer modules have more fields")
STATUS(0xC0000C0100000000, METADATA_FIELD_NOT_WRITABLE, NEVER, NUMBER,
	"the field cannot be written by the host",
	"")
STATUS(0xC0000C0200000000, METADATA_FIELD_NOT_READABLE, NEVER, NUMBER,
	"the field cannot be read by the host",
	"fields of a production TD stay hidden; build it with DEBUG to see "
	"them")
STATUS(0xC0000C0300000000, METADATA_FIELD_VALUE_NOT_VALID, NEVER, NUMBER,
	"the field does not take this value",
	"correct the value")
STATUS(0xC0000C0400000000, METADATA_LIST_OVERFLOW, ACT, NUMBER,
	"the page is full and there are more fields",
	"repeat from the field id in R8")
STATUS(0xC0000C0500000000, INVALID_METADATA_LIST_HEADER, NEVER, NUMBER,
	"a metadata list has a bad header",
	"correct size and number of sequences")
STATUS(0xC0000C0600000000, REQUIRED_METADATA_FIELD_MISSING, NEVER, NUMBER,
	"a metadata list lacks a field it must have",
	"add the field")
STATUS(0xC0000C0700000000, METADATA_ELEMENT_SIZE_INCORRECT, NEVER, NUMBER,
	"a metadata list has an element of the wrong size",
	"take sizes from the field ids")
STATUS(0xC0000C0800000000, METADATA_LAST_ELEMENT_INCORRECT, NEVER, NUMBER,
	"a metadata list ends a field at the wrong element",
	"take element counts from the field ids")
STATUS(0xC0000C0900000000, METADATA_FIELD_CURRENTLY_NOT_WRITABLE, NEVER, NUMBER,
	"the field cannot be written in this state",
	"write it earlier in the TD's life")
STATUS(0xC0000C0A00000000, METADATA_WR_MASK_NOT_VALID, NEVER, NUMBER,
	"the write mask touches bits that may not change",
	"narrow the mask, or give the full one where all bits are needed")
STATUS(0xC0000C0D00000000, VIRTUAL_MSR_VALUE_NOT_VALID, NEVER, NUMBER,
	"the guest's MSR does not take this value",
	"correct the value")
STATUS(0xC0000C0E00000000, METADATA_FIELD_NOT_ALLOCATED, NEVER, NUMBER,
	"the field's memory was never allocated",
	"add the control pages the feature needs")
STATUS(0xC0000D0000000000, SERVTD_ALREADY_BOUND_FOR_TYPE, NEVER, NUMBER,
	"a service TD of this type is bound already",
	"bind one service TD per type")
STATUS(0xC0000D0100000000, SERVTD_TYPE_MISMATCH, NEVER, NUMBER,
	"the service TD has another type than the binding",
	"bind with the type given before")
STATUS(0xC0000D0200000000, SERVTD_ATTR_MISMATCH, NEVER, NUMBER,
	"the service TD has other attributes than the binding",
	"bind with the attributes given before")
STATUS(0xC0000D0300000000, SERVTD_INFO_HASH_MISMATCH, NEVER, NUMBER,
	"the service TD is not the one that was measured",
	"start the service TD that was pre-bound")
STATUS(0xC0000D0400000000, SERVTD_UUID_MISMATCH, NEVER, NUMBER,
	"the service TD is another instance than the one bound",
	"bind again")
STATUS(0xC0000D0500000000, SERVTD_NOT_BOUND, NEVER, NUMBER,
	"no service TD is bound",
	"bind one first")
STATUS(0xC0000D0600000000, SERVTD_BOUND, NEVER, NUMBER,
	"a service TD is bound already",
	"do this before binding")
STATUS(0xC0000D0700000000, TARGET_UUID_MISMATCH, NEVER, NUMBER,
	"the target TD is another instance than the one bound",
	"bind again")
STATUS(0xC0000D0800000000, TARGET_UUID_UPDATED, NEVER, NUMBER,
	"the target TD's identity changed, after a migration for example",
	"repeat with the new identity")
STATUS(0xC0000E0000000000, INVALID_MBMD, NEVER, NUMBER,
	"a migration bundle's header is malformed",
	"suspect the transport between the hosts")
STATUS(0xC0000E0100000000, INCORRECT_MBMD_MAC, NEVER, NUMBER,
	"a migration bundle's header was altered",
	"suspect the transport, or bundles out of order")
STATUS(0xC0000E0200000000, NOT_WRITE_BLOCKED, NEVER, NUMBER,
	"the page must be blocked for writing first",
	"run EXPORT.BLOCKW first")
STATUS(0xC0000E0400000000, NOT_EXPORTED, NEVER, NUMBER,
	"the page has not been exported",
	"export it first")
STATUS(0xC0000E0500000000, MIGRATION_STREAM_STATE_INCORRECT, NEVER, NUMBER,
	"the migration stream is not in the state this needs",
	"check the order of export or import calls")
STATUS(0xC0000E0600000000, MAX_MIGS_NUM_EXCEEDED, NEVER, NUMBER,
	"the TD has as many migration streams as there can be",
	"use the streams there are")
STATUS(0xC0000E0700000000, EXPORTED_DIRTY_PAGES_REMAIN, NEVER, NUMBER,
	"pages changed after their export and were not sent again",
	"export them again before the start token")
STATUS(0xC0000E0800000000, MIGRATION_DECRYPTION_KEY_NOT_SET, NEVER, NUMBER,
	"the migration TD has set no decryption key",
	"wait for the migration TD to set it")
STATUS(0xC0000E0900000000, TD_NOT_MIGRATABLE, NEVER, NUMBER,
	"the TD lacks the MIGRATABLE attribute",
	"build the TD with it")
STATUS(0xC0000E0A00000000, PREVIOUS_EXPORT_CLEANUP_INCOMPLETE, NEVER, NUMBER,
	"pages of an aborted export were not restored",
	"run EXPORT.RESTORE on them first")
STATUS(0xC0000E0B00000000, NUM_MIGS_HIGHER_THAN_CREATED, NEVER, NUMBER,
	"more migration streams are asked for than were created",
	"create them first")
STATUS(0xC0000E0C00000000, IMPORT_MISMATCH, NEVER, NUMBER,
	"what is imported does not fit what is here",
	"import into a fresh TD, in the order of export")
STATUS(0xC0000E0D00000000, MIGRATION_EPOCH_OVERFLOW, NEVER, NUMBER,
	"too many migration epochs",
	"abort this migration and begin again")
STATUS(0xC0000E0E00000000, MAX_EXPORTS_EXCEEDED, NEVER, NUMBER,
	"the TD was exported too many times",
	"the TD cannot be migrated again")
STATUS(0xC0000E0F00000000, INVALID_PAGE_MAC, NEVER, NUMBER,
	"a migrated page was altered",
	"suspect the transport between the hosts")
STATUS(0xC0000E1000000000, MIGRATED_IN_CURRENT_EPOCH, NEVER, NUMBER,
	"the page was migrated in this epoch already",
	"begin a new epoch first")
STATUS(0xC0000E1100000000, DISALLOWED_IMPORT_OVER_REMOVED, NEVER, NUMBER,
	"the page was removed during the import",
	"import it only in a later epoch")
STATUS(0xC0000E1200000000, SOME_VCPUS_NOT_MIGRATED, NEVER, NUMBER,
	"not every vCPU has been migrated",
	"migrate the others first")
STATUS(0xC0000E1300000000, ALL_VCPUS_IMPORTED, NEVER, NUMBER,
	"every vCPU has been imported already",
	"go on with the next phase")
STATUS(0xC0000E1400000000, MIN_MIGS_NOT_CREATED, NEVER, NUMBER,
	"there are too few migration streams",
	"create more before the export starts")
STATUS(0xC0000E1500000000, VCPU_ALREADY_EXPORTED, NEVER, NUMBER,
	"the vCPU was exported already",
	"export every vCPU once")
STATUS(0xC0000E1600000000, INVALID_MIGRATION_DECRYPTION_KEY, NEVER, NUMBER,
	"the migration decryption key is not usable",
	"have the migration TD set a new key")
STATUS(0xC0000E2200000000, INCOMPATIBLE_MBMD_MAC_CONTEXT, NEVER, NUMBER,
	"the migration began under another module version",
	"begin the migration again")
STATUS(0xC000100000000000, INVALID_CPUSVN, NEVER, NUMBER,
	"a report was made at a security version this processor does not "
	"accept",
	"make the report on this machine, after its last microcode update")
STATUS(0xC000100100000000, INVALID_REPORTMACSTRUCT, NEVER, NUMBER,
	"a report is not genuine, or was made on another machine",
	"verify reports only where they were made")
STATUS(0xC000116000000000, GLA_NOT_CANONICAL, NEVER, NUMBER,
	"a guest linear address is not canonical",
	"correct the address")
ALIAS(0xE000000700000000, NON_RECOVERABLE_TD_WRONG_APIC_MODE, DEAD, NUMBER)
STATUS(0xE000060400000000, TD_FATAL, DEAD, NUMBER,
	"the TD suffered a fatal error",
	"tear the TD down")
