/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * How a TD converts what the unshare engine found.
 */
#include <tdxcore/err.h>
#include <tdxcore/unshare.h>

int tdxc_unshare_tdx_op(void *ctx, struct tdxc_range pa,
			struct tdxc_unshare_done *done)
{
	struct tdxc_unshare_tdx *tdx = ctx;
	const struct tdxc_conversion *c = &tdx->last;
	const struct tdxc_tdcall_diag *diag = &c->failure.diag;
	int err = tdxc_convert_unshare(tdx->converter, pa.start,
				       tdxc_range_size(pa), &tdx->last);

	done->bytes = c->done;
	done->not_accepted = c->gap_start <= c->done && c->done < c->gap_end;
	done->status = c->failure.reason == TDXC_CONVERT_CALL ? diag->status
							      : diag->out.r10;
	if (c->failure.stage == TDXC_CONVERT_ACCEPT)
		done->status = diag->status;
	return err;
}
