#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Break the freeze protocol in every known way; each must be noticed.

    mutations.py TREE FOLDER CC...    TREE: the sources; FOLDER: scratch

A mutation is a textual replacement in a copy of the sources: libtdxcore never
holds the code of one. It fails if the text is not there exactly once, if
the scenarios that are named for it pass, or if another invariant fails than
those expected (kvm-mirror-mmu.md 12.3, 12.4; world.h for the rest).

The first twelve are those of kvm-mirror-mmu.md 12.5.
"""
import concurrent.futures
import glob
import os
import shutil
import sys

from mutant import FAILED, run

FLAGS = ["-std=c11", "-O1", "-D_POSIX_C_SOURCE=200809L"]
HARNESS = ("explore.c", "external.c", "scenarios.c", "world.c")

# What is broken, the file, its text, the text instead, the scenarios that are
# run (by the beginning of their names), the invariants of which one must fail.
MUTATIONS = (
    ("a table is published before it is linked outside",
     "libtdxcore/mirror_link.c",
     "\terr = tdxc_mirror_(m, at, now, table.external, 0);\n",
     "\ttdxc_store_release(at->slot, now.bits);\n"
     "\terr = tdxc_mirror_(m, at, now, table.external, 0);\n",
     "R3", ("I-PARENT",)),
    ("an entry is frozen by a plain store",
     "libtdxcore/mirror_work.h",
     "if (!tdxc_try_cmpxchg(slot, &seen, TDXC_SPTE_FROZEN_BITS)) {",
     "if (tdxc_load_acquire(slot) != seen ||"
     " (tdxc_store_release(slot, TDXC_SPTE_FROZEN_BITS), false)) {",
     "R3", ("I-EXCL",)),
    ("tables are allocated in the frozen window",
     "libtdxcore/mirror_link.c",
     "\tnow = tdxc_spte_table(table.pa);\n",
     "\tnow = tdxc_spte_table(table.pa);\n"
     "\t(void)!tdxc_mmu_topup(m->mmu, m->cpu, TDXC_MEMORY_PRIVATE);\n",
     "R3", ("I-NOYIELD",)),
    ("TRACK is skipped",
     "tests/interleave/external.c",
     "\tif (!track()) {\n", "\tif (false) {\n",
     "R12", ("I-TLB",)),
    ("the kick is skipped",
     "tests/interleave/external.c",
     '\t\t\til_fail("I-TRK1", "TRACK is refused");\n\t}\n\tkick();\n',
     '\t\t\til_fail("I-TRK1", "TRACK is refused");\n\t}\n',
     "R9", ("I-TLB",)),
    ("the kick leaves vCPUs in the guest",
     "tests/interleave/external.c",
     "\t\tw.vcpu[i].tag = 0;\n", "",
     "R11", ("I-TRK1",)),
    ("vCPUs may enter before the guarded retry",
     "tests/interleave/external.c",
     "\tkick();\n\terr = block(e, s, true);\n",
     "\tw.hold--;\n\tkick();\n\terr = block(e, s, true);\n\tw.hold++;\n",
     "R12", ("I-HOLD",)),
    ("an entry is restored after success",
     "libtdxcore/mirror_private.c",
     "\t\treturn tdxc_publish_(m, at, now, 1);\n",
     "\t\treturn tdxc_restore_(m, at, TDXC_FAULT_RETRY);\n",
     "R1", ("I-ROLL", "I-AGREE")),
    ("the external page is freed after a failure",
     "libtdxcore/mirror_link.c",
     "\ttable->external = 0;\n", "",
     "R5", ("I-RET",)),
    ("another page in a leaf is taken for a removal",
     "libtdxcore/mirror_fault.c",
     "\treturn tdxc_stale_(m, at) ? TDXC_FAULT_RETRY : TDXC_E_EXIST;\n",
     "\tstruct tdxc_spot_ a = *at;\n"
     "\treturn tdxc_install_(m, &a,\n"
     "\t\ttdxc_spte_private(leaf_pa(m->fault, at), at->level), 1);\n",
     "R37", ("I-NOPP",)),
    ("tables are filled with zeros",
     "libtdxcore/mirror.c",
     "\t\ttdxc_table_fill((uint64_t *)(size_t)(table->pa + c->virt));\n",
     "\t\tmemset((uint64_t *)(size_t)(table->pa + c->virt), 0, 4096);\n",
     "R3", ("I-ENC",)),
    ("the snapshot stays stale after a lost race",
     "libtdxcore/mirror_work.h",
     "\t\told->bits = seen;\n", "",
     "R20", ("P-FAULT", "P-ZAP")),

    ("a private fault does not ask whether it is stale",
     "libtdxcore/mirror_private.c",
     "\tif (tdxc_stale_(&m, &at))\n", "\tif (false)\n",
     "R7", ("R7",)),
    ("a shared fault does not ask whether it is stale",
     "libtdxcore/mirror_shared.c",
     "\tif (tdxc_stale_(&m, &at))\n", "\tif (false)\n",
     "R7", ("R7",)),
    ("a zap passes by a frozen entry",
     "libtdxcore/mirror_zap.c",
     "\tif (tdxc_spte_is_frozen(it->spte))\n\t\treturn TAKE_FROZEN;\n", "",
     "R20", ("R7",)),
    ("a walk reads without acquire",
     "libtdxcore/mirror_map.h",
     "\tat->old.bits = tdxc_load_acquire(at->slot);\n",
     "\tat->old.bits = tdxc_load_once(at->slot);\n",
     "R3", ("WEAK",)),
    ("an entry stays frozen where the fault is stale",
     "libtdxcore/mirror_private.c",
     "\t\treturn tdxc_restore_(&m, &at, TDXC_FAULT_RETRY);\n",
     "\t\treturn TDXC_FAULT_RETRY;\n",
     "R7", ("I-OWN",)),
    ("a page is lent after a failure",
     "libtdxcore/mirror_map.h",
     "\tif (tdxc_mmu_is_poisoned(m->mmu))\n\t\treturn TDXC_FAULT_POISONED;\n",
     "",
     "R5", ("I-BUG", "I-RET")),
    ("a busy leaf is emptied",
     "libtdxcore/mirror_zap.c",
     "\t\ttdxc_thaw_(t->cpu, slot, leaf->old);\n\t\treturn TDXC_E_BUSY;\n",
     "\t\ttdxc_thaw_(t->cpu, slot, tdxc_spte_empty());\n"
     "\t\treturn TDXC_E_BUSY;\n",
     "R20", ("I-AGREE",)),
    ("a page is counted that was not mapped",
     "libtdxcore/mirror_map.h",
     "\terr = m->mmu->config.ops->external_set(m->mmu->config.ctx, change);\n",
     "\terr = m->mmu->config.ops->external_set(m->mmu->config.ctx, change);\n"
     "\tm->cpu->counts.pages[1][1] += err == TDXC_E_BUSY;\n",
     "R4", ("I-CNT",)),
    ("a table is retired while it is linked",
     "libtdxcore/mirror_teardown.c",
     "\ttdxc_thaw_(d->cpu, it->slot, tdxc_spte_empty());\n"
     "\tc->ops->table_retire(c->ctx, &table);\n",
     "\tc->ops->table_retire(c->ctx, &table);\n"
     "\ttdxc_thaw_(d->cpu, it->slot, tdxc_spte_empty());\n",
     "R14", ("I-FREE",)),
    ("an external page is not reclaimed",
     "libtdxcore/mirror_teardown.c",
     "\tif (d->kind == KIND_MIRROR &&\n", "\tif (d->kind > KIND_MIRROR &&\n",
     "R18", ("I-RET", "I-AGREE", "I-ROLL")),
    ("a mirror is walked with the alias bit",
     "libtdxcore/mirror_root.c",
     "\tif (c->td && kind == KIND_DIRECT)\n", "\tif (c->td)\n",
     "R1", ("I-BITS",)),
    ("a notifier reaches private memory",
     "libtdxcore/mirror_zap.c",
     "\tif ((memory & TDXC_MEMORY_PRIVATE) != 0)\n", "\tif (true)\n",
     "R30", ("I-FILT",)),
    ("a zap stores over a D bit",
     "libtdxcore/mirror_zap.c",
     "\t\tif (!tdxc_try_cmpxchg(&slot[i], &old, TDXC_SPTE_EMPTY_BITS))\n"
     "\t\t\tbreak;\n",
     "\t\ttdxc_store_release(&slot[i], TDXC_SPTE_EMPTY_BITS);\n",
     "a D bit", ("DIRTY", "I-EXCL")),
    ("a zap reports the D bit it read before",
     "libtdxcore/mirror_zap.c",
     "\t\tif (!tdxc_try_cmpxchg(&slot[i], &old, TDXC_SPTE_EMPTY_BITS))\n"
     "\t\t\tbreak;\n",
     "\t\t(void)tdxc_xchg(&slot[i], TDXC_SPTE_EMPTY_BITS);\n",
     "a D bit", ("DIRTY",)),
    ("two CPUs make a root",
     "libtdxcore/mirror_root.c",
     "\t    tdxc_try_cmpxchg(&mmu->valid[k], &valid, ROOT_MAKING))\n",
     "\t    (tdxc_store_release(&mmu->valid[k], ROOT_MAKING), true))\n",
     "R28", ("R28", "LEAK", "I-ROOT")),

    ("a large page is split before the external tree does it",
     "libtdxcore/mirror_resize.c",
     "\terr = tell_external(m, at, now, table.external);\n",
     "\ttdxc_store_release(at->slot, now.bits);\n"
     "\terr = tell_external(m, at, now, table.external);\n",
     "I-NOPP demotion", ("I-PARENT", "I-NOPP", "I-OWN")),
    ("pages are counted that were not split",
     "libtdxcore/mirror_resize.c",
     "\terr = tell_external(m, at, now, table.external);\n",
     "\terr = tell_external(m, at, now, table.external);\n"
     "\tm->cpu->counts.pages[1][1] += err == TDXC_E_BUSY;\n",
     "H14", ("I-CNT",)),
    ("pages are promoted that are not frozen",
     "libtdxcore/mirror_resize.c",
     "\tif (!tdxc_row_freeze_(m->cpu, table, row, &met))\n",
     "\tmet.bits = TDXC_SPTE_EMPTY_BITS;\n"
     "\tif (tdxc_row_matches_(table, row) != TDXC_ENTRIES)\n",
     "I-NOPP promotion", ("I-CHILD",)),
    ("the entries of a promoted table live on",
     "libtdxcore/mirror_resize.c",
     "\ttdxc_thaw_(m->cpu, at->slot, now);\n"
     "\ttdxc_row_bury_(m->mmu, m->cpu, tdxc_spte_pa(at->old));\n",
     "\ttdxc_row_thaw_(m->cpu,\n"
     "\t\ttdxc_table_at(m->tree, tdxc_spte_pa(at->old)),\n"
     "\t\ttdxc_row_leaves_(tdxc_spte_pa(now), at->level), 512);\n"
     "\ttdxc_thaw_(m->cpu, at->slot, now);\n"
     "\ttdxc_row_bury_(m->mmu, m->cpu, tdxc_spte_pa(at->old));\n",
     "I-NOPP promotion", ("I-CHILD", "I-AGREE")),
    ("pages stay frozen that were not promoted",
     "libtdxcore/mirror_resize.c",
     "\t\ttdxc_row_thaw_(m->cpu, table, row, TDXC_ENTRIES);\n", "",
     "I-NOPP promotion that may be refused", ("I-OWN", "P-ZAP")),
    ("one page too many is put back",
     "libtdxcore/mirror_resize.c",
     "\t\t\ttdxc_row_thaw_(cpu, table, row, i);\n",
     "\t\t\ttdxc_row_thaw_(cpu, table, row, i + 1);\n",
     "I-NOPP promotion", ("I-EXCL", "I-AGREE")),
    ("pages stay frozen where one of them is another one's",
     "libtdxcore/mirror_resize.c",
     "\t\t\ttdxc_row_thaw_(cpu, table, row, i);\n", "",
     "I-NOPP promotion", ("I-OWN", "P-ZAP", "P-THAW")),
    ("a page moves in an entry that is not frozen",
     "libtdxcore/mirror_resize.c",
     "\tif (!tdxc_freeze_(cpu, at.slot, &at.old))\n"
     "\t\treturn TDXC_E_AGAIN;\n"
     "\terr = tell_external(&m, &at, now, 0);\n",
     "\terr = tell_external(&m, &at, now, 0);\n",
     "I-NOPP a page moves", ("I-OWN",)),
    ("a table is removed in which something is mapped",
     "libtdxcore/mirror_tables.c",
     "\ttdxc_thaw_(s->cpu, it->slot, it->spte);\n\treturn false;\n",
     "\treturn true;\n",
     "I-CHILD an empty table goes", ("I-CHILD", "I-EXCL")),
    ("a table is retired while others can still find it",
     "libtdxcore/mirror_tables.c",
     "\ttdxc_thaw_(s->cpu, slot, tdxc_spte_empty());\n"
     "\ttdxc_row_bury_(s->mmu, s->cpu, tdxc_spte_pa(table->old));\n",
     "\ttdxc_row_bury_(s->mmu, s->cpu, tdxc_spte_pa(table->old));\n"
     "\ttdxc_thaw_(s->cpu, slot, tdxc_spte_empty());\n",
     "I-CHILD an empty table goes", ("I-FREE",)),
    ("a table goes that the external tree keeps",
     "libtdxcore/mirror_tables.c",
     "\t\ttable_stays(s, table, slot);\n\t\treturn TDXC_E_BUSY;\n",
     "\t\ttable_gone(s, table, slot);\n\t\treturn TDXC_E_BUSY;\n",
     "I-CHILD an empty table that may stay", ("I-AGREE", "I-RET")),
    ("a fault on 2 MiB asks about its own frame only",
     "libtdxcore/mirror_map.h",
     "m->fault, tdxc_spot_first_(at),\n\t\t\t      at->level))\n",
     "m->fault, m->fault->gfn, 1))\n",
     "H20", ("R7",)),
)


def sources(tree):
    """What the program is made of, relative to the tree."""
    core = sorted(glob.glob(os.path.join(tree, "libtdxcore/mirror*.c")))
    return ([os.path.relpath(path, tree) for path in core]
            + ["libtdxcore/iter.c", "libtdxcore/spte.c"]
            + ["tests/interleave/" + name for name in HARNESS])


def build(tree, folder, compiler, names):
    """Compile @names of a tree into @folder; return what went wrong."""
    for name in names:
        target = os.path.join(folder, name.replace("/", "_") + ".o")
        code, text = run([*compiler, *FLAGS, "-Itests/interleave/env",
                          "-Iinclude", "-c", name, "-o", target], cwd=tree)
        if code:
            return text
    return ""


def link(folder, compiler):
    """Make the program from all objects; return what went wrong."""
    objects = sorted(glob.glob(os.path.join(folder, "*.o")))
    code, text = run([*compiler, *objects, "-o",
                      os.path.join(folder, "scenarios")])
    return text if code else ""


def copy_tree(tree, folder):
    """The sources that a mutation may change, and what they include."""
    for name in ("include", "libtdxcore", "tests/interleave"):
        shutil.copytree(os.path.join(tree, name), os.path.join(folder, name))


def replace(tree, name, text, other):
    """Put @other in the place of @text; return whether it was there once."""
    path = os.path.join(tree, name)
    with open(path, encoding="utf-8") as file:
        content = file.read()
    if content.count(text) != 1:
        return False
    with open(path, "w", encoding="utf-8") as file:
        file.write(content.replace(text, other))
    return True


def mutate(tree, folder, compiler, number):
    """Apply one mutation and see who notices; return (noticed, remark)."""
    _, name, text, other, scenarios, expected = MUTATIONS[number]
    mine = os.path.join(folder, str(number))
    copy_tree(tree, mine)
    if not replace(mine, name, text, other):
        return False, f"its text is not in {name}, or more than once"
    out = os.path.join(folder, f"objects{number}")
    shutil.copytree(os.path.join(folder, "objects"), out)
    changed = [name] if name.endswith(".c") else [
        path for path in sources(mine) if path.startswith("libtdxcore")]
    wrong = build(mine, out, compiler, changed) or link(out, compiler)
    if wrong:
        return False, wrong
    environment = {key: value for key, value in os.environ.items()
                   if key != "TDXC_TEST_SCALE"}
    code, text = run([os.path.join(out, "scenarios"), scenarios],
                     env=environment)
    shutil.rmtree(mine)
    shutil.rmtree(out)
    found = FAILED.findall(text)
    if not found:
        return False, f"nobody noticed, exit {code}: {text[-300:]}"
    remark = ", ".join(sorted({which for _, which, _ in found}))
    return bool({which for _, which, _ in found} & set(expected)), remark


def main():
    """See the top of the file."""
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    tree, folder, compiler = sys.argv[1], sys.argv[2], sys.argv[3:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "objects"))
    wrong = build(tree, os.path.join(folder, "objects"), compiler,
                  sources(tree))
    if wrong:
        sys.exit(wrong)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(
            lambda number: mutate(tree, folder, compiler, number),
            range(len(MUTATIONS))))
    for mutation, (noticed, remark) in zip(MUTATIONS, results):
        print(f"{'ok  ' if noticed else 'FAIL'} {mutation[0]}: {remark}")
    failed = sum(not noticed for noticed, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
