/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * How far something long is, for someone who watches.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define BAR_WIDTH	 40
#define MS_BETWEEN_LINES 100

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void cli_progress_start(struct cli_progress *p, const char *what)
{
	memset(p, 0, sizeof *p);
	p->what = what;
	p->is_terminal = isatty(STDERR_FILENO);
}

static void draw(struct cli_progress *p, uint64_t done, uint64_t total)
{
	int percent = (int)((double)done / (double)total * 100);
	int full = percent * BAR_WIDTH / 100;
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)full);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3d %%, %.1f of %.1f GiB\033[K", p->what,
		bar, percent, (double)done / (1 << 30),
		(double)total / (1 << 30));
	p->is_drawn = true;
}

void cli_progress_show(struct cli_progress *p, uint64_t done, uint64_t total)
{
	uint64_t ms;

	if (!p->is_terminal || total == 0)
		return;
	ms = now_ms();
	if (p->is_drawn && ms - p->drawn_ms < MS_BETWEEN_LINES)
		return;
	p->drawn_ms = ms;
	draw(p, done, total);
}

void cli_progress_end(struct cli_progress *p)
{
	if (p->is_drawn)
		fputs("\r\033[K", stderr);
	p->is_drawn = false;
}
