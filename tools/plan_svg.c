/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore plan --svg: a drawing of the layout, one bar per TDMR.
 *
 * A machine has pieces of 4 KiB beside pieces of 1 TiB, so no bar is to scale:
 * every piece gets a few pixels first, and only what is left of the bar is
 * shared out by size.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan_pieces.h"

/* All in pixels. */
#define PAGE_WIDTH   1200
#define MARGIN	     24
#define BAR_X	     130.0
#define BAR_WIDTH    1046.0
#define BAR_HEIGHT   26.0
#define STRIP_Y	     28.0 /* Reserved areas, below the bar. */
#define STRIP_HEIGHT 5.0
#define LABEL_Y	     47.0 /* Addresses, below those. */
#define ROW_PITCH    70.0
#define PIECE_WIDTH  4.0 /* Least. */
#define BLOCK_WIDTH  8.0 /* Least, of a TDMR in the overview. */
#define GAP_WIDTH    6.0 /* Between two of those. */
#define MONO_WIDTH   6.1 /* Of an address digit. */
#define TEXT_WIDTH   6.4 /* Of a letter in a piece, generously. */

static const struct {
	const char *name;
	const char *colour;
} kinds[PLAN_NR_KINDS] = {
	[PLAN_KIND_USABLE] = {"RAM for TDs", "#4f9f6e"},
	[PLAN_KIND_PAMT] = {"PAMT", "#2f6db5"},
	[PLAN_KIND_LIMIT] = {"RAM given up to a limit", "#d1495b"},
	[PLAN_KIND_UNECONOMIC] = {"RAM left out for economy", "#e0a030"},
	[PLAN_KIND_USELESS] = {"RAM, not convertible", "#8d97a5"},
	[PLAN_KIND_FIXED] = {"hole, not convertible", "#c9cfd7"},
	[PLAN_KIND_HOLE] = {"hole, convertible", "#e9f0e4"},
};

struct drawing {
	FILE *f;
	const struct plan_report *r;
	struct plan_piece *pieces; /* Ascending; owned. */
	size_t nr;
	double y; /* Top of what is drawn next. */
};

/* --- drawing ------------------------------------------------------------- */

static void draw_text(const struct drawing *d, double x, double y,
		      const char *class, const char *text)
{
	fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x,
		y, class, text);
}

/* A file name can hold anything; XML text cannot. */
static void draw_name(FILE *f, const char *name)
{
	const char *base = strrchr(name, '/');
	unsigned char c;

	if (!base || !base[1] || !strncmp(name, "/proc/", 6))
		base = name;
	else
		base++;
	for (; *base; base++) {
		c = (unsigned char)*base;
		if (c == '&' || c == '<' || c == '>' || c == '"')
			fprintf(f, "&#%u;", c);
		else
			fputc(c < 0x20 || c > 0x7E ? '?' : c, f);
	}
}

static void draw_style(FILE *f)
{
	fputs("<style>\n"
	      "text{font-family:system-ui,'Segoe UI','Helvetica Neue',"
	      "'DejaVu Sans',Arial,sans-serif;fill:#1c2430}\n"
	      ".t{font-size:20px;font-weight:600}.s{font-size:13px;"
	      "fill:#4a5563}.h{font-size:13px;font-weight:600}\n"
	      ".n{font-size:11px;fill:#4a5563}.c{font-size:10px;fill:#fff;"
	      "text-anchor:middle}\n"
	      ".p{font-size:11px;fill:#fff;text-anchor:middle}"
	      ".d{font-size:11px;fill:#4a5563;text-anchor:middle}\n"
	      ".a,.am,.ae{font-size:10px;fill:#4a5563;font-family:"
	      "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}\n"
	      ".am{text-anchor:middle}.ae{text-anchor:end}\n"
	      "rect{shape-rendering:crispEdges}\n"
	      "</style>\n",
	      f);
}

static void draw_title(struct drawing *d)
{
	const struct plan_report *r = d->r;
	const struct tdxc_plan *plan = &r->plan;
	uint64_t ram = plan_ram_bytes(r);
	char size[4][PLAN_SIZE_TEXT];

	fprintf(d->f, "<text x=\"%d\" y=\"40\" class=\"t\">TDX memory of ",
		MARGIN);
	draw_name(d->f, r->options->map);
	fputs("</text>\n", d->f);
	fprintf(d->f,
		"<text x=\"%d\" y=\"62\" class=\"s\">%s RAM, %s for TDs, "
		"%s PAMT (%.3f %%), %s given up to limits; %u TDMR%s, "
		"%zu CMR%s</text>\n",
		MARGIN, plan_size(size[0], ram),
		plan_size(size[1], plan->usable_bytes),
		plan_size(size[2], plan->pamt_bytes),
		100.0 * (double)plan->pamt_bytes / (double)ram,
		plan_size(size[3], plan->lost_bytes), plan->nr_tdmrs,
		plan->nr_tdmrs == 1 ? "" : "s", r->nr_cmrs,
		r->nr_cmrs == 1 ? "" : "s");
	d->y = 84;
}

static void draw_key(const struct drawing *d, double x, const char *shape,
		     const char *text)
{
	fprintf(d->f, "<rect x=\"%.1f\" y=\"%.1f\" %s/>\n", x, d->y, shape);
	draw_text(d, x + 20, d->y + 11, "n", text);
}

/* One entry per kind that occurs, with its total; four to a line. */
static void draw_legend(struct drawing *d)
{
	uint64_t total[PLAN_NR_KINDS] = {0};
	char size[PLAN_SIZE_TEXT];
	char shape[120];
	char text[80];
	size_t i;
	int column = 0;
	int kind;

	for (i = 0; i < d->nr; i++)
		total[d->pieces[i].kind] += tdxc_range_size(d->pieces[i].range);
	for (kind = 0; kind < PLAN_NR_KINDS; kind++) {
		if (!total[kind])
			continue;
		snprintf(shape, sizeof shape,
			 "width=\"14\" height=\"14\" fill=\"%s\"%s",
			 kinds[kind].colour,
			 kind == PLAN_KIND_HOLE ? " stroke=\"#9fb58f\"" : "");
		snprintf(text, sizeof text, "%s: %s", kinds[kind].name,
			 plan_size(size, total[kind]));
		draw_key(d, MARGIN + 230.0 * column, shape, text);
		if (++column == 5) {
			column = 0;
			d->y += 22;
		}
	}
	draw_key(d, MARGIN + 230.0 * column,
		 "width=\"14\" height=\"5\" fill=\"#2b2f36\"", "reserved area");
	d->y += 36;
}

/* By node; the first colour is for TDMRs with RAM of several. */
static const char *tdmr_colour(const struct plan_report *r, size_t i)
{
	static const char *const colours[] = {
		"#4a5563", "#7a5195", "#c05a2b", "#2a7f7f", "#9a3d5f",
		"#5b6f1f", "#3f5fa8", "#8a6d1d", "#4d4d6b",
	};
	const struct tdxc_plan_tdmr *t = &r->plan.tdmrs[i];

	if (plan_count_nodes(r, t->range) > 1)
		return colours[0];
	return colours[1 + t->node % (sizeof colours / sizeof colours[0] - 1)];
}

/* The TDMRs side by side, so that one sees where in memory each lies. */
static void draw_overview(struct drawing *d)
{
	const struct tdxc_plan *plan = &d->r->plan;
	double width = BAR_WIDTH - GAP_WIDTH * (plan->nr_tdmrs - 1);
	double least = BLOCK_WIDTH;
	double gap = GAP_WIDTH;
	double x = BAR_X;
	uint64_t total = 0;
	char number[16];
	double w;
	uint32_t i;

	for (i = 0; i < plan->nr_tdmrs; i++)
		total += tdxc_range_size(plan->tdmrs[i].range);
	if (width < 2 * least * plan->nr_tdmrs) {
		gap = 0;
		width = BAR_WIDTH;
		least = width / 2 / plan->nr_tdmrs;
	}
	draw_text(d, MARGIN, d->y + 16, "h", "All TDMRs");
	for (i = 0; i < plan->nr_tdmrs; i++) {
		w = least +
		    (width - least * plan->nr_tdmrs) *
			    (double)tdxc_range_size(plan->tdmrs[i].range) /
			    (double)total;
		fprintf(d->f,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			"height=\"22\" fill=\"%s\" stroke=\"#fff\" "
			"stroke-width=\"0.5\"/>\n",
			x, d->y, w, tdmr_colour(d->r, i));
		snprintf(number, sizeof number, "%u", i);
		if (w >= 16)
			draw_text(d, x + w / 2, d->y + 15, "p", number);
		x += w + gap;
	}
	d->y += 46;
}

/* Give the pieces of one bar their places. */
static void stretch(struct plan_piece *pieces, size_t nr)
{
	double least = PIECE_WIDTH;
	double x = BAR_X;
	double total = 0;
	size_t i;

	if (least * (double)nr > BAR_WIDTH / 2)
		least = BAR_WIDTH / 2 / (double)nr;
	for (i = 0; i < nr; i++)
		total += (double)tdxc_range_size(pieces[i].range);
	for (i = 0; i < nr; i++) {
		pieces[i].x = x;
		pieces[i].width = least + (BAR_WIDTH - least * (double)nr) *
						  (double)tdxc_range_size(
							  pieces[i].range) /
						  total;
		x += pieces[i].width;
	}
}

/* The longest of these texts that fits into the piece. */
static void draw_piece_text(const struct drawing *d, const struct plan_piece *p)
{
	char size[PLAN_SIZE_TEXT];
	char text[3][48];
	int i;

	plan_size(size, tdxc_range_size(p->range));
	if (p->kind == PLAN_KIND_PAMT) {
		snprintf(text[0], sizeof text[0], "PAMT of TDMR %u: %s",
			 p->owner, size);
		snprintf(text[1], sizeof text[1], "PAMT %u", p->owner);
	} else if (p->kind == PLAN_KIND_USABLE) {
		snprintf(text[0], sizeof text[0], "node %u: %s", p->node, size);
		snprintf(text[1], sizeof text[1], "node %u", p->node);
	} else {
		snprintf(text[0], sizeof text[0], "%s: %s", kinds[p->kind].name,
			 size);
		snprintf(text[1], sizeof text[1], "%s", size);
	}
	text[2][0] = '\0';
	for (i = 0; TEXT_WIDTH * (double)strlen(text[i]) + 8 > p->width; i++)
		if (i == 2)
			return;
	draw_text(d, p->x + p->width / 2, d->y + 17,
		  p->kind == PLAN_KIND_FIXED || p->kind == PLAN_KIND_HOLE ? "d"
									  : "p",
		  text[i]);
}

static void draw_piece(const struct drawing *d, const struct plan_piece *p)
{
	char size[PLAN_SIZE_TEXT];

	fprintf(d->f,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" "
		"fill=\"%s\"><title>[0x%" PRIx64 ", 0x%" PRIx64 ") %s, %s",
		p->x, d->y, p->width, BAR_HEIGHT, kinds[p->kind].colour,
		p->range.start, p->range.end,
		plan_size(size, tdxc_range_size(p->range)),
		kinds[p->kind].name);
	if (p->kind == PLAN_KIND_PAMT)
		fprintf(d->f, " of TDMR %u", p->owner);
	if (plan_kind_is_ram(p->kind))
		fprintf(d->f, ", node %u", p->node);
	fputs("</title></rect>\n", d->f);
	draw_piece_text(d, p);
}

/* Addresses where there is room for them; first and last always. */
static void draw_addresses(const struct drawing *d,
			   const struct plan_piece *pieces, size_t nr)
{
	double free_from = 0;
	char text[24];
	double half;
	double end;
	double x;
	size_t i;

	snprintf(text, sizeof text, "0x%" PRIx64, pieces[nr - 1].range.end);
	draw_text(d, BAR_X + BAR_WIDTH, d->y + LABEL_Y, "ae", text);
	end = BAR_X + BAR_WIDTH - MONO_WIDTH * (double)strlen(text) - 10;
	for (i = 0; i < nr; i++) {
		x = pieces[i].x;
		snprintf(text, sizeof text, "0x%" PRIx64,
			 pieces[i].range.start);
		half = MONO_WIDTH * (double)strlen(text) / 2;
		if (i == 0) {
			draw_text(d, x, d->y + LABEL_Y, "a", text);
			free_from = x + 2 * half + 10;
		} else if (x - half >= free_from && x + half <= end) {
			draw_text(d, x, d->y + LABEL_Y, "am", text);
			fprintf(d->f,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"1\" "
				"height=\"12\" fill=\"#9aa3af\"/>\n",
				x - 0.5, d->y + BAR_HEIGHT);
			free_from = x + half + 10;
		}
	}
}

/* Where in the bar an address lies; it is a border of a piece. */
static double place_of(const struct plan_piece *pieces, size_t nr,
		       uint64_t address)
{
	size_t from = 0;
	size_t to = nr;
	size_t mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (pieces[mid].range.start < address)
			from = mid + 1;
		else
			to = mid;
	}
	return from < nr ? pieces[from].x : BAR_X + BAR_WIDTH;
}

static void draw_reserved(const struct drawing *d,
			  const struct plan_piece *pieces, size_t nr,
			  uint32_t tdmr)
{
	const struct tdxc_tdmr_info *info = plan_info(d->r, tdmr);
	size_t areas = plan_nr_reserved(d->r, tdmr);
	char size[PLAN_SIZE_TEXT];
	double from;
	uint64_t start;
	size_t i;

	for (i = 0; i < areas; i++) {
		start = info->base + info->reserved[i].offset;
		from = place_of(pieces, nr, start);
		fprintf(d->f,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			"height=\"%.0f\" fill=\"#2b2f36\"><title>reserved area "
			"%zu: offset 0x%" PRIx64 ", %s</title></rect>\n",
			from + 0.5, d->y + STRIP_Y,
			place_of(pieces, nr, start + info->reserved[i].size) -
				from - 1,
			STRIP_HEIGHT, i, info->reserved[i].offset,
			plan_size(size, info->reserved[i].size));
	}
}

static void draw_bar(struct drawing *d, struct plan_piece *pieces, size_t nr)
{
	size_t i;

	stretch(pieces, nr);
	for (i = 0; i < nr; i++)
		draw_piece(d, &pieces[i]);
	/* Only a line tells neighbours of one colour apart. */
	for (i = 1; i < nr; i++) {
		if (pieces[i].kind == pieces[i - 1].kind)
			fprintf(d->f,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"1\" "
				"height=\"%.0f\" fill=\"#fff\"/>\n",
				pieces[i].x - 0.5, d->y, BAR_HEIGHT);
	}
	draw_addresses(d, pieces, nr);
	fprintf(d->f,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.0f\" "
		"fill=\"none\" stroke=\"#2b2f36\"/>\n",
		BAR_X, d->y, BAR_WIDTH, BAR_HEIGHT);
}

static void draw_tdmr(struct drawing *d, struct plan_piece *pieces, size_t nr,
		      uint32_t tdmr)
{
	const struct tdxc_plan_tdmr *t = &d->r->plan.tdmrs[tdmr];
	char nodes[PLAN_NODES_TEXT];
	char size[PLAN_SIZE_TEXT];
	char text[64];

	snprintf(text, sizeof text, "TDMR %u", tdmr);
	draw_text(d, MARGIN, d->y + 11, "h", text);
	fprintf(d->f,
		"<rect x=\"%d\" y=\"%.1f\" width=\"52\" height=\"14\" "
		"rx=\"3\" fill=\"%s\"/>\n",
		MARGIN, d->y + 18, tdmr_colour(d->r, tdmr));
	draw_text(d, MARGIN + 26, d->y + 28.5, "c",
		  plan_nodes(nodes, d->r, tdmr));
	snprintf(text, sizeof text, "%s",
		 plan_size(size, tdxc_range_size(t->range)));
	draw_text(d, MARGIN, d->y + LABEL_Y, "n", text);
	draw_bar(d, pieces, nr);
	draw_reserved(d, pieces, nr, tdmr);
	d->y += ROW_PITCH;
}

/* RAM in no TDMR: one bar of its own, without what lies between. */
static bool draw_outside(struct drawing *d)
{
	struct plan_piece *outside = calloc(d->nr + 1, sizeof *outside);
	size_t nr = 0;
	size_t i;

	if (!outside)
		return false;
	for (i = 0; i < d->nr; i++) {
		if (d->pieces[i].tdmr == PLAN_OUTSIDE)
			outside[nr++] = d->pieces[i];
	}
	if (nr) {
		draw_text(d, MARGIN, d->y + 11, "h", "in no TDMR");
		draw_bar(d, outside, nr);
		d->y += ROW_PITCH;
	}
	free(outside);
	return true;
}

static bool draw(struct drawing *d)
{
	size_t from = 0;
	size_t to;

	draw_title(d);
	draw_legend(d);
	draw_overview(d);
	while (from < d->nr) {
		for (to = from + 1; to < d->nr; to++) {
			if (d->pieces[to].tdmr != d->pieces[from].tdmr)
				break;
		}
		if (d->pieces[from].tdmr != PLAN_OUTSIDE)
			draw_tdmr(d, &d->pieces[from], to - from,
				  d->pieces[from].tdmr);
		from = to;
	}
	return draw_outside(d);
}

int plan_print_svg(FILE *f, const struct plan_report *r)
{
	struct drawing d = {.r = r};
	struct cli_out body = {0};
	int result = cli_out_open(&body);

	if (!result) {
		d.f = body.stream;
		d.pieces = plan_cut(r, &d.nr);
		if (!d.pieces || !draw(&d)) {
			cli_error("out of memory");
			result = CLI_INTERNAL;
		}
	}
	if (!result)
		result = cli_out_close(&body);
	if (!result) {
		/* The height is known only now. */
		fprintf(f,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<svg xmlns=\"http://www.w3.org/2000/svg\" "
			"width=\"%d\" height=\"%.0f\" "
			"viewBox=\"0 0 %d %.0f\">\n",
			PAGE_WIDTH, d.y, PAGE_WIDTH, d.y);
		draw_style(f);
		fprintf(f,
			"<rect width=\"%d\" height=\"%.0f\" "
			"fill=\"#fff\"/>\n",
			PAGE_WIDTH, d.y);
		fwrite(body.text, 1, body.size, f);
		fputs("</svg>\n", f);
	}
	cli_out_free(&body);
	free(d.pieces);
	return result;
}
