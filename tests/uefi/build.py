# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Build the UEFI package without EDK2: clang, lld-link, gnu-efi's headers.

What is compiled is read from the package's own .inf and .dec files, so that
they are right before EDK2 sees them; what EDK2's base libraries do is
glue/uefi/gnuefi's. Ninja does the work.
"""
import glob
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
PACKAGE = os.path.join(TREE, "glue/uefi/TdxCorePkg")
ADAPTER = os.path.join(TREE, "glue/uefi/gnuefi")

WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wvla",
            "-Wstrict-prototypes", "-Werror"]
COMMON = ["-std=gnu11", "-ffreestanding", "-fno-builtin", "-fno-common",
          "-fno-stack-protector", "-fshort-wchar", "-mno-red-zone",
          "-mgeneral-regs-only", "-ffunction-sections", "-fdata-sections",
          "-g0", f"-fmacro-prefix-map={TREE}/=", *WARNINGS]
CLANG = ["clang", "--target=x86_64-unknown-windows", "-Os",
         "-mno-stack-arg-probe", "-fno-ms-extensions", "-DEFIAPI=", *COMMON]
# EDK2's gcc tool chain. Here EFIAPI functions have a calling convention of
# their own: one behind a plain pointer is an error.
GCC = ["gcc", "-Os", "-fno-strict-aliasing", "-fpie", "-mcmodel=small",
       "-DGNU_EFI_USE_MS_ABI", "-fstack-usage", "-fcallgraph-info=su",
       # What EDK2's UINT64 is to it, and what glue/uefi/env's uint64_t is.
       "-U__UINT64_TYPE__", "'-D__UINT64_TYPE__=unsigned long long'",
       "-U__INT64_TYPE__", "'-D__INT64_TYPE__=long long'", *COMMON]
SUBSYSTEMS = {"UEFI_APPLICATION": "efi_application",
              "UEFI_DRIVER": "efi_boot_service_driver",
              "DXE_DRIVER": "efi_boot_service_driver",
              "DXE_RUNTIME_DRIVER": "efi_runtime_driver"}
HEADER = re.compile(r'^\s*#include\s+<([^>]+)>', re.M)


def sections(path):
    """An .inf or .dec file: lines by section, without comments."""
    found, names = {}, []
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line.startswith("["):
                names = [name.strip().split(".")[0]
                         for name in line.strip("[]").split(",")]
            elif line:
                for name in names:
                    found.setdefault(name, []).append(line)
    return found


def defines(parts):
    """Values of [Defines]."""
    return {key.strip(): value.strip() for key, _, value in
            (line.partition("=") for line in parts.get("Defines", []))}


class Module:
    """An .inf file."""

    def __init__(self, path):
        parts = sections(path)
        known = defines(parts)
        folder = os.path.dirname(path)
        self.path, self.name = path, known["BASE_NAME"]
        self.kind = known["MODULE_TYPE"]
        self.entry = known.get("ENTRY_POINT")
        self.constructor = known.get("CONSTRUCTOR")
        self.provides = known.get("LIBRARY_CLASS", "").split("|")[0].strip()
        self.wants = [line.split("|")[0].strip()
                      for line in parts.get("LibraryClasses", [])]
        self.flags = re.findall(
            r"-D\S+", " ".join(line for line in parts.get("BuildOptions", [])
                               if "MSFT" not in line.split(":")[0]))
        self.sources = [
            os.path.normpath(os.path.join(folder, line.split("|")[0].strip()))
            for line in parts.get("Sources", [])
            if re.search(r"\.c\s*(\||$)", line)
            and line.split("|")[-1].strip() != "MSFT"]

    def instances(self, libraries):
        """The library instances that it needs, each once."""
        found, queue = [], list(self.wants)
        while queue:
            library = libraries.get(queue.pop())
            if library and library not in found:
                found.append(library)
                queue += library.wants
        return found


class Package:
    """All modules."""

    def __init__(self):
        modules = [Module(path) for path in sorted(glob.glob(
            os.path.join(PACKAGE, "**/*.inf"), recursive=True))]
        self.libraries = {module.provides: module for module in modules
                          if module.provides}
        self.images = [module for module in modules if not module.provides]
        declared = {}
        for path in glob.glob(os.path.join(PACKAGE, "*.dec")):
            declared.update(sections(path))
        self.includes = [os.path.normpath(os.path.join(PACKAGE, line))
                         for line in declared.get("Includes", [])]
        self.guids = [line.partition("=")[::2] for name in (
            "Guids", "Protocols") for line in declared.get(name, [])]

    def headers(self):
        """Headers of EDK2 that the package includes and does not have."""
        wanted = set()
        for path in glob.glob(os.path.join(TREE, "glue/uefi/**/*.[ch]"),
                              recursive=True):
            with open(path, encoding="utf-8") as file:
                wanted.update(HEADER.findall(file.read()))
        return sorted(
            name for name in wanted
            if not name.startswith(("efi", "std"))
            and not any(os.path.exists(os.path.join(folder, name))
                        for folder in self.includes))


def write(path, text):
    """Write what has changed, so that only that is built again."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def autogen(module, package):
    """What EDK2's build generates: GUIDs and the entry point."""
    lines = ["#include <Uefi.h>"]
    lines += [f"EFI_GUID {name.strip()} = {value.strip()};"
              for name, value in package.guids]
    constructors = [library.constructor for library in
                    module.instances(package.libraries)
                    if library.constructor]
    proto = "EFI_STATUS EFIAPI {} (EFI_HANDLE Image, EFI_SYSTEM_TABLE *Table)"
    lines += [proto.format(name) + ";"
              for name in (module.entry, *constructors, "ModuleEntryPoint")]
    lines += [proto.format("ModuleEntryPoint"), "{",
              "  TdxGnuEfiInit (Image, Table);",
              *[f"  {name} (Image, Table);" for name in constructors],
              f"  return {module.entry} (Image, Table);", "}", ""]
    return "\n".join(lines)


def object_of(folder, owner, source):
    """Where a source's object goes."""
    return os.path.join(folder, "obj", owner, re.sub(
        r"\W+", "-", os.path.relpath(source, TREE)[:-2]) + ".obj")


class Ninja:
    """A build file being written."""

    def __init__(self, folder, package, compiler):
        self.folder = folder
        self.generated = os.path.join(folder, "gen")
        for name in package.headers():
            write(os.path.join(self.generated, name),
                  "#include <TdxGnuEfi.h>\n")
        self.includes = [f"-I{path}" for path in
                         (self.generated, *package.includes, ADAPTER)]
        self.includes += ["-isystem", "/usr/include/efi"]
        self.lines = [
            "builddir = " + folder,
            "rule cc", "  command = " + " ".join(compiler + self.includes)
            + " $flags -MMD -MF $out.d -c $in -o $out",
            "  description = $in",
            "  depfile = $out.d", "  deps = gcc",
            "rule link", "  command = lld-link /nologo /entry:ModuleEntry"
            "Point /subsystem:$subsystem /nodefaultlib /opt:ref "
            "/opt:noicf /map:$out.map /out:$out "
            "$in", "  description = $out"]

    def compile(self, owner, sources, flags):
        """Objects of sources."""
        objects = []
        for source in sources:
            objects.append(object_of(self.folder, owner, source))
            self.lines += [f"build {objects[-1]}: cc {source}",
                           f"  flags = {' '.join(flags)}"]
        return objects

    def link(self, module, objects):
        """An image."""
        image = os.path.join(self.folder, module.name + ".efi")
        self.lines += [f"build {image}: link {' '.join(objects)}",
                       f"  subsystem = {SUBSYSTEMS[module.kind]}"]
        return image

    def run(self):
        """Build; complaints."""
        path = os.path.join(self.folder, "build.ninja")
        write(path, "\n".join(self.lines) + "\n")
        done = subprocess.run(["ninja", "-f", path], text=True, check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.stdout.splitlines()[-40:] if done.returncode else []


def build(folder, compiler, link):
    """Build all images; their paths by name, their objects, complaints."""
    package = Package()
    ninja = Ninja(folder, package, compiler)
    adapter = ninja.compile("gnuefi", glob.glob(ADAPTER + "/*.c"), [])
    built = {library.name: ninja.compile(library.name, library.sources,
                                         library.flags)
             for library in package.libraries.values()}
    images, objects = {}, {}
    for module in package.images:
        source = os.path.join(folder, "gen", module.name, "AutoGen.c")
        write(source, autogen(module, package))
        found = ninja.compile(module.name, [source, *module.sources],
                              module.flags) + adapter
        for library in module.instances(package.libraries):
            found += built[library.name]
        objects[module.name] = found
        if link:
            images[module.name] = ninja.link(module, found)
    return images, objects, ninja.run()


def build_images(folder):
    """The images to boot, by name, and complaints."""
    images, _, complaints = build(folder, CLANG, True)
    return images, complaints


def build_like_edk2(folder):
    """Objects as EDK2's gcc tool chain makes them, by image; complaints."""
    _, objects, complaints = build(folder, GCC, False)
    return objects, complaints


SEED = """#include <Uefi.h>
#include <Library/TdxCoreLib.h>
static void EFIAPI Pause (void *Context) { }
const struct tdxc_gate_ops gSeed = { .pause = Pause };
"""


def refuses_efiapi(folder):
    """Complaints unless gcc refuses an EFIAPI function as a callback."""
    source = os.path.join(folder, "seed.c")
    write(source, SEED)
    ninja = Ninja(folder, Package(), GCC)
    command = " ".join([*GCC, *ninja.includes, "-c", source, "-o",
                        source + ".obj"])
    done = subprocess.run(command, shell=True, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode and "incompatible pointer type" in done.stdout:
        return []
    return done.stdout.splitlines() or ["it was taken"]
