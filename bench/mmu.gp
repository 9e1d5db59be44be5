# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# What the MMU costs, as a multiple of its limit: a bar for each case of
# `mmu --columns`, a diamond where a ratio is wanted.
#
#   gnuplot -e "data='FILE'; picture='FILE.svg'" bench/mmu.gp

set terminal svg size 900, 700 background rgb "white"
set output picture
set datafile missing "?"
set title "cost as a multiple of the limit (two threads: speed-up)"
set logscale x 2
set xrange [0.5:32]
set yrange [*:*] reverse
set grid xtics
set style fill solid 0.6
set key bottom right
set lmargin 32
set ytics nomirror noenhanced
plot data using (sqrt(0.5 * $2)):0:(0.5):2:($0 - 0.3):($0 + 0.3):ytic(1) \
	with boxxyerror title "measured", \
	data using 3:0 with points pointtype 13 pointsize 1 \
	linecolor rgb "black" title "wanted"
