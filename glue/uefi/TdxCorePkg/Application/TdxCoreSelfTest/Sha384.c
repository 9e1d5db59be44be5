/** @file
  SHA-384 (FIPS 180-4), which the software module measures TDs with: firmware
  has none that is always there.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "Sha384.h"

#include <Library/BaseMemoryLib.h>

#define ROUNDS     80
#define SIZE_AT    112  // in the last block, where 16 bytes count the bits

typedef struct {
  UINT64    Hash[8];
  UINT64    Length;
  UINT8     Block[SHA384_BLOCK];
} STATE;

STATIC_ASSERT (sizeof (STATE) <= SHA384_STATE, "as the header says");

STATIC CONST UINT64  mStart[8] = {
  0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
  0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
  0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
};

STATIC CONST UINT64  mRound[ROUNDS] = {
  0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f,
  0xe9b5dba58189dbbc, 0x3956c25bf348b538, 0x59f111f1b605d019,
  0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242,
  0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
  0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
  0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3,
  0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65, 0x2de92c6f592b0275,
  0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
  0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f,
  0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
  0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc,
  0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
  0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6,
  0x92722c851482353b, 0xa2bfe8a14cf10364, 0xa81a664bbc423001,
  0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
  0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
  0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99,
  0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb,
  0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc,
  0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
  0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915,
  0xc67178f2e372532b, 0xca273eceea26619c, 0xd186b8c721c0c207,
  0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba,
  0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
  0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
  0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a,
  0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

#define RIGHT(Value, Bits)  ((Value) >> (Bits) | (Value) << (64 - (Bits)))

STATIC
UINT64
ReadBigEndian (
  IN CONST UINT8  *From
  )
{
  UINT64  Value = 0;
  UINTN   Index;

  for (Index = 0; Index < 8; Index++) {
    Value = Value << 8 | From[Index];
  }

  return Value;
}

STATIC
VOID
WriteBigEndian (
  OUT UINT8   *To,
  IN  UINT64  Value
  )
{
  UINTN  Index;

  for (Index = 8; Index-- > 0; Value >>= 8) {
    To[Index] = (UINT8)Value;
  }
}

//
// The schedule is kept for 16 rounds at a time.
//
STATIC
UINT64
Schedule (
  IN OUT UINT64  *Words,
  IN     UINTN   Round
  )
{
  UINT64  A = Words[(Round + 1) % 16];
  UINT64  B = Words[(Round + 14) % 16];

  if (Round >= 16) {
    Words[Round % 16] += (RIGHT (A, 1) ^ RIGHT (A, 8) ^ A >> 7) + Words[(Round + 9) % 16]
                         + (RIGHT (B, 19) ^ RIGHT (B, 61) ^ B >> 6);
  }

  return Words[Round % 16];
}

STATIC
VOID
Compress (
  IN OUT STATE  *State
  )
{
  UINT64  Words[16];
  UINT64  V[8];
  UINT64  First;
  UINT64  Second;
  UINTN   Index;

  for (Index = 0; Index < 16; Index++) {
    Words[Index] = ReadBigEndian (State->Block + 8 * Index);
  }

  CopyMem (V, State->Hash, sizeof (V));
  for (Index = 0; Index < ROUNDS; Index++) {
    First = V[7] + (RIGHT (V[4], 14) ^ RIGHT (V[4], 18) ^ RIGHT (V[4], 41))
            + ((V[4] & V[5]) ^ (~V[4] & V[6])) + mRound[Index] + Schedule (Words, Index);
    Second = (RIGHT (V[0], 28) ^ RIGHT (V[0], 34) ^ RIGHT (V[0], 39))
             + ((V[0] & V[1]) ^ (V[0] & V[2]) ^ (V[1] & V[2]));
    CopyMem (V + 1, V, 7 * sizeof (V[0]));
    V[4] += First;
    V[0]  = First + Second;
  }

  for (Index = 0; Index < 8; Index++) {
    State->Hash[Index] += V[Index];
  }
}

STATIC
VOID
Absorb (
  IN OUT STATE        *State,
  IN     CONST UINT8  *Data,
  IN     UINTN        Bytes
  )
{
  UINTN  Used;
  UINTN  Part;

  while (Bytes != 0) {
    Used = State->Length % SHA384_BLOCK;
    Part = MIN (Bytes, SHA384_BLOCK - Used);
    CopyMem (State->Block + Used, Data, Part);
    State->Length += Part;
    Data          += Part;
    Bytes         -= Part;
    if (Used + Part == SHA384_BLOCK) {
      Compress (State);
    }
  }
}

STATIC
VOID
Finish (
  IN OUT STATE  *State,
  OUT    UINT8  *Hash
  )
{
  STATIC CONST UINT8  End[SHA384_BLOCK] = { 0x80 };

  UINT64  Bits = State->Length * 8;
  UINTN   Used = State->Length % SHA384_BLOCK;
  UINT8   Size[16];
  UINTN   Index;

  Absorb (State, End, (Used < SIZE_AT ? SIZE_AT : SIZE_AT + SHA384_BLOCK) - Used);
  ZeroMem (Size, 8);
  WriteBigEndian (Size + 8, Bits);
  Absorb (State, Size, sizeof (Size));
  for (Index = 0; Index < SHA384_HASH / 8; Index++) {
    WriteBigEndian (Hash + 8 * Index, State->Hash[Index]);
  }
}

void
Sha384 (
  void                         *Context,
  enum tdxc_sim_sha384_step    Step,
  void                         *State,
  const void                   *Data,
  size_t                       Bytes,
  void                         *Out
  )
{
  switch (Step) {
    case TDXC_SIM_SHA384_INIT:
      ZeroMem (State, sizeof (STATE));
      CopyMem (((STATE *)State)->Hash, mStart, sizeof (mStart));
      break;
    case TDXC_SIM_SHA384_UPDATE:
      Absorb (State, Data, Bytes);
      break;
    case TDXC_SIM_SHA384_FINAL:
      Finish (State, Out);
      break;
  }
}
