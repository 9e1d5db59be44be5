/** @file
  Conversions of memory between private and shared in a guest's firmware, with
  an end: at ExitBootServices () all memory is private again.

  The protocol is produced in a TD, by TdxUnshareDxe. Whoever shares memory
  through it has its page tables edited, the host and the TDX module asked, and
  the memory remembered. When boot services end

  | step | what                                                                |
  |------|---------------------------------------------------------------------|
  | 1    | drivers stop their devices in handlers of ExitBootServices ()       |
  | 2    | the gate closes: no conversion begins any more                      |
  | 3    | all shared memory that is RAM is made private, but for exclusions   |
  | 4    | what could not be is taken out of the page tables                   |
  | 5    | the report says what is left                                        |

  Step 2 is after every handler at TPL_CALLBACK and above that was registered
  for EFI_EVENT_GROUP_EXIT_BOOT_SERVICES: the driver's own handler signals
  another event, which stands behind them in the queue.

  Memory is named by physical addresses, which are virtual ones here.
  @shape{Address, Bytes: multiples of 4 KiB} Functions may be called up to
  TPL_NOTIFY, on the boot processor, and run at TPL_NOTIFY.

  @source{unshare-kexec-guest.md 9.1 to 9.3, 9.6; seeds.md S004}

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_UNSHARE_PROTOCOL_H_
#define TDX_UNSHARE_PROTOCOL_H_

#define TDX_UNSHARE_PROTOCOL_GUID \
  { 0x7a1c90d4, 0x2e58, 0x4b63, \
    { 0x91, 0x0d, 0x5c, 0xe8, 0x37, 0xf2, 0xb4, 0x6a } \
  }

/// The configuration table with TDX_UNSHARE_REPORT.
#define TDX_UNSHARE_REPORT_GUID \
  { 0xc3e85b17, 0x94da, 0x4f02, \
    { 0xa6, 0x71, 0x0e, 0x8b, 0x2d, 0x5f, 0xc9, 0x34 } \
  }

#define TDX_UNSHARE_PROTOCOL_REVISION  0x00010000

typedef struct _TDX_UNSHARE_PROTOCOL TDX_UNSHARE_PROTOCOL;

/// What became of a range.
typedef struct {
  UINT64    Done;        ///< Converted, from its start. @units{bytes}
  UINT64    GapStart;    ///< From here
  UINT64    GapEnd;      ///< to here: neither shared nor accepted, and not
                         ///< mapped any more. Equal: no gap.
  UINT64    Retries;     ///< Times the host did a part only.
  UINT64    Fallbacks;   ///< Times a smaller page size was tried.
  UINT64    Busy;        ///< Times the TDX module was busy.
  UINT64    Answer;      ///< Of the host or the module, where that failed.
} TDX_UNSHARE_RESULT;

/**
  Convert memory: to shared, to private, or (accept) from never used to private.

  What becomes private is zeroed.

  @param[in]  This     The protocol.
  @param[in]  Address  First address.
  @param[in]  Bytes    Size.
  @param[out] Result   What became of it, or NULL.

  @retval EFI_SUCCESS            All of it is converted.
  @retval EFI_INVALID_PARAMETER  Empty, unaligned, or not mapped at its own
                                 address. Nothing changed.
  @retval EFI_NOT_FOUND          A part is not mapped; to private: was not shared
                                 through this protocol. Nothing changed.
  @retval EFI_ALREADY_STARTED    A part is shared, or accepted, already; the
                                 former: nothing changed.
  @retval EFI_BUFFER_TOO_SMALL   Too many ranges, or no page table left for a
                                 split. Nothing changed.
  @retval EFI_ABORTED            The gate is closed: boot services end.
  @retval EFI_NOT_READY          The host or the module goes on saying "not
                                 now". Result says how far it came.
  @retval EFI_DEVICE_ERROR       Another answer, or malformed page tables;
                                 Result, as above.
**/
typedef
EFI_STATUS
(EFIAPI *TDX_UNSHARE_CONVERT)(
  IN  TDX_UNSHARE_PROTOCOL  *This,
  IN  EFI_PHYSICAL_ADDRESS  Address,
  IN  UINT64                Bytes,
  OUT TDX_UNSHARE_RESULT    *Result OPTIONAL
  );

/**
  Say that memory stays shared when boot services end, or becomes private late.

  A large page that is excluded in part is split. What the next stage finds
  shared is in the report.

  @param[in] This     The protocol.
  @param[in] Address  First address.
  @param[in] Bytes    Size.
  @param[in] Order    0: it stays shared. 1, 2, ...: it is made private after
                      all memory of a lower order.

  @retval EFI_SUCCESS            Remembered.
  @retval EFI_INVALID_PARAMETER  Empty, unaligned, or no RAM.
  @retval EFI_ALREADY_STARTED    It overlaps an exclusion there is.
  @retval EFI_BUFFER_TOO_SMALL   There are too many.
  @retval EFI_ABORTED            The gate is closed.
**/
typedef
EFI_STATUS
(EFIAPI *TDX_UNSHARE_EXCLUDE)(
  IN TDX_UNSHARE_PROTOCOL  *This,
  IN EFI_PHYSICAL_ADDRESS  Address,
  IN UINT64                Bytes,
  IN UINT32                Order
  );

/// The protocol.
struct _TDX_UNSHARE_PROTOCOL {
  UINT64                 Revision;
  TDX_UNSHARE_CONVERT    Share;
  TDX_UNSHARE_CONVERT    Unshare;
  TDX_UNSHARE_CONVERT    Accept;
  TDX_UNSHARE_EXCLUDE    Exclude;
};

#define TDX_UNSHARE_REPORT_SIGNATURE  0x5452504552584454ULL  // "TDXREPRT"
#define TDX_UNSHARE_REPORT_VERSION    1

/// TDX_UNSHARE_REPORT.Flags.
#define TDX_UNSHARE_FINISHED  BIT0  ///< Steps 2 to 4 were done.
#define TDX_UNSHARE_CLEAN     BIT1  ///< Nothing is shared but exclusions.
#define TDX_UNSHARE_RACED     BIT2  ///< Conversions were in flight.

/**
  What the next stage finds, in reserved memory. Pages are those of 4 KiB.

  Words is what tdxc_unshare_pack () describes, of NumberOfWords words; 0: there
  was more than fits.
**/
typedef struct {
  UINT64    Signature;
  UINT32    Version;
  UINT32    Flags;
  UINT64    Found;          ///< Shared pages of RAM, and of exclusions.
  UINT64    Converted;      ///< Private now.
  UINT64    Kept;           ///< Excluded.
  UINT64    Shared;         ///< Still shared: the host refused.
  UINT64    Pending;        ///< Private, to be accepted before use.
  UINT64    Malformed;      ///< Page-table entries that were not believed.
  INT64     Difference;     ///< Found less what was shared through the
                            ///< protocol.
  UINT64    Splits;         ///< Large pages split, since the driver started.
  UINT64    Flushes;        ///< TLB flushes, since then.
  UINT64    NumberOfWords;
  UINT64    Words[1];       ///< NumberOfWords of them.
} TDX_UNSHARE_REPORT;

extern EFI_GUID  gTdxUnshareProtocolGuid;
extern EFI_GUID  gTdxUnshareReportGuid;

#endif
