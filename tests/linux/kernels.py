# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Kernels to boot, and where modules for them are built.

The machine's own Debian release is asked for its kernel with apt; another
release's kernel and compiler come into a folder of its own with debootstrap.
All of it lands in the build tree.
"""
import glob
import lzma
import os
import re
import shutil
import subprocess
import sys

# Which release brings which kernel, if the machine's own does not.
SUITES = {"6.1": "bookworm", "6.12": "trixie"}
NEWEST = "sid"
# What the module under test asks for, where it is not part of the image.
MODULES = ("crypto/sha512_generic.ko",)
# What the events load by themselves, in a folder of its own
MORE = tuple(f"drivers/virtio/{name}.ko" for name in (
    "virtio", "virtio_ring", "virtio_pci", "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev", "virtio_mem"))
# Packages that hold a kernel image, in the order to look for them; and modules,
# where the image comes without.
IMAGES = ("linux-image-{}", "linux-binary-{}")
MODULE_PACKAGES = ("linux-modules-{}",)
# kernel-doc, which W=1 runs in some releases, wants all of Perl.
BASE = "make,gcc,perl"


class KernelError(Exception):
    """Why there is no kernel to boot."""


class Kernel:
    """A kernel, and how to build for it."""

    def __init__(self, release, image, headers, root="/"):
        self.release = release  # as uname -r says
        self.image = image      # a bzImage
        self.headers = headers  # below root
        self.root = root
        # Of the kernel's own; needed before the one under test.
        self.modules = sorted(glob.glob(os.path.join(
            os.path.dirname(image), "modules/*.ko")))

    def command(self, folder, command):
        """`command` run where this kernel's compiler is; `{}` in it is
        `folder` as seen from there.
        """
        if self.root == "/":
            return [part.replace("{}", folder) for part in command]
        return inside(self.root, folder,
                      [part.replace("{}", "/mnt") for part in command])


def inside(root, folder, command):
    """`command` inside `root`, with `folder` at /mnt.

    The mounts are in a name space that ends with the command, so that
    nothing is left mounted below build/.
    """
    script = ('mount -t proc proc "$1/proc" && mount --bind "$2" "$1/mnt" && '
              'root=$1 && shift 2 && exec chroot "$root" "$@"')
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            script, "sh", root, folder] + command


def call(command, **options):
    """Run it; its output, or an error that shows the output's end."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise KernelError("\n".join([" ".join(command)]
                                    + done.stdout.splitlines()[-20:]))
    return done.stdout


def version(text):
    """Numbers to compare by."""
    return [int(number) for number in re.findall(r"\d+", text)]


def headers_below(root):
    """Folder and release of the newest headers for plain amd64."""
    found = [path for path in glob.glob(os.path.join(
        root, "usr/src/linux-headers-*-amd64"))
        if not re.search(r"-(rt|cloud)-", path)]
    if not found:
        return None, None
    newest = max(found, key=version)
    return ("/" + os.path.relpath(newest, root),
            os.path.basename(newest)[len("linux-headers-"):])


def is_named(release, name):
    """Whether `6.1` or `7.x` names the kernel 6.1.0-5-amd64."""
    return (release + ".").startswith(name.removesuffix("x").rstrip(".") + ".")


def keep_modules(names, package, folder):
    """Copy the modules named from an unpacked package."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        for path in find(name, package):
            with open(path, "rb") as file:
                data = file.read()
            if path.endswith(".xz"):
                data = lzma.decompress(data)
            with open(os.path.join(folder, os.path.basename(name)),
                      "wb") as file:
                file.write(data)


def fetch(packages, wanted, release, root, folder):
    """Unpack the first of the packages that holds `wanted` into `folder`."""
    scratch = os.path.join(folder, "package")
    os.makedirs(scratch)
    names = " ".join(name.format(release) for name in packages)
    # Package lists of another day may name a file the mirror has no more.
    script = (f"cd {{}} && get() {{ for name in {names}; do "
              "apt-get download -q $name && ls *.deb && dpkg --fsys-tarfile "
              f"*.deb | tar -t | grep -q {wanted} && return; rm -f *.deb; "
              "done; false; }; get || { apt-get update -q && get; }")
    call(Kernel(release, "", "", root).command(scratch,
                                               ["sh", "-c", script]))
    package, = glob.glob(scratch + "/*.deb")
    call(["dpkg-deb", "-x", package, folder])
    shutil.rmtree(scratch)


def find(name, folder):
    """Paths of that name below `folder`."""
    return glob.glob(f"{folder}/**/{name}*", recursive=True)


def fetch_image(release, root, folder):
    """The kernel image for headers already installed, kept in `folder`."""
    image = os.path.join(folder, "vmlinuz")
    modules = os.path.join(folder, "modules")
    more = os.path.join(modules, "more")
    if os.path.exists(image) and os.path.exists(more):
        return image
    scratch = os.path.join(folder, "image")
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch)
    fetch(IMAGES, "vmlinuz", release, root, scratch)
    if not find("virtio_mem.ko", scratch):
        fetch(MODULE_PACKAGES, "virtio_mem.ko", release, root, scratch)
    keep_modules(MODULES, scratch, modules)
    keep_modules(MORE, scratch, more)
    unpacked, = find("vmlinuz", scratch)
    os.rename(unpacked, image)
    shutil.rmtree(scratch)
    return image


def mirror():
    """Where this machine has its Debian from."""
    text = call(["apt-get", "indextargets", "--format", "$(REPO_URI)",
                 "Identifier: Packages", "Origin: Debian", "Label: Debian"])
    if not text.split():
        raise KernelError("apt knows no mirror of Debian")
    return text.split()[0]


def bootstrap(suite, root):
    """A folder with a release's compiler and kernel headers."""
    done = os.path.join(root, ".complete")
    if os.path.exists(done):
        return
    if os.path.exists(root):
        shutil.rmtree(root)
    print(f"Fetching Debian {suite} into {os.path.relpath(root)}",
          file=sys.stderr, flush=True)
    call(["debootstrap", "--variant=minbase", "--include=" + BASE, suite,
          root, mirror()])
    call(inside(root, root, ["sh", "-c",
                             "apt-get install -y -q --no-install-recommends "
                             "linux-headers-amd64"]))
    with open(done, "w", encoding="ascii"):
        pass


def prepare(name, build):
    """The kernel called `name`, in the build folder `build`."""
    root = "/"
    headers, release = headers_below(root)
    if not release or not is_named(release, name):
        suite = SUITES.get(name, NEWEST)
        root = os.path.join(build, "roots", suite)
        bootstrap(suite, root)
        headers, release = headers_below(root)
    if not release or not is_named(release, name):
        raise KernelError(f"Debian {suite} has no {name}, but {release}; "
                          f"remove {os.path.relpath(root)} to ask again")
    folder = os.path.join(build, release)
    os.makedirs(folder, exist_ok=True)
    return Kernel(release, fetch_image(release, root, folder), headers, root)
